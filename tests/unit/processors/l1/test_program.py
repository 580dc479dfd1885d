"""A simulated slice becomes SLC and GRDH products that their own schemas, readers and targets agree with."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from attrs import evolve, frozen
from lxml import etree
from tests.kept import kept

from s1pdgs.formats.aux.pp1 import ProductParameters
from s1pdgs.formats.joborder import JobOrder, OrderInput, OrderOutput, OrderTask, write_job_order
from s1pdgs.formats.l0.manifest import (
    CompressionTypes,
    L0Manifest,
    MeasurementQuality,
    OrbitReference,
    Processing,
    SliceInformation,
)
from s1pdgs.formats.l0.product import MeasurementContent, write_product
from s1pdgs.formats.l1.annotation import read_product
from s1pdgs.formats.l1.calibration import read_calibration
from s1pdgs.formats.l1.noise import read_noise
from s1pdgs.formats.listfile import read_list
from s1pdgs.processors.analysis.point_target import Target, analyse_product
from s1pdgs.processors.l1.packets import open_packets
from s1pdgs.processors.l1.receiver import EXTRACTED
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic, geodetic_to_ecef
from s1pdgs.sar.orbit import ground_point, zero_doppler_time
from s1pdgs.simulator.auxiliary.files import AuxiliaryContext, write_auxiliary
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.instrument import read_channels
from s1pdgs.simulator.noise import noise_deviation
from s1pdgs.simulator.orbit import acquisition_over
from s1pdgs.simulator.packets import packet_batches
from s1pdgs.simulator.places import place
from s1pdgs.simulator.scenario import Scenario, Scene
from s1pdgs.simulator.session import data_take_of, raw_image, sensing_interval
from s1pdgs.simulator.targets import Target as Simulated
from s1pdgs.simulator.targets import place_targets, target_at

from .slices import revise_processing, run

HEIGHT_M = 3000.0
SCENARIO = Scenario(duration_s=0.93, samples=3700, targets=3, scene=Scene(distributed=False))


@frozen(eq=False)
class Slice:
    """A Level-0 slice in a folder with the auxiliary files beside it, and what it shows."""

    folder: Path
    name: str
    take: DataTake
    targets: tuple[Target, ...]

    def order(
        self,
        workdir: Path,
        *,
        orbit: str | None = "AUX_POEORB",
        outputs: tuple[str, ...] = ("SM_SLC__1S", "SM_GRDH_1S"),
    ) -> Path:
        kinds = ("AUX_INS", "AUX_CAL", "AUX_PP1", *((orbit,) if orbit else ()))
        files = {kind: [str(path) for path in sorted((self.folder / "auxiliary").glob(f"*{kind}*"))] for kind in kinds}
        inputs = [OrderInput("SM_RAW__0S", "Physical", (str(self.folder / self.name),))]
        inputs += [OrderInput(kind.replace("ORB", ""), "Physical", tuple(names)) for kind, names in files.items()]
        made = tuple(OrderOutput(kind, "Regexp", f"{workdir}/^.*{kind[3:]}.*$", mandatory=True) for kind in outputs)
        order = JobOrder("L1", "1.0", (OrderTask("L1", "1.0", tuple(inputs), made),))
        path = workdir / "JobOrder.1.xml"
        write_job_order(path, order)
        return path


def write_slice(folder: Path, height_m: float = 0.0) -> Slice:
    """The slice of a scene of targets that stand so high above the ellipsoid."""
    there = place(SCENARIO.place)
    passing = acquisition_over(there.latitude_deg, there.longitude_deg, "S3", after=SCENARIO.after)
    take = data_take_of(SCENARIO, passing)
    span = sensing_interval(take)
    write_auxiliary(
        folder / "auxiliary",
        AuxiliaryContext.of(passing.trajectory, span, satellite="S1A", instrument_configuration_id=6),
    )
    channels = read_channels(folder / "auxiliary", "S3", SCENARIO.polarisations)
    targets = tuple(raised(take, target, height_m) for target in place_targets(take))
    contents = []
    for polarisation in SCENARIO.polarisations:
        channel = channels[polarisation]
        raw = raw_image(take, channel, targets)
        path = folder / f"{polarisation}.dat"
        with path.open("wb") as stream:
            for data, _ in packet_batches(
                take, channel, raw, noise_deviation(take, channel), np.random.SeedSequence(5)
            ):
                stream.write(data.tobytes())
        quality = MeasurementQuality(take.schedule.pri_count.size, 0, 0)
        contents.append(MeasurementContent(polarisation, 24, quality, path, path.stat().st_size, "0" * 32))
    header = L0Manifest(
        satellite="S1A",
        mode="SM",
        swath="S3",
        start=span.start,
        stop=span.stop,
        start_anx_ms=0.0,
        stop_anx_ms=1.0,
        product_class="S",
        consolidation="SLICE",
        calibration_present=True,
        noise_present=True,
        instrument_configuration_id=6,
        data_take_id=SCENARIO.data_take_id,
        compression=CompressionTypes("FDBAQ_0", "BAQ_5_BIT", "BYPASS"),
        units=(),
        orbit=OrbitReference(
            passing.absolute_orbit,
            passing.absolute_orbit,
            passing.relative_orbit,
            passing.relative_orbit,
            passing.cycle,
            1,
            passing.pass_direction,
            passing.node.time,
        ),
        processing=Processing("Assembly", span.stop, span.stop + timedelta(seconds=1)),
        footprint=((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)),
        slice=SliceInformation(number=2, length_s=25.0, overlap_s=7.7, total=3, data_take_start=span.start),
    )
    name = write_product(folder, header, contents, "DV")
    truth = tuple(Target(target.name, target.position_m, target.rcs_m2) for target in targets)
    return Slice(folder, name, take, truth)


def raised(take: DataTake, target: Simulated, height_m: float) -> Simulated:
    """A target as far away as another, at a height."""
    point = ground_point(take.orbit, target.zero_doppler_s, target.slant_range_m, height_m)
    return target_at(take.orbit, target.name, point, target.rcs_m2, target.zero_doppler_s)


@pytest.fixture(scope="module")
def made() -> Slice:
    return kept("slice-SM", write_slice)


@pytest.fixture(scope="module")
def products(made: Slice) -> dict[str, Path]:
    def make(workdir: Path) -> dict[str, Path]:
        with pytest.MonkeyPatch.context() as patch:
            assert run(made.order(workdir), patch) == 0
        return {name[7:10]: workdir / name for name in read_list(workdir / f"{workdir.name}.LIST")}

    return kept("slice-SM-products", make)


def test_both_products_are_named_and_listed(products: dict[str, Path]) -> None:
    assert sorted(products) == ["GRD", "SLC"]
    assert products["SLC"].name.startswith("S1A_S3_SLC__1SDV_2026")
    assert products["GRD"].name.startswith("S1A_S3_GRDH_1SDV_2026")
    assert not list(products["SLC"].parent.glob(".*"))


def test_targets_are_where_they_stand_and_as_bright_as_they_are(made: Slice, products: dict[str, Path]) -> None:
    found = analyse_product(products["SLC"], made.targets)
    assert len(found) == 6
    for target in found:
        assert target.range_resolution_m == pytest.approx(2.53, rel=0.01)
        assert max(target.range_pslr_db, target.azimuth_pslr_db) < -20.8
        assert abs(target.range_error_m) < 0.01
        assert abs(target.azimuth_error_m) < 0.03
        assert 10 * np.log10(target.rcs_m2 / SCENARIO.target_rcs_m2) == pytest.approx(0.0, abs=0.15)


def test_data_sets_follow_the_schemas_that_they_ship(products: dict[str, Path]) -> None:
    for folder in products.values():
        for kind, pattern in (
            ("product", "annotation/*.xml"),
            ("calibration", "annotation/calibration/calibration-*.xml"),
            ("noise", "annotation/calibration/noise-*.xml"),
            ("rfi", "annotation/rfi/*.xml"),
        ):
            schema = etree.XMLSchema(etree.parse(folder / "support" / f"s1-level-1-{kind}.xsd"))
            documents = sorted(folder.glob(pattern))
            assert len(documents) == 2
            for document in documents:
                schema.assertValid(etree.parse(document))


def test_annotation_tells_the_grid_and_the_slice(made: Slice, products: dict[str, Path]) -> None:
    annotation = read_product(next((products["SLC"] / "annotation").glob("*-vv-*.xml")))
    information = annotation.image_annotation.image_information
    assert (information.slice_number, information.product_composition) == (2, "Slice")
    assert information.azimuth_time_interval == pytest.approx(made.take.scenario.radar.pri_s, rel=1e-6)
    assert annotation.image_annotation.processing_information.orbit_source == "Auxiliary"
    (estimate,) = annotation.doppler_centroid.dc_estimate_list
    assert len(estimate.fine_dce_list) == 20
    truth = made.take.range_geometry(np.linspace(100, 600, 20)).doppler_hz.mean()
    assert np.mean([fine.frequency for fine in estimate.fine_dce_list]) == pytest.approx(truth, abs=3.0)
    replicas = annotation.general_annotation.replica_information_list[0].replica_list
    assert replicas
    assert all(replica.relative_pg_product_valid_flag for replica in replicas)
    (quality,) = annotation.quality_information.quality_data_list
    assert quality.downlink_quality.num_downlink_input_missing_lines == 0


def test_the_grid_of_tie_points_agrees_with_the_orbit(made: Slice, products: dict[str, Path]) -> None:
    for folder in products.values():
        annotation = read_product(next((folder / "annotation").glob("*-vv-*.xml")))
        information = annotation.image_annotation.image_information
        first = made.take.orbit.seconds(information.product_first_line_utc_time)
        points = annotation.geolocation_grid.geolocation_grid_point_list
        assert len(points) % 21 == 0
        for point in points[::7]:
            position = geodetic_to_ecef(point.latitude, point.longitude, point.height)
            time, slant = zero_doppler_time(made.take.orbit, position, first)
            assert float(time) == pytest.approx(first + point.line * information.azimuth_time_interval, abs=3e-6)
            assert float(slant) == pytest.approx(0.5 * SPEED_OF_LIGHT_M_S * point.slant_range_time, abs=0.02)


def test_thermal_noise_is_what_the_noise_vectors_say(products: dict[str, Path]) -> None:
    folder = products["GRD"]
    for measurement in sorted((folder / "measurement").iterdir()):
        stem = measurement.stem
        noise = read_noise(folder / "annotation/calibration" / f"noise-{stem}.xml").noise_range_vector_list[0]
        with rasterio.open(measurement) as image:
            power = image.read(1).astype(np.float64) ** 2
        level = np.interp(np.arange(power.shape[1]), noise.pixel, noise.noise_range_lut)
        above_db = 10 * np.log10(np.median(power / level))
        # the echoes' own quantisation noise lies on top, more so under the bright targets
        assert -0.2 < above_db < 1.2


def test_calibration_vectors_carry_the_incidence(products: dict[str, Path]) -> None:
    folder = products["SLC"]
    path = next((folder / "annotation/calibration").glob("calibration-*-vh-*.xml"))
    annotation = read_product(folder / "annotation" / path.name.removeprefix("calibration-"))
    grid = annotation.geolocation_grid.geolocation_grid_point_list
    vector = read_calibration(path).calibration_vector_list[0]
    incidence = np.radians(
        np.interp(vector.pixel, [point.pixel for point in grid[:21]], [point.incidence_angle for point in grid[:21]])
    )
    assert vector.sigma_nought == pytest.approx(vector.beta_nought / np.sqrt(np.sin(incidence)), rel=1e-5)
    assert vector.gamma == pytest.approx(vector.beta_nought / np.sqrt(np.tan(incidence)), rel=1e-5)
    assert vector.dn == pytest.approx(vector.beta_nought)


def test_on_a_plateau_everything_goes_by_the_terrain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = kept("slice-SM-plateau", lambda folder: write_slice(folder, HEIGHT_M))
    latitude, longitude, _ = (float(part) for part in ecef_to_geodetic(made.targets[0].position_m))
    with rasterio.open(
        tmp_path / "dem.tif", "w", driver="GTiff", height=60, width=60, count=1, dtype="float32", crs="EPSG:4326",
        transform=Affine(0.05, 0.0, longitude - 1.5, 0.0, -0.05, latitude + 1.5),
    ) as image:  # fmt: skip
        image.write(np.full((60, 60), HEIGHT_M, np.float32), 1)
    monkeypatch.setenv("L1_TERRAIN_MODEL", str(tmp_path / "dem.tif"))
    (workdir := tmp_path / "work").mkdir()
    assert run(made.order(workdir), monkeypatch) == 0
    slc, grd = (workdir / name for name in sorted(read_list(workdir / "work.LIST"), key=lambda name: "GRD" in name))
    for target in analyse_product(slc, made.targets):
        assert abs(target.range_error_m) < 0.01
        assert abs(target.azimuth_error_m) < 0.03
        assert 10 * np.log10(target.rcs_m2 / SCENARIO.target_rcs_m2) == pytest.approx(0.0, abs=0.05)
    annotation = read_product(next((grd / "annotation").glob("*-vv-*.xml")))
    grid = annotation.geolocation_grid.geolocation_grid_point_list
    assert [point.height for point in grid] == pytest.approx([HEIGHT_M] * len(grid), abs=0.1)
    general, antenna = annotation.general_annotation, annotation.antenna_pattern
    heights = [one.value for one in general.terrain_height_list]
    heights += [one.terrain_height for one in antenna.antenna_pattern_list]
    assert heights == pytest.approx([HEIGHT_M] * len(heights), abs=0.1)


def test_the_chirp_may_be_that_of_the_calibration_pulses(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made.folder / "auxiliary", tmp_path / "auxiliary")
    (tmp_path / made.name).symlink_to(made.folder / made.name)

    def wanting(one: ProductParameters) -> ProductParameters:
        settings = one.preprocessing
        return one if settings is None else evolve(one, preprocessing=evolve(settings, chirp_source=EXTRACTED))

    revise_processing(tmp_path / "auxiliary", wanting)
    (workdir := tmp_path / "work").mkdir()
    assert run(evolve(made, folder=tmp_path).order(workdir, outputs=("SM_SLC__1S",)), monkeypatch) == 0
    (name,) = read_list(workdir / "work.LIST")
    for target in analyse_product(workdir / name, made.targets):
        assert target.range_resolution_m == pytest.approx(2.53, rel=0.01)
        assert target.range_pslr_db < -20.5
        assert abs(target.range_error_m) < 0.02
        assert 10 * np.log10(target.rcs_m2 / SCENARIO.target_rcs_m2) == pytest.approx(0.0, abs=0.15)
    annotation = read_product(next((workdir / name / "annotation").glob("*-vv-*.xml")))
    assert annotation.image_annotation.processing_information.chirp_source == EXTRACTED
    assert annotation.general_annotation.replica_information_list[0].reference_replica.chirp_source == EXTRACTED


def test_a_terrain_model_that_is_not_there_is_an_error(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("L1_TERRAIN_MODEL", str(tmp_path / "none.tif"))
    assert run(made.order(tmp_path), monkeypatch) >= 128
    assert "none.tif is no file" in capfd.readouterr().err


def test_an_orbit_file_that_does_not_cover_the_slice_is_an_error(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    workdir = tmp_path / "work"
    workdir.mkdir()
    elsewhere = Slice(tmp_path, made.name, made.take, made.targets)
    shutil.copytree(made.folder / made.name, tmp_path / made.name)
    shutil.copytree(made.folder / "auxiliary", tmp_path / "auxiliary")
    (orbit,) = (tmp_path / "auxiliary").glob("*AUX_POEORB*")
    root = etree.parse(orbit)
    listed = root.find(".//{*}List_of_OSVs")
    for vector in list(listed)[20:]:
        listed.remove(vector)
    listed.set("count", str(len(listed)))
    root.write(orbit)
    assert run(elsewhere.order(workdir), monkeypatch) >= 128
    assert "order the slice with an orbit file that covers it" in capfd.readouterr().err
    assert not list(workdir.glob("*.SAFE"))


def test_a_long_gap_is_a_warning_and_annotated(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made.folder / made.name, tmp_path / made.name)
    (tmp_path / "auxiliary").symlink_to(made.folder / "auxiliary")
    (path,) = (path for path in (tmp_path / made.name).glob("*-vh-*.dat") if path.stem[-5:] not in {"annot", "index"})
    packets = open_packets(path)
    (echoes,) = np.nonzero(packets.headers["signal_type"] == 0)
    first, last = packets.offsets[echoes[[900, 1050]]]
    data = path.read_bytes()
    path.write_bytes(data[:first] + data[last:])
    workdir = tmp_path / "work"
    workdir.mkdir()
    order = Slice(tmp_path, made.name, made.take, made.targets).order(workdir, outputs=("SM_SLC__1S",))
    assert 0 < run(order, monkeypatch) < 128
    assert "VH: 150 lines are missing in a row" in capfd.readouterr().out
    (product,) = read_list(workdir / "work.LIST")
    annotation = read_product(next((workdir / product / "annotation").glob("*-vh-*.xml")))
    quality = annotation.quality_information.quality_data_list[0].downlink_quality
    assert quality.num_downlink_input_missing_lines == 150
    assert quality.num_downlink_input_data_gaps == 1
    assert quality.downlink_missing_lines_significant_flag


def test_a_second_of_packets_alone_tells_no_orbit(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(made.order(tmp_path, orbit=None), monkeypatch) >= 128
    assert "too few for an orbit; add an orbit file" in capfd.readouterr().err


def test_an_order_for_other_products_is_refused(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(made.order(tmp_path, outputs=("SM_OCN__2S",)), monkeypatch) >= 128
    assert "this processor makes products such as SM_SLC__1S" in capfd.readouterr().err
