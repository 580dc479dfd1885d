"""What a link or a station does wrong to a session, and how a delivery of it is made: values to order from."""

from attrs import field, frozen, validators

_SHARE = validators.and_(validators.ge(0.0), validators.le(1.0))
_NATURAL = validators.ge(0)


def _share() -> float:
    return field(default=0.0, validator=_SHARE)


@frozen
class FrameSpan:
    """The frames `first` to `stop` (exclusive) of a channel, counted from 0 in the clean session.

    Where frames are damaged, `symbols` is the number of wrong symbols in each of their codewords.
    """

    channel: int = field(validator=_NATURAL)
    first: int = field(validator=_NATURAL)
    stop: int = field(validator=_NATURAL)
    symbols: int = field(default=0, validator=_NATURAL)


@frozen
class BlockPlace:
    """A block (DSDB) of a channel, counted from 1 as the delivery without this fault would."""

    channel: int = field(validator=_NATURAL)
    number: int = field(validator=validators.ge(1))


@frozen(kw_only=True)
class Faults:
    """What goes wrong, most of it as the share of frames that it hits at random. All faults may come together.

    Loss: `lose_frames` in runs of `lose_run` frames on average, of the virtual channels `vcids` (all when empty);
    `lose` exactly these; `silences` (start, stop) in seconds of the downlink; all but the seconds `hear` of it.
    Errors: `bit_errors` is the bit error rate; `repairable_frames` have 1 to 16 wrong symbols in each codeword,
    `corrupt_frames` more than the code corrects, `damage` as many as its spans say.
    Markers have some bits wrong (`damaged_markers`), are inverted, or are not there (`missing_markers`).
    Counters: `wrong_counts` of frames are anything; `count_resets` times a virtual channel begins anew at 0.
    Stream: `byte_slips` times up to `slip_bytes` bytes are lost or too many, `bit_slips` times 1 to 7 bits are too
    many, and it is inverted from the share `inverted_from` of its frames on.
    Blocks never come (`missing_blocks`, or all but `only_blocks`), lack their last `truncate_bytes`, come twice, or
    bear the number of the block that follows and that one theirs (`swapped_blocks`).
    """

    lose_frames: float = _share()
    lose_run: float = field(default=1.0, validator=validators.ge(1.0))
    vcids: frozenset[int] = field(default=frozenset(), converter=frozenset)
    lose: tuple[FrameSpan, ...] = ()
    silences: tuple[tuple[float, float], ...] = ()
    hear: tuple[float, float] | None = None
    bit_errors: float = _share()
    repairable_frames: float = _share()
    corrupt_frames: float = _share()
    damage: tuple[FrameSpan, ...] = ()
    damaged_markers: float = _share()
    inverted_markers: float = _share()
    missing_markers: float = _share()
    wrong_counts: float = _share()
    count_resets: int = field(default=0, validator=_NATURAL)
    byte_slips: int = field(default=0, validator=_NATURAL)
    slip_bytes: int = field(default=64, validator=validators.ge(1))
    bit_slips: int = field(default=0, validator=_NATURAL)
    inverted_from: float | None = field(default=None, validator=validators.optional(_SHARE))
    missing_blocks: tuple[BlockPlace, ...] = ()
    only_blocks: tuple[BlockPlace, ...] = ()
    truncated_blocks: tuple[BlockPlace, ...] = ()
    truncate_bytes: int = field(default=1000, validator=validators.ge(1))
    duplicated_blocks: tuple[BlockPlace, ...] = ()
    swapped_blocks: tuple[BlockPlace, ...] = ()

    @property
    def have_errors(self) -> bool:
        """Whether anything damages the inside of frames."""
        return bool(self.bit_errors or self.repairable_frames or self.corrupt_frames or self.damage)


@frozen(kw_only=True)
class Delivery:
    """Who delivers a session and in which form; what is None is as in the clean session.

    A `retransfer` keeps the identifier of its session and is announced `delay_s` after the downlink began. The stream
    is delivered `derandomised`, without parity (`parity_stripped`: the station has corrected what it could) and with
    `trailer_bytes` of the station behind each CADU. `channels` are those delivered (all when empty), of which the
    station announces `announced_channels`.
    """

    station: str | None = None
    unit: str | None = field(default=None, validator=validators.optional(validators.matches_re(r"^[0-9]{2}$")))
    session_id: str | None = None
    retransfer: bool = False
    delay_s: float = field(default=0.0, validator=validators.ge(0.0))
    channels: frozenset[int] = field(default=frozenset(), converter=frozenset)
    announced_channels: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    block_bytes: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    derandomised: bool = False
    parity_stripped: bool = False
    trailer_bytes: int = field(default=0, validator=_NATURAL)
