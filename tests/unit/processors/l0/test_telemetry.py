from datetime import timedelta
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.catalogue.metadata import describe
from s1pdgs.formats.isp.codes import packet_time_codes
from s1pdgs.formats.isp.telemetry import build_packet
from s1pdgs.formats.manifest import read_manifest
from s1pdgs.model.time import from_micros, micros, parse_utc, utc_to_gps
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.processors.l0 import aio
from s1pdgs.processors.l0.program import Outcome
from s1pdgs.processors.l0.spool import TELEMETRY_RECORD
from s1pdgs.processors.l0.telemetry import survey_of

SENSED = parse_utc("2026-03-01T05:05:00Z")
RECEIVED = parse_utc("2026-03-01T05:40:00Z")
GPS_APID = 0x310


def _packets(count: int, period_s: float = 1.0, apid: int = GPS_APID) -> list[bytes]:
    whole, fraction = utc_to_gps(SENSED)
    coarse, fine = packet_time_codes(whole, fraction + np.arange(count) * period_s)
    return [build_packet(apid, k, int(coarse[k]), int(fine[k]), bytes([k % 256]) * 40) for k in range(count)]


def _run(mission, folder: Path, packets) -> tuple[list[Path], Outcome]:
    cadus = mission.cadus(packets).tobytes()
    outcome = Outcome(aio.NAME)
    aio.process_session(mission.session_order(folder, {1: cadus}), folder, outcome)
    lines = (folder / "AIOProc.LIST").read_text().split()
    return [folder / line for line in lines if "_RAW__0_" in line and "RAW__0S" not in line], outcome


def test_gps_and_housekeeping_packets_become_products_timed_by_their_packets(mission, tmp_path):
    gps, housekeeping = _packets(200), _packets(90, 2.0, 0x320)
    products, _ = _run(mission, tmp_path, {49: gps, 45: housekeeping})
    assert [path.name[:16] for path in products] == ["S1A_HK_RAW__0___", "S1A_GP_RAW__0___"]
    for path, packets, stop_s in ((products[1], gps, 199), (products[0], housekeeping, 178)):
        described = describe(path)
        assert described.type == path.name[4:14]
        assert abs(described.validity.start - SENSED) < timedelta(milliseconds=1)
        assert abs(described.validity.stop - SENSED - timedelta(seconds=stop_s)) < timedelta(milliseconds=1)
        assert described.timeliness is Timeliness.NRT
        assert described.attributes["orbitNumber"] == 63411
        assert "datatakeID" not in described.attributes
        manifest = read_manifest(path / "manifest.safe")
        assert manifest.text("timeReference") == "SENSING"
        (data,) = manifest.files
        assert (path / data).read_bytes() == b"".join(packets)
        assert b"<s1:numOfElements>%d<" % len(packets) in (path / "manifest.safe").read_bytes()


def test_packets_without_a_time_code_are_timed_by_reception(mission, tmp_path):
    packets = [b"\x03\x10" + packet[2:12] + bytes(len(packet) - 12) for packet in _packets(50)]
    (product,), _ = _run(mission, tmp_path, {49: packets})
    manifest = read_manifest(product / "manifest.safe")
    assert manifest.text("timeReference") == "RECEPTION"
    assert RECEIVED <= manifest.start <= manifest.stop <= RECEIVED + timedelta(minutes=1)


def test_missing_packets_of_a_store_are_counted(mission, tmp_path):
    packets = _packets(100)
    (product,), _ = _run(mission, tmp_path, {49: [*packets[:40], *packets[47:]]})
    manifest = (product / "manifest.safe").read_bytes()
    assert b"<s1:numOfElements>93</" in manifest
    assert b"<s1:numOfMissingElements>7</" in manifest


def test_a_store_that_begins_before_the_orbit_prediction_has_the_orbit_of_its_end(mission, tmp_path):
    packets = _packets(20)
    hours_before = 30_000
    first = packets[0]
    early = first[:6] + (int.from_bytes(first[6:10], "big") - hours_before).to_bytes(4, "big") + first[10:]
    (product,), outcome = _run(mission, tmp_path, {49: [early, *packets[1:]]})
    described = describe(product)
    assert described.validity.duration == timedelta(seconds=hours_before + 19)
    assert described.attributes["orbitNumber"] == 63411
    assert len(outcome.warnings) == 1  # of the other channel, which is not there


def test_packets_of_stores_without_a_product_are_kept(mission, tmp_path):
    radar = mission.packets(0, 100, 0.01)
    products, outcome = _run(mission, tmp_path, {24: radar, 52: _packets(9)})
    assert products == []
    assert (tmp_path / "received" / "telemetry-ch1-vc52.isp").read_bytes() == b"".join(_packets(9))
    assert not any("virtual channel 52" in warning for warning in outcome.warnings)


def _records(times_us, place: int, received_us: int) -> np.ndarray:
    records = np.zeros(len(times_us), TELEMETRY_RECORD)
    records["head"][:, 0] = 0x08
    records["head"][:, 3] = np.arange(len(times_us)) % 256
    for row, time_us in zip(records, times_us, strict=True):
        whole, fraction = utc_to_gps(from_micros(time_us))
        row["head"][place : place + 4] = list(whole.to_bytes(4, "big"))
        row["head"][place + 4 : place + 6] = list(int(fraction * 65536).to_bytes(2, "big"))
    records["channel"] = 1
    records["downlink_us"] = received_us
    return records


@given(
    place=st.sampled_from([6, 9, 10]),
    ages_s=st.lists(st.integers(1, 200_000), min_size=1, max_size=30),
    cut=st.integers(0, 30),
)
def test_the_span_of_packets_is_that_of_their_time_codes_wherever_these_are(place, ages_s, cut):
    received = micros(RECEIVED)
    times = [received - age * 1_000_000 for age in ages_s]
    records = _records(times, place, received)
    survey = survey_of([part for part in (records[:cut], records[cut:]) if part.size])
    assert survey.timed
    assert abs(micros(survey.start) - min(times)) < 20
    assert abs(micros(survey.stop) - max(times)) < 20
    assert (survey.packets, survey.untimed) == (len(times), 0)


@given(heads=st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=40))
def test_any_bytes_are_surveyed(heads):
    records = np.zeros(len(heads), TELEMETRY_RECORD)
    records["head"] = np.frombuffer(b"".join(heads), np.uint8).reshape(-1, 16)
    records["downlink_us"] = micros(RECEIVED)
    survey = survey_of([records])
    assert survey.packets == len(heads)
    assert survey.start <= survey.stop
    assert survey.missing >= 0
