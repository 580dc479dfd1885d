"""Streams on their way down: parts make the whole, virtual channels keep pace, channels follow the receiver."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp.header import new_headers
from s1pdgs.formats.isp.packets import build_packets
from s1pdgs.simulator.downlink import ChannelWriter
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.scenario import Downlink
from s1pdgs.simulator.sending import OutgoingStream, cut_batches, send, share_channels, store_vcid


def batches(count: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    headers = new_headers(count)
    headers["space_packet_count"] = np.arange(count)
    headers["pri_count"] = np.arange(count) + 100
    for first in range(0, count, size):
        part = headers[first : first + size]
        lengths = 4 * (1 + np.arange(first, first + part.size) % 7)
        bounds = np.concatenate(([0], np.cumsum(lengths)))
        yield build_packets(part, np.full(int(bounds[-1]), first % 251, np.uint8), bounds)


def stream(vcid: int, count: int, polarisation: str = "VV", size: int = 16) -> OutgoingStream:
    return OutgoingStream(
        vcid=vcid,
        packets=count,
        batches=batches(count, size),
        description={"polarisation": polarisation},
        is_radar=True,
    )


def joined(parts: Iterator[tuple[np.ndarray, np.ndarray]]) -> list[bytes]:
    return [data[a:b].tobytes() for data, bounds in parts for a, b in pairwise(bounds.tolist())]


@given(count=st.integers(1, 60), size=st.integers(1, 70), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_parts_of_a_stream_make_the_whole(count: int, size: int, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    whole = joined(batches(count, size))
    parts: list[bytes] = []
    for first, stop in pairwise(edges):
        part = joined(cut_batches(batches(count, size), first, stop))
        assert len(part) == stop - first
        parts += part
    assert parts == whole


class Recorder(ChannelWriter):
    """A writer that remembers how many packets of each virtual channel came with each write."""

    seen: list[dict[int, int]]

    def write_all(self, packets_by_vcid: Mapping[int, Sequence[bytes]]) -> None:
        self.seen.append({vcid: len(packets) for vcid, packets in packets_by_vcid.items()})
        super().write_all(packets_by_vcid)


def test_virtual_channels_keep_pace_and_end_together(tmp_path: Path) -> None:
    writer = Recorder(tmp_path, "S1A_20260101000000000001", 1, Downlink())
    writer.seen = []
    streams = [stream(22, 900), stream(24, 90), stream(22, 100)]
    send(writer, streams, lambda _what, _share: None)
    seen = writer.seen
    assert sum(each[22] for each in seen) == 1000
    assert sum(each[24] for each in seen) == 90
    sent = np.cumsum([[each[22], each[24]] for each in seen], axis=0)
    share = sent / sent[-1]
    assert np.abs(share[:, 0] - share[:, 1]).max() < 0.02
    assert [each.sent for each in streams] == [900, 90, 100]


def test_the_account_of_a_stream_is_that_of_its_packets(tmp_path: Path) -> None:
    one = stream(22, 50)
    send(ChannelWriter(tmp_path, "S1A_20260101000000000001", 1, Downlink()), [one], lambda _what, _share: None)
    whole = b"".join(joined(batches(50, 16)))
    record = one.record()
    assert (record["packets"], record["octets"]) == (50, len(whole))
    assert record["sha256"] == hashlib.sha256(whole).hexdigest()
    assert record["first"] == {"sequence_count": 0, "space_packet_count": 0, "pri_count": 100}
    assert record["last"] == {"sequence_count": 0, "space_packet_count": 49, "pri_count": 149}


def test_channels_follow_the_receiver_and_telemetry_takes_the_emptier_one() -> None:
    quiet = OutgoingStream(vcid=49, packets=5, batches=iter(()), description={}, is_radar=False)
    streams = [quiet, stream(22, 50, "VV"), stream(21, 40, "VH"), stream(23, 20, "HH"), stream(24, 5, "HV")]
    share_channels(streams)
    assert [each.channel for each in streams] == [1, 1, 2, 2, 1]


def test_stores_are_those_of_the_memory_configuration() -> None:
    assert [store_vcid("Standard", letter, 0) for letter in "HV"] == [21, 22]
    assert [store_vcid("NRT", letter, 1) for letter in "HV"] == [8, 9]
    assert [store_vcid("RFC", letter, 1) for letter in "HV"] == [4, 5]
    assert [store_vcid("WV", letter, 0) for letter in "HV"] == [19, 20]
    assert [store_vcid("Emergency", letter, 0) for letter in "HV"] == [0, 1]
    assert [store_vcid("PassThrough", letter, 0) for letter in "HV"] == [37, 38]
    with pytest.raises(SimulatorError, match="1 stores Emergency for H; no pair 1"):
        store_vcid("Emergency", "H", 1)
