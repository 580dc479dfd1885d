"""What to simulate beyond one scene: data takes of any mode, telemetry, instrument faults, and how all comes down."""

from datetime import UTC, datetime

from attrs import field, frozen, validators

from s1pdgs.formats.isp.codes import TestMode
from s1pdgs.sar.attitude import Mispointing
from s1pdgs.simulator.commanding import ecc_number
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument_faults import Fault
from s1pdgs.simulator.noise_take import POLARISATIONS
from s1pdgs.simulator.places import place_names
from s1pdgs.simulator.revisit import Revisit
from s1pdgs.simulator.scenario import MISPOINTING, Downlink

SATELLITES = ("S1A", "S1B", "S1C", "S1D")
STORES = ("Emergency", "RFC", "NRT", "WV", "Standard", "PassThrough")
ECHOES = ("noise", "scene")
_STRIPMAP_SCENE_ECC, _WAVE_ECC = (3, 13), (9, 46)
_TOPS_ECC = (8, 32)
_SCENE_ECC = (*_STRIPMAP_SCENE_ECC, *_TOPS_ECC, 9)
_LONGEST_SCENE_S = 60.0


def _check_mode(_instance: object, _attribute: object, mode: str) -> None:
    ecc_number(mode)


@frozen(kw_only=True)
class TakePlan:
    """One data take.

    `mode` is a mode (`IW`, `S3`, `RF`) or an ECC number. `start_s` is the latch of its first PRI, seconds after the
    plan's start; `duration_s` the image acquisition. `polarisation` is SH, SV, DH, DV, or VH and HV, which transmit
    either in turn. `store` is a type of packet store (by default that of the mode) and `pair` says which of its pairs.
    `samples` asks for windows of at least so many samples with a short pulse. With `scene` echoes, a data take of
    StripMap S3, IW or EW is put over `place` at the first pass after its start. It has `targets` point targets and,
    when `sigma0_db` is given, that backscatter everywhere else; then IW and EW stay where they are, as wave mode does.
    """

    name: str = ""
    mode: str = field(default="IW", validator=_check_mode)
    start_s: float = field(default=0.0, validator=validators.ge(0.0))
    duration_s: float = field(default=30.0, validator=[validators.gt(0.0), validators.le(1800.0)])
    polarisation: str = field(default="DV", validator=validators.in_(tuple(POLARISATIONS)))
    samples: int | None = field(default=None, validator=validators.optional(validators.in_(range(64, 30000))))
    store: str | None = field(default=None, validator=validators.optional(validators.in_(STORES)))
    pair: int = field(default=0, validator=validators.ge(0))
    echoes: str = field(default="noise", validator=validators.in_(ECHOES))
    place: str = field(default="martinique", validator=validators.in_(place_names()))
    targets: int = field(default=9, validator=validators.in_(range(100)))
    sigma0_db: float | None = field(
        default=None, validator=validators.optional([validators.ge(-40.0), validators.le(10.0)])
    )
    data_take_id: int | None = field(default=None, validator=validators.optional(validators.in_(range(1 << 24))))
    instrument_configuration_id: int = 6
    test_mode: int = field(default=0, validator=validators.in_(tuple(int(mode) for mode in TestMode)))
    faults: tuple[Fault, ...] = ()

    @property
    def ecc_number(self) -> int:
        """The measurement mode."""
        return ecc_number(self.mode)

    @property
    def wave(self) -> bool:
        """True for wave mode."""
        return self.ecc_number in _WAVE_ECC

    @property
    def has_place(self) -> bool:
        """False for scenes that lie wherever the satellite is: of one backscatter, or of the small vignettes."""
        return not self.wave and self.sigma0_db is None

    @property
    def stripmap_scene(self) -> bool:
        """True for a scene of StripMap S3."""
        return self.echoes == "scene" and self.ecc_number in _STRIPMAP_SCENE_ECC

    @property
    def store_type(self) -> str:
        """The type of packet store that takes the data."""
        usual = {"WV": "WV", "RF": "RFC", "RFC": "RFC", "9": "WV", "15": "RFC"}
        return self.store or usual.get(self.mode.upper(), "Standard")


