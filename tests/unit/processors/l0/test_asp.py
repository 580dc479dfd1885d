from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.isp.header import HEADER_SIZE
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.names import ProductName
from s1pdgs.processors.l0 import aio, asp
from s1pdgs.processors.l0.program import Outcome, ProcessorError
from s1pdgs.processors.l0.slices import number_of_slices

COUNT = 4600
STEP_S = 0.01
LENGTH_S, OVERLAP_S = 25.0, 7.7
CHANNELS = {"VV": 24, "VH": 25}


@pytest.fixture(scope="module")
def sent(mission):
    return {24: mission.packets(0, COUNT, STEP_S), 25: mission.packets(1, COUNT, STEP_S)}


@pytest.fixture(scope="module")
def segments(mission, sent, tmp_path_factory):
    """Segments of two sessions that overlap by 600 packets, and of one session that has everything."""
    found = {}
    for name, span in (("whole", slice(None)), ("early", slice(0, 2600)), ("late", slice(2000, None))):
        folder = tmp_path_factory.mktemp(name)
        channels = {n: mission.cadus({vcid: sent[vcid][span]}).tobytes() for n, vcid in ((1, 24), (2, 25))}
        aio.process_session(mission.session_order(folder, channels), folder, Outcome(aio.NAME))
        lines = (folder / "AIOProc.LIST").read_text().split()
        found[name] = [folder / line for line in lines if line.endswith(".SAFE")]
    return found


def _run(mission, folder: Path, paths: list[Path], **parameters) -> tuple[dict[str, list[Path]], Outcome]:
    auxiliary = {kind: [path] for kind, path in mission.auxiliary(folder).items() if kind != "AUX_OBMEMC"}
    order = mission.order("L0_ASSEMBLY_SLICING_PROC", {"SM_RAW__0S": paths, **auxiliary}, **parameters)
    outcome = Outcome(asp.NAME)
    asp.process_data_take(order, folder, outcome)
    products: dict[str, list[Path]] = {}
    *made, report = (folder / "L0ASProcList.LIST").read_text().split()
    for line in made:
        products.setdefault(ProductName.parse(line).product_class, []).append(folder / line)
    products["report"] = [folder / report]
    return products, outcome


def _measurements(product: Path) -> dict[str, bytes]:
    manifest = read_manifest(product / "manifest.safe")
    return {unit.polarisation: (product / unit.data.href).read_bytes() for unit in manifest.units}


def test_slices_hold_every_packet_of_their_interval_byte_for_byte(mission, sent, segments, tmp_path):
    products, outcome = _run(mission, tmp_path, segments["whole"])
    assert outcome.warnings == []
    assert len(products["S"]) == 2
    first, second = products["S"]
    assert ProductName.parse(first.name).polarisation == "DV"
    last_of_first = round(32.7 / STEP_S) + 1
    for polarisation, vcid in CHANNELS.items():
        assert _measurements(first)[polarisation] == b"".join(sent[vcid][:last_of_first])
        assert _measurements(second)[polarisation] == b"".join(sent[vcid][2500:])


def test_slices_say_where_they_belong(mission, segments, tmp_path):
    products, _ = _run(mission, tmp_path, segments["whole"])
    manifests = [read_manifest(path / "manifest.safe") for path in products["S"]]
    assert [(m.slice.number, m.slice.total, m.slice.length_s, m.slice.overlap_s) for m in manifests] == [
        (1, 2, 25.0, 7.7),
        (2, 2, 25.0, 7.7),
    ]
    assert {m.consolidation for m in manifests} == {"SLICE"}
    assert {m.class_description for m in manifests} == {"SAR Slice L0 product"}
    assert manifests[0].version.endswith("/level-0/standard/smdp")
    assert [unit.polarisation for unit in manifests[0].units] == ["VH", "VV"]
    assert (manifests[1].start - manifests[0].start).total_seconds() == pytest.approx(25, abs=STEP_S)
    steps = [resource.processing for resource in manifests[0].processing.resources if resource.processing]
    assert [step.resources[-1].processing.name for step in steps] == [
        "Raw Data Downlink Channel2",
        "Raw Data Downlink Channel1",
    ]


def test_annotation_calibration_and_noise_products_hold_their_packets(mission, sent, segments, tmp_path):
    products, _ = _run(mission, tmp_path, segments["whole"])
    for product_class, vcid in (("A", 24), ("C", 24), ("N", 24)):
        (product,) = products[product_class]
        chosen = sent[vcid]
        if product_class != "A":
            wanted = (8,) if product_class == "C" else (1,)
            chosen = [packet for packet in chosen if packet[63] >> 4 in wanted]
        else:
            chosen = [packet[:HEADER_SIZE] for packet in chosen]
        assert _measurements(product)["VV"] == b"".join(chosen)
        manifest = read_manifest(product / "manifest.safe")
        assert manifest.consolidation == "FULL"
        assert manifest.units[1].quality.elements == len(chosen)
        assert (manifest.units[0].annotation is None) == (product_class == "A")


