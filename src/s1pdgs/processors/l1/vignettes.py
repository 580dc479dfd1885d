"""Wave mode echoes by vignette: between vignettes the instrument is silent for longer than one of them lasts."""

import numpy as np
from attrs import frozen

from s1pdgs.formats.isp.codes import SignalType, swath
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.tables import timeline
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.packets import Packets, settle_headers
from s1pdgs.processors.l1.preprocess import Echoes, gather_echoes

_IMAGING, _ECHO = "Image Acquisition", "Echo"
_LEAST_SHARE = 0.5


@frozen(eq=False)
class Vignette:
    """The echoes of one vignette of a beam (`WV1`, `WV2`)."""

    beam: str
    echoes: Echoes


def gather_vignettes(packets: Packets) -> tuple[tuple[Vignette, ...], int]:
    """The vignettes of a wave mode product in the order of time, and how many miss most of their lines.

    Raises `ProcessingError` when there is none, or the mode has no echoes.
    """
    echoes = packets.of(SignalType.ECHO)
    if not echoes.count:
        raise ProcessingError(f"{packets.source}: no echo packets; nothing to focus")
    settled, _ = settle_headers(echoes, ("ecc_number",))
    length = _vignette_pris(packets.source, int(settled.headers["ecc_number"][0]))
    step = np.diff(echoes.headers["pri_count"].astype(np.int64))
    if np.any(step <= 0):
        raise ProcessingError(f"{packets.source}: PRI counts do not increase; is this one data take?")
    runs = np.split(np.arange(echoes.count), np.flatnonzero(step > length) + 1)
    kept = [run for run in runs if run.size >= _LEAST_SHARE * length]
    if not kept:
        raise ProcessingError(f"{packets.source}: {len(runs)} vignettes miss most of their lines; none can be focused")
    found = []
    for run in kept:
        gathered = gather_echoes(echoes.select(run))
        found.append(Vignette(_beam(packets.source, int(gathered.header["swath_number"])), gathered))
    return tuple(found), len(runs) - len(kept)


def _vignette_pris(source: str, ecc_number: int) -> int:
    try:
        entries = timeline(ecc_number, _IMAGING)
    except PacketError as error:
        raise ProcessingError(f"{source}: {error}") from None
    return max(entry.pri_count for entry in entries if entry.signal == _ECHO)


def _beam(source: str, swath_number: int) -> str:
    try:
        return swath(swath_number).name
    except PacketError as error:
        raise ProcessingError(f"{source}: {error}") from None
