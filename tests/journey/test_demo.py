"""The demonstration as a user types it, and what foreign readers say of the products downloaded through PRIP."""

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
import pytest
from attrs import frozen
from lxml import etree

from s1pdgs.formats.isp.header import index_packets
from s1pdgs.formats.names import ProductName, manifest_uid
from tests.journey.ground import environment

pytestmark = pytest.mark.journey

RANGE_M, AZIMUTH_M = 2.54, 4.90
"""Resolutions of S3 single-look complex images (sar.md, section 6.4)."""


@frozen
class Show:
    """The running demonstration: its report, the address of its doors and its folders."""

    report: dict[str, Any]
    url: str
    out: Path
    truth: dict[str, Any]

    def product(self, kind: str) -> Path:
        """The downloaded product of a type."""
        (name,) = [entry["name"] for entry in self.report["products"] if entry["type"] == kind]
        folder = self.out / "products" / name.removesuffix(".zip")
        if not folder.exists():
            self.fetch(name)
        return folder

    def fetch(self, name: str) -> None:
        from s1pdgs.demo.collect import download  # noqa: PLC0415

        with httpx2.Client(base_url=self.url, timeout=60.0) as client:
            (entry,) = client.get("/odata/v1/Products", params={"$filter": f"Name eq '{name}'"}).json()["value"]
            download(client, entry, self.out / "products")


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    folder = tmp_path_factory.mktemp("demo")
    out, log = folder / "out", folder / "output.txt"
    command = [sys.executable, "-m", "s1pdgs", "demo", "--keep", "--data-dir", str(folder / "data"), "--out", str(out)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment(), start_new_session=True)
    try:
        deadline = time.monotonic() + 600
        while "Ctrl-C ends it" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        (url,) = re.findall(r"^console\s+(http://\S+)", log.read_text(), re.MULTILINE)
        truth = json.loads((folder / "data" / "simulation" / "truth.json").read_text())
        yield Show(json.loads((out / "report.json").read_text()), url, out, truth)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()[-3000:]
        assert not psutil.wait_procs(family, timeout=10)[1]
    finally:
        process.kill()


def test_the_report_has_the_documented_form(show: Show) -> None:
    report = show.report
    assert set(report) == {"products", "datatakes", "impulse_responses", "steps", "wall_s", "peak_rss_mb"}
    assert {frozenset(entry) for entry in report["products"]} == {frozenset(("name", "type", "size", "sha256"))}
    assert {entry["type"] for entry in report["products"]} == {
        "S3_RAW__0S", "S3_RAW__0A", "S3_RAW__0C", "S3_RAW__0N", "S3_SLC__1S", "S3_GRDH_1S",
    }  # fmt: skip
    (datatake,) = report["datatakes"]
    assert datatake["packets_sent"] == datatake["packets_in_l0"] == 2 * 7361
    assert datatake["missing"] == 0
    assert len(report["impulse_responses"]) == 18
    assert all(set(step) == {"name", "wall_s"} for step in report["steps"])
    assert report["wall_s"] > 0
    assert report["peak_rss_mb"] < 4000


def test_downloads_are_what_the_catalogue_says(show: Show) -> None:
    with httpx2.Client(base_url=show.url, timeout=60.0) as client:
        for entry in client.get("/odata/v1/Products").raise_for_status().json()["value"]:
            body = client.get(f"/odata/v1/Products({entry['Id']})/$value").raise_for_status().content
            (told,) = [one for one in show.report["products"] if one["name"] == entry["Name"]]
            assert len(body) == entry["ContentLength"] == told["size"]
            assert hashlib.sha256(body).hexdigest() == told["sha256"]
            part = client.get(f"/odata/v1/Products({entry['Id']})/$value", headers={"Range": "bytes=1000-1999"})
            assert (part.status_code, part.content) == (206, body[1000:2000])


def test_every_packet_sent_is_in_level_0(show: Show) -> None:
    folder = show.product("S3_RAW__0S")
    for stream in show.truth["streams"]:
        (path,) = folder.glob(f"*-{stream['polarisation'].lower()}-*[0-9a-f].dat")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == stream["sha256"]


def test_companions_hold_exactly_their_packets(show: Show) -> None:
    for stream in show.truth["streams"]:
        polarisation = stream["polarisation"].lower()
        (path,) = show.product("S3_RAW__0S").glob(f"*-{polarisation}-*[0-9a-f].dat")
        data = np.fromfile(path, np.uint8)
        offsets, lengths = index_packets(data)
        signal_type = data[offsets + 63] >> 4
        packets = [data[o : o + n].tobytes() for o, n in zip(offsets, lengths, strict=True)]
        wanted = {
            "S3_RAW__0A": b"".join(packet[:68] for packet in packets),
            "S3_RAW__0N": b"".join(packet for packet, kind in zip(packets, signal_type, strict=True) if kind == 1),
            "S3_RAW__0C": b"".join(packet for packet, kind in zip(packets, signal_type, strict=True) if kind > 1),
        }
        for kind, content in wanted.items():
            (companion,) = show.product(kind).glob(f"*-{polarisation}-*[0-9a-f].dat")
            assert companion.read_bytes() == content, kind


