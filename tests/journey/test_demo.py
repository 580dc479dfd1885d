"""The demonstration delivers what it promises: `s1pdgs demo --keep` is run once as a user runs it, and everything that
it publishes is downloaded through PRIP and judged, mostly by software that does not know us.

The figures are those of the acceptance table (sar.md, section 6.4) for StripMap S3.
"""

import hashlib
import io
import itertools
import json
from binascii import crc_hqx
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from lxml import etree
from numpy.typing import NDArray
from PIL import Image
from pystac_client import Client

from tests.journey.acceptance.annotation import GeolocationGrid, GroundRange, element_paths, one, seconds
from tests.journey.acceptance.demonstration import Demonstration, shared_demonstration
from tests.journey.acceptance.image import (
    centroid,
    looks_of_blocks,
    open_group,
    read_power,
    sigma_nought_blocks,
)
from tests.journey.acceptance.scene import SceneTruth
from tests.journey.acceptance.toolbox import measure_targets

pytestmark = pytest.mark.journey

PUBLISHED = ("S3_GRDH_1S", "S3_RAW__0A", "S3_RAW__0C", "S3_RAW__0N", "S3_RAW__0S", "S3_SLC__1S")
POLARISATIONS = ("VV", "VH")
IMAGES = ("_SLC__1S", "_GRDH_1S")
HEADER = 68

RANGE_RESOLUTION_M, AZIMUTH_RESOLUTION_M, PSLR_DB = 2.54, 4.90, -21.0
AZIMUTH_BANDWIDTH_HZ, HAMMING_WIDTH = 1399.0, 1.0045
"""Processed bandwidth of S3, and the 3 dB width of the response to a spectrum of unit width with Hamming 0.75."""

GRDH_LOOKS = 29.7
"""Equivalent number of looks of a StripMap GRDH: six by six overlapping looks (product definition)."""


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    base = tmp_path_factory.getbasetemp()
    with shared_demonstration((base.parent if base.name.startswith("popen-gw") else base) / "demonstration") as shown:
        yield shown


@pytest.fixture(scope="session")
def prip(demonstration: Demonstration) -> Iterator[httpx2.Client]:
    with demonstration.client() as client:
        yield client


@pytest.fixture(scope="session")
def entries(prip: httpx2.Client) -> dict[str, dict[str, Any]]:
    """What PRIP lists, by product type."""
    listed = get(prip, {"$expand": "Attributes,Quicklooks", "$top": "100"})
    return {attribute(entry, "productType"): entry for entry in listed}


def get(prip: httpx2.Client, query: dict[str, str]) -> list[dict[str, Any]]:
    reply = prip.get("/Products", params=query)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["value"])


def attribute(entry: dict[str, Any], name: str) -> Any:
    return next(one["Value"] for one in entry["Attributes"] if one["Name"] == name)


# The report


def test_the_report_has_its_documented_form(demonstration: Demonstration) -> None:
    report = demonstration.report
    assert list(report) == ["products", "datatakes", "impulse_responses", "steps", "wall_s", "peak_rss_mb"]
    assert {tuple(entry) for entry in report["products"]} == {("name", "type", "size", "sha256")}
    assert {tuple(entry) for entry in report["datatakes"]} == {("id", "packets_sent", "packets_in_l0", "missing")}
    assert {tuple(entry) for entry in report["impulse_responses"]} == {
        (
            "target", "product", "polarisation", "range_resolution_m", "azimuth_resolution_m", "range_pslr_db",
            "azimuth_pslr_db", "range_error_m", "azimuth_error_m",
        )
    }  # fmt: skip
    assert {tuple(entry) for entry in report["steps"]} == {("name", "wall_s")}
    assert {entry["name"].split()[0] for entry in report["steps"]} == {
        "simulate", "receive", "l0-aio", "l0-asp", "l1-sm", "publish", "measure",
    }  # fmt: skip
    assert report["wall_s"] > max(entry["wall_s"] for entry in report["steps"])
    assert 100 < report["peak_rss_mb"] < 4_000