def test_overlapping_segments_are_assembled_without_gap_or_twin(mission, sent, segments, tmp_path):
    products, outcome = _run(mission, tmp_path, segments["late"] + segments["early"])
    assert outcome.warnings == []
    (annotations,) = products["A"]
    assert _measurements(annotations)["VH"] == b"".join(packet[:HEADER_SIZE] for packet in sent[25])
    assert _measurements(products["S"][1])["VV"] == b"".join(sent[24][2500:])


def test_an_open_end_is_told(mission, sent, segments, tmp_path):
    products, outcome = _run(mission, tmp_path, segments["early"])
    assert len(products["S"]) == 1
    assert [warning.split(":")[0] for warning in outcome.warnings] == ["VH", "VV"]
    assert read_manifest(products["A"][0] / "manifest.safe").consolidation == "PARTIAL"


def test_one_polarisation_makes_single_products(mission, sent, segments, tmp_path):
    only = [path for path in segments["whole"] if "0SVV" in path.name]
    products, _ = _run(mission, tmp_path, only)
    assert ProductName.parse(products["S"][0].name).polarisation == "SV"
    manifest = read_manifest(products["S"][0] / "manifest.safe")
    assert manifest.version.endswith("/standard/smsp")
    assert manifest.processing.name == "Generation of Sentinel-1 SAR Slice L0 product"


def test_a_truncated_segment_is_refused_with_the_remedy(mission, segments, tmp_path):
    source = segments["whole"][0]
    copy = tmp_path / source.name
    copy.mkdir()
    for path in source.iterdir():
        if path.is_file():
            data = path.read_bytes()
            (copy / path.name).write_bytes(data[:-10] if path.name.endswith("1c2.dat") else data)
    with pytest.raises(ProcessorError, match="download it again"):
        _run(mission, tmp_path, [copy])


def test_segments_of_two_data_takes_do_not_mix(mission, segments, tmp_path):
    channels = {1: mission.cadus({24: mission.packets(0, 200, STEP_S, data_take_id=0x0700)}).tobytes()}
    aio.process_session(mission.session_order(tmp_path, channels), tmp_path, Outcome(aio.NAME))
    other = tmp_path / (tmp_path / "AIOProc.LIST").read_text().split()[0]
    with pytest.raises(ProcessorError, match="mixed"):
        _run(mission, tmp_path, [segments["whole"][0], other])


EDGE = round((LENGTH_S + OVERLAP_S) / STEP_S)
"""The packet at the very end of slice 1, of which rounding tells whether it begins slice 2."""
PARTS = (
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1))
    .map(sorted)
    .filter(lambda part: part[1] - part[0] > 100 and part[1] != EDGE)
)


@settings(max_examples=8)
@given(parts=st.lists(PARTS, min_size=1, max_size=3))
def test_whatever_parts_arrive_in_whatever_order_each_slice_has_what_there_is_of_it(
    mission, sent, tmp_path_factory, parts
):
    """Parts overlap, leave gaps, and lack ends; the grid is that of the first round."""
    segments = []
    for first, last in parts:
        folder = tmp_path_factory.mktemp("part")
        channels = {1: mission.cadus({24: sent[24][first : last + 1]}).tobytes()}
        aio.process_session(mission.session_order(folder, channels), folder, Outcome(aio.NAME))
        segments += [folder / line for line in (folder / aio.AIO_LIST).read_text().split() if "_RAW__0S" in line]
    folder = tmp_path_factory.mktemp("asp")
    products, _ = _run(mission, folder, segments, Grid_Start="20260301T051000.000008")
    arrived = sorted({number for first, last in parts for number in range(first, last + 1)})
    times = np.array(arrived) * STEP_S
    ended = arrived[-1] >= COUNT - 16
    count = number_of_slices(times[-1], LENGTH_S, OVERLAP_S, ended=ended)
    expected = {}
    for number in range(1, count + 1):
        begin = (number - 1) * LENGTH_S
        end = times[-1] if number == count else begin + LENGTH_S + OVERLAP_S
        chosen = [each for each, time in zip(arrived, times, strict=True) if begin - 1e-4 <= time <= end + 1e-4]
        if chosen:
            expected[number] = (b"".join(sent[24][each] for each in chosen), chosen[-1] - chosen[0] + 1 - len(chosen))
    made = {}
    for product in products["S"]:
        manifest = read_manifest(product / "manifest.safe")
        assert manifest.slice.total == count
        made[manifest.slice.number] = (_measurements(product)["VV"], manifest.units[0].quality.missing)
    assert made.keys() == expected.keys()
    for number, (data, missing_inside) in expected.items():
        assert made[number][0] == data
        assert made[number][1] >= missing_inside