def theoretical_azimuth_m(ground_speed_m_s: float) -> float:
    """Width of a Hamming-weighted (0.75) spectrum of 1399 Hz."""
    return 1.0045 * ground_speed_m_s / 1399.0


def test_impulse_responses_are_those_of_the_instrument(show: Show) -> None:
    for found in show.report["impulse_responses"]:
        assert found["range_resolution_m"] == pytest.approx(RANGE_M, rel=0.01)
        assert found["azimuth_resolution_m"] == pytest.approx(AZIMUTH_M, rel=0.01)
        assert found["range_pslr_db"] <= -21.0
        assert found["azimuth_pslr_db"] <= -21.0
        assert abs(found["range_error_m"]) <= 0.02
        assert abs(found["azimuth_error_m"]) <= 0.10


def test_the_calibration_toolbox_measures_the_same(show: Show) -> None:
    """No correction is configured in the toolbox: the simulated Earth has neither tides nor atmosphere, and our azimuth
    times are exact at every range (docs/decisions/0005).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from perseo_quality.point_targets_analysis.analysis import PointTarget, point_target_analysis  # noqa: PLC0415
        from perseo_quality.point_targets_analysis.config import PointTargetAnalysisConfig  # noqa: PLC0415
        from sct_sentinel1_reader.protocol_implementation import Sentinel1ProductManager  # noqa: PLC0415

        targets = [
            PointTarget(
                name=target["name"],
                xyz_coordinates=np.array(target["position_m"]),
                delay=0.0,
                **{f"rcs_{pair}": target["rcs_m2"] for pair in ("hh", "vv", "hv", "vh")},
            )
            for target in show.truth["targets"]
        ]
        product = Sentinel1ProductManager(show.product("S3_SLC__1S"))
        table, _ = point_target_analysis(product, targets, PointTargetAnalysisConfig())
    ours = {(found["target"], found["polarisation"]): found for found in show.report["impulse_responses"]}
    assert len(table) == 18
    for _, row in table.iterrows():
        own = ours[row["target_name"], row["channel"][-2:].upper()]
        assert row["range_resolution_[m]"] == pytest.approx(RANGE_M, rel=0.01)
        assert row["azimuth_resolution_[m]"] == pytest.approx(AZIMUTH_M, rel=0.01)
        assert row["azimuth_resolution_[m]"] == pytest.approx(
            theoretical_azimuth_m(row["ground_velocity_[ms]"]), rel=0.01
        )
        assert row["range_pslr_[dB]"] <= -21.0
        assert row["azimuth_pslr_[dB]"] <= -21.0
        assert abs(row["slant_range_localization_error_[m]"]) <= 0.02
        assert abs(row["azimuth_localization_error_[m]"]) <= 0.10
        assert row["range_resolution_[m]"] == pytest.approx(own["range_resolution_m"], abs=0.01)
        assert row["azimuth_resolution_[m]"] == pytest.approx(own["azimuth_resolution_m"], abs=0.02)
        assert row["rcs_[dB]"] == pytest.approx(55.0, abs=0.2)


def test_names_carry_the_crc_of_the_manifest(show: Show) -> None:
    for entry in show.report["products"]:
        folder = show.product(entry["type"])
        assert ProductName.parse(folder.name).uid == manifest_uid((folder / "manifest.safe").read_bytes())


def test_schemas_accept_the_images(show: Show) -> None:
    resources = Path(str(files("xarray_sentinel"))) / "resources" / "sentinel1"
    kinds = {
        "annotation/*.xml": "s1-level-1-product.xsd",
        "annotation/calibration/calibration-*.xml": "s1-level-1-calibration.xsd",
        "annotation/calibration/noise-*.xml": "s1-level-1-noise.xsd",
    }
    for kind in ("S3_SLC__1S", "S3_GRDH_1S"):
        folder = show.product(kind)
        for pattern, schema in kinds.items():
            documents = sorted(folder.glob(pattern))
            assert len(documents) == 2
            for place in (resources, folder / "support"):
                judge = etree.XMLSchema(etree.parse(place / schema))
                for document in documents:
                    assert judge.validate(etree.parse(document)), f"{document}: {judge.error_log}"


def test_xarray_sentinel_opens_and_calibrates(show: Show) -> None:
    import xarray_sentinel  # noqa: PLC0415

    for kind, prefix in (("S3_SLC__1S", "S3"), ("S3_GRDH_1S", "S3")):
        folder = str(show.product(kind))
        for polarisation in ("VV", "VH"):
            image = xarray_sentinel.open_sentinel1_dataset(folder, group=f"{prefix}/{polarisation}")
            calibration = xarray_sentinel.open_sentinel1_dataset(folder, group=f"{prefix}/{polarisation}/calibration")
            part = (
                image.measurement[1000:1200, 1000:1200] if kind == "S3_SLC__1S" else image.measurement[400:500, 400:500]
            )
            sigma = xarray_sentinel.calibrate_intensity(part, calibration.sigmaNought)
            assert np.isfinite(sigma.values).all()
            assert -30.0 < 10 * np.log10(float(sigma.mean())) < 0.0
            for group in ("orbit", "attitude", "gcp", "azimuth_fm_rate", "dc_estimate", "noise_range"):
                assert xarray_sentinel.open_sentinel1_dataset(folder, group=f"{prefix}/{polarisation}/{group}").sizes


def test_gdal_opens_images_and_subdatasets(show: Show) -> None:
    import rasterio  # noqa: PLC0415

    # GDAL 3.10 offers calibrated subdatasets of complex products only
    offered = {"S3_SLC__1S": {"SIGMA0", "BETA0", "GAMMA", "UNCALIB"}, "S3_GRDH_1S": {"UNCALIB"}}
    for kind, dtype in (("S3_SLC__1S", "complex_int16"), ("S3_GRDH_1S", "uint16")):
        folder, calibrations = show.product(kind), offered[kind]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            for tiff in sorted(folder.glob("measurement/*.tiff")):
                with rasterio.open(tiff) as image:
                    assert image.dtypes == (dtype,)
                    assert len(image.gcps[0]) >= 4 * 21
                    assert image.gcps[1].to_epsg() == 4326
            with rasterio.open(folder / "manifest.safe") as product:
                subdatasets = product.subdatasets
            assert {name.split(":")[1] for name in subdatasets} == calibrations
            for name in subdatasets:
                with rasterio.open(name) as image:
                    assert np.abs(image.read(1, window=((100, 110), (100, 110)))).max() > 0


def test_targets_lie_in_the_ground_range_image_where_its_grid_puts_them(show: Show) -> None:
    import rasterio  # noqa: PLC0415

    folder = show.product("S3_GRDH_1S")
    (annotation,) = folder.glob("annotation/*-vv-*.xml")
    (tiff,) = folder.glob("measurement/*-vv-*.tiff")
    fields = ("latitude", "longitude", "line", "pixel")
    points = etree.parse(annotation).iterfind(".//geolocationGridPoint")
    grid = np.array([[float(point.findtext(field)) for field in fields] for point in points])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(tiff) as opened:
            image = opened.read(1).astype(np.float64)
    origin = grid[:, :2].mean(axis=0)

    def terms(place: np.ndarray) -> np.ndarray:
        a, b = np.moveaxis((place - origin) * 10.0, -1, 0)
        return np.stack([a**i * b**j for i in range(4) for j in range(4 - i)], axis=-1)

    fit, *_ = np.linalg.lstsq(terms(grid[:, :2]), grid[:, 2:], rcond=None)
    assert np.abs(terms(grid[:, :2]) @ fit - grid[:, 2:]).max() < 0.1
    for target in show.truth["targets"]:
        line, pixel = terms(np.array([target["latitude_deg"], target["longitude_deg"]])) @ fit
        top, left = round(line) - 5, round(pixel) - 5
        chip = image[top : top + 11, left : left + 11] ** 2
        chip[chip < 0.1 * chip.max()] = 0.0
        weight = chip / chip.sum()
        assert top + (weight.sum(axis=1) * np.arange(11)).sum() == pytest.approx(line, abs=0.5)
        assert left + (weight.sum(axis=0) * np.arange(11)).sum() == pytest.approx(pixel, abs=0.5)


def test_pystac_client_finds_and_fetches(show: Show) -> None:
    import pystac_client  # noqa: PLC0415

    client = pystac_client.Client.open(f"{show.url}/stac")
    target = show.truth["targets"][0]
    lon, lat = target["longitude_deg"], target["latitude_deg"]
    moment = target["zero_doppler_time"][:10]
    found = list(
        client.search(
            bbox=[lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01], datetime=moment, collections=["S3_SLC__1S"]
        ).items()
    )
    assert [item.id for item in found] == [show.product("S3_SLC__1S").name]
    assert list(client.search(bbox=[10, 10, 11, 11]).items()) == []
    thumbnail = found[0].assets["thumbnail"]
    assert httpx2.get(thumbnail.href).content.startswith(b"\x89PNG")


def test_the_console_lists_the_products(show: Show) -> None:
    page = httpx2.get(f"{show.url}/").raise_for_status().text
    assert show.product("S3_GRDH_1S").name in page
    assert "All is well" in page