def test_the_reported_products_are_what_prip_serves(
    demonstration: Demonstration, entries: dict[str, dict[str, Any]]
) -> None:
    reported = {entry["type"]: entry for entry in demonstration.report["products"]}
    assert sorted(reported) == sorted(entries) == sorted(PUBLISHED)
    for kind, entry in entries.items():
        data = (demonstration.archives / entry["Name"]).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        assert reported[kind] == {"name": entry["Name"], "type": kind, "size": len(data), "sha256": digest}
        assert entry["ContentLength"] == len(data)
        assert {one["Algorithm"]: one["Value"] for one in entry["Checksum"]} == {
            "MD5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "SHA256": digest,
        }


def test_the_output_names_products_whole(demonstration: Demonstration) -> None:
    lines = demonstration.output.splitlines()
    for entry in demonstration.report["products"]:
        assert entry["name"] in lines
    (path,) = [line.split()[-1] for line in lines if line.startswith("quicklook ")]
    assert Path(path).is_file()
    assert "…" not in demonstration.output


# Level-0


def packets(path: Path) -> Iterator[bytes]:
    """The space packets of a file, by the length in their primary headers."""
    data, start = path.read_bytes(), 0
    while start < len(data):
        stop = start + 7 + int.from_bytes(data[start + 4 : start + 6], "big")
        assert stop <= len(data), f"{path.name}: cut at byte {start}"
        yield data[start:stop]
        start = stop


def signal_type(packet: bytes) -> int:
    """0 echo, 1 noise, 8 and above calibration (space packet ICD, table of secondary header fields)."""
    return packet[63] >> 4


def level0_file(demonstration: Demonstration, product_class: str, polarisation: str) -> Path:
    folder = demonstration.product(f"_RAW__0{product_class}")
    return one(folder, f"*-raw-{product_class.lower()}-{polarisation.lower()}-*-053c1a.dat")


def test_no_packet_is_missing(demonstration: Demonstration) -> None:
    sent = sum(stream["packets"] for stream in demonstration.truth["streams"])
    (datatake,) = demonstration.report["datatakes"]
    assert datatake == {"id": "053C1A", "packets_sent": sent, "packets_in_l0": sent, "missing": 0}


@pytest.mark.parametrize("polarisation", POLARISATIONS)
def test_the_slice_holds_every_packet_that_was_sent_byte_for_byte(
    demonstration: Demonstration, polarisation: str
) -> None:
    (sent,) = [one for one in demonstration.truth["streams"] if one["polarisation"] == polarisation]
    received = level0_file(demonstration, "S", polarisation)
    assert sum(1 for _ in packets(received)) == sent["packets"]
    assert received.stat().st_size == sent["octets"]
    assert hashlib.sha256(received.read_bytes()).hexdigest() == sent["sha256"]


@pytest.mark.parametrize("polarisation", POLARISATIONS)
def test_annotation_calibration_and_noise_products_are_the_slices_packets(
    demonstration: Demonstration, polarisation: str
) -> None:
    sent = list(packets(level0_file(demonstration, "S", polarisation)))
    expected = {
        "A": [packet[:HEADER] for packet in sent],
        "C": [packet for packet in sent if signal_type(packet) >= 8],
        "N": [packet for packet in sent if signal_type(packet) == 1],
    }
    for product_class, wanted in expected.items():
        assert wanted
        assert level0_file(demonstration, product_class, polarisation).read_bytes() == b"".join(wanted)


# Point targets


@pytest.fixture(scope="session")
def reported(demonstration: Demonstration) -> pd.DataFrame:
    """The report's impulse responses by target and polarisation."""
    return pd.DataFrame(demonstration.report["impulse_responses"]).set_index(["target", "polarisation"]).sort_index()


@pytest.fixture(scope="session")
def toolbox(demonstration: Demonstration) -> pd.DataFrame:
    """The same by the SAR Calibration Toolbox."""
    return measure_targets(demonstration.product("_SLC__1S"), demonstration.truth["targets"]).sort_index()


