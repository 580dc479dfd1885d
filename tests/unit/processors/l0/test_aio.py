import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from s1pdgs.formats.joborder import write_job_order
from s1pdgs.formats.l0.acquisition_report import read_acquisition_report
from s1pdgs.formats.l0.annot import downlink_times_us, packet_sizes, read_annotations, sensing_times_us
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.report import AcquisitionReport
from s1pdgs.formats.names import ProductName, manifest_uid
from s1pdgs.model.time import micros, parse_utc
from s1pdgs.processors.l0 import aio
from s1pdgs.processors.l0.program import Outcome, ProcessorError

COUNT = 300
STEP_S = 0.01


@pytest.fixture(scope="module")
def sent(mission):
    return {24: mission.packets(0, COUNT, STEP_S), 25: mission.packets(1, COUNT, STEP_S)}


def _run(order, folder: Path) -> tuple[dict[str, Path], AcquisitionReport, Outcome]:
    outcome = Outcome(aio.NAME)
    aio.process_session(order, folder, outcome)
    *listed, report = (folder / "AIOProc.LIST").read_text().split()
    account = read_acquisition_report(folder / report)
    assert list(account.products) == listed
    return {ProductName.parse(name).polarisation: folder / name for name in listed}, account, outcome


def _measurement(product: Path) -> bytes:
    manifest = read_manifest(product / "manifest.safe")
    data = (product / manifest.units[0].data.href).read_bytes()
    assert hashlib.md5(data).hexdigest() == manifest.units[0].data.md5
    return data


def test_every_packet_of_both_channels_is_in_its_segment(mission, sent, tmp_path):
    channels = {1: mission.cadus({24: sent[24]}).tobytes(), 2: mission.cadus({25: sent[25]}).tobytes()}
    segments, report, outcome = _run(mission.session_order(tmp_path, channels), tmp_path)
    assert outcome.warnings == []
    assert sorted(segments) == ["VH", "VV"]
    assert _measurement(segments["VV"]) == b"".join(sent[24])
    assert _measurement(segments["VH"]) == b"".join(sent[25])
    counters = [(each.vcid, each.packet_store_id, each.packets) for each in report.virtual_channels]
    assert counters == [(24, 24, COUNT), (25, 25, COUNT)]
    assert all(each.missing_frames == each.discarded_packets == 0 for each in report.virtual_channels)
    assert [(each.delivery, each.channel, each.skipped_bytes) for each in report.receptions] == [(1, 1, 0), (1, 2, 0)]
    assert not (tmp_path / "received").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_segment_describes_itself(mission, sent, tmp_path):
    channels = {1: mission.cadus({24: sent[24]}).tobytes(), 2: mission.cadus({25: sent[25]}).tobytes()}
    segments, _, _ = _run(mission.session_order(tmp_path, channels), tmp_path)
    folder = segments["VV"]
    name = ProductName.parse(folder.name)
    assert (name.satellite, name.mode, name.product_type, name.orbit) == ("S1A", "S3", "S3_RAW__0S", 63411)
    assert name.datatake == 0x07B1C2
    assert name.uid == manifest_uid((folder / "manifest.safe").read_bytes())
    manifest = read_manifest(folder / "manifest.safe")
    assert (manifest.mode, manifest.swath, manifest.consolidation) == ("SM", "S3", "FULL")
    assert (manifest.orbit.start_relative_orbit, manifest.orbit.cycle) == ((63411 - 73) % 175 + 1, 376)
    assert manifest.orbit.pass_direction == "ASCENDING"
    assert manifest.start_anx_ms == pytest.approx(600_000, abs=1)
    assert (manifest.compression.echo, manifest.compression.noise) == ("FDBAQ_0", "BAQ_5_BIT")
    unit = manifest.units[0]
    assert (unit.packet_store_id, unit.quality.elements, unit.quality.missing) == (24, COUNT, 0)
    latitudes = [latitude for latitude, _ in manifest.footprint]
    longitudes = [longitude for _, longitude in manifest.footprint]
    assert 34 < min(latitudes) < max(latitudes) < 38
    assert longitudes[0] > longitudes[3]  # the radar looks to the right of an ascending pass: far range is east
    assert {path.name for path in (folder / "support").iterdir()} == {
        "s1-level-0.xsd",
        "s1-level-0-annot.xsd",
        "s1-level-0-index.xsd",
    }
    annotations = read_annotations(folder / unit.annotation.href)
    assert packet_sizes(annotations).tolist() == [len(packet) for packet in sent[24]]
    assert np.all(np.diff(sensing_times_us(annotations)) > 0)
    reception = downlink_times_us(annotations)
    assert micros(parse_utc("2026-03-01T05:40:00Z")) <= reception[0] <= reception[-1]
    assert reception[-1] <= micros(parse_utc("2026-03-01T05:41:00Z"))