@frozen(kw_only=True)
class Part:
    """A part of a data take that a downlink brings: packets from the share `begin` to the share `end` (0 to 1)."""

    take: str
    begin: float = field(default=0.0, validator=[validators.ge(0.0), validators.lt(1.0)])
    end: float = field(default=1.0, validator=[validators.gt(0.0), validators.le(1.0)])

    def __attrs_post_init__(self) -> None:
        if self.begin >= self.end:
            raise SimulatorError(f"part of {self.take!r}: begin {self.begin} is not before end {self.end}")


@frozen(kw_only=True)
class DownlinkPlan:
    """One session: the parts of data takes it brings (none: all of them whole), and whether it brings telemetry.

    `link` says how the session is named and cut; its `delay_s` counts from the last sensing time of the parts.
    """

    parts: tuple[Part, ...] = ()
    telemetry: bool = True
    link: Downlink = field(factory=Downlink)


@frozen(kw_only=True)
class TelemetryPlan:
    """Packets of the GPS and housekeeping stores: seconds between packets (0: none) and how long before the first and
    after the last data take of a session they go on.
    """

    gps_period_s: float = field(default=1.0, validator=validators.ge(0.0))
    housekeeping_period_s: float = field(default=0.5, validator=validators.ge(0.0))
    margin_s: float = field(default=10.0, validator=validators.ge(0.0))


@frozen(kw_only=True)
class Plan:
    """Data takes of one satellite and their downlinks; without downlinks one session brings all.

    With `revisit`, scenes are those of the same plan without it, seen again from another orbit.
    """

    satellite: str = field(default="S1A", validator=validators.in_(SATELLITES))
    start: datetime = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
    takes: tuple[TakePlan, ...] = (TakePlan(),)
    downlinks: tuple[DownlinkPlan, ...] = (DownlinkPlan(),)
    telemetry: TelemetryPlan | None = TelemetryPlan()
    mispointing: Mispointing = MISPOINTING
    revisit: Revisit | None = None
    first_data_take_id: int = field(default=0x053C1A, validator=validators.in_(range(1 << 23)))
    seed: int = field(default=1, validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        self._check_takes()
        if self.start.tzinfo is None:
            raise SimulatorError(f"start {self.start.isoformat()} has no time zone; give a UTC time")
        if not self.takes or not self.downlinks:
            raise SimulatorError("a plan needs a data take and a downlink")
        names = self.names
        for what, values in (("name", names), ("data_take_id", self.data_take_ids)):
            if len(set(values)) < len(values):
                raise SimulatorError(f"two data takes have the same {what}; give each its own")
        for part in (part for downlink in self.downlinks for part in downlink.parts):
            if part.take not in names:
                raise SimulatorError(f"a downlink wants data take {part.take!r}; the plan has {', '.join(names)}")

    def _check_takes(self) -> None:
        for name, take in zip(self.names, self.takes, strict=True):
            if take.wave and take.polarisation not in {"SH", "SV"}:
                raise SimulatorError(f"data take {name}: wave mode has one polarisation, SV or SH")
            scene = self.satellite == "S1A" and take.ecc_number in _SCENE_ECC and take.polarisation in {"SV", "DV"}
            if take.echoes == "scene" and not scene:
                raise SimulatorError(
                    f"data take {name}: a scene is StripMap S3, IW, EW or WV of S1A, sent in V (DV or SV); use noise "
                    "for others"
                )
            if take.echoes == "scene" and take.duration_s > _LONGEST_SCENE_S:
                raise SimulatorError(f"data take {name}: a scene lasts at most {_LONGEST_SCENE_S:g} s; use noise")
            if self.revisit is not None and take.echoes != "scene":
                raise SimulatorError(f"data take {name}: only scenes are seen again; leave out the revisit")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the data takes; `1`, `2` ... where the plan gives none."""
        return tuple(take.name or str(number) for number, take in enumerate(self.takes, 1))

    @property
    def data_take_ids(self) -> tuple[int, ...]:
        """Their identifiers; counted on from the first where the plan gives none."""
        counted = enumerate(self.takes, self.first_data_take_id)
        return tuple(number if take.data_take_id is None else take.data_take_id for number, take in counted)