@pytest.mark.parametrize("source", ["reported", "toolbox"])
def test_point_targets_are_sharp_and_where_they_stand(
    demonstration: Demonstration, source: str, request: pytest.FixtureRequest
) -> None:
    found: pd.DataFrame = request.getfixturevalue(source)
    names = [target["name"] for target in demonstration.truth["targets"]]
    assert sorted(found.index) == sorted(itertools.product(names, POLARISATIONS))
    np.testing.assert_allclose(found.range_resolution_m, RANGE_RESOLUTION_M, rtol=0.01)
    np.testing.assert_allclose(found.azimuth_resolution_m, AZIMUTH_RESOLUTION_M, rtol=0.01)
    assert found.range_pslr_db.max() <= PSLR_DB
    assert found.azimuth_pslr_db.max() <= PSLR_DB
    assert found.range_error_m.abs().max() <= 0.02
    assert found.azimuth_error_m.abs().max() <= 0.10


def test_azimuth_resolution_follows_the_speed_over_ground(reported: pd.DataFrame, toolbox: pd.DataFrame) -> None:
    theory = HAMMING_WIDTH * toolbox.ground_speed_m_s / AZIMUTH_BANDWIDTH_HZ
    for found in (reported, toolbox):
        np.testing.assert_allclose(found.azimuth_resolution_m, theory, rtol=0.01)


def test_our_analysis_and_the_toolbox_agree(reported: pd.DataFrame, toolbox: pd.DataFrame) -> None:
    for name, tolerance in {
        "range_resolution_m": 0.01,
        "azimuth_resolution_m": 0.02,
        "range_pslr_db": 0.15,
        "azimuth_pslr_db": 0.15,
        "range_error_m": 0.006,
        "azimuth_error_m": 0.009,
    }.items():
        np.testing.assert_allclose(reported[name], toolbox[name], rtol=0.0, atol=tolerance, err_msg=name)


def test_the_toolbox_finds_the_radar_cross_section(toolbox: pd.DataFrame) -> None:
    assert toolbox.rcs_error_db.abs().max() <= 0.2


# Readers of images


@pytest.mark.parametrize("kind", IMAGES)
def test_xarray_sentinel_opens_every_group(demonstration: Demonstration, kind: str) -> None:
    product = demonstration.product(kind)
    with xr.open_dataset(product, engine="sentinel-1") as root:
        groups = root.attrs["subgroups"]
    names = {
        "orbit",
        "attitude",
        "azimuth_fm_rate",
        "dc_estimate",
        "gcp",
        "noise_range",
        "noise_azimuth",
        "calibration",
    }
    names |= {"coordinate_conversion"} if kind == "_GRDH_1S" else set()
    assert set(groups) == {"S3"}.union(
        *({f"S3/{channel}", *(f"S3/{channel}/{name}" for name in names)} for channel in POLARISATIONS)
    )
    for group in groups:
        with open_group(product, group) as dataset:
            assert group == "S3" or all(size > 0 for size in dataset.sizes.values())


@pytest.mark.parametrize("polarisation", POLARISATIONS)
@pytest.mark.parametrize(("kind", "size"), [("_SLC__1S", (4, 6, 48)), ("_GRDH_1S", (4, 3, 12))])
def test_sigma_nought_is_that_of_the_scene(
    demonstration: Demonstration, kind: str, size: tuple[int, int, int], polarisation: str
) -> None:
    """What xarray-sentinel calibrates is the scene's backscatter plus the thermal noise that the product annotates."""
    blocks = sigma_nought_blocks(demonstration.product(kind), polarisation, *size)
    truth = SceneTruth.of(demonstration.truth)
    for surface, mask in truth.masks(blocks.latitude, blocks.longitude).items():
        assert np.count_nonzero(mask) > 1000
        wanted = truth.sigma_nought(surface, polarisation, blocks.incidence_deg) + blocks.noise
        assert abs(np.median(10.0 * np.log10(blocks.sigma_nought / wanted)[mask])) < 1.0, surface
    assert 10.0 * np.log10(np.median(blocks.noise)) == pytest.approx(truth.levels["noise_equivalent_db"], abs=0.5)


def tie_points(path: Path | str) -> NDArray[np.float64]:
    with rasterio.open(path) as dataset:
        points, system = dataset.gcps
        assert system.to_epsg() == 4326
        return np.array([[point.row, point.col, point.y, point.x] for point in points])


