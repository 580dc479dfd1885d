"""The manifests that we write are the ones of the real products, element by element."""

from datetime import UTC, datetime

import attrs
import pytest
from lxml import etree

from s1pdgs.formats.l0.manifest import SliceInformation
from s1pdgs.formats.l0.manifest_reader import ManifestError, parse_manifest, read_manifest
from s1pdgs.formats.l0.manifest_writer import write_manifest
from s1pdgs.formats.xml import FormatError

PRODUCTS = [
    "S1A_IW_RAW__0SDV_20171213T121623_20171213T121656_019684_021735_C6DB.SAFE",
    "S1A_IW_RAW__0ADV_20171213T121123_20171213T121947_019684_021735_51B1.SAFE",
    "S1A_IW_RAW__0SVH_20200120T124746_20200120T125111_030884_038B5E_9470.SAFE",
    "S1A_WV_RAW__0SSV_20180913T214325_20180913T214422_023685_0294F4_41D5.SAFE",
]


def _tree(element):
    text = (element.text or "").strip()
    children = [_tree(child) for child in element if isinstance(child.tag, str)]
    return element.tag, dict(element.attrib), text, children


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_real_manifest_read_and_written_again_is_the_same_tree(testdata, product):
    path = testdata / "products" / product / "manifest.safe"
    written = write_manifest(read_manifest(path))
    assert _tree(etree.fromstring(written)) == _tree(etree.parse(path).getroot())


def test_the_values_of_a_real_slice_are_read(testdata):
    manifest = read_manifest(testdata / "products" / PRODUCTS[0] / "manifest.safe")
    assert (manifest.satellite, manifest.mode, manifest.product_class) == ("S1A", "IW", "S")
    assert manifest.slice == SliceInformation(number=13, length_s=25.0, overlap_s=7.4)
    assert manifest.start == datetime(2017, 12, 13, 12, 16, 23, 685188, tzinfo=UTC)
    assert [(unit.polarisation, unit.packet_store_id) for unit in manifest.units] == [("VH", 25), ("VV", 24)]
    assert manifest.units[0].quality.elements == 52053
    assert manifest.units[0].index.size == 1944
    inner = manifest.processing.resources[2].processing
    assert inner.resources[2].processing.name == "Raw Data Downlink Channel1 1"


def test_what_newer_products_add_survives_writing_and_reading(testdata):
    manifest = read_manifest(testdata / "products" / PRODUCTS[0] / "manifest.safe")
    quality = attrs.evolve(manifest.units[0].quality, rs_incorrigible=3, rs_corrected=4, rs_corrected_symbols=55)
    newer = attrs.evolve(
        manifest,
        units=(attrs.evolve(manifest.units[0], quality=quality), manifest.units[1]),
        slice=SliceInformation(2, 25.0, 7.7, total=4, data_take_start=manifest.start),
        sensing_consolidation="BEGIN",
        mode="SM",
        swath="S3",
    )
    assert parse_manifest(write_manifest(newer), "newer") == newer


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"<sliceNumber>13<", b"<sliceNumber>thirteen<", "sliceNumber 'thirteen' is not a whole number"),
        (b"<productClass>S<", b"<productClass>Q<", "productClass 'Q'"),
        (b"36.7787,86.8273 ", b"36.7787 ", "not latitude,longitude"),
        (b'href="./s1a-iw-raw-s-vh', b'href="../../s1a-iw-raw-s-vh', "does not lie in the product"),
        (b"<calISPPresent>TRUE<", b"<calISPPresent>perhaps<", "neither TRUE nor FALSE"),
        (b'ID="platform"', b'ID="plattform"', "metadataObject platform is missing"),
    ],
)
def test_a_broken_manifest_is_refused_with_its_field(testdata, old, new, complaint):
    data = (testdata / "products" / PRODUCTS[0] / "manifest.safe").read_bytes()
    assert old in data
    with pytest.raises(ManifestError, match=complaint):
        parse_manifest(data.replace(old, new), "broken")


def test_a_prefix_that_nobody_declared_is_refused_by_the_element_that_it_hides(testdata):
    data = (testdata / "products" / PRODUCTS[0] / "manifest.safe").read_bytes()
    hidden = data.replace(b"<safe:platform ", b"<nobody:platform ").replace(b"</safe:platform>", b"</nobody:platform>")
    hidden = hidden.replace(b"<platform>", b"<nobody:platform>").replace(b"</platform>", b"</nobody:platform>")
    assert hidden != data
    with pytest.raises(FormatError, match=r"broken: .*platform"):
        parse_manifest(hidden, "broken")


def test_something_else_is_no_manifest():
    with pytest.raises(FormatError, match="metadataSection"):
        parse_manifest(b"<a/>", "else")
