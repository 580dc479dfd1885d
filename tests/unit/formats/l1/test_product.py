"""The SAFE folder of a Level-1 product: complete and true to its manifest, or not there."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from lxml import etree
from PIL import Image

from s1pdgs.formats.l1.annotation import read_product
from s1pdgs.formats.l1.measurement import SLC_PIXEL, MeasurementInfo
from s1pdgs.formats.l1.product import ImageDataSets, ProductFacts, file_stem, product_draft
from s1pdgs.formats.manifest import read_manifest
from s1pdgs.formats.names import ProductName, manifest_uid
from s1pdgs.formats.xml import FormatError

STEM = "s1a-s3-slc-{}-20260304t050607-20260304t050607-063000-07ab3c-{}"
MakeImage = Callable[[str], ImageDataSets]


@pytest.fixture
def info(product_facts: ProductFacts) -> MeasurementInfo:
    return MeasurementInfo(
        lines=2, samples=3, description="Sentinel-1A S3 SLC L1", software="s1pdgs", created=product_facts.segment_start
    )


def test_the_folder_holds_what_a_published_product_holds(slc_product: Path) -> None:
    vh, vv = STEM.format("vh", "001"), STEM.format("vv", "002")
    expected = {"manifest.safe", "preview/map-overlay.kml", "preview/product-preview.html", "preview/quick-look.png"}
    for stem in (vh, vv):
        expected |= {
            f"annotation/{stem}.xml",
            f"annotation/calibration/calibration-{stem}.xml",
            f"annotation/calibration/noise-{stem}.xml",
            f"annotation/rfi/rfi-{stem}.xml",
            f"measurement/{stem}.tiff",
        }
    expected |= {
        f"support/{name}.xsd"
        for name in (
            "s1-level-1-product", "s1-level-1-calibration", "s1-level-1-noise", "s1-level-1-rfi",
            "s1-level-1-measurement", "s1-level-1-quicklook", "s1-map-overlay", "s1-object-types", "s1-product-preview",
        )
    }  # fmt: skip
    assert {str(path.relative_to(slc_product)) for path in slc_product.rglob("*") if path.is_file()} == expected


def test_the_name_tells_the_product_and_the_crc_of_its_manifest(slc_product: Path, grd_product: Path) -> None:
    name = ProductName.parse(slc_product.name)
    assert name.product_type == "S3_SLC__1S"
    assert (name.polarisation, name.orbit, name.datatake) == ("DV", 63000, 0x7AB3C)
    assert name.uid == manifest_uid((slc_product / "manifest.safe").read_bytes())
    assert ProductName.parse(grd_product.name).product_type == "S3_GRDF_1S"


def test_the_manifest_lists_every_file_with_its_size_and_md5(slc_product: Path) -> None:
    root = etree.parse(slc_product / "manifest.safe").getroot()
    listed = {}
    for stream in root.iter("byteStream"):
        href = stream.find("fileLocation").get("href")
        data = (slc_product / href).read_bytes()
        listed[href] = data
        assert stream.get("size") == str(len(data)), href
        assert stream.findtext("checksum") == hashlib.md5(data).hexdigest(), href
    files = [path for path in slc_product.rglob("*") if path.is_file() and path.parent.name != "support"]
    assert len(listed) == len(files) - 1
    references = {reference.get("href") for reference in root.iter("metadataReference")}
    assert references == {f"./support/{path.name}" for path in (slc_product / "support").iterdir()}


def test_the_manifest_tells_times_place_and_slice(slc_product: Path) -> None:
    manifest = read_manifest(slc_product / "manifest.safe")
    assert (manifest.start_anx_ms, manifest.stop_anx_ms) == (600_000.0, 600_299.5)
    assert manifest.information["sliceNumber"] == ("1",)
    product = read_product(slc_product / "annotation" / f"{STEM.format('vv', '002')}.xml")
    points = product.geolocation_grid.geolocation_grid_point_list
    corners = [(point.longitude, point.latitude) for point in (points[-9], points[-1], points[8], points[0])]
    assert np.allclose(manifest.frames[0], corners, atol=1e-6)


def test_the_overlay_puts_the_lower_left_corner_first(slc_product: Path) -> None:
    product = read_product(slc_product / "annotation" / f"{STEM.format('vv', '002')}.xml")
    points = product.geolocation_grid.geolocation_grid_point_list
    root = etree.parse(slc_product / "preview" / "map-overlay.kml").getroot()
    text = root.findtext(".//{*}LatLonQuad/{*}coordinates").split()
    ring = [tuple(float(part) for part in pair.split(",")) for pair in text]
    corners = [(point.longitude, point.latitude) for point in (points[-9], points[-1], points[8], points[0])]
    assert np.allclose(ring, corners, atol=1e-6)


def test_the_statistics_annotated_are_those_of_the_pixels(
    slc_product: Path, make_pixels: Callable[[str, str], np.ndarray]
) -> None:
    product = read_product(slc_product / "annotation" / f"{STEM.format('vh', '001')}.xml")
    pixels = make_pixels("VH", "SLC")
    statistics = product.image_annotation.image_information.image_statistics
    assert statistics.output_data_mean == pytest.approx(pixels.mean(dtype=np.complex128), abs=1e-5)
    assert statistics.output_data_std_dev.real == pytest.approx(pixels.real.std(dtype=np.float64), rel=1e-5)


def test_previews_open(slc_product: Path) -> None:
    with Image.open(slc_product / "preview" / "quick-look.png") as image:
        assert (image.size, image.mode) == ((200, 150), "RGB")
    page = etree.parse(slc_product / "preview" / "product-preview.html").getroot()
    for link in page.iter("{*}a", "{*}img"):
        assert (slc_product / "preview" / (link.get("href") or link.get("src"))).is_file()


@pytest.mark.parametrize(
    ("part", "schema"),
    [
        ("annotation/*.xml", "s1-level-1-product.xsd"),
        ("annotation/calibration/calibration-*.xml", "s1-level-1-calibration.xsd"),
        ("annotation/calibration/noise-*.xml", "s1-level-1-noise.xsd"),
        ("annotation/rfi/*.xml", "s1-level-1-rfi.xsd"),
        ("preview/map-overlay.kml", "s1-map-overlay.xsd"),
        ("preview/product-preview.html", "s1-product-preview.xsd"),
    ],
)
def test_files_follow_the_schemas_in_their_support_folder(
    slc_product: Path, grd_product: Path, part: str, schema: str
) -> None:
    for product in (slc_product, grd_product):
        validator = etree.XMLSchema(etree.parse(product / "support" / schema))
        found = list(product.glob(part))
        assert found
        for path in found:
            validator.assertValid(etree.parse(path))


def test_schemas_refuse_what_is_not_written(slc_product: Path) -> None:
    validator = etree.XMLSchema(etree.parse(slc_product / "support" / "s1-level-1-noise.xsd"))
    [path] = slc_product.glob("annotation/calibration/noise-*-vv-*.xml")
    data = path.read_bytes()
    for old, new in ((b"<swath>S3</swath>", b"<swath>S9</swath>"), (b"noiseRangeLut", b"noiseLut")):
        assert not validator.validate(etree.fromstring(data.replace(old, new)))


def test_an_unfinished_product_leaves_nothing(tmp_path: Path, make_image: MakeImage, info: MeasurementInfo) -> None:
    with product_draft(tmp_path) as draft:
        image = make_image("VV")
        with draft.measurement(image.product.ads_header, info, SLC_PIXEL) as writer:
            writer.write(0, np.zeros((2, 3), np.complex64))
        draft.add_image(image)
    assert list(tmp_path.iterdir()) == []


def test_images_without_measurements_are_refused(
    tmp_path: Path, make_image: MakeImage, info: MeasurementInfo, product_facts: ProductFacts
) -> None:
    with product_draft(tmp_path) as draft:
        with pytest.raises(FormatError, match=r"vv.*has no measurement"):
            draft.add_image(make_image("VV"))
        with draft.measurement(make_image("VV").product.ads_header, info, SLC_PIXEL) as writer:
            writer.write(0, np.zeros((2, 3), np.complex64))
        with pytest.raises(FormatError, match="1 measurements and 0 annotated images"):
            draft.finish(product_facts)
        with pytest.raises(FormatError, match="differing headers"):
            draft.add_image(evolve(make_image("VV"), noise=make_image("VH").noise))


def test_a_product_without_interference_annotation_and_quicklook(
    tmp_path: Path, make_image: MakeImage, info: MeasurementInfo, product_facts: ProductFacts
) -> None:
    with product_draft(tmp_path) as draft:
        image = evolve(make_image("VV"), rfi=None)
        with draft.measurement(image.product.ads_header, info, SLC_PIXEL) as writer:
            writer.write(0, np.zeros((2, 3), np.complex64))
        draft.add_image(image)
        product = draft.finish(product_facts)
    assert [path.name for path in tmp_path.iterdir()] == [product.name]
    assert ProductName.parse(product.name).polarisation == "SV"
    assert not (product / "annotation" / "rfi").exists()
    assert b"Rfi" not in (product / "manifest.safe").read_bytes()
    assert not (product / "support" / "s1-level-1-quicklook.xsd").exists()


def test_file_names(make_image: MakeImage) -> None:
    assert file_stem(make_image("VH").product.ads_header) == STEM.format("vh", "001")
