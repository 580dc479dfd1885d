"""The simulated auxiliary files: in the real formats, true to the simulated orbit, and of one mind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import numpy as np
import pytest
from lxml import etree

from s1pdgs.formats.aux.cal import read_calibration
from s1pdgs.formats.aux.ins import read_instrument
from s1pdgs.formats.aux.pp1 import read_processing
from s1pdgs.formats.aux.safe import data_file, read_manifest
from s1pdgs.formats.earth_explorer import read_header
from s1pdgs.formats.eof import read_orbit, read_scenario
from s1pdgs.formats.names import AuxiliaryName
from s1pdgs.formats.obmemc import read_obmemc
from s1pdgs.model.interval import Interval
from s1pdgs.simulator.auxiliary.files import KINDS, RAW_GAIN, AuxiliaryContext, antenna_patterns, write_auxiliary
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.orbit import acquisition_over
from s1pdgs.simulator.swaths import STRIPMAP


@pytest.fixture(scope="module")
def context() -> AuxiliaryContext:
    return AuxiliaryContext.of_acquisition(acquisition_over(36.14, -5.35, after=datetime(2026, 1, 5, tzinfo=UTC)))


@pytest.fixture(scope="module")
def files(context: AuxiliaryContext, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return dict(zip(KINDS, write_auxiliary(tmp_path_factory.mktemp("auxiliary"), context), strict=True))


def test_every_kind_has_a_name_that_the_ground_segment_reads(files: dict[str, Path]) -> None:
    for kind, path in files.items():
        assert AuxiliaryName.parse(path.name).product_type == kind
        assert path.exists()


@pytest.mark.parametrize(
    ("kind", "real"),
    [
        ("AUX_INS", "S1B_AUX_INS"),
        ("AUX_CAL", "S1A_AUX_CAL"),
        ("AUX_PP1", "S1B_AUX_PP1"),
    ],
)
def test_parameters_are_valid_against_the_real_schemas_and_their_own(
    files: dict[str, Path], testdata: Path, kind: str, real: str
) -> None:
    document = etree.parse(data_file(files[kind]))
    schema = f"s1-{kind.lower().replace('_', '-')}.xsd"
    support = next((testdata / "aux_processing").glob(f"{real}_*.SAFE")) / "support"
    for path in (support / schema, files[kind] / "support" / schema):
        etree.XMLSchema(etree.parse(path)).assertValid(document)
    manifest = read_manifest(files[kind])
    assert (manifest.product_type, manifest.satellite, manifest.instrument_configuration_id) == (kind, "S1A", 6)


def test_the_instrument_is_the_real_one_where_the_simulation_has_no_reason_to_differ(
    files: dict[str, Path], testdata: Path
) -> None:
    ours = read_instrument(files["AUX_INS"])
    real = read_instrument(next((testdata / "aux_processing").glob("S1B_AUX_INS_*.SAFE")))
    assert ours.decoding == real.decoding
    assert ours.roll_steering == real.roll_steering
    for timeline in ours.timelines:
        assert timeline == real.timeline(timeline.ecc_number)
    for swath in ours.swaths:
        assert swath.phase_coefficients == real.swath(swath.swath).phase_coefficients
        assert swath.azimuth_steering_rate_deg_s == real.swath(swath.swath).azimuth_steering_rate_deg_s
    for channel in ours.channels:
        assert channel.replica_pcc == real.channel(channel.swath, channel.polarisation).replica_pcc


def test_processing_windows_looks_and_spacings_are_the_real_ones(files: dict[str, Path], testdata: Path) -> None:
    ours = read_processing(files["AUX_PP1"])
    real = read_processing(next((testdata / "aux_processing").glob("S1B_AUX_PP1_*.SAFE")))
    assert [product.product_id for product in ours.products] == [
        "SM_SL1__1",
        "SM_SLC__1",
        "SM_GRDF_1",
        "SM_GRDH_1",
        "SM_GRDM_1",
        "IW_SLC__1",
        "EW_SLC__1",
        "WV_SLC__1",
        "IW_GRDH_1",
        "IW_GRDM_1",
        "EW_GRDH_1",
        "EW_GRDM_1",
        "WV_GRDM_1",
    ]
    for product in ours.products:
        # the real WV_SLC__1 opens its azimuth window to the whole PRF; ours keeps that of the focused image
        theirs = real.product(product.product_id.replace("WV_SLC", "WV_SL1")).postprocessing
        assert (product.postprocessing.range, product.postprocessing.azimuth) == (theirs.range, theirs.azimuth)
        if product.product_id.startswith("SM"):
            assert product.postprocessing == theirs
        for swath in (look.swath for look in theirs.range):
            assert {name: product.gain(swath, name) for name in RAW_GAIN} == RAW_GAIN


def test_patterns_peak_in_the_swath_and_are_what_the_file_says(files: dict[str, Path]) -> None:
    calibration = read_calibration(files["AUX_CAL"])
    for swath in STRIPMAP:
        channel = calibration.channel(swath, "VV")
        assert (channel.elevation, channel.azimuth) == antenna_patterns(swath)
        edges = np.array([channel.elevation.near_angle_deg, channel.elevation.far_angle_deg]) - 29.45
        assert channel.elevation.power(edges) == pytest.approx([10**-0.35] * 2, rel=0.02)
        assert channel.elevation.power(np.array([edges.mean()]))[0] == pytest.approx(1.0, abs=0.01)
    azimuth = calibration.channel("S3", "VV").azimuth
    angles = azimuth.angles_deg()
    assert np.ptp(angles[azimuth.amplitude(angles) > 10 ** (-3 / 20)]) == pytest.approx(0.165, abs=0.006)


def test_land_gives_about_twenty_counts(files: dict[str, Path]) -> None:
    """Raw power of a distributed scene: K^2 beta (c Tp / 2) (R times the integral of AAP^2) EAP, at 800 km."""
    calibration = read_calibration(files["AUX_CAL"]).channel("S3", "VV")
    gain = read_processing(files["AUX_PP1"]).product("SM_SLC__1").gain("S3", "VV")
    angles = calibration.azimuth.angles_deg()
    footprint_m = 800e3 * np.radians(0.005) * np.sum(calibration.azimuth.amplitude(angles) ** 2)
    beta = 10**-0.8 / np.sin(np.radians(33.0))
    power = gain**2 * beta * 0.5 * 299792458.0 * 44.17e-6 * footprint_m
    assert 15.0 < np.sqrt(power / 2.0) < 25.0


def test_orbit_files_cover_the_acquisition_and_tell_one_orbit(
    files: dict[str, Path], context: AuxiliaryContext
) -> None:
    precise, restituted = (read_orbit(files[kind]) for kind in ("AUX_POEORB", "AUX_RESORB"))
    assert precise.header.validity.duration == timedelta(hours=26)
    assert len(precise.vectors) == 9361
    for orbit in (precise, restituted):
        assert orbit.covers(context.acquisition)
        assert orbit.vectors[1].time - orbit.vectors[0].time == timedelta(seconds=10)
        vector = next(orbit.around(context.acquisition))
        truth = context.trajectory.vector_at(vector.time)
        assert np.linalg.norm(vector.position_m - truth.position_m) < 1e-5
        assert np.linalg.norm(vector.velocity_m_s - truth.velocity_m_s) < 1e-5


def test_the_prediction_starts_four_days_before_and_has_a_vector_at_every_node(
    files: dict[str, Path], context: AuxiliaryContext
) -> None:
    predicted = read_orbit(files["MPL_ORBPRE"])
    wanted = Interval(context.acquisition.start - timedelta(seconds=345600), context.acquisition.stop)
    assert predicted.header.validity.covers(wanted)
    orbits = [vector.absolute_orbit for vector in predicted.vectors]
    assert orbits == list(range(orbits[0], orbits[0] + len(orbits)))
    assert len(orbits) >= 101
    assert max(abs(vector.position_m[2]) for vector in predicted.vectors) < 0.02
    node = context.trajectory.node_before(context.acquisition.start)
    assert node.time in {vector.time for vector in predicted.vectors}


def test_the_scenario_locates_the_orbit_of_the_acquisition(files: dict[str, Path], context: AuxiliaryContext) -> None:
    scenario = read_scenario(files["MPL_ORBSCT"])
    node = context.trajectory.node_before(context.acquisition.start)
    assert scenario.locate(node.absolute_orbit) == (154, 372)
    assert scenario.header.validity.start < context.acquisition.start - timedelta(seconds=345600)
    change = scenario.changes[0]
    assert change.anx_longitude_deg == pytest.approx(0.146, abs=0.1)  # of the real scenario of S1A
    assert change.mean_local_solar_time.startswith("18:0")


def test_the_memory_configuration_is_the_real_one(files: dict[str, Path], testdata: Path) -> None:
    ours = read_obmemc(files["AUX_OBMEMC"])
    real = read_obmemc(next((testdata / "aux").glob("*OBMEMC*")))
    assert len(ours.stores) == 51
    assert ours.validity == real.validity
    bare = [[attrs.evolve(store, store_type="") for store in configuration.stores] for configuration in (ours, real)]
    assert bare[0] == bare[1]


def test_headers_tell_when_files_were_made(files: dict[str, Path], context: AuxiliaryContext) -> None:
    assert read_header(files["AUX_RESORB"]).created == context.restituted_created
    assert read_header(files["AUX_POEORB"]).created == context.precise_created
    assert read_header(files["MPL_ORBPRE"]).created < read_header(files["MPL_ORBPRE"]).validity.start


def test_kinds_may_be_chosen(context: AuxiliaryContext, tmp_path: Path) -> None:
    paths = write_auxiliary(tmp_path / "new", context, ["AUX_OBMEMC", "AUX_PP1"])
    assert [AuxiliaryName.parse(path.name).product_type for path in paths] == ["AUX_PP1", "AUX_OBMEMC"]
    with pytest.raises(SimulatorError, match="AUX_TEC are not simulated"):
        write_auxiliary(tmp_path, context, ["AUX_TEC"])


def test_a_trajectory_that_is_too_short_is_refused(context: AuxiliaryContext, tmp_path: Path) -> None:
    late = Interval(context.trajectory.stop - timedelta(minutes=5), context.trajectory.stop)
    with pytest.raises(SimulatorError, match="does not reach"):
        write_auxiliary(tmp_path, AuxiliaryContext.of(context.trajectory, late), ["AUX_POEORB"])
    with pytest.raises(SimulatorError, match="satellite 'S2A' is not simulated"):
        AuxiliaryContext.of(context.trajectory, late, satellite="S2A")
