"""Our products beside the real ones of their mode and class: same elements, attributes and order in the manifest."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree
from tests.unit.processors.l0.flights import Assembled, Flight

from s1pdgs.simulator.plan import TakePlan

START = datetime(2026, 3, 1, 5, 10, tzinfo=UTC)
REAL = {
    "slice": "S1A_IW_RAW__0SDV_20171213T121623_20171213T121656_019684_021735_C6DB.SAFE",
    "annotation": "S1A_IW_RAW__0ADV_20171213T121123_20171213T121947_019684_021735_51B1.SAFE",
    "segment": "S1A_IW_RAW__0SVH_20200120T124746_20200120T125111_030884_038B5E_9470.SAFE",
    "wave": "S1A_WV_RAW__0SSV_20180913T214325_20180913T214422_023685_0294F4_41D5.SAFE",
}
VALUES = {"ID", "classification", "category", "mimeType", "vocabularyName", "locatorType", "unitType", "textInfo"}
VALUES |= {"repID", "dmdID", "pdiID", "dataObjectID", "checksumName", "type", "abbreviation", "srsName", "role"}
"""Attributes of which the values are part of the structure; of all others only the names are."""

NEWER = {
    "software": "products of later processors name the software of the facility; the catalogue of the PDGS reads it",
    "totalNumberOfSlice": "later slices tell how many there are (optional in the public format description)",
    "dataTakeStartTime": "later slices tell the start of the data take, which anchors the grid of Level-1 bursts",
    "numOfRSIncorrigibleElements": "later products tell the Reed-Solomon counts (read by the reference system)",
    "numOfRSCorrectedElements": "as above",
    "numOfRSCorrectedSymbols": "as above",
}
"""Elements that ours have and the real ones, of 2017 to 2021, have not; and why."""


def _lines(element, path: str = "") -> list[str]:
    """Every element as a line: its path of names, and its attributes with the values that are structure."""
    name = etree.QName(element).localname
    if name == "processing" and "Raw Data Downlink" in element.get("name", ""):
        name = "downlink"
    attributes = [f"{key}={value}" if key in VALUES else key for key, value in sorted(element.attrib.items())]
    here = f"{path}/{etree.QName(element).namespace or ''}:{name}"
    lines = [f"{here}[{' '.join(attributes)}]"]
    for child in element:
        if isinstance(child.tag, str):
            lines += _lines(child, here)
    return lines


def _structure(manifest: Path, without: set[str] = frozenset()) -> list[str]:
    root = etree.parse(manifest, etree.XMLParser(remove_comments=True)).getroot()
    for element in [each for each in root.iter("{*}*") if etree.QName(each).localname in without]:
        element.getparent().remove(element)
    return [root.get("version"), *_lines(root)]


@pytest.fixture(scope="module")
def ours(mission, tmp_path_factory) -> dict[str, Path]:
    """The products of a simulated IW data take in dual, and a WV one in single polarisation."""
    takes = [
        TakePlan(name="IW", mode="IW", duration_s=1.0, samples=64),
        TakePlan(name="WV", mode="WV", duration_s=1.0, samples=64, polarisation="SV"),
    ]
    flight = Flight.of(mission, START, takes)
    segments = flight.receive(
        {each.name: flight.everything(each.name) for each in takes}, tmp_path_factory.mktemp("aio")
    )
    folder = tmp_path_factory.mktemp("asp")
    iw: Assembled = flight.assemble(segments["IW"], folder / "IW")
    wv: Assembled = flight.assemble(segments["WV"], folder / "WV")
    return {
        "slice": iw.products("S")[0],
        "annotation": iw.products("A")[0],
        "segment": next(path for path in segments["IW"] if "0SVH" in path.name),
        "wave": wv.products("S")[0],
    }


@pytest.mark.parametrize("kind", REAL)
def test_the_manifest_has_the_elements_of_the_real_one_in_their_order(testdata, ours, kind):
    real = _structure(testdata / "products" / REAL[kind] / "manifest.safe")
    made = _structure(ours[kind] / "manifest.safe", without=set(NEWER))
    assert made == real


@pytest.mark.parametrize("kind", REAL)
def test_what_ours_have_beyond_the_real_ones_is_listed(testdata, ours, kind):
    real = set(_structure(testdata / "products" / REAL[kind] / "manifest.safe"))
    beyond = {line.rpartition(":")[2].partition("[")[0] for line in _structure(ours[kind] / "manifest.safe")} - {
        line.rpartition(":")[2].partition("[")[0] for line in real
    }
    assert beyond <= set(NEWER)
    if kind == "slice":
        assert beyond == set(NEWER)


@pytest.mark.parametrize("kind", REAL)
def test_file_names_follow_those_of_the_real_product(testdata, ours, kind):
    """Position by position: letters stand for themselves, digits of times, orbits and identifiers for any."""
    root = etree.parse(testdata / "products" / REAL[kind] / "manifest.safe").getroot()
    real = [element.get("href") for element in root.iter("{*}fileLocation")]
    made = [
        element.get("href") for element in etree.parse(ours[kind] / "manifest.safe").getroot().iter("{*}fileLocation")
    ]
    assert [_shape(name) for name in made] == [_shape(name) for name in real]


def _shape(href: str) -> list[str]:
    satellite, mode, raw, product_class, polarisation, *rest = href.split("-")
    return [satellite, mode, raw, product_class, polarisation, *(str(len(part)) for part in rest[:4]), *rest[4:]]


@pytest.mark.parametrize("kind", ["slice", "segment", "wave"])
def test_annotation_and_index_describe_the_measurement_packet_by_packet(ours, kind):
    """Read by their published layouts alone: lengths walk through the packets, blocks begin where the index says."""
    (measurement, *_) = sorted(ours[kind].glob("*[0-9a-f].dat"))
    packets = measurement.read_bytes()
    companions = [measurement.with_name(f"{measurement.stem}-{what}.dat") for what in ("annot", "index")]
    annotations, index = (
        list(struct.iter_unpack(layout, path.read_bytes()))
        for layout, path in zip((">HIHHIHHHHBBBB", ">ddIIQB3x"), companions, strict=True)
    )
    starts, position = [], 0
    for annotation in annotations:
        starts.append(position)
        (length,) = struct.unpack_from(">H", packets, position + 4)
        assert annotation[6] == length
        assert packets[position + 12 : position + 16] == bytes.fromhex("352ef853")
        position += length + 7
    assert position == len(packets)
    block = 100 if kind == "wave" else 1000
    assert [(record[3], record[4]) for record in index[:-1]] == list(enumerate(starts))[::block]
    assert (index[-1][3], index[-1][4]) == (len(starts), len(packets))
    assert len(index) == -(-len(starts) // block) + 1
