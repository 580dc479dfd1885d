"""Instrument faults: the counters tell what happened, as the rule of gaps reads them, and nothing else changes."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp.gaps import steps_between
from s1pdgs.formats.isp.header import gather_headers, index_packets, new_headers, packet_faults
from s1pdgs.formats.isp.packets import build_packets
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument_faults import Fault, FaultyStream

COUNT = 60


def clean(batch: int = 17) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    headers = new_headers(COUNT)
    headers["sequence_count"] = headers["space_packet_count"] = np.arange(COUNT)
    headers["pri_count"] = np.arange(COUNT) + 7
    headers["number_of_quads"] = 1
    for first in range(0, COUNT, batch):
        part = headers[first : first + batch]
        body = np.repeat(np.arange(first, first + part.size), 4).astype(np.uint8)
        yield build_packets(part, body, np.arange(part.size + 1) * 4)


def sent(*faults: Fault, batch: int = 17) -> tuple[FaultyStream, np.ndarray, np.ndarray]:
    """The stream, the headers sent and the first octet of user data, which is the place in the faultless stream."""
    stream = FaultyStream(faults, COUNT, 1)
    octets = np.concatenate([data for data, _ in stream.apply(clean(batch))])
    offsets, _ = index_packets(octets)
    return stream, gather_headers(octets, offsets), octets[offsets + 68]


def steps(headers: np.ndarray) -> tuple[int, int, int]:
    found = steps_between(headers["sequence_count"], headers["space_packet_count"], headers["pri_count"])
    return int(found.downlink.sum()), int(found.instrument.sum()), int(found.suppressed.sum())


@pytest.mark.parametrize(("kind", "expected"), [("dropped", (5, 0, 0)), ("lost", (0, 5, 0)), ("silent", (0, 0, 5))])
@pytest.mark.parametrize("batch", [1, 17, 100])
def test_missing_packets_are_read_from_the_counters_as_what_they_are(kind: str, expected: tuple, batch: int) -> None:
    stream, headers, places = sent(Fault(kind=kind, at=20, count=5), batch=batch)
    assert places.tolist() == [*range(20), *range(25, COUNT)]
    assert steps(headers) == expected
    assert stream.packets_sent == headers.size == COUNT - 5
    assert stream.gaps[0]["first"] == 20
    assert stream.gaps[0]["packets"] == 5


def test_a_data_take_is_cut_at_both_ends() -> None:
    _, headers, places = sent(Fault(kind="dropped", at=0, count=3), Fault(kind="dropped", at=-4, count=4))
    assert places.tolist() == list(range(3, COUNT - 4))
    assert headers["space_packet_count"].tolist() == places.tolist()


def test_packets_are_sent_twice() -> None:
    stream, headers, places = sent(Fault(kind="duplicate", at=16, count=2))
    assert places.tolist() == [*range(16), 16, 16, 17, 17, *range(18, COUNT)]
    assert headers["space_packet_count"].tolist() == places.tolist()
    assert stream.packets_sent == COUNT + 2


def test_fields_are_altered_in_the_chosen_packets_alone() -> None:
    faults = (
        Fault(kind="altered", at=10, count=2, field="error_flag"),
        Fault(kind="altered", at=30, field="space_packet_count", value=-1000),
        Fault(kind="altered", at=31, field="sequence_count", value=16384 + 5),
    )
    _, headers, _ = sent(*faults)
    assert np.flatnonzero(headers["error_flag"]).tolist() == [10, 11]
    assert headers["space_packet_count"][30] == (30 - 1000) % 2**32
    assert headers["sequence_count"][31] == 36
    untouched = np.setdiff1d(np.arange(COUNT), [30])
    np.testing.assert_array_equal(headers["space_packet_count"][untouched], untouched)


def test_damaged_headers_are_damaged_alike_each_time_and_keep_their_length() -> None:
    fault = Fault(kind="damaged", at=5, count=3, value=4)
    first, again = (
        np.concatenate([data for data, _ in FaultyStream((fault,), COUNT, 1).apply(clean())]) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    whole = np.concatenate([data for data, _ in clean()])
    different = np.unpackbits(first ^ whole).reshape(COUNT, -1).sum(axis=1)
    assert np.flatnonzero(different).tolist() == [5, 6, 7]
    assert set(different[5:8]) == {4}
    assert (first ^ whole).reshape(COUNT, -1)[:, :6].sum() == 0


GONE = st.builds(
    Fault,
    kind=st.sampled_from(["lost", "silent", "dropped"]),
    at=st.integers(0, COUNT - 1),
    count=st.integers(1, 12),
)


@given(st.lists(GONE, max_size=5), st.integers(1, COUNT))
def test_any_gaps_add_up_to_what_the_counters_say(faults: list[Fault], batch: int) -> None:
    ordered = sorted(faults, key=lambda fault: fault.at)
    apart = all(one.at + one.count < two.at for one, two in pairwise(ordered))
    inside = all(fault.at > 0 and fault.at + fault.count < COUNT for fault in ordered)
    if not (apart and inside):
        return
    stream, headers, places = sent(*faults, batch=batch)
    wanted = [sum(fault.count for fault in faults if fault.kind == kind) for kind in ("dropped", "lost", "silent")]
    assert list(steps(headers)) == wanted
    assert stream.packets_sent == headers.size == COUNT - sum(wanted)
    assert [gap["first"] for gap in stream.gaps] == [fault.at for fault in ordered]
    assert not packet_faults(headers).any()
    assert (np.diff(places.astype(int)) > 0).all()


def test_a_stream_without_faults_passes_untouched() -> None:
    batches = list(clean())
    assert [data for data, _ in FaultyStream((), COUNT, 1).apply(batches)] == [data for data, _ in batches]


def test_impossible_faults_are_refused() -> None:
    with pytest.raises(SimulatorError, match="fault lost at 58: the stream has 60 packets"):
        FaultyStream((Fault(kind="lost", at=58, count=3),), COUNT, 1)
    with pytest.raises(SimulatorError, match="fault silent at 4 overlaps"):
        FaultyStream((Fault(kind="lost", at=2, count=3), Fault(kind="silent", at=4)), COUNT, 1)
    with pytest.raises(SimulatorError, match="'nonsense' is no header field"):
        Fault(kind="altered", field="nonsense")
    with pytest.raises(SimulatorError, match="'data_length' is no header field that can be altered"):
        Fault(kind="altered", field="data_length")
    with pytest.raises(SimulatorError, match="not with 'lost'"):
        Fault(kind="lost", field="rank")
    with pytest.raises(ValueError, match="kind"):
        Fault(kind="odd")
