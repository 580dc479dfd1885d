"""`s1pdgs spoil`: make another delivery of a simulated session, with what a link or a station does wrong."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import click
import numpy as np

from s1pdgs.simulator.spoil.spoiling import BlockPlace, ChannelTruth, Delivery, Fate, Faults, FrameSpan
from s1pdgs.simulator.spoil.spoiling import spoil as spoil_session

_SHARE = click.FloatRange(0.0, 1.0)
_TOLD = (Fate.LOST, Fate.CUT, Fate.UNCORRECTABLE, Fate.CORRECTED, Fate.RECOUNTED, Fate.SHIFTED, Fate.INVERTED)


class _Pattern:
    """Numbers in a form that is told when a value does not have it."""

    def __init__(self, form: str, pattern: str, make: Callable[[tuple[str, ...]], object]) -> None:
        self.__name__, self._pattern, self._make = form, re.compile(pattern), make

    def __call__(self, value: str) -> object:
        match = self._pattern.fullmatch(value)
        if match is None:
            raise click.BadParameter(f"{value!r} is not {self.__name__}")
        return self._make(match.groups())


_SPAN = _Pattern("CHANNEL:FIRST-STOP", r"(\d):(\d{1,12})-(\d{1,12})", lambda found: FrameSpan(*map(int, found)))
_DAMAGE = _Pattern(
    "CHANNEL:FIRST-STOP:SYMBOLS",
    r"(\d):(\d{1,12})-(\d{1,12}):(\d{1,3})",
    lambda found: FrameSpan(*map(int, found)),
)
_BLOCK = _Pattern("CHANNEL:BLOCK", r"(\d):([1-9]\d{0,8})", lambda found: BlockPlace(*map(int, found)))
_SECONDS = _Pattern("START-STOP", r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", lambda found: (float(found[0]), float(found[1])))


def _share(name: str, text: str) -> Any:
    return click.option(name, type=_SHARE, default=0.0, metavar="SHARE", help=text)


def _number(name: str, text: str, least: int = 0) -> Any:
    return click.option(name, type=click.IntRange(least), default=0, metavar="N", help=text)


def _several(name: str, kind: _Pattern, text: str, value: str = "") -> Any:
    return click.option(
        name, value or name[2:], type=kind, multiple=True, metavar=kind.__name__, help=f"{text} (repeatable)."
    )


_FAULTS = [
    _share("--lose-frames", "Frames that are lost at random."),
    click.option(
        "--lose-run", type=click.FloatRange(1.0), default=1.0, metavar="N", help="Mean length of a run of lost frames."
    ),
    click.option(
        "--vcid", "vcids", type=click.IntRange(0, 63), multiple=True, help="Lose frames of this virtual channel only."
    ),
    _several("--lose", _SPAN, "Lose exactly these frames, counted from 0"),
    _several("--silence", _SECONDS, "Lose these seconds of the downlink", "silences"),
    click.option(
        "--hear", type=_SECONDS, metavar="START-STOP", help="Lose all but these seconds: the station's own part of it."
    ),
    _share("--bit-errors", "Bits that are wrong."),
    _share("--repairable-frames", "Frames with errors that the code corrects."),
    _share("--corrupt-frames", "Frames with errors that the code does not correct."),
    _several("--damage", _DAMAGE, "Wrong symbols in each codeword of these frames; 16 are corrected"),
    _share("--damaged-markers", "Sync markers with up to 8 wrong bits."),
    _share("--inverted-markers", "Sync markers that are inverted, their CADU not."),
    _share("--missing-markers", "Sync markers that are not there."),
    _share("--wrong-counts", "Frames with a wrong virtual channel frame count."),
    _number("--count-resets", "Times that the frame count of a virtual channel begins anew."),
    _number("--byte-slips", "Times that bytes are lost or too many."),
    click.option("--slip-bytes", type=click.IntRange(1), default=64, metavar="N", help="So many bytes at most."),
    _number("--bit-slips", "Times that bits are too many: what follows begins at no byte."),
    click.option(
        "--inverted-from", type=_SHARE, metavar="SHARE", help="Invert the stream from here on; 0 inverts all."
    ),
    _several("--missing-block", _BLOCK, "This block never comes", "missing_blocks"),
    _several("--only-block", _BLOCK, "Only this block comes", "only_blocks"),
    _several("--truncated-block", _BLOCK, "This block lacks its end", "truncated_blocks"),
    click.option(
        "--truncate-bytes", type=click.IntRange(1), default=1000, metavar="N", help="So long is the end that it lacks."
    ),
    _several("--duplicated-block", _BLOCK, "This block comes twice, under two numbers", "duplicated_blocks"),
    _several("--swapped-block", _BLOCK, "This block and the next have each other's number", "swapped_blocks"),
]
_DELIVERY = [
    click.option("--station", metavar="NAME", help="The station that delivers, such as NSG."),
    click.option("--unit", metavar="NN", help="Its unit, two digits."),
    click.option("--session-id", metavar="ID", help="The name of the session at that station."),
    click.option("--retransfer", is_flag=True, help="It is a retransfer."),
    click.option(
        "--delay", "delay_s", type=click.FloatRange(0.0), default=0.0, metavar="SECONDS", help="It is announced later."
    ),
    click.option(
        "--channel", "channels", type=click.IntRange(1), multiple=True, help="Deliver this channel only (repeatable)."
    ),
    click.option(
        "--announced-channels", type=click.IntRange(1), metavar="N", help="Announce this many, whatever comes."
    ),
    click.option("--block-bytes", type=click.IntRange(1), metavar="N", help="Cut blocks of this size."),
    click.option("--derandomised", is_flag=True, help="Deliver CADUs without their randomiser."),
    click.option(
        "--parity-stripped", is_flag=True, help="Deliver frames without their code, corrected as far as it can."
    ),
    _number("--trailer-bytes", "Bytes that the station appends to each CADU."),
]


def _options(command: Any) -> Any:
    for option in reversed([*_FAULTS, *_DELIVERY]):
        command = option(command)
    return command


@click.command("spoil", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("session", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@_options
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Same seed, same bytes.")
def spoil(session: Path, out: Path, *, seed: int, **options: Any) -> None:
    """Make another delivery of the clean session in the folder SESSION into the folder OUT.

    A SHARE is between 0 and 1. Nothing goes wrong but what is ordered; OUT/spoiled.json tells which frames it hit.
    Serve both with `s1pdgs station`: a nominal delivery with losses and its retransfer are

    \b
        s1pdgs spoil clean nominal --lose-frames 0.01 --lose-run 20
        s1pdgs spoil clean again --retransfer --delay 3600
        s1pdgs station nominal again
    """
    faults = Faults(**{attribute.name: options[attribute.name] for attribute in attrs.fields(Faults)})
    delivery = Delivery(**{attribute.name: options[attribute.name] for attribute in attrs.fields(Delivery)})
    try:
        with click.progressbar(length=1000, label="spoiling", item_show_func=str) as bar:
            truths = spoil_session(
                session,
                out,
                faults,
                delivery,
                seed=seed,
                progress=lambda what, share: bar.update(round(1000 * share) - bar.pos, what),
            )
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for truth in truths.values():
        click.echo(_describe(truth))
    click.echo(f"folder      {out}")


def _describe(truth: ChannelTruth) -> str:
    counts = [(int(np.count_nonzero(truth.fates & fate)), str(fate.name).lower()) for fate in _TOLD]
    told = ", ".join(f"{count} {name}" for count, name in counts if count) or "nothing is wrong"
    return f"channel {truth.channel}   {truth.fates.size} frames: {told}"
