"""What the instrument does in a data take of any measurement mode: a table of runs of equal PRIs.

A run is one entry of the AUX_INS timeline as it is carried out. PRIs differ from swath to swath, so time is counted in
periods of the reference clock (codes of 1 / f_ref), which is exact.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import NEWER_SATELLITES, SignalType
from s1pdgs.formats.isp.tables import TimelineEntry, timeline
from s1pdgs.simulator.commanding import SwathSettings, adjoining, mode_swaths, swath_settings, timeline_ecc
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.timeline import IMAGING, POSTAMBLE, PREAMBLE, SIGNALS, SILENT

_STRIPMAP = frozenset(f"{letter}{number}" for letter in "SN" for number in range(1, 7)) | {"EN"}


def build_program(
    ecc_number: int, imaging_s: float, satellite: str = "S1A", samples: int | None = None, *, adjoin: bool = False
) -> "Program":
    """The runs of a data take whose image acquisition lasts `imaging_s`: preamble, imaging cycles, postamble.

    StripMap is cut to the PRI; the bursts and vignettes of other modes, and the cycles of RF characterisation, are
    carried out to their end. Calibration and silence after the last echo are left out. S-1C and S-1D send TxCalIso in
    the place of TxHCalIso and are silent for TA and APDN. `samples` reduces the windows of all swaths; those of TOPS
    `adjoin` where asked. Raises `SimulatorError` for an unknown mode or an image acquisition without time.
    """
    swaths = {name: swath_settings(ecc_number, name, samples) for name in mode_swaths(ecc_number)}
    if adjoin and all(settings.steering_rad_s for settings in swaths.values()):
        swaths = {settings.swath: settings for settings in adjoining(tuple(swaths.values()))}
    if imaging_s <= 0.0:
        raise SimulatorError(f"a data take of {imaging_s} s has no echoes; ask for a longer one")
    newer = satellite in NEWER_SATELLITES
    source = timeline_ecc(ecc_number)
    runs = [
        *_phase(timeline(source, PREAMBLE), swaths, newer),
        *_imaging(source, round(imaging_s * codes.F_REF_HZ), swaths, newer),
        *_phase(timeline(source, POSTAMBLE), swaths, newer),
    ]
    return _tabulate(ecc_number, tuple(swaths.values()), runs)


def _imaging(ecc_number: int, span: int, swaths: Mapping[str, SwathSettings], newer: bool) -> "list[_Step]":
    """The imaging cycles over a span in codes; `cycle` counts them from 1."""
    entries = timeline(ecc_number, IMAGING)
    has_echoes = any(SIGNALS.get(entry.signal) == SignalType.ECHO for entry in entries)
    steps: list[_Step] = []
    for cycle in count(1):
        for step in _phase(entries, swaths, newer, cycle):
            if span <= 0 and has_echoes:
                break
            pris = step.pris
            if step.signal == SignalType.ECHO and step.swath in _STRIPMAP:
                pris = min(pris, -(-span // swaths[step.swath].pri))
            steps.append(_Step(step.swath, step.signal, step.full_bandwidth, pris, cycle))
            span -= pris * swaths[step.swath].pri
        if span <= 0:
            break
    while has_echoes and steps[-1].signal != SignalType.ECHO:
        steps.pop()
    return steps


def _phase(
    entries: Iterable[TimelineEntry], swaths: Mapping[str, SwathSettings], newer: bool, cycle: int = 0
) -> "Iterator[_Step]":
    for entry in entries:
        signal = None if entry.signal == SILENT else SIGNALS[entry.signal]
        if newer and signal == SignalType.TX_H_CAL_ISO:
            signal = SignalType.TA_CAL
        elif newer and signal in {SignalType.TA_CAL, SignalType.APDN_CAL}:
            signal = None
        yield _Step(swaths[entry.swath].swath, signal, entry.full_bandwidth, entry.pri_count, cycle)


def _tabulate(ecc_number: int, swaths: tuple[SwathSettings, ...], steps: "list[_Step]") -> "Program":
    index = {settings.swath: number for number, settings in enumerate(swaths)}
    swath = np.array([index[step.swath] for step in steps])
    pris = np.array([step.pris for step in steps])
    pri_codes = np.array([settings.pri for settings in swaths])[swath]
    active = np.array([step.signal is not None for step in steps])
    first_pri, first_code = np.cumsum(pris) - pris, np.cumsum(pris * pri_codes) - pris * pri_codes
    packets = pris[active]
    return Program(
        ecc_number=ecc_number,
        swaths=swaths,
        swath=swath[active],
        signal=np.array([int(step.signal) for step in steps if step.signal is not None]),
        full_bandwidth=np.array([step.full_bandwidth for step in steps])[active],
        cycle=np.array([step.cycle for step in steps])[active],
        first_pri=first_pri[active],
        first_code=first_code[active],
        pri=pri_codes[active],
        first_packet=np.cumsum(packets) - packets,
        packets=packets,
        total_pris=int(pris.sum()),
    )


@frozen
class _Step:
    swath: str
    signal: SignalType | None
    full_bandwidth: bool
    pris: int
    cycle: int


@frozen(eq=False)
class Program:
    """The runs that give packets, in order; arrays of shape (runs,).

    `swath` indexes `swaths`, `signal` is a `SignalType`, `cycle` the imaging cycle from 1 on and 0 in pre- and
    postamble. A run of `packets` PRIs of `pri` codes begins with PRI `first_pri`, `first_code` periods of the reference
    clock after PRI 0, and with packet `first_packet`. Silent PRIs are counted by `first_pri` and `total_pris` alone.
    """

    ecc_number: int
    swaths: tuple[SwathSettings, ...]
    swath: NDArray[np.int64]
    signal: NDArray[np.int64]
    full_bandwidth: NDArray[np.bool_]
    cycle: NDArray[np.int64]
    first_pri: NDArray[np.int64]
    first_code: NDArray[np.int64]
    pri: NDArray[np.int64]
    first_packet: NDArray[np.int64]
    packets: NDArray[np.int64]
    total_pris: int

    @property
    def packet_count(self) -> int:
        """All packets of one receive channel."""
        return int(self.first_packet[-1] + self.packets[-1])

    def run_of(self, packet: NDArray[np.int64]) -> NDArray[np.int64]:
        """The run that each packet belongs to."""
        return np.searchsorted(self.first_packet, packet, side="right") - 1

    def codes_at(self, packet: NDArray[np.int64]) -> NDArray[np.int64]:
        """Periods of the reference clock from the latch of PRI 0 to that of each packet."""
        run = self.run_of(packet)
        return np.asarray(self.first_code[run] + (packet - self.first_packet[run]) * self.pri[run])

    def bursts(self, swath_name: str) -> list[tuple[int, int]]:
        """First packet and number of packets of each echo run of a swath."""
        chosen = np.array([settings.swath == swath_name for settings in self.swaths])[self.swath]
        chosen &= self.signal == SignalType.ECHO
        return list(zip(self.first_packet[chosen].tolist(), self.packets[chosen].tolist(), strict=True))
