import json
from pathlib import Path

import attrs
import numpy as np
import pytest

from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.acquisition_report import read_acquisition_report
from s1pdgs.formats.l0.annot import channels, downlink_times_us, read_annotations
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.report import AcquisitionReport
from s1pdgs.formats.link.encode import encode_cadus
from s1pdgs.formats.names import ProductName
from s1pdgs.model.time import micros, parse_utc
from s1pdgs.processors.l0 import aio
from s1pdgs.processors.l0.program import Outcome, ProcessorError

COUNT = 300


@pytest.fixture(scope="module")
def sent(mission):
    return {24: mission.packets(0, COUNT, 0.01), 25: mission.packets(1, COUNT, 0.01)}


@pytest.fixture(scope="module")
def cadus(mission, sent):
    return {1: mission.cadus({24: sent[24]}), 2: mission.cadus({25: sent[25]})}


def _run(order: JobOrder, folder: Path) -> tuple[dict[str, Path], AcquisitionReport, Outcome]:
    outcome = Outcome(aio.NAME)
    aio.process_session(order, folder, outcome)
    *listed, report = (folder / "AIOProc.LIST").read_text().split()
    segments = {ProductName.parse(name).polarisation: folder / name for name in listed}
    return segments, read_acquisition_report(folder / report), outcome


def _measurement(product: Path) -> bytes:
    return (product / read_manifest(product / "manifest.safe").units[0].data.href).read_bytes()


def _annotations(product: Path) -> np.ndarray:
    return read_annotations(product / read_manifest(product / "manifest.safe").units[0].annotation.href)


def _damaged(cadus: np.ndarray, rows) -> bytes:
    copy = cadus.copy()
    copy[rows, 4:400] ^= 0x33
    return copy.tobytes()


def test_two_damaged_deliveries_make_one_whole_product(mission, sent, cadus, tmp_path):
    first = {1: _damaged(cadus[1], [5, 6, 20]), 2: cadus[2].tobytes()}
    again = {1: _damaged(cadus[1], [7, 21]), 2: _damaged(cadus[2], [3])}
    segments, report, outcome = _run(mission.pass_order(tmp_path, [first, again]), tmp_path)
    assert outcome.warnings == []
    assert _measurement(segments["VV"]) == b"".join(sent[24])
    assert _measurement(segments["VH"]) == b"".join(sent[25])
    quality = read_manifest(segments["VV"] / "manifest.safe").units[0].quality
    assert (quality.missing, quality.rs_incorrigible) == (0, 0)
    by_place = {(each.delivery, each.channel): each.uncorrectable_frames for each in report.receptions}
    assert by_place == {(1, 1): 3, (1, 2): 0, (2, 1): 2, (2, 2): 1}
    recovered = {each.vcid: (each.recovered_frames, each.missing_frames) for each in report.virtual_channels}
    assert recovered[25] == (0, 0)
    assert recovered[24][0] > 0
    assert not _annotations(segments["VV"])["missing_frames"].any()


def test_a_packet_that_every_delivery_cut_elsewhere_is_whole(mission, sent, tmp_path):
    long = attrs.evolve(mission.link, interleave_depth=1)
    cadus = encode_cadus({24: sent[24]}, long).reshape(-1, long.cadu_bytes)
    deliveries = [{1: _damaged_each(cadus, phase)} for phase in range(3)]
    segments, _, _ = _run(mission.pass_order(tmp_path, deliveries), tmp_path)
    assert _measurement(segments["VV"]) == b"".join(sent[24])


def _damaged_each(cadus: np.ndarray, phase: int) -> bytes:
    copy = cadus.copy()
    copy[phase::3, 4:200] ^= 0x33
    return copy.tobytes()


def test_what_all_deliveries_lack_is_missing_and_said(mission, sent, cadus, tmp_path):
    deliveries = [{1: _damaged(cadus[1], [4, 9]), 2: cadus[2].tobytes()}, {1: _damaged(cadus[1], [9, 11])}]
    segments, report, outcome = _run(mission.pass_order(tmp_path, deliveries), tmp_path)
    quality = read_manifest(segments["VV"] / "manifest.safe").units[0].quality
    assert quality.missing > 0
    assert quality.elements + quality.missing == COUNT
    assert quality.rs_incorrigible == 1
    assert next(each for each in report.virtual_channels if each.vcid == 24).missing_frames == 1
    assert any("virtual channel 24: 1 frames missing" in warning for warning in outcome.warnings)
    kept = _measurement(segments["VV"])
    assert all(packet in kept for packet in sent[24][-50:])