def test_one_channel_alone_gives_its_segment_and_a_warning(mission, sent, tmp_path):
    order = mission.session_order(tmp_path, {2: mission.cadus({25: sent[25]}).tobytes()})
    segments, _, outcome = _run(order, tmp_path)
    assert list(segments) == ["VH"]
    assert any("only channel 2" in warning for warning in outcome.warnings)


def test_both_polarisations_may_share_a_channel_and_a_polarisation_both_channels(mission, sent, tmp_path):
    first = mission.cadus({24: sent[24][:120], 25: sent[25]}).tobytes()
    second = mission.cadus({24: sent[24][100:]}).tobytes()
    segments, report, outcome = _run(mission.session_order(tmp_path, {1: second, 2: first}), tmp_path)
    assert _measurement(segments["VV"]) == b"".join(sent[24])
    assert _measurement(segments["VH"]) == b"".join(sent[25])
    assert [(each.vcid, each.packets) for each in report.virtual_channels] == [(24, COUNT + 20), (25, COUNT)]
    assert outcome.warnings == []


def test_uncorrectable_frames_cost_their_packets_and_are_counted(mission, sent, tmp_path):
    cadus = mission.cadus({24: sent[24]}, fill_frames=0)
    cadus[5, 4:400] ^= 0x33
    order = mission.session_order(tmp_path, {1: cadus.tobytes(), 2: mission.cadus({25: sent[25]}).tobytes()})
    segments, report, outcome = _run(order, tmp_path)
    quality = read_manifest(segments["VV"] / "manifest.safe").units[0].quality
    assert quality.elements + quality.missing == COUNT
    assert quality.missing > 0
    assert quality.rs_incorrigible == 1
    assert report.receptions[0].uncorrectable_frames == 1
    assert any("could not be corrected" in warning for warning in outcome.warnings)
    position = 0
    whole = b"".join(sent[24])
    measurement = _measurement(segments["VV"])
    annotation = read_annotations(
        segments["VV"] / read_manifest(segments["VV"] / "manifest.safe").units[0].annotation.href
    )
    for size in packet_sizes(annotation).tolist():
        packet = measurement[position : position + size]
        assert packet in sent[24]
        position += size
    assert position == len(measurement) < len(whole)


def test_corrected_frames_are_counted_and_no_reason_to_warn(mission, sent, tmp_path):
    cadus = mission.cadus({24: sent[24]}, fill_frames=0)
    cadus[3, 4 : 4 + 8 * 10] ^= 0x11
    order = mission.session_order(tmp_path, {1: cadus.tobytes(), 2: mission.cadus({25: sent[25]}).tobytes()})
    segments, _, outcome = _run(order, tmp_path)
    quality = read_manifest(segments["VV"] / "manifest.safe").units[0].quality
    assert (quality.rs_corrected, quality.rs_corrected_symbols, quality.missing) == (1, 80, 0)
    assert outcome.warnings == []


def test_packets_of_an_unknown_virtual_channel_are_kept_and_named(mission, sent, tmp_path):
    channels = {
        1: mission.cadus({24: sent[24], 33: sent[25][:40]}).tobytes(),
        2: mission.cadus({25: sent[25]}).tobytes(),
    }
    _, report, outcome = _run(mission.session_order(tmp_path, channels), tmp_path)
    warning = next(text for text in outcome.warnings if "virtual channel 33" in text)
    assert "40 packets" in warning
    assert "AUX_OBMEMC that names VC-33" in warning
    assert (tmp_path / "received" / "unknown-vcid-ch1-vc33.isp").read_bytes() == b"".join(sent[25][:40])
    assert [(each.vcid, each.packet_store_id, each.packets) for each in report.virtual_channels][-1] == (33, None, 40)