def image_shape(product: Path) -> tuple[int, int]:
    root = etree.parse(one(product, "annotation/*-vv-*.xml"))
    information = "imageAnnotation/imageInformation/"
    return int(root.findtext(f"{information}numberOfLines")), int(root.findtext(f"{information}numberOfSamples"))


def test_gdal_opens_the_slc_and_its_calibrated_subdatasets(demonstration: Demonstration) -> None:
    """GDAL lists and opens the calibrated sets, but what it reads there are squared digital numbers, whoever made the
    product: its driver tests "is intensity" before "is calibrated" (safedataset.cpp, 3.10). Values are therefore those
    of the uncalibrated set, and calibration is checked with xarray-sentinel above.
    """
    product = demonstration.product("_SLC__1S")
    manifest, shape = product / "manifest.safe", image_shape(product)
    with rasterio.open(manifest) as dataset:
        listed = set(dataset.subdatasets)
        assert dataset.shape == shape
        assert dataset.tags()["BEAM_SWATH"] == "S3"
    window = ((1000, 1064), (2000, 2064))
    for channel in ("S3_VV", "S3_VH", "S3"):
        with rasterio.open(f"SENTINEL1_CALIB:UNCALIB:{manifest}:{channel}:COMPLEX") as dataset:
            complex_numbers = dataset.read(1, window=window)
            assert dataset.count == (2 if channel == "S3" else 1)
        if channel != "S3":
            with open_group(product, channel.replace("_", "/")) as image:
                np.testing.assert_array_equal(image.measurement[slice(*window[0]), slice(*window[1])], complex_numbers)
        for calibration in ("SIGMA0", "BETA0", "GAMMA", "UNCALIB"):
            name = f"SENTINEL1_CALIB:{calibration}:{manifest}:{channel}:INTENSITY"
            assert name in listed
            with rasterio.open(name) as dataset:
                assert dataset.shape == shape
                intensity = dataset.read(1, window=window)
                assert np.isfinite(intensity).all()
                np.testing.assert_array_equal(intensity > 0.0, complex_numbers != 0.0)
                if calibration == "UNCALIB":
                    np.testing.assert_allclose(intensity, np.abs(complex_numbers) ** 2, rtol=1e-6)


def test_gdal_opens_the_grd(demonstration: Demonstration) -> None:
    """GDAL offers no calibrated sets of any GRD (OSGeo/gdal pull request 5812, issue 5826)."""
    product = demonstration.product("_GRDH_1S")
    manifest = product / "manifest.safe"
    with rasterio.open(manifest) as dataset:
        assert sorted(dataset.subdatasets) == sorted(
            f"SENTINEL1_CALIB:UNCALIB:{manifest}:{channel}:AMPLITUDE" for channel in ("S3_VV", "S3_VH", "S3")
        )
    with rasterio.open(f"SENTINEL1_CALIB:UNCALIB:{manifest}:S3_VH:AMPLITUDE") as dataset, open_group(
        product, "S3/VH"
    ) as image:  # fmt: skip
        np.testing.assert_array_equal(dataset.read(1), image.measurement)


