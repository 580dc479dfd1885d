"""Product annotation, calibration, noise and RFI data sets, against themselves, real files and independent schemas."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from lxml import etree

from s1pdgs.formats.l1.annotation import Burst, BurstNumber, Product, SwathTiming, product_xml, read_product
from s1pdgs.formats.l1.calibration import calibration_xml, read_calibration
from s1pdgs.formats.l1.noise import noise_xml, read_noise
from s1pdgs.formats.l1.product import ImageDataSets
from s1pdgs.formats.l1.rfi import read_rfi, rfi_xml

MakeImage = Callable[[str], ImageDataSets]
KINDS: dict[str, tuple[Callable[[Path], Any], Callable[[Any], bytes]]] = {
    "product": (read_product, product_xml),
    "calibration": (read_calibration, calibration_xml),
    "noise": (read_noise, noise_xml),
    "rfi": (read_rfi, rfi_xml),
}


def independent_errors(name: str, data: bytes) -> str:
    """What the schema packaged with xarray-sentinel (IPF 3.40) says."""
    schema = files("xarray_sentinel") / "resources" / "sentinel1" / f"s1-level-1-{name}.xsd"
    validator = etree.XMLSchema(etree.parse(str(schema)))
    validator.validate(etree.fromstring(data))
    return str(validator.error_log)


@pytest.mark.parametrize("name", KINDS)
def test_data_sets_read_back_equal(name: str, make_image: MakeImage, tmp_path: Path) -> None:
    read, write = KINDS[name]
    made = getattr(make_image("VV"), name)
    path = tmp_path / "file.xml"
    path.write_bytes(write(made))
    assert read(path) == made


@pytest.mark.parametrize("name", KINDS)
def test_data_sets_follow_the_independent_schema(name: str, make_image: MakeImage) -> None:
    made = getattr(make_image("VH"), name)
    assert independent_errors(name, KINDS[name][1](made)) == ""


def with_burst(product: Product, number: BurstNumber | None) -> Product:
    burst = Burst(
        azimuth_time=product.ads_header.start_time,
        azimuth_anx_time=600.0,
        sensing_time=product.ads_header.start_time,
        byte_offset=12345,
        first_valid_sample=[-1, 3],
        last_valid_sample=[-1, 700],
        burst_id=number,
    )
    return evolve(product, swath_timing=SwathTiming(lines_per_burst=2, samples_per_burst=800, burst_list=(burst,)))


def test_bursts_follow_the_independent_schema_and_read_back(product_annotation: Product, tmp_path: Path) -> None:
    product = with_burst(product_annotation, BurstNumber(relative=97_456, absolute=2_345_678))
    (tmp_path / "product.xml").write_bytes(product_xml(product))
    assert independent_errors("product", product_xml(product)) == ""
    assert read_product(tmp_path / "product.xml") == product


def test_elements_of_newer_processors_can_be_left_out(product_annotation: Product) -> None:
    information = evolve(
        product_annotation.image_annotation.processing_information,
        rfi_mitigation_performed=None,
        rfi_mitigation_domain=None,
    )
    image = evolve(product_annotation.image_annotation, processing_information=information)
    data = product_xml(with_burst(evolve(product_annotation, image_annotation=image), None))
    assert b"rfiMitigation" not in data
    assert b"burstId" not in data


def kind_of(path: Path) -> str:
    head = path.name.partition("-")[0]
    return head if head in KINDS else "product"


def test_real_files_come_back_word_by_word(testdata: Path, tmp_path: Path) -> None:
    """S3 SLC, IW SLC and IW GRD of IPF 3.31: same elements, attributes and texts in the same order."""
    paths = sorted((testdata / "l1_annotations").glob("*.SAFE/annotation/**/*.xml"))
    assert {kind_of(path) for path in paths} == {"product", "calibration", "noise"}
    for path in paths:
        read, write = KINDS[kind_of(path)]
        value = read(path)
        again = etree.fromstring(write(value))
        assert words(again) == words(etree.parse(path).getroot()), path.name
        (tmp_path / "again.xml").write_bytes(write(value))
        assert read(tmp_path / "again.xml") == value


def words(root: etree._Element) -> list[tuple[str, dict[str, str], str]]:
    return [(element.tag, dict(element.attrib), (element.text or "").strip()) for element in root.iter()]


def test_real_annotations_follow_the_schema_that_we_ship(testdata: Path, slc_product: Path) -> None:
    validators = {
        name: etree.XMLSchema(etree.parse(slc_product / "support" / f"s1-level-1-{name}.xsd")) for name in KINDS
    }
    for path in sorted((testdata / "l1_annotations").glob("*.SAFE/annotation/**/*.xml")):
        validators[kind_of(path)].assertValid(etree.parse(path))


def test_real_product_schema_of_2021_accepts_ours_without_newer_elements(
    testdata: Path, product_annotation: Product
) -> None:
    information = evolve(
        product_annotation.image_annotation.processing_information,
        rfi_mitigation_performed=None,
        rfi_mitigation_domain=None,
    )
    image = evolve(product_annotation.image_annotation, processing_information=information)
    [schema] = (testdata / "l1_annotations").glob("S1B_IW_SLC*/support/s1-level-1-product.xsd")
    etree.XMLSchema(etree.parse(schema)).assertValid(
        etree.fromstring(product_xml(evolve(product_annotation, image_annotation=image)))
    )