def test_damaged_packets_are_kept_aside(mission, sent, tmp_path):
    damaged = sent[24][30][:12] + b"\0\0\0\0" + sent[24][30][16:]
    packets = [*sent[24][:30], damaged, *sent[24][31:]]
    order = mission.session_order(
        tmp_path, {1: mission.cadus({24: packets}).tobytes(), 2: mission.cadus({25: sent[25]}).tobytes()}
    )
    segments, _, outcome = _run(order, tmp_path)
    assert read_manifest(segments["VV"] / "manifest.safe").units[0].quality.missing == 1
    assert (tmp_path / "received" / "damaged-ch1-vc24.isp").read_bytes() == damaged
    assert any("damaged" in warning for warning in outcome.warnings)


def test_telemetry_becomes_products_of_its_stores(mission, sent, tmp_path):
    gps = [b"\x08\x01\xc0\x00\x00\x05" + bytes(6)] * 5
    channels = {1: mission.cadus({24: sent[24], 49: gps}).tobytes(), 2: mission.cadus({25: sent[25]}).tobytes()}
    products, _, outcome = _run(mission.session_order(tmp_path, channels), tmp_path)
    assert outcome.warnings == []
    assert products["__"].name.startswith("S1A_GP_RAW__0____20260301T0540")
    assert next(products["__"].glob("*.dat")).read_bytes() == b"".join(gps)
    assert not (tmp_path / "received").exists()


def test_a_missing_block_is_named_and_the_rest_is_processed(mission, sent, tmp_path):
    channels = {1: mission.cadus({24: sent[24]}).tobytes(), 2: mission.cadus({25: sent[25]}).tobytes()}
    order = mission.session_order(tmp_path, channels)
    lost = next((tmp_path / "ch01").glob("*00002.raw"))
    lost.unlink()
    segments, _, outcome = _run(order, tmp_path)
    assert "VH" in segments
    assert any(lost.name in warning for warning in outcome.warnings)


def test_the_start_of_a_data_take_alone_is_a_start(mission, sent, tmp_path):
    channels = {1: mission.cadus({24: sent[24][:200]}).tobytes(), 2: mission.cadus({25: sent[25][100:]}).tobytes()}
    segments, _, _ = _run(mission.session_order(tmp_path, channels), tmp_path)
    start, end = (read_manifest(segments[name] / "manifest.safe") for name in ("VV", "VH"))
    assert (start.consolidation, start.sensing_consolidation) == ("START", "BEGIN")
    assert (end.consolidation, end.sensing_consolidation) == ("END", "END")


@pytest.mark.parametrize(
    ("parameters", "remedy"),
    [({"RS_Interleave_Depth": "5"}, "2044 bytes apart.*RS_Interleave_Depth"), ({"Descramble": "no"}, "Descramble")],
)
def test_a_wrong_link_is_diagnosed(mission, sent, tmp_path, parameters, remedy):
    order = mission.session_order(tmp_path, {1: mission.cadus({24: sent[24]}).tobytes()}, **parameters)
    with pytest.raises(ProcessorError, match=remedy):
        aio.process_session(order, tmp_path, Outcome(aio.NAME))


def test_the_program_exits_as_agreed(mission, sent, tmp_path):
    order = mission.session_order(tmp_path, {1: mission.cadus({24: sent[24]}).tobytes()})
    write_job_order(tmp_path / "JobOrder.1.xml", order)
    command = [sys.executable, "-m", "s1pdgs.processors.l0.aio"]
    warned = subprocess.run([*command, "JobOrder.1.xml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert warned.returncode == 1, warned.stderr
    assert "[W] only channel 1" in warned.stdout
    failed = subprocess.run([*command, "absent.xml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.returncode >= 128
    assert "[E]" in failed.stderr
