"""A long data take that arrives in parts, out of order, with losses: its slices keep their places."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.unit.processors.l0.flights import Flight, sensing_us

from s1pdgs.formats.isp.header import HEADER_SIZE, SEQUENCE_MODULO, pack_headers, unpack_headers
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.report import GapCause
from s1pdgs.model.time import micros
from s1pdgs.processors.l0.program import ProcessorError
from s1pdgs.simulator.plan import TakePlan

START = datetime(2026, 3, 1, 5, 10, tzinfo=UTC)
LENGTH_S, OVERLAP_S = 25.0, 7.4
EARLY, MIDDLE, LATE = (0.0, 0.55), (0.45, 0.75), (0.75, 1.0)


@pytest.fixture(scope="module")
def flight(mission) -> Flight:
    return Flight.of(mission, START, [TakePlan(name="IW", mode="IW", duration_s=63.0, samples=64, polarisation="SV")])


@pytest.fixture(scope="module")
def packets(flight) -> list[bytes]:
    return flight.packets("IW", "VV")


@pytest.fixture(scope="module")
def segments(flight, packets, tmp_path_factory):
    """The segment of each part of the data take, every part received in a session of its own."""
    found = {}
    for name, (begin, end) in (("early", EARLY), ("middle", MIDDLE), ("late", LATE)):
        part = packets[round(begin * len(packets)) : round(end * len(packets))]
        (found[name],) = flight.receive({"IW": {"VV": part}}, tmp_path_factory.mktemp(name))["IW"]
    return found


@pytest.fixture(scope="module")
def whole(flight, segments, tmp_path_factory):
    return flight.assemble(list(segments.values()), tmp_path_factory.mktemp("whole") / "asp")


@pytest.fixture(scope="module")
def headless(flight, segments, tmp_path_factory):
    """Made without the first part, and in another order."""
    return flight.assemble([segments["late"], segments["middle"]], tmp_path_factory.mktemp("headless") / "asp")


def _expected(flight, packets) -> list[bytes]:
    """Slices by the rule alone: number i from (i - 1) L on for L + O, the last one up to the end."""
    times = sensing_us(flight.takes["IW"], np.arange(len(packets)))
    times -= times[0]
    count = int(np.ceil((times[-1] / 1e6 - OVERLAP_S) / LENGTH_S))
    slices = []
    for number in range(count):
        begin = number * LENGTH_S * 1e6
        end = times[-1] if number == count - 1 else begin + (LENGTH_S + OVERLAP_S) * 1e6
        chosen = np.flatnonzero((times >= begin) & (times <= end))
        slices.append(b"".join(packets[chosen[0] : chosen[-1] + 1]))
    return slices


def test_segments_say_which_part_of_the_data_take_they_are(segments):
    manifests = [read_manifest(segments[part] / "manifest.safe") for part in ("early", "middle", "late")]
    assert [manifest.consolidation for manifest in manifests] == ["START", "MID", "END"]
    assert [manifest.sensing_consolidation for manifest in manifests] == ["BEGIN", "MIDDLE", "END"]


def test_parts_become_slices_without_gap_or_twin(flight, packets, whole):
    assert [product["VV"] for product in whole.packets()] == _expected(flight, packets)
    assert [(each.slice.number, each.slice.total) for each in whole.manifests()] == [(1, 3), (2, 3), (3, 3)]
    assert whole.warnings == []
    (stream,) = whole.report.streams
    doubled = round(EARLY[1] * len(packets)) - round(MIDDLE[0] * len(packets))
    assert (stream.packets, stream.duplicates, stream.gaps) == (len(packets), doubled, ())
    assert [each.product for each in whole.report.slices] == list(whole.report.products[:3])


def test_without_its_beginning_slices_have_the_numbers_of_the_whole(whole, headless):
    """RS-943 of the reference system: slices counted from the first packet that was there."""
    assert abs(headless.report.grid_start - whole.report.grid_start) < timedelta(milliseconds=1)
    assert [each.slice.number for each in headless.manifests()] == [1, 2, 3]
    assert [each.slice.total for each in headless.manifests()] == [3, 3, 3]
    assert headless.packets()[2] == whole.packets()[2]
    assert headless.packets()[0]["VV"] == whole.packets()[0]["VV"][-len(headless.packets()[0]["VV"]) :]
    (stream,) = headless.report.streams
    assert (stream.starts, stream.ends) == (False, True)
    (gap,) = stream.gaps
    assert (gap.packets, gap.cause, stream.lost_in_downlink) == (stream.first_packet, GapCause.DOWNLINK, gap.packets)
    assert abs(gap.start - whole.report.start) < timedelta(milliseconds=2)
    expected = [slot.packets[0] for slot in whole.report.slices]
    told = [slot.packets[0] + slot.missing[0] for slot in headless.report.slices]
    assert told == pytest.approx(expected, rel=0.01)  # PRIs of the swaths differ, the missing are spread evenly
    assert any("its start is missing" in warning for warning in headless.warnings)


def test_slices_of_which_nothing_is_here_are_told_and_not_made(flight, segments, whole, tmp_path):
    end = flight.assemble([segments["late"]], tmp_path / "asp")
    assert [each.slice.number for each in end.manifests()] == [2, 3]
    empty = end.report.slices[0]
    assert (empty.number, empty.product, empty.packets) == (1, None, (0,))
    assert "no packet of slice 1 of 3 is here" in end.warnings


def test_what_has_arrived_is_sliced_as_far_as_it_goes(flight, segments, whole, tmp_path):
    """While the rest may still come, no tail is merged: slices that are whole now are whole for ever."""
    early = flight.assemble([segments["early"]], tmp_path / "asp")
    assert [each.slice.number for each in early.manifests()] == [1, 2]
    assert [each.slice.total for each in early.manifests()] == [2, 2]
    first, second = early.packets()
    assert first == whole.packets()[0]
    assert whole.packets()[1]["VV"].startswith(second["VV"])
    assert early.manifests("A")[0].consolidation == "PARTIAL"
    assert early.report.streams[0].ends is False


def test_later_rounds_stay_on_the_grid_of_the_first(flight, segments, headless, tmp_path):
    grid = headless.report.grid_start
    again = flight.assemble(list(segments.values()), tmp_path / "asp", Grid_Start=f"{grid:%Y%m%dT%H%M%S.%f}")
    assert again.report.grid_start == grid
    assert [each.slice.data_take_start for each in again.manifests()] == [grid] * 3
    before = [manifest.units[0].data.md5 for manifest in headless.manifests()]
    after = [manifest.units[0].data.md5 for manifest in again.manifests()]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    first = again.packets()[0]["VV"]
    assert first.startswith(b"".join(flight.packets("IW", "VV")[:100]))


def test_a_grid_start_that_is_no_time_is_refused(flight, segments, tmp_path):
    with pytest.raises(ProcessorError, match="Grid_Start of the job order is 'noon'"):
        flight.assemble([segments["late"]], tmp_path / "asp", Grid_Start="noon")


@pytest.mark.parametrize("grid", ["20260301T060000.000000", "19800106T000000.000000"])
def test_a_grid_start_of_another_data_take_is_refused(flight, segments, tmp_path, grid):
    with pytest.raises(ProcessorError, match="is not the start of a data take that was sensed from 2026-03-01"):
        flight.assemble([segments["late"]], tmp_path / "asp", Grid_Start=grid)


def test_the_order_of_segments_changes_no_product(flight, segments, whole, tmp_path):
    shuffled = flight.assemble([segments["late"], segments["early"], segments["middle"]], tmp_path / "asp")
    md5 = [[manifest.units[0].data.md5 for manifest in made.manifests()] for made in (whole, shuffled)]
    assert md5[0] == md5[1]
    assert shuffled.report.segments == whole.report.segments


def _renumbered(packets: list[bytes], sequence: int) -> list[bytes]:
    """The same packets, with sequence counts from `sequence` on."""
    headers = unpack_headers(np.stack([np.frombuffer(packet[:HEADER_SIZE], np.uint8) for packet in packets]))
    headers["sequence_count"] = (sequence + np.arange(len(packets))) % SEQUENCE_MODULO
    raw = pack_headers(headers)
    return [raw[n].tobytes() + packet[HEADER_SIZE:] for n, packet in enumerate(packets)]


def _altered(packet: bytes, field: str, value: int) -> bytes:
    headers = unpack_headers(np.frombuffer(packet, np.uint8)[None, :HEADER_SIZE])
    headers[field] = value
    return pack_headers(headers).tobytes() + packet[HEADER_SIZE:]


def test_packets_with_damaged_headers_make_no_data_take_of_their_own_and_none_is_lost(flight, packets, tmp_path):
    sent = packets[:4000]
    for number in (700, 1500, 1501):
        sent[number] = _altered(sent[number], "data_take_id", 0x123456 + number)
    for number in (800, 900):
        sent[number] = _altered(sent[number], "space_packet_count", 0xABCDEF00)
    sent[1000] = _altered(sent[1000], "coarse_time", 7)
    made = flight.receive({"IW": {"VV": sent}}, tmp_path)
    assert list(made) == ["IW"]
    (segment,) = made["IW"]
    manifest = read_manifest(segment / "manifest.safe")
    held = (segment / manifest.units[0].data.href).read_bytes()
    assert held == b"".join(packet for number, packet in enumerate(sent) if number not in (800, 900, 1000))
    quality = manifest.units[0].quality
    assert (quality.elements, quality.missing, quality.corrupted) == (3997, 3, 3)
    (aside,) = (tmp_path / "received").iterdir()
    assert aside.name.startswith("inconsistent-")
    assert sorted(aside.read_bytes()) == sorted(sent[800] + sent[900] + sent[1000])
    account = flight.assemble([segment], tmp_path / "asp").report
    assert account.data_take_id == flight.takes["IW"].data_take_id
    assert (account.streams[0].packets, account.streams[0].corrupted) == (3997, 3)


def test_the_sound_copy_of_a_packet_is_taken_from_whatever_segment_has_it(flight, packets, tmp_path_factory):
    """Two stations each received another packet with a flag that says that it is faulty."""
    sound = packets[:2500]
    segments = []
    for number in (1100, 1200):
        faulty = list(sound)
        faulty[number] = _altered(faulty[number], "error_flag", 1)
        segments += flight.receive({"IW": {"VV": faulty}}, tmp_path_factory.mktemp("station"))["IW"]
    assert [read_manifest(each / "manifest.safe").units[0].quality.corrupted for each in segments] == [1, 1]
    made = flight.assemble(segments, tmp_path_factory.mktemp("both") / "asp")
    assert made.packets()[0]["VV"] == b"".join(sound)
    (stream,) = made.report.streams
    assert (stream.corrupted, stream.duplicates, stream.packets) == (0, 2500, 2500)


def test_losses_are_told_by_cause_time_and_slice(flight, packets, tmp_path):
    """40 packets lost in the downlink in slice 1; 25 that never left the instrument in slice 3."""
    lost = slice(20_000, 20_040)
    unsent = slice(len(packets) - 5_000, len(packets) - 4_975)
    sent = packets[: lost.start] + packets[lost.stop : unsent.start]
    sent += _renumbered(packets[unsent.stop :], unsent.start)
    (segment,) = flight.receive({"IW": {"VV": sent}}, tmp_path)["IW"]
    quality = read_manifest(segment / "manifest.safe").units[0].quality
    assert (quality.elements, quality.missing) == (len(packets) - 65, 65)
    made = flight.assemble([segment], tmp_path / "asp")
    (stream,) = made.report.streams
    assert (stream.lost_in_downlink, stream.lost_in_instrument) == (40, 25)
    assert [(gap.packets, gap.cause) for gap in stream.gaps] == [(40, GapCause.DOWNLINK), (25, GapCause.INSTRUMENT)]
    times = sensing_us(flight.takes["IW"], [lost.start - 1, lost.stop, unsent.start - 1, unsent.stop])
    edges = [micros(moment) - micros(made.report.start) for gap in stream.gaps for moment in (gap.start, gap.stop)]
    assert np.abs(np.array(edges) - times).max() < 20
    assert [each.missing for each in made.report.slices] == [(40,), (0,), (25,)]
    assert [manifest.units[0].quality.missing for manifest in made.manifests()] == [40, 0, 25]
    assert any("65 packets are missing within the data take (40 lost in the downlink" in text for text in made.warnings)