@pytest.mark.parametrize("kind", IMAGES)
def test_ground_control_points_are_the_geolocation_grid(demonstration: Demonstration, kind: str) -> None:
    product = demonstration.product(kind)
    for channel in ("vv", "vh"):
        grid = GeolocationGrid.read(one(product, f"annotation/*-{channel}-*.xml")).points
        assert len(grid) % 21 == 0
        assert (grid[:, :2].max(axis=0) == np.array(image_shape(product)) - 1).all()
        found = tie_points(one(product, f"measurement/*-{channel}-*.tiff"))
        np.testing.assert_allclose(found, grid, rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(tie_points(product / "manifest.safe"), grid, rtol=0.0, atol=1e-7)


# Documents


def xarray_sentinel_schema(name: str) -> Path:
    return Path(str(files("xarray_sentinel") / "resources" / "sentinel1" / name))


@pytest.mark.parametrize("kind", IMAGES)
def test_data_sets_are_valid_by_independent_schemas_and_by_ours(demonstration: Demonstration, kind: str) -> None:
    product = demonstration.product(kind)
    for data_set, pattern in {
        "product": "annotation/*.xml",
        "calibration": "annotation/calibration/calibration-*.xml",
        "noise": "annotation/calibration/noise-*.xml",
        "rfi": "annotation/rfi/*.xml",
    }.items():
        name = f"s1-level-1-{data_set}.xsd"
        documents = [etree.parse(path) for path in sorted(product.glob(pattern))]
        assert len(documents) == 2
        for path in (xarray_sentinel_schema(name), product / "support" / name):
            schema = etree.XMLSchema(etree.parse(path))
            for document in documents:
                schema.assertValid(document)


@pytest.mark.parametrize("kind", IMAGES)
def test_manifests_are_valid_by_an_independent_schema(demonstration: Demonstration, kind: str) -> None:
    """The schema gives the cycle one byte; Sentinel-1A's cycles went beyond 255 in 2022. That alone is set aside."""
    document = etree.parse(demonstration.product(kind) / "manifest.safe")
    (cycle,) = document.iter("{*}cycleNumber")
    assert int(cycle.text or "") == demonstration.truth["data_take"]["cycle"]
    cycle.text = str(int(cycle.text or "") % 256)
    etree.XMLSchema(etree.parse(xarray_sentinel_schema("my-xfdu.xsd"))).assertValid(document)


def test_names_end_with_the_checksum_of_the_manifest(demonstration: Demonstration) -> None:
    folders = sorted(demonstration.products.iterdir())
    assert len(folders) == len(PUBLISHED)
    for folder in folders:
        assert folder.stem.rsplit("_", 1)[1] == f"{crc_hqx((folder / 'manifest.safe').read_bytes(), 0xFFFF):04X}"


def test_manifests_list_every_file_with_its_size_and_checksum(demonstration: Demonstration) -> None:
    for folder in demonstration.products.iterdir():
        streams = etree.parse(folder / "manifest.safe").findall("dataObjectSection/dataObject/byteStream")
        for stream in streams:
            data = (folder / stream.find("fileLocation").get("href")).read_bytes()
            assert int(stream.get("size")) == len(data)
            assert stream.findtext("checksum") == hashlib.md5(data, usedforsecurity=False).hexdigest()
        listed = {str(Path(stream.find("fileLocation").get("href"))) for stream in streams}
        present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        unlisted = {path for path in present if not path.startswith(("support/", "manifest.safe"))}
        assert listed == unlisted


REAL_LEVEL1 = {
    "_SLC__1S": "S1A_S3_SLC__1SDV_20210401T152855_20210401T152914_037258_04638E_6001.SAFE",
    "_GRDH_1S": "S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8.SAFE",
}
REAL_LEVEL0 = {
    "S": "S1A_IW_RAW__0SDV_20171213T121623_20171213T121656_019684_021735_C6DB.SAFE",
    "A": "S1A_IW_RAW__0ADV_20171213T121123_20171213T121947_019684_021735_51B1.SAFE",
}
NEWER = {
    "numOfRSIncorrigibleElements", "numOfRSCorrectedElements", "numOfRSCorrectedSymbols", "totalNumberOfSlice",
    "dataTakeStartTime", "swath", "software",
}  # fmt: skip
"""Elements of Level-0 manifests that the format has today, and the real ones of 2017 (IW) do not use."""


@pytest.mark.parametrize("kind", IMAGES)
def test_level1_manifests_have_the_elements_of_real_ones(
    demonstration: Demonstration, testdata: Path, kind: str
) -> None:
    ours = element_paths(demonstration.product(kind) / "manifest.safe")
    assert ours == element_paths(testdata / "l1_annotations" / REAL_LEVEL1[kind] / "manifest.safe")


@pytest.mark.parametrize("product_class", REAL_LEVEL0)
def test_level0_manifests_have_the_elements_of_real_ones(
    demonstration: Demonstration, testdata: Path, product_class: str
) -> None:
    ours = element_paths(demonstration.product(f"_RAW__0{product_class}") / "manifest.safe")
    real = element_paths(testdata / "products" / REAL_LEVEL0[product_class] / "manifest.safe")
    assert real <= ours
    assert {path.rsplit("/", 1)[1] for path in ours - real} <= NEWER


# The detected image


@pytest.mark.parametrize("polarisation", POLARISATIONS)
def test_targets_appear_in_the_grd_where_its_polynomials_and_grid_say(
    demonstration: Demonstration, polarisation: str
) -> None:
    product = demonstration.product("_GRDH_1S")
    annotation = one(product, f"annotation/*-{polarisation.lower()}-*.xml")
    ground, grid, power = (
        GroundRange.read(annotation),
        GeolocationGrid.read(annotation),
        read_power(product, polarisation),
    )
    for target in demonstration.truth["targets"]:
        predicted = ground.pixel(seconds(target["zero_doppler_time"]), target["slant_range_m"])
        np.testing.assert_allclose(centroid(power, *predicted), predicted, atol=0.5, err_msg=target["name"])
        by_grid = grid.pixel(target["latitude_deg"], target["longitude_deg"])
        np.testing.assert_allclose(by_grid, predicted, atol=0.02, err_msg=target["name"])


@pytest.mark.parametrize("polarisation", POLARISATIONS)
def test_the_grd_has_the_looks_that_its_definition_promises(demonstration: Demonstration, polarisation: str) -> None:
    """Over the sea, in blocks of 80 m: small enough that the texture of the scene does not count as speckle."""
    product = demonstration.product("_GRDH_1S")
    looks, line, pixel = looks_of_blocks(read_power(product, polarisation), 8)
    grid = GeolocationGrid.read(one(product, f"annotation/*-{polarisation.lower()}-*.xml"))
    sea = SceneTruth.of(demonstration.truth).masks(*grid.position(line, pixel))["sea"]
    # mean of 1 / looks, because it is the variance that has no bias
    assert 1.0 / np.mean(1.0 / looks[sea]) == pytest.approx(GRDH_LOOKS, rel=0.15)


# The doors


def of_type(kind: str) -> str:
    return (
        "Attributes/OData.CSC.StringAttribute/any(att:att/Name eq 'productType' and "
        f"att/OData.CSC.StringAttribute/Value eq '{kind}')"
    )


def area(longitude: float, latitude: float) -> str:
    corners = [(-0.01, -0.01), (0.01, -0.01), (0.01, 0.01), (-0.01, 0.01), (-0.01, -0.01)]
    ring = ",".join(f"{longitude + x:.4f} {latitude + y:.4f}" for x, y in corners)
    return f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({ring}))')"


