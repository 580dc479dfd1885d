"""Decoded samples with their coordinates, in groups of one polarisation, swath and signal, in bounded memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import packet_faults
from s1pdgs.formats.isp.packets import decode_lines
from s1pdgs.sar.timing import DELTA_TX_LATCH_S
from s1pdgs.tools.l0 import names
from s1pdgs.tools.l0.dump import Selection, sar_components, select
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.packets import Packets, read_packets, sensing_times_us
from s1pdgs.tools.l0.product import Product
from s1pdgs.tools.l0.runs import burst_numbers, find_runs
from s1pdgs.tools.l0.sinks import CHUNK_LINES, Sink

_LINE, _LINES = ("line",), ("line", "sample")


@frozen
class GroupReport:
    """One group that was written: its name, lines, samples, and how many packets could not be decoded (zeros)."""

    name: str
    lines: int
    samples: int
    damaged: int


def write_samples(product: Product, selection: Selection, sink: Sink) -> list[GroupReport]:
    """Decode the wanted packets into a sink, each group by itself.

    A group has `samples` complex64 (line, sample), zeros behind the `valid_samples` of a line; for each line
    `azimuth_time` (emission of the pulse whose echo it holds, UTC, smoothed over the PRIs of its run),
    `slant_range_time` (two-way time of sample 0 from the rising edge of that pulse, s), `packet`, `pri_count`, `burst`;
    and the attribute `sampling_frequency_hz`. Raises `ToolError` where there is nothing to decode.
    """
    reports = []
    for component in sar_components(product, selection.polarisations):
        packets = read_packets(component)
        if packets.headers_only:
            raise ToolError(f"{packets.source}: holds headers without samples (class A); take the slice")
        chosen = select(packets, selection)
        times = _emission_ns(packets)
        bursts = burst_numbers(packets.headers)
        for name, members in _groups(packets, chosen):
            reports.append(_write_group(packets, members, f"{packets.polarisation}/{name}", (times, bursts), sink))
    if not reports:
        raise ToolError(f"{product.given}: no packet fits the selection")
    return reports


def decode_block(packets: Packets, chosen: NDArray[np.int64], width: int) -> tuple[NDArray[np.complex64], int]:
    """Samples complex64 (n, width) of packets (indices), zeros where a line is shorter or damaged; how many are."""
    samples = np.zeros((chosen.size, width), np.complex64)
    kinds = packets.headers[chosen][["baq_mode", "test_mode", "number_of_quads", "signal_type"]]
    sound = packet_faults(packets.headers[chosen]) == 0
    damaged = int(np.count_nonzero(~sound))
    for kind in np.unique(kinds[sound]):
        lines = np.flatnonzero(sound & (kinds == kind))
        damaged += _decode_kind(packets, chosen[lines], samples, lines)
    return samples, damaged


def _decode_kind(packets: Packets, chosen: NDArray[np.int64], samples: NDArray[np.complex64], lines: Any) -> int:
    try:
        decoded = _decode(packets, chosen)
    except PacketError:
        if chosen.size == 1:
            return 1
        middle = chosen.size // 2
        return sum(
            _decode_kind(packets, chosen[part], samples, lines[part]) for part in (slice(middle), slice(middle, None))
        )
    samples[lines, : decoded.shape[1]] = decoded
    return 0


def _decode(packets: Packets, chosen: NDArray[np.int64]) -> NDArray[np.complex64]:
    return decode_lines(packets.data, packets.offsets[chosen], packets.lengths[chosen], packets.headers[chosen])


def _groups(packets: Packets, chosen: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Names such as `IW1/echo`, `S3/txcal_full`, and the packets of each."""
    headers = packets.headers[chosen]
    swath = names.swaths()[headers["swath_number"]]
    signal = names.signals(newer=packets.newer)[headers["signal_type"]]
    full = names.full_bandwidth()[headers["swath_number"]]
    labels = np.char.add(np.char.add(np.char.add(swath, "/"), signal), np.where(full, "_full", ""))
    for label in np.unique(labels):
        members = labels == label
        decimations = np.unique(headers["range_decimation"][members])
        for code in decimations:
            name = str(label) if decimations.size == 1 else f"{label}_{code}"
            yield name.replace("?", "code"), chosen[members & (headers["range_decimation"] == code)]


def _write_group(
    packets: Packets,
    chosen: NDArray[np.int64],
    name: str,
    known: tuple[NDArray[np.int64], NDArray[np.int64]],
    sink: Sink,
) -> GroupReport:
    headers = packets.headers[chosen]
    valid = 2 * headers["number_of_quads"].astype(np.int32)
    width = int(valid.max())
    damaged = 0

    def blocks() -> Iterator[NDArray[np.complex64]]:
        nonlocal damaged
        for start in range(0, chosen.size, CHUNK_LINES):
            block, bad = decode_block(packets, chosen[start : start + CHUNK_LINES], width)
            damaged += bad
            yield block

    sink.write(f"{name}/samples", _LINES, ((chosen.size, width), np.dtype(np.complex64), blocks()))
    times, bursts = known
    delay = np.asarray(codes.echo_start_delay_s(headers["rank"], headers["pri"], headers["swst"]), np.float64)
    sink.write(f"{name}/azimuth_time", _LINE, times[chosen].astype("datetime64[ns]"))
    sink.write(f"{name}/slant_range_time", _LINE, delay)
    sink.write(f"{name}/valid_samples", _LINE, valid)
    sink.write(f"{name}/packet", _LINE, chosen)
    sink.write(f"{name}/pri_count", _LINE, headers["pri_count"].astype(np.int64))
    sink.write(f"{name}/burst", _LINE, bursts[chosen])
    attributes = {
        "sampling_frequency_hz": float(names.sampling_mhz()[headers["range_decimation"][0]] * 1e6),
        "range_decimation": int(headers["range_decimation"][0]),
        "damaged_packets": damaged,
        "source": packets.source.name,
        "coordinates": "azimuth_time slant_range_time valid_samples packet pri_count burst",
    }
    sink.describe(name, attributes)
    return GroupReport(name, chosen.size, width, damaged)


def _emission_ns(packets: Packets) -> NDArray[np.int64]:
    """When the pulse left whose echo is in each packet, int64 (n,), nanoseconds since 1970-01-01 UTC.

    Time codes count 2^-16 s: within a run of constant PRI the latch times lie on a line over the PRI count, whose
    offset is the mean of all (docs/joints.md, section 1).
    """
    headers = packets.headers
    latch = sensing_times_us(headers) * 1000
    interval = np.asarray(codes.pri_s(headers["pri"])) * 1e9
    for run in find_runs(headers):
        part = slice(run.first, run.last + 1)
        if run.packets < 2 or np.ptp(headers["pri"][part]):
            continue
        line = np.rint((headers["pri_count"][part].astype(np.int64) - run.first_pri) * interval[run.first])
        residue = latch[part] - latch[run.first] - line
        if np.ptp(residue) < 1e6:
            latch[part] = latch[run.first] + (line + residue.mean()).astype(np.int64)
    shift = DELTA_TX_LATCH_S * 1e9 - headers["rank"] * interval
    return np.asarray(latch + np.rint(shift).astype(np.int64))
