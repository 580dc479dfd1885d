"""Data takes of every mode, simulated with their real timelines, from a session to segments and products."""

from datetime import UTC, datetime

import numpy as np
import pytest
from tests.unit.processors.l0.flights import Assembled, Flight

from s1pdgs.formats.isp.codes import calibration_signal
from s1pdgs.formats.isp.header import HEADER_SIZE, pack_headers, unpack_headers
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.names import ProductName
from s1pdgs.simulator.plan import TakePlan

START = datetime(2026, 3, 1, 5, 10, tzinfo=UTC)

TAKES = (
    TakePlan(name="IW", mode="IW", duration_s=1.0, samples=64),
    TakePlan(name="EW", mode="EW", duration_s=1.0, samples=64, polarisation="SH"),
    TakePlan(name="WV", mode="WV", duration_s=1.0, samples=64, polarisation="SV"),
    TakePlan(name="EN", mode="EN", duration_s=1.0, samples=64, polarisation="SV"),
    TakePlan(name="S6", mode="27", duration_s=1.0, samples=64, polarisation="SV"),
    TakePlan(name="N1", mode="N1", duration_s=1.0, samples=64, polarisation="DH"),
    TakePlan(name="RF", mode="RF", duration_s=1.0, samples=64, polarisation="VH"),
    TakePlan(name="ZI", mode="45", duration_s=1.0, samples=64, polarisation="SV"),
    TakePlan(name="S2", mode="S2", duration_s=1.0, samples=64, polarisation="SV", test_mode=7),
)


@pytest.fixture(scope="module")
def flight(mission) -> Flight:
    return Flight.of(mission, START, TAKES)


@pytest.fixture(scope="module")
def made(flight, tmp_path_factory) -> dict[str, Assembled]:
    sent = {name: flight.everything(name) for name in flight.takes}
    sent["S2"]["VV"][1200:1500] = [_as_test(packet) for packet in sent["S2"]["VV"][1200:1500]]
    segments = flight.receive(sent, tmp_path_factory.mktemp("aio"))
    folder = tmp_path_factory.mktemp("asp")
    return {name: flight.assemble(segments[name], folder / name) for name in flight.takes}


def _as_test(packet: bytes) -> bytes:
    """The same packet with ECC number 16."""
    headers = unpack_headers(np.frombuffer(packet, np.uint8)[None, :HEADER_SIZE])
    headers["ecc_number"] = 16
    return pack_headers(headers).tobytes() + packet[HEADER_SIZE:]


FACTS = {
    "IW": ("IW", "IW", None, ["DV"]),
    "EW": ("EW", "EW", None, ["SH"]),
    "WV": ("WV", "WV", None, ["SV"]),
    "EN": ("EN", "EN", None, ["SV"]),
    "S6": ("S6", "SM", "S6", ["SV"]),
    "N1": ("N1", "AN", "N1", ["DH"]),
    "RF": ("RF", "RF", None, ["VH", "VV"]),
    "ZI": ("ZI", "ZI", None, ["SV"]),
    "S2": ("S2", "SM", "S2", ["SV"]),
}


@pytest.mark.parametrize("name", FACTS)
def test_every_mode_has_products_of_its_name(made, name):
    mode_of_name, mode, swath, polarisations = FACTS[name]
    products = [ProductName.parse(path.name) for path in made[name].products()]
    assert [product.mode for product in products] == [mode_of_name] * len(products)
    assert [product.polarisation for product in products] == polarisations
    assert {(manifest.mode, manifest.swath) for manifest in made[name].manifests()} == {(mode, swath)}
    assert {manifest.consolidation for manifest in made[name].manifests()} <= {"FULL", "SLICE"}
    assert made[name].warnings == []


@pytest.mark.parametrize("name", FACTS)
def test_all_packets_sent_are_in_the_products_byte_for_byte(flight, made, name):
    held = {polarisation: data for product in made[name].packets() for polarisation, data in product.items()}
    sent = {polarisation: b"".join(packets) for polarisation, packets in flight.everything(name).items()}
    assert held == sent


def test_an_rf_characterisation_is_one_product_for_each_polarisation_and_nothing_else(made):
    segments = [read_manifest(path / "manifest.safe") for path in made["RF"].segments]
    assert len({segment.start for segment in segments}) == 1
    assert [segment.consolidation for segment in segments] == ["FULL", "FULL"]
    assert len(made["RF"].report.products) == 2
    assert [len(manifest.units) for manifest in made["RF"].manifests()] == [1, 1]


@pytest.mark.parametrize("name", ["WV", "RF", "ZI"])
def test_modes_without_an_image_strip_have_a_line_for_a_footprint(made, name):
    assert {len(manifest.footprint) for manifest in made[name].manifests()} == {2}


@pytest.mark.parametrize("name", ["IW", "EW", "EN", "S6", "N1"])
def test_strips_have_a_closed_ring_for_a_footprint(made, name):
    for manifest in made[name].manifests():
        assert len(manifest.footprint) == 5
        assert manifest.footprint[0] == manifest.footprint[-1]


@pytest.mark.parametrize("name", ["IW", "EW", "S6", "S2"])
def test_only_strips_of_image_modes_are_sliced(made, name):
    (manifest,) = made[name].manifests()
    assert (manifest.slice.number, manifest.slice.total) == (1, 1)
    assert manifest.slice.data_take_start == manifest.start


@pytest.mark.parametrize("name", ["WV", "EN", "N1", "RF", "ZI"])
def test_other_modes_are_one_product_of_the_whole_data_take(made, name):
    assert {manifest.slice for manifest in made[name].manifests()} == {None}
    assert made[name].report.slices == ()
    assert made[name].report.slice_length_s == 0.0


def test_ecc_numbers_that_most_packets_do_not_have_change_nothing(made):
    """300 of the packets of a data take of S2 say that they are a test (ECC 16)."""
    assert [ProductName.parse(path.name).mode for path in made["S2"].segments] == ["S2"]
    assert made["S2"].report.mode == "SM"


def test_a_test_that_bypasses_the_coding_says_so(made):
    assert {manifest.compression.echo for manifest in made["S2"].manifests()} == {"BYPASS"}
    assert {manifest.compression.echo for manifest in made["S6"].manifests()} == {"FDBAQ_0"}


def test_the_account_of_a_sound_data_take_has_no_loss(flight, made):
    for name, take in flight.takes.items():
        for stream in made[name].report.streams:
            assert (stream.packets, stream.first_packet) == (take.packet_count, 0)
            assert (stream.starts, stream.ends, stream.gaps) == (True, True, ())
            assert stream.suppressed_pris > 0


def test_the_newer_satellites_are_processed_alike(mission, tmp_path):
    """Their calibration has other signals (code 11 is the isolation measurement) and gaps where theirs is missing."""
    plan = TakePlan(name="S4", mode="S4", duration_s=1.0, samples=64, polarisation="SV")
    flight = Flight.of(mission, START, [plan], satellite="S1D")
    sent = flight.packets("S4", "VV")
    made = flight.assemble(flight.receive({"S4": {"VV": sent}}, tmp_path)["S4"], tmp_path / "asp")
    (product,) = made.products()
    assert product.name.startswith("S1D_S4_RAW__0SSV_")
    assert made.packets()[0]["VV"] == b"".join(sent)
    kinds = {calibration_signal(packet[63] >> 4, "S1D") for packet in sent} - {None}
    assert kinds == {"TxCal", "RxCal", "EpdnCal", "TxCalIso"}
    assert made.packets("C")[0]["VV"] == b"".join(packet for packet in sent if packet[63] >> 4 >= 8)
    assert made.warnings == []