def test_odata_filters_find_exactly_the_right_products(
    demonstration: Demonstration, prip: httpx2.Client, entries: dict[str, dict[str, Any]]
) -> None:
    def found(text: str) -> set[str]:
        listed = get(prip, {"$filter": text, "$expand": "Attributes"})
        return {attribute(entry, "productType") for entry in listed}

    level0, level1 = set(PUBLISHED[1:5]), {"S3_SLC__1S", "S3_GRDH_1S"}
    slc, place = entries["S3_SLC__1S"], demonstration.truth["targets"][4]
    start, longitude, latitude = slc["ContentDate"]["Start"], place["longitude_deg"], place["latitude_deg"]
    assert found(f"Name eq '{slc['Name']}'") == {"S3_SLC__1S"}
    assert found("startswith(Name,'S1A_S3_RAW')") == level0
    assert found("contains(Name,'_1SDV_') and endswith(Name,'.zip')") == level1
    assert found(f"ContentDate/Start ge {start}") == level1
    assert found(f"ContentDate/Start lt {start}") == level0
    assert found(f"PublicationDate gt {max(entry['PublicationDate'] for entry in entries.values())}") == set()
    assert found(of_type("S3_RAW__0N")) == {"S3_RAW__0N"}
    orbit = demonstration.truth["data_take"]["absolute_orbit"]
    number = "Attributes/OData.CSC.IntegerAttribute/any(att:att/Name eq 'orbitNumber' and "
    assert found(f"{number}att/OData.CSC.IntegerAttribute/Value eq {orbit})") == set(PUBLISHED)
    assert found(f"{number}att/OData.CSC.IntegerAttribute/Value gt {orbit})") == set()
    assert found(area(longitude, latitude)) == set(PUBLISHED)
    assert found(f"{area(longitude, latitude)} and {of_type('S3_SLC__1S')}") == {"S3_SLC__1S"}
    assert found(area(longitude + 5.0, latitude)) == set()


