from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from s1pdgs.formats.eof import read_orbit
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.processors.l0.orbit import OrbitContext, orbit_context, propagate
from s1pdgs.processors.l0.program import Outcome, ProcessorError

IW_SLICE = "products/S1A_IW_RAW__0SDV_20171213T121623_20171213T121656_019684_021735_C6DB.SAFE/manifest.safe"


@pytest.fixture
def context(testdata, mission) -> OrbitContext:
    (prediction,) = (testdata / "aux").glob("*MPL_ORBPRE*")
    return orbit_context(mission.order("AIO_PROCESSOR", {"MPL_ORBPRE": [prediction]}), "S1A", Outcome("test"))


def test_a_real_prediction_gives_the_orbit_reference_of_a_real_slice(testdata, context):
    manifest = read_manifest(testdata / IW_SLICE)
    reference = context.reference(manifest.start, manifest.stop, ascending=True)
    expected = manifest.orbit
    assert reference.start_orbit == expected.start_orbit
    assert reference.start_relative_orbit == expected.start_relative_orbit
    assert (reference.cycle, reference.phase) == (expected.cycle, expected.phase)
    assert abs(reference.ascending_node_time - expected.ascending_node_time) < timedelta(seconds=1)


def test_times_beyond_the_prediction_are_refused(context):
    with pytest.raises(ProcessorError, match="covers the sensing time"):
        context.node_before(context.nodes[-1].time + timedelta(days=1))
    with pytest.raises(ProcessorError, match="covers the sensing time"):
        context.node_before(context.nodes[0].time - timedelta(days=1))


def test_dense_vectors_give_the_nodes_between_them(testdata, mission):
    (restituted,) = (testdata / "aux").glob("*AUX_RESORB*")
    context = orbit_context(mission.order("AIO_PROCESSOR", {"MPL_ORBPRE": [restituted]}), "S1A", Outcome("test"))
    gaps = np.diff([node.time.timestamp() for node in context.nodes])
    assert gaps == pytest.approx(12 * 86400 / 175, abs=5)
    manifest = read_manifest(testdata / IW_SLICE)
    assert abs(context.node_before(manifest.start).time - manifest.orbit.ascending_node_time) < timedelta(seconds=1)


def test_propagation_stays_with_the_real_orbit_for_a_footprint(testdata):
    (restituted,) = (testdata / "aux").glob("*AUX_RESORB*")
    vectors = read_orbit(restituted).vectors
    for later, tolerance_m in ((1, 1.0), (60, 100.0), (300, 3000.0)):
        reached = propagate(vectors[0].state_vector(), vectors[later].time)
        assert np.linalg.norm(reached.position_m - np.array(vectors[later].position_m)) < tolerance_m


def test_a_satellite_without_numbering_needs_the_scenario(testdata, mission):
    (prediction,) = (testdata / "aux").glob("*MPL_ORBPRE*")
    order = mission.order("AIO_PROCESSOR", {"MPL_ORBPRE": [prediction]})
    with pytest.raises(ProcessorError, match="give an MPL_ORBSCT"):
        orbit_context(order, "S1D", Outcome("test"))


def test_the_scenario_numbers_orbits(mission, tmp_path: Path):
    auxiliary = {kind: [path] for kind, path in mission.auxiliary(tmp_path).items()}
    context = orbit_context(mission.order("AIO_PROCESSOR", auxiliary), "S1D", Outcome("test"))
    assert context.locate(73 + 175 * 3 + 4) == (5, 18)
