"""The manifest of Level-1 products, element by element against real ones and the schema of xarray-sentinel."""

from importlib.resources import files
from pathlib import Path

import pytest
from attrs import evolve
from lxml import etree

from s1pdgs.formats.l1.manifest import DataObject, ImageObjects, L1Manifest, SlicePlace
from s1pdgs.formats.l1.manifest_writer import write_manifest
from s1pdgs.formats.l1.product import ProductFacts
from s1pdgs.formats.manifest import read_manifest

REAL = (
    "l1_annotations/S1A_S3_SLC__1SDV_20210401T152855_20210401T152914_037258_04638E_6001.SAFE",
    "l1_annotations/S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8.SAFE",
    "l1_annotations/S1B_IW_SLC__1SDV_20210401T052622_20210401T052650_026269_032297_EFA4.SAFE",
    "products/S1A_IW_GRDH_1SDV_20180227T145344_20180227T145413_020794_023A69_C0B5.SAFE",
)
Step = tuple[str, ...]


def image(name: str) -> ImageObjects:
    return ImageObjects(
        product=DataObject(f"annotation/{name}.xml", 10, "0" * 32),
        noise=DataObject(f"annotation/calibration/noise-{name}.xml", 11, "1" * 32),
        calibration=DataObject(f"annotation/calibration/calibration-{name}.xml", 12, "2" * 32),
        measurement=DataObject(f"measurement/{name}.tiff", 13, "3" * 32),
    )


@pytest.fixture
def manifest(product_facts: ProductFacts) -> L1Manifest:
    start = product_facts.segment_start
    return L1Manifest(
        satellite="S1A",
        mode="SM",
        swaths=("S3",),
        product_type="SLC",
        polarisations=("VV", "VH"),
        start=start,
        stop=start,
        start_anx_ms=600_000.0,
        stop_anx_ms=601_000.0,
        instrument_configuration_id=7,
        data_take_id=0x7AB3C,
        composition="Slice",
        timeliness="Fast-24h",
        orbit=product_facts.orbit,
        processing=product_facts.processing,
        footprints=(((-11.0, 42.5), (-10.75, 43.5), (-12.0, 43.75), (-12.25, 43.0)),),
        images=(image("s1a-s3-slc-vh-a-001"), image("s1a-s3-slc-vv-a-002")),
        map_overlay=DataObject("preview/map-overlay.kml", 14, "4" * 32),
        product_preview=DataObject("preview/product-preview.html", 15, "5" * 32),
        quicklook=DataObject("preview/quick-look.png", 16, "6" * 32),
        slice=SlicePlace(segment_start=start, number=1, total=1),
    )


def paths(root: etree._Element) -> list[Step]:
    """Every path of tags in the order of its first appearance."""
    found: dict[Step, None] = {}

    def walk(element: etree._Element, above: Step) -> None:
        here = (*above, element.tag)
        found.setdefault(here)
        for child in element.iterchildren(etree.Element):
            walk(child, here)

    walk(root, ())
    return list(found)


def attributes(root: etree._Element) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for element in root.iter(etree.Element):
        names.setdefault(element.tag, set()).update(element.attrib)
    return names


@pytest.mark.parametrize("name", REAL)
def test_every_element_of_real_manifests_in_their_order(testdata: Path, manifest: L1Manifest, name: str) -> None:
    real = etree.parse(testdata / name / "manifest.safe").getroot()
    ours = etree.fromstring(write_manifest(manifest))
    assert paths(ours) == paths(real)
    assert attributes(ours) == attributes(real)
    assert ours.nsmap == real.nsmap


@pytest.mark.parametrize("name", REAL)
def test_identifiers_and_schemas_are_those_of_real_manifests(testdata: Path, manifest: L1Manifest, name: str) -> None:
    real = etree.parse(testdata / name / "manifest.safe").getroot()
    ours = etree.fromstring(write_manifest(manifest))
    assert fixed_identifiers(ours) == fixed_identifiers(real)
    assert schema_order(ours) == schema_order(real)


def fixed_identifiers(root: etree._Element) -> list[tuple[str, str]]:
    """Metadata objects that do not belong to one image, with their schema or wrap."""
    return [
        (holder.get("ID", ""), str(dict(holder[0].attrib)))
        for holder in root.iter("metadataObject")
        if not holder.get("ID", "").startswith(("products1", "noises1", "calibrations1"))
    ]


def schema_order(root: etree._Element) -> list[str]:
    return list(dict.fromkeys(element.get("repID", "") for element in root.iter() if element.get("repID")))


def test_the_generic_reader_finds_the_facts(manifest: L1Manifest, tmp_path: Path) -> None:
    (tmp_path / "manifest.safe").write_bytes(write_manifest(manifest))
    read = read_manifest(tmp_path / "manifest.safe")
    assert read.version == "esa/safe/sentinel-1.0/sentinel-1/sar/level-1/slc/standard/smdp"
    assert (read.start, read.orbits, read.cycle) == (manifest.start, (63000, 63000), 227)
    assert (read.mode, read.swaths, read.flight_pass) == ("SM", ("S3",), "ASCENDING")
    assert read.frames == (((42.5, -11.0), (43.5, -10.75), (43.75, -12.0), (43.0, -12.25)),)
    assert read.information["transmitterReceiverPolarisation"] == ("VV", "VH")
    assert read.information["totalSlices"] == ("1",)
    assert read.files[-1] == "./preview/quick-look.png"


def test_the_independent_schema_accepts_it(manifest: L1Manifest) -> None:
    schema = files("xarray_sentinel") / "resources" / "sentinel1" / "my-xfdu.xsd"
    etree.XMLSchema(etree.parse(str(schema))).assertValid(etree.fromstring(write_manifest(manifest)))


def test_wave_products_have_a_frame_a_vignette_and_neither_quicklook_nor_slice(
    testdata: Path, manifest: L1Manifest
) -> None:
    ring = manifest.footprints[0]
    wave = evolve(
        manifest, mode="WV", composition="Individual", slice=None, quicklook=None, footprints=(ring, ring),
        polarisations=("VV",), swaths=("WV1", "WV2"),
    )  # fmt: skip
    ours = etree.fromstring(write_manifest(wave))
    name = "S1B_WV_SLC__1SSV_20210403T083025_20210403T084452_026300_032390_D542.SAFE"
    real = etree.parse(testdata / "l1_annotations" / name / "manifest.safe").getroot()
    history = "{http://www.esa.int/safe/sentinel-1.0}processing"
    assert [path for path in paths(ours) if history not in path] == [
        path for path in paths(real) if history not in path
    ]
    assert fixed_identifiers(ours) == fixed_identifiers(real)


def test_interference_annotation_is_listed_where_there_is_some(manifest: L1Manifest) -> None:
    rfi = DataObject("annotation/rfi/rfi-s1a-s3-slc-vv-a-002.xml", 17, "7" * 32)
    first, second = manifest.images
    root = etree.fromstring(write_manifest(evolve(manifest, images=(first, evolve(second, rfi=rfi)))))
    assert [holder.get("ID") for holder in root.iter("dataObject") if holder.get("repID") == "s1Level1RfiSchema"] == [
        "rfis1as3slcvva002"
    ]
    assert root.find(".//metadataObject[@ID='s1Level1RfiSchema']/metadataReference").get("href") == (
        "./support/s1-level-1-rfi.xsd"
    )