def test_a_broken_download_resumes(
    demonstration: Demonstration, prip: httpx2.Client, entries: dict[str, dict[str, Any]]
) -> None:
    entry = entries["S3_GRDH_1S"]
    whole = (demonstration.archives / entry["Name"]).read_bytes()
    address, half = f"/Products({entry['Id']})/$value", len(whole) // 2
    begun = prip.get(address, headers={"Range": f"bytes=0-{half - 1}"})
    rest = prip.get(address, headers={"Range": f"bytes={half}-", "If-Range": begun.headers["etag"]})
    assert begun.status_code == rest.status_code == 206
    assert rest.headers["content-range"] == f"bytes {half}-{len(whole) - 1}/{len(whole)}"
    assert begun.content + rest.content == whole


@pytest.mark.parametrize("kind", ["S3_SLC__1S", "S3_GRDH_1S"])
def test_the_quicklook_shows_land_and_sea(
    demonstration: Demonstration, prip: httpx2.Client, entries: dict[str, dict[str, Any]], kind: str
) -> None:
    entry = entries[kind]
    (quicklook,) = entry["Quicklooks"]
    reply = prip.get(f"/Products({entry['Id']})/Quicklooks('{quicklook['Image']}')/$value")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(reply.content)) as image:
        assert image.mode == "RGB"
        pixels = np.asarray(image, np.float64)
    product = demonstration.product(kind[2:])
    grid = GeolocationGrid.read(one(product, "annotation/*-vv-*.xml"))
    lines, samples = image_shape(product)
    line = (np.arange(pixels.shape[0]) + 0.5) / pixels.shape[0] * lines
    sample = (np.arange(pixels.shape[1]) + 0.5) / pixels.shape[1] * samples
    masks = SceneTruth.of(demonstration.truth).masks(*grid.position(line, sample))
    red_green = pixels[..., :2].mean(axis=2)
    assert red_green.std() > 30
    assert np.median(red_green[masks["land"]]) - np.median(red_green[masks["sea"]]) > 80


def test_pystac_client_searches_and_downloads(
    demonstration: Demonstration, entries: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    catalogue = Client.open(f"{demonstration.url}/stac")
    assert sorted(one.id for one in catalogue.get_collections()) == sorted(PUBLISHED)
    target = demonstration.truth["targets"][4]
    x, y, day = target["longitude_deg"], target["latitude_deg"], target["zero_doppler_time"][:10]
    box, elsewhere = [x - 0.01, y - 0.01, x + 0.01, y + 0.01], [x + 5, y - 0.01, x + 5.02, y + 0.01]

    def search(**wanted: Any) -> list[Any]:
        return list(
            catalogue.search(**({"bbox": box, "datetime": day, "collections": ["S3_GRDH_1S"]} | wanted)).items()
        )

    (item,) = search()
    assert search(bbox=elsewhere) == search(datetime="2020-01-01") == search(collections=["S3_OCN__2S"]) == []
    assert f"{item.id}.zip" == entries["S3_GRDH_1S"]["Name"]
    asset = item.assets["product"]
    archive = tmp_path / "product.zip"
    archive.write_bytes(httpx2.get(asset.href, timeout=60.0).content)
    assert archive.stat().st_size == asset.extra_fields["file:size"]
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert asset.extra_fields["file:checksum"] == f"1220{digest}"
    assert digest == {one["Algorithm"]: one["Value"] for one in entries["S3_GRDH_1S"]["Checksum"]}["SHA256"]
    thumbnail = httpx2.get(item.assets["thumbnail"].href, timeout=60.0)
    assert thumbnail.content.startswith(b"\x89PNG")
    assert json.loads(httpx2.get(item.get_self_href() or "").text)["properties"] == item.to_dict()["properties"]


def test_the_console_shows_the_products(demonstration: Demonstration) -> None:
    reply = httpx2.get(f"{demonstration.url}/", timeout=30.0)
    assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (200, "text/html")
    for folder in demonstration.products.iterdir():
        assert folder.name in reply.text
    assert "All is well" in reply.text
