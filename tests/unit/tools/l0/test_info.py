"""One screen about a product, and its timeline as a picture."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from s1pdgs.formats.isp.telemetry import GPS_APID, build_packet
from s1pdgs.formats.l0.manifest import MeasurementQuality, OrbitReference, Processing
from s1pdgs.formats.l0.telemetry_product import TelemetryProduct, write_telemetry_product
from s1pdgs.tools.l0.command import l0
from s1pdgs.tools.l0.verify.audit import audit
from tests.unit.tools.l0.conftest import Made
from tests.unit.tools.l0.editing import Editable


def told(product: Path) -> dict:
    result = CliRunner().invoke(l0, ["info", str(product), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_slice_tells_what_the_simulation_made(made: Made) -> None:
    value, take = told(made.products["S"]), made.session.take
    assert (value["manifest"]["satellite"], value["manifest"]["swath"]) == ("S1A", "S3")
    assert value["manifest"]["data_take"] == f"{take.scenario.data_take_id:06X}"
    assert [each["polarisation"] for each in value["measurements"]] == ["VH", "VV"]
    for each in value["measurements"]:
        assert each["packets"] == take.schedule.pri_count.size
        assert sum(row["packets"] for row in each["signals"]) == each["packets"]
        echo = next(row for row in each["signals"] if row["signal"] == "echo")
        assert (echo["packets"], echo["samples"], echo["rank"]) == (385, 512, 10)
        assert echo["prf_hz"] == pytest.approx(1.0 / take.scenario.radar.pri_s)
        assert each["gaps"]["suppressed_pris"] == 260
        assert (each["gaps"]["lost_in_downlink"], each["gaps"]["list"]) == (0, [])
    assert value["relayed"]["states"] == 2
    assert 690e3 < value["relayed"]["first"]["height_m"] < 720e3


def test_losses_are_told_with_their_cause(edit: Callable[[str], Editable]) -> None:
    product = edit("VV")

    def change(headers, bodies):
        headers["sequence_count"][800:] -= 4
        return np.delete(np.arange(headers.size), [*range(700, 710), *range(796, 800)])

    product.packets(change)
    gaps = told(product.path)["measurements"][0]["gaps"]
    assert (gaps["lost_in_downlink"], gaps["lost_in_instrument"], gaps["count"]) == (10, 4, 2)
    assert [(gap["packets"], gap["cause"]) for gap in gaps["list"]] == [(10, "downlink"), (4, "instrument")]
    screen = CliRunner().invoke(l0, ["info", str(product.path)]).output
    assert "lost 14 packets in 2 gaps (downlink 10, instrument 4)" in screen


@pytest.mark.parametrize("kind", ["S", "A", "C", "N", "VV"])
def test_the_screen_is_a_screen(made: Made, kind: str) -> None:
    lines = CliRunner().invoke(l0, ["info", str(made.products[kind])]).output.splitlines()
    assert lines[0].strip() == made.products[kind].name
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert len(lines) <= 45


def test_bare_packets_and_broken_manifests_are_told_as_well(testdata: Path, edit: Callable[[], Editable]) -> None:
    value = told(testdata / "isp" / "000408-echo.dat")
    assert value["manifest"] is None
    assert value["measurements"][0]["mode"] == "S3"
    product = edit()
    (product.path / "manifest.safe").write_text("<broken")
    assert "not well-formed" in told(product.path)["manifest_fault"]
    assert "manifest not readable" in CliRunner().invoke(l0, ["info", str(product.path)]).output


def test_telemetry_is_counted_by_application(tmp_path: Path) -> None:
    def packet(apid: int, count: int, size: int) -> bytes:
        identification = 1 << 11 | apid
        return b"".join(number.to_bytes(2, "big") for number in (identification, 3 << 14 | count, size + 5)) + bytes(
            size + 6
        )

    path = tmp_path / "s1a-gp-raw.dat"
    path.write_bytes(packet(0x310, 16383, 40) + packet(0x311, 7, 99) + packet(0x310, 2, 40) + b"\x0b\x10")
    value = told(path)
    assert value["kind"] == "telemetry"
    (each,) = value["measurements"]
    assert (each["packets"], each["applications"]) == (3, {"0x310": 2, "0x311": 1})
    assert (each["lost"], each["damaged_octets"]) == (2, 2)
    assert "3 telemetry packets" in CliRunner().invoke(l0, ["info", str(path)]).output
    assert "holds telemetry" in CliRunner().invoke(l0, ["dump", str(path)]).output
    verdict = CliRunner().invoke(l0, ["verify", str(path)])
    assert (verdict.exit_code, "2 octets at the end make no packet" in verdict.output) == (1, True)


def test_a_telemetry_product_is_told_and_audited(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 5, 22, 10, tzinfo=UTC)
    data = b"".join(build_packet(GPS_APID, count, 1_451_600_000 + count, 0, bytes(20)) for count in range(30))
    (tmp_path / "x.isp").write_bytes(data)
    product = TelemetryProduct(
        satellite="S1A",
        mode="GP",
        packet_store_id=49,
        start=moment,
        stop=moment + timedelta(seconds=30),
        timed_by="SENSING",
        orbit=OrbitReference(62638, 62638, 91, 91, 372, 1, "ASCENDING", moment),
        processing=Processing("Generation of a GPS L0 product", moment, moment),
        quality=MeasurementQuality(30, 0, 0),
        path=tmp_path / "x.isp",
        size=len(data),
        md5=hashlib.md5(data).hexdigest(),
    )
    folder = tmp_path / write_telemetry_product(tmp_path, product)
    assert audit(folder).findings == ()
    screen = CliRunner().invoke(l0, ["info", str(folder)]).output
    assert "GPS telemetry of S1A" in screen
    assert "APID 0x310: 30" in screen
    (measurement,) = folder.glob("*.dat")
    measurement.write_bytes(data[:-32])
    manifest = folder / "manifest.safe"
    manifest.write_text(manifest.read_text().replace("<s1:numOfElements>30", "<s1:numOfElements>31"))
    rules = {
        finding.rule for finding in audit(folder.rename(tmp_path / folder.name.replace("62638", "62639"))).findings
    }
    assert rules == {"name.crc", "name.fields", "files.size", "counts.elements"}


def test_the_timeline_is_drawn(made: Made, edit: Callable[[], Editable], tmp_path: Path) -> None:
    product = edit()
    product.packets(lambda headers, _: np.delete(np.arange(headers.size), slice(700, 760)))
    for name in ("a.png", "a.svg"):
        result = CliRunner().invoke(l0, ["plot", str(product.path), "-o", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).reshape(-1, 3)
    for colour in ((0x2B, 0x6C, 0xB0), (0xC5, 0x30, 0x30)):
        assert np.count_nonzero((picture == colour).all(axis=1)) > 100
    texts = {text.strip() for text in ET.parse(tmp_path / "a.svg").getroot().itertext()}
    assert {"VH S3", "VV lost", "lost: downlink", "txhcaliso", "VV, FDBAQ_0", "rx gain [dB]"} <= texts


def test_the_same_product_gives_the_same_picture(made: Made, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        assert CliRunner().invoke(l0, ["plot", str(made.products["VV"]), "-o", str(tmp_path / name)]).exit_code == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    wrong = CliRunner().invoke(l0, ["plot", str(made.products["VV"]), "-o", str(tmp_path / "a.bmp")])
    assert "pictures are .png, .svg, .pdf" in wrong.output
