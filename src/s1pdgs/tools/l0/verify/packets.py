"""The packets of a measurement by themselves: whole, sound, in order, of one data take, decodable."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import PacketFault, packet_faults
from s1pdgs.formats.isp.packets import decode_lines
from s1pdgs.tools.l0.info import cause_of
from s1pdgs.tools.l0.packets import Packets, sensing_times_us
from s1pdgs.tools.l0.runs import lost_at, steps_of
from s1pdgs.tools.l0.samples import decode_block
from s1pdgs.tools.l0.verify.findings import Findings

_CONSTANT = ("data_take_id", "ecc_number", "rx_channel", "instrument_configuration_id", "test_mode")
_TIME_TOLERANCE_US = 35
"""Two steps of the fine time code, and rounding."""
_LINES_AT_ONCE = 256
_FROM_STATION = "ask the station for a retransfer, or assemble the data take again"


def check_packets(packets: Packets, findings: Findings, *, whole: bool) -> None:
    """The rules `packets.damage`, `.faults`, `.order`, `.constant`, `.time`, `.window` and `gaps.lost`.

    `whole` says that no packet was left out on purpose (as C and N products leave echoes out).
    """
    place = packets.source.name
    for damage in packets.damage:
        size = damage.stop - damage.start
        findings.error("packets.damage", place, f"{size} octets belong to no packet: {damage.reason}", _FROM_STATION)
    if not packets.count:
        findings.error("packets.damage", place, "holds no packet at all", _FROM_STATION)
        return
    _check_faults(packets, findings)
    _check_order(packets, findings)
    for name in _CONSTANT:
        found, counts = np.unique(packets.headers[name], return_counts=True)
        if found.size > 1:
            told = ", ".join(f"{value} ({count} packets)" for value, count in zip(found, counts, strict=True))
            findings.error(
                "packets.constant",
                place,
                f"{name} varies: {told}",
                "headers are damaged, or packets of other data are mixed in",
            )
    _check_windows(packets, findings)
    if whole:
        _check_times(packets, findings)
        _check_losses(packets, findings)


def check_decoding(packets: Packets, findings: Findings, most: int | None) -> int:
    """The rule `packets.decode` on at most so many packets of each kind, evenly spread; how many were decoded."""
    if packets.headers_only:
        return 0
    decoded = 0
    for chosen in _samples_of_kinds(packets.headers, most):
        for start in range(0, chosen.size, _LINES_AT_ONCE):
            part = chosen[start : start + _LINES_AT_ONCE]
            width = 2 * int(packets.headers["number_of_quads"][part].max())
            decoded += part.size
            if decode_block(packets, part, width)[1]:
                _name_undecodable(packets, part, findings)
    return decoded


def describe_faults(bits: int) -> str:
    """The names of fault bits."""
    names = [fault.name or "" for fault in PacketFault if fault & bits]
    return ", ".join(names).lower().replace("_", " ")


def _check_faults(packets: Packets, findings: Findings) -> None:
    faults = packet_faults(packets.headers)
    for packet in np.flatnonzero(faults)[:1000].tolist():
        where = f"packet {packet} at byte {packets.offsets[packet]}"
        findings.error(
            "packets.faults", packets.source.name, f"{where}: {describe_faults(int(faults[packet]))}", _FROM_STATION
        )


def _check_order(packets: Packets, findings: Findings) -> None:
    for name in ("space_packet_count", "pri_count"):
        step = np.diff(packets.headers[name].astype(np.int64))
        for before in np.flatnonzero(step <= 0)[:1000].tolist():
            kind = "repeats" if step[before] == 0 else "runs backwards"
            first, second = packets.headers[name][before : before + 2].tolist()
            findings.error(
                "packets.order",
                packets.source.name,
                f"{name} {kind} from packet {before} to {before + 1}: {first}, then {second}",
                "assemble the data take again from its segments",
            )


def _check_times(packets: Packets, findings: Findings) -> None:
    """Neighbours of one PRI code lie one PRI apart."""
    headers = packets.headers
    times = sensing_times_us(headers)
    close = (np.diff(headers["pri_count"].astype(np.int64)) == 1) & (headers["pri"][1:] == headers["pri"][:-1])
    wanted = np.asarray(codes.pri_s(headers["pri"][:-1])) * 1e6
    off = np.abs(np.diff(times) - wanted)
    for before in np.flatnonzero(close & (off > _TIME_TOLERANCE_US))[:1000].tolist():
        step = int(times[before + 1] - times[before])
        findings.error(
            "packets.time",
            packets.source.name,
            f"packet {before + 1} is sensed {step} us after packet {before}, but the PRI is {wanted[before]:.1f} us",
            "the time code of one of them is damaged",
        )


def _check_windows(packets: Packets, findings: Findings) -> None:
    """Echoes and noise have the samples that their window and decimation give."""
    headers = packets.headers[packets.kind(SignalType.ECHO, SignalType.NOISE)]
    settings, counts = np.unique(headers[["swl", "range_decimation", "number_of_quads"]], return_counts=True)
    for setting, count in zip(settings, counts.tolist(), strict=True):
        swl, decimation, quads = (int(setting[name]) for name in ("swl", "range_decimation", "number_of_quads"))
        try:
            wanted = codes.number_of_samples(swl, decimation)
        except PacketError as error:
            findings.error("packets.window", packets.source.name, f"{count} packets: {error}")
            continue
        if wanted != 2 * quads:
            findings.error(
                "packets.window",
                packets.source.name,
                f"{count} packets have {2 * quads} samples, but window code {swl} with decimation {decimation} gives "
                f"{wanted}",
                "one of the three codes is damaged",
            )


def _check_losses(packets: Packets, findings: Findings) -> None:
    times = sensing_times_us(packets.headers)
    for gap in lost_at(steps_of(packets.headers))[:1000]:
        span_ms = (times[gap.before + 1] - times[gap.before]) * 1e-3
        findings.warn(
            "gaps.lost",
            packets.source.name,
            f"{gap.downlink + gap.instrument} packets lost behind packet {gap.before} ({span_ms:.1f} ms), cause: "
            f"{cause_of(gap.downlink, gap.instrument)}",
            "a retransfer may bring them" if gap.downlink else "they never left the instrument",
        )


def _samples_of_kinds(headers: NDArray[np.void], most: int | None) -> Iterator[NDArray[np.int64]]:
    sound = packet_faults(headers) == 0
    kinds = headers[["signal_type", "swath_number", "baq_mode", "test_mode", "number_of_quads"]]
    for kind in np.unique(kinds[sound]):
        members = np.flatnonzero(sound & (kinds == kind))
        if most is not None and members.size > most:
            members = members[np.unique(np.linspace(0, members.size - 1, most).astype(np.int64))]
        yield members


def _name_undecodable(packets: Packets, chosen: NDArray[np.int64], findings: Findings) -> None:
    for packet in chosen.tolist():
        one = slice(packet, packet + 1)
        try:
            decode_lines(packets.data, packets.offsets[one], packets.lengths[one], packets.headers[one])
        except PacketError as error:
            text = str(error).removeprefix("packet 0: ")
            findings.error(
                "packets.decode", packets.source.name, f"packet {packet}: {text}", "its samples are lost; see gaps"
            )