def test_another_station_may_swap_channels_strip_the_parity_and_append_bytes(mission, sent, cadus, tmp_path):
    other = attrs.evolve(mission.link, coded=False, has_fecf=False, cadu_trailer_bytes=0)
    bare = {vcid: encode_cadus({vcid: sent[vcid]}, other, 3).reshape(-1, other.cadu_bytes) for vcid in (24, 25)}
    odd, even = slice(1, None, 2), slice(0, None, 2)
    first = {1: np.delete(cadus[1], odd, axis=0).tobytes(), 2: np.delete(cadus[2], odd, axis=0).tobytes()}
    heard = {2: np.delete(bare[24], even, axis=0).tobytes(), 1: np.delete(bare[25], even, axis=0).tobytes()}
    segments, report, _ = _run(mission.pass_order(tmp_path, [first, heard]), tmp_path)
    assert _measurement(segments["VV"]) == b"".join(sent[24])
    assert _measurement(segments["VH"]) == b"".join(sent[25])
    assert set(channels(_annotations(segments["VV"])).tolist()) == {1, 2}
    assert [(each.delivery, each.channel) for each in report.receptions] == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_some_blocks_alone_fill_the_gap_of_a_delivery(mission, sent, cadus, tmp_path):
    whole = {1: cadus[1].tobytes(), 2: cadus[2].tobytes()}
    order = mission.pass_order(tmp_path, [whole, {1: cadus[1].tobytes()}])
    lost = next((tmp_path / "ch01").glob("*00002.raw"))
    lost.unlink()
    for path in (tmp_path / "delivery2/ch01").iterdir():
        if path.name != lost.name:
            path.unlink()
    segments, report, outcome = _run(order, tmp_path)
    assert _measurement(segments["VV"]) == b"".join(sent[24])
    assert outcome.warnings == []
    assert [(each.delivery, each.channel, each.blocks) for each in report.receptions] == [
        (1, 1, 3),
        (1, 2, 3),
        (2, 1, 1),
    ]


def test_reception_times_of_a_part_are_those_of_its_place_in_the_whole(mission, cadus, tmp_path):
    order = mission.session_order(tmp_path, {1: cadus[1].tobytes(), 2: cadus[2].tobytes()})
    for number in ("00001", "00003"):
        next((tmp_path / "ch01").glob(f"*{number}.raw")).unlink()
    segments, _, _ = _run(order, tmp_path)
    times = downlink_times_us(_annotations(segments["VV"])) - micros(parse_utc("2026-03-01T05:40:00Z"))
    assert 18e6 < times.min() < times.max() < 42e6


def test_frames_that_deliveries_tell_differently_are_said(mission, sent, cadus, tmp_path):
    forged = encode_cadus({24: [*sent[24][:-1], sent[24][-1][:-4] + b"oops"]}, mission.link, 3)
    deliveries = [{1: cadus[1].tobytes(), 2: cadus[2].tobytes()}, {1: forged.tobytes()}]
    segments, _, outcome = _run(mission.pass_order(tmp_path, deliveries), tmp_path)
    assert _measurement(segments["VV"]) == b"".join(sent[24])
    assert any("frames differ between deliveries" in warning for warning in outcome.warnings)


def test_deliveries_of_different_sessions_may_be_merged_but_not_mixed(mission, cadus, tmp_path):
    order = mission.session_order(tmp_path, {1: cadus[1].tobytes(), 2: cadus[2].tobytes()})
    block = next((tmp_path / "ch02").glob("*00001.raw"))
    task = order.tasks[0]
    other = str(block).replace("000063412_ch2", "000063413_ch2")
    block.rename(other)
    inputs = tuple(
        attrs.evolve(entry, file_names=tuple(other if name == str(block) else name for name in entry.file_names))
        for entry in task.inputs
    )
    with pytest.raises(ProcessorError, match=r"several sessions are mixed.*delivery<k>"):
        _run(attrs.evolve(order, tasks=(attrs.evolve(task, inputs=inputs),)), tmp_path)


def _quality(folder: Path, session: str, channel: int, **counts) -> None:
    path = folder / f"ch{channel:02d}" / f"DCS_01_{session}_ch{channel}_QualityInfo.json"
    path.write_text(json.dumps({"Channel": channel, "SessionId": session, **counts}))


def test_the_counts_of_the_station_are_compared_with_ours(mission, cadus, tmp_path):
    damaged = _damaged(cadus[1], [5])
    order = mission.session_order(tmp_path, {1: damaged, 2: cadus[2].tobytes()})
    session = "S1A_20260301054000063412"
    frames = len(cadus[1])
    _quality(tmp_path, session, 1, AcquiredTFs=frames, UncorrectableTFs=1, ErrorTFs="1", TotalChunks=3)
    _quality(tmp_path, session, 2, AcquiredTFs=len(cadus[2]) + 7, CorrectedTFs=2, TotalVolume=cadus[2].size)
    _, report, outcome = _run(order, tmp_path)
    counts = [
        {each.name: (each.station, each.ours) for each in reception.station_counts} for reception in report.receptions
    ]
    assert counts[0]["AcquiredTFs"] == (frames, frames)
    assert counts[0]["UncorrectableTFs"] == counts[0]["ErrorTFs"] == (1, 1)
    assert counts[0]["TotalVolume"] == (None, cadus[1].size)
    assert counts[1]["CorrectedTFs"] == (2, 0)
    told = [warning for warning in outcome.warnings if "QualityInfo" in warning]
    assert len(told) == 1
    assert f"AcquiredTFs {len(cadus[2]) + 7} (here {len(cadus[2])}), CorrectedTFs 2 (here 0)" in told[0]


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000])
def test_quality_info_that_cannot_be_read_is_named_and_does_not_stop_anything(mission, cadus, tmp_path, text):
    order = mission.session_order(tmp_path, {1: cadus[1].tobytes(), 2: cadus[2].tobytes()})
    (tmp_path / "ch01" / "DCS_01_S1A_20260301054000063412_ch1_QualityInfo.json").write_text(text)
    _, report, outcome = _run(order, tmp_path)
    assert report.receptions[0].station_counts == ()
    assert any("QualityInfo.json" in warning for warning in outcome.warnings)
