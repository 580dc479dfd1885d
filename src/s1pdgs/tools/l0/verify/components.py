"""Annotation and index components against the packets that they describe."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import HEADER_SIZE
from s1pdgs.formats.l0 import annot
from s1pdgs.formats.l0.index import INDEX_DTYPE, INDEX_SIZE
from s1pdgs.model.time import micros, parse_utc
from s1pdgs.tools.l0.packets import Packets, sensing_times_us
from s1pdgs.tools.l0.product import Component
from s1pdgs.tools.l0.verify.findings import Findings

_TIME_TOLERANCE_US = 31
_INDEX_TOLERANCE_US = 100
_INDEX_EPOCH_US = micros(parse_utc("1950-01-01T00:00:00"))
_DAY_US = 86_400_000_000
_MOST = 1000
_MAKE_AGAIN = "make the component again from the packets"


def check_annotations(component: Component, packets: Packets, findings: Findings) -> None:
    """The rules `annot.*`."""
    path = component.annotation
    if path is None:
        return
    whole, rest = divmod(path.stat().st_size, annot.ANNOTATION_SIZE)
    if rest or whole != packets.count:
        text = f"{whole} annotations" + (f" and {rest} octets" if rest else "") + f" for {packets.count} packets"
        findings.error("annot.count", path.name, text, _MAKE_AGAIN)
        return
    records = annot.read_annotations(path)
    lengths, text = annot.packet_sizes(records), "annotated length {} is {}"
    _compare(findings, "annot.length", path, lengths, packets.lengths, tolerance=0, text=text)
    sensed = sensing_times_us(packets.headers)
    told = annot.sensing_times_us(records)
    text = "annotated sensing time {} us is {} us in the packet"
    _compare(findings, "annot.time", path, told, sensed, tolerance=_TIME_TOLERANCE_US, text=text)
    early = np.flatnonzero(annot.downlink_times_us(records) < told)
    for packet in early[:_MOST].tolist():
        findings.error(
            "annot.downlink", path.name, f"packet {packet} is received before it is sensed", "the clock was wrong"
        )
    _check_channels(records, path, findings)


def check_index(component: Component, packets: Packets, findings: Findings) -> None:
    """The rules `index.*`."""
    path = component.index
    if path is None:
        return
    whole, rest = divmod(path.stat().st_size, INDEX_SIZE)
    if rest:
        findings.error("index.records", path.name, f"{rest} octets behind {whole} records of {INDEX_SIZE}", _MAKE_AGAIN)
    records = np.fromfile(path, INDEX_DTYPE, whole)
    if not whole:
        findings.error("index.records", path.name, "holds no record", _MAKE_AGAIN)
        return
    unit = records["data_units_offset"].astype(np.int64)
    if unit[0] != 0 or np.any(np.diff(unit) <= 0) or unit[-1] > packets.count:
        text = f"blocks begin at packets {unit[0]} .. {unit[-1]} of {packets.count}, or not in order"
        findings.error("index.records", path.name, text, _MAKE_AGAIN)
    inside = np.flatnonzero(unit < packets.count)
    step = HEADER_SIZE if packets.headers_only else 0
    begins = packets.offsets[unit[inside]] if not step else unit[inside] * step
    for number, wanted in zip(inside.tolist(), begins.tolist(), strict=True):
        found = int(records["byte_offset"][number])
        if found != wanted:
            text = f"record {number} leads to byte {found}, but packet {unit[number]} begins at byte {wanted}"
            elsewhere = found in packets.offsets
            (findings.warn if elsewhere else findings.error)("index.offset", path.name, text, _MAKE_AGAIN)
    end = np.flatnonzero(unit == packets.count)
    size = component.data.stat().st_size
    if end.size and int(records["byte_offset"][end[0]]) != size:
        text = f"the last record ends at byte {records['byte_offset'][end[0]]} of {size}"
        findings.error("index.offset", path.name, text, _MAKE_AGAIN)
    _check_index_times(records[inside], packets, unit[inside], path, findings)


def _check_index_times(
    records: NDArray[np.void], packets: Packets, first: NDArray[np.int64], path: Path, findings: Findings
) -> None:
    """Records whose blocks begin with packets `first`."""
    days = records["date_time"].astype(np.float64)
    if not np.all(np.isfinite(days)) or np.any(np.abs(days) > 1e6):
        findings.warn("index.time", path.name, "a time is no number of days after 1950", _MAKE_AGAIN)
        return
    off = np.rint(days * _DAY_US).astype(np.int64) + _INDEX_EPOCH_US - sensing_times_us(packets.headers)[first]
    for number in np.flatnonzero(np.abs(off) > _INDEX_TOLERANCE_US).tolist():
        text = f"the record of packet {first[number]} is {off[number] * 1e-6:.6f} s away from its sensing time"
        findings.warn("index.time", path.name, text, _MAKE_AGAIN)


def _compare(
    findings: Findings,
    rule: str,
    path: Path,
    told: NDArray[np.int64],
    wanted: NDArray[np.int64],
    *,
    tolerance: int,
    text: str,
) -> None:
    for packet in np.flatnonzero(np.abs(told - wanted) > tolerance)[:_MOST].tolist():
        findings.error(rule, path.name, f"packet {packet}: {text.format(told[packet], wanted[packet])}", _MAKE_AGAIN)


def _check_channels(records: NDArray[np.void], path: Path, findings: Findings) -> None:
    for number, count in zip(*np.unique(annot.channels(records), return_counts=True), strict=True):
        if number not in (1, 2):
            text = f"{count} packets came over downlink channel {number}; there are 1 and 2"
            findings.error("annot.channel", path.name, text, _MAKE_AGAIN)
    found = np.unique(annot.vcids(records))
    if found.size > 1:
        text = f"packets came over virtual channels {', '.join(map(str, found.tolist()))}"
        findings.note("annot.channel", path.name, text, "usual when the memory was dumped from two packet stores")
