"""Simulated IW slices of noise become SLC and GRDH products: bursts, grids and noise agree with readers and packets."""

import math
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from attrs import evolve
from lxml import etree
from tests.kept import kept

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.l1.annotation import Product, read_product
from s1pdgs.formats.l1.noise import read_noise
from s1pdgs.processors.l1.bursts import of_swath
from s1pdgs.processors.l1.packets import open_packets
from s1pdgs.processors.l1.tops_plan import IW_LINE_INTERVAL_S
from s1pdgs.simulator.plan import Plan, TakePlan

from . import readers
from .slices import Slice, noise_of_plan, process, run, write_slice

PLAN = Plan(takes=(TakePlan(mode="IW", duration_s=6.0, samples=1100, polarisation="SV"),), telemetry=None)
SWATHS = ("iw1", "iw2", "iw3")


@pytest.fixture(scope="module")
def made() -> Slice:
    return kept("noise-IW", lambda folder: write_slice(folder, *noise_of_plan(PLAN)))


@pytest.fixture(scope="module")
def products(made: Slice) -> dict[str, Path]:
    found = kept("noise-IW-products", lambda folder: process(made, folder, "IW_SLC__1S", "IW_GRDH_1S", warns=True))
    return {product.name[7:10]: product for product in found}


@pytest.fixture(scope="module")
def product(products: dict[str, Path]) -> Path:
    return products["SLC"]


def annotation(product: Path, swath: str) -> Product:
    (path,) = (product / "annotation").glob(f"*-{swath}-slc-vv-*.xml")
    return read_product(path)


def test_the_product_has_an_image_of_every_swath(product: Path) -> None:
    assert product.name.startswith("S1A_IW_SLC__1SSV_2026")
    assert sorted(path.name[4:7] for path in (product / "measurement").iterdir()) == list(SWATHS)
    numbers = [annotation(product, swath).ads_header.image_number for swath in SWATHS]
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize("kind", ["product", "calibration", "noise", "rfi"])
def test_annotations_follow_their_schemas(product: Path, kind: str) -> None:
    schema = etree.XMLSchema(etree.parse(product / "support" / f"s1-level-1-{kind}.xsd"))
    folder = {"product": "annotation", "rfi": "annotation/rfi"}.get(kind, "annotation/calibration")
    pattern = "s1a-*.xml" if kind == "product" else f"{kind}-*.xml"
    paths = list((product / folder).glob(pattern))
    assert len(paths) == 3
    for path in paths:
        schema.assertValid(etree.parse(path))


@pytest.mark.parametrize("swath", SWATHS)
def test_bursts_are_those_of_the_packets(made: Slice, product: Path, swath: str) -> None:
    timing = annotation(product, swath).swath_timing
    whole = [packets for _, packets in made.take.program.bursts(swath.upper()) if packets >= 1409]
    assert len(timing.burst_list) == len(whole) >= 2
    starts = [burst.azimuth_time for burst in timing.burst_list]
    for before, after in pairwise(starts):
        lines = (after - before).total_seconds() / IW_LINE_INTERVAL_S
        assert lines == pytest.approx(round(lines), abs=2e-3)
        assert (after - before).total_seconds() == pytest.approx(2.7583, abs=0.003)
    ids = [burst.burst_id.relative for burst in timing.burst_list]
    assert np.all(np.diff(ids) == 1)


@pytest.mark.parametrize("swath", SWATHS)
def test_pixels_stand_where_the_bursts_say(product: Path, swath: str) -> None:
    timing = annotation(product, swath).swath_timing
    (path,) = (product / "measurement").glob(f"*-{swath}-*.tiff")
    with rasterio.open(path) as image:
        pixels = image.read(1)
    data = path.read_bytes()
    assert pixels.shape == (timing.lines_per_burst * len(timing.burst_list), timing.samples_per_burst)
    for index, burst in enumerate(timing.burst_list):
        lines = pixels[index * timing.lines_per_burst :][: timing.lines_per_burst]
        for row in (0, timing.lines_per_burst // 2, timing.lines_per_burst - 1):
            filled = np.flatnonzero(lines[row])
            first, last = burst.first_valid_sample[row], burst.last_valid_sample[row]
            if first < 0:
                assert not filled.size
            else:
                assert abs(filled[0] - first) < 12
                assert abs(filled[-1] - last) < 12
        raw = np.frombuffer(data, "<i2", 2 * timing.samples_per_burst, burst.byte_offset)
        assert np.array_equal(raw[::2] + 1j * raw[1::2], lines[0])


@pytest.mark.parametrize("swath", SWATHS)
def test_the_noise_grows_along_a_burst_as_annotated(product: Path, swath: str) -> None:
    """The echoes of this data take are noise, of any level over range but the same over time."""
    timing = annotation(product, swath).swath_timing
    (path,) = (product / "annotation/calibration").glob(f"noise-*-{swath}-*.xml")
    (vector,) = read_noise(path).noise_azimuth_vector_list
    (measurement,) = (product / "measurement").glob(f"*-{swath}-*.tiff")
    lines = int((timing.burst_list[1].first_valid_sample >= 0).sum())
    first = timing.lines_per_burst
    with rasterio.open(measurement) as image:
        pixels = image.read(1)[first : first + lines].astype(np.complex128)
    power = np.mean(np.abs(pixels) ** 2, axis=1)
    along = np.interp(first + np.arange(lines), vector.line, vector.noise_azimuth_lut)
    parts = [part.mean() for part in np.array_split(power / along, 5)]
    uncorrected = [part.mean() for part in np.array_split(power, 5)]
    assert 10 * math.log10(max(parts) / min(parts)) < 0.25
    if swath != "iw2":
        assert uncorrected[0] > 1.05 * uncorrected[2]


def test_readers_accept_every_swath(product: Path) -> None:
    assert readers.gdal_reads(product) == {"IW1_VV", "IW2_VV", "IW3_VV"}
    assert readers.toolbox_reads(product) == {f"s1a-{swath}-slc-vv" for swath in SWATHS}
    bursts = xr.open_dataset(product, group="IW2/VV", engine="sentinel-1")
    assert bursts.attrs["number_of_bursts"] >= 2


def test_a_slice_without_a_whole_burst_of_a_swath_is_refused(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / made.name
    shutil.copytree(made.folder / made.name, folder)
    (stream,) = [path for path in folder.glob("*.dat") if not path.stem.endswith(("annot", "index"))]
    packets = open_packets(stream)
    stream.write_bytes(stream.read_bytes()[: packets.offsets[packets.count // 3]])
    short = Slice(tmp_path, made.name, made.take)
    shutil.copytree(made.folder / "auxiliary", tmp_path / "auxiliary")
    assert run(short.order(tmp_path, "IW_SLC__1S"), monkeypatch) >= 128
    assert "no burst of IW3 lies whole in the slice, 1 reach over its ends" in capfd.readouterr().err


def test_swaths_with_a_gap_between_them_make_no_detected_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The small windows of a scene stay in their beams, far apart."""
    apart = evolve(PLAN, takes=(evolve(PLAN.takes[0], echoes="scene", duration_s=2.7),))
    made = write_slice(tmp_path, *noise_of_plan(apart))
    assert run(made.order(tmp_path, "IW_GRDH_1S"), monkeypatch) >= 128
    assert "IW1 and IW2 leave a gap in range" in capfd.readouterr().err


def test_one_pass_over_the_bursts_makes_both_products(products: dict[str, Path]) -> None:
    assert sorted(products) == ["GRD", "SLC"]
    assert products["GRD"].name.startswith("S1A_IW_GRDH_1SSV_2026")
    (measurement,) = (products["GRD"] / "measurement").iterdir()
    assert measurement.name.startswith("s1a-iw-grd-vv-")
    with rasterio.open(measurement) as image:
        pixels = image.read(1)
    # so near, bursts of IW3 sweep less ground than they are apart
    assert np.count_nonzero(pixels[5:-5, 5:-5]) > 0.98 * pixels[5:-5, 5:-5].size


@pytest.mark.parametrize("kind", ["product", "calibration", "noise", "rfi"])
def test_annotations_of_merged_images_follow_their_schemas(products: dict[str, Path], kind: str) -> None:
    folder = products["GRD"]
    schema = etree.XMLSchema(etree.parse(folder / "support" / f"s1-level-1-{kind}.xsd"))
    place = {"product": "annotation", "rfi": "annotation/rfi"}.get(kind, "annotation/calibration")
    (path,) = (folder / place).glob("s1a-*.xml" if kind == "product" else f"{kind}-*.xml")
    schema.assertValid(etree.parse(path))


def test_a_merged_image_tells_its_swaths(products: dict[str, Path]) -> None:
    folder = products["GRD"]
    (path,) = (folder / "annotation").glob("s1a-*.xml")
    found = read_product(path)
    bounds = [merge.swath_bounds_list[0] for merge in found.swath_merging.swath_merge_list]
    samples = found.image_annotation.image_information.number_of_samples
    assert [merge.swath for merge in found.swath_merging.swath_merge_list] == ["IW1", "IW2", "IW3"]
    assert bounds[0].first_range_sample == 0
    assert bounds[-1].last_range_sample == samples - 1
    assert all(after.first_range_sample == before.last_range_sample + 1 for before, after in pairwise(bounds))
    downlinks = found.general_annotation.downlink_information_list
    assert [downlink.swath for downlink in downlinks] == ["IW1", "IW2", "IW3"]
    assert found.swath_timing.burst_list == ()
    noise = read_noise(next((folder / "annotation/calibration").glob("noise-*.xml")))
    spans = [(one.first_range_sample, one.last_range_sample) for one in noise.noise_azimuth_vector_list]
    assert spans == [(bound.first_range_sample, bound.last_range_sample) for bound in bounds]
    assert np.all(noise.noise_range_vector_list[0].noise_range_lut > 0.0)


def test_a_merged_image_counts_what_all_its_swaths_miss(made: Slice, tmp_path: Path) -> None:
    shutil.copytree(made.folder / made.name, tmp_path / made.name)
    (tmp_path / "auxiliary").symlink_to(made.folder / "auxiliary")
    (stream,) = [path for path in (tmp_path / made.name).glob("*.dat") if not path.stem.endswith(("annot", "index"))]
    packets, data = open_packets(stream), stream.read_bytes()
    places = [*packets.offsets.tolist(), len(data)]
    echoes = packets.headers["signal_type"] == SignalType.ECHO
    lost = [
        np.flatnonzero(echoes & of_swath(packets, name))[1900 : 1900 + count]
        for name, count in (("IW1", 40), ("IW3", 30))
    ]
    kept_ones = sorted(set(range(packets.count)) - set(np.concatenate(lost).tolist()))
    stream.write_bytes(b"".join(data[places[at] : places[at + 1]] for at in kept_ones))
    (product,) = process(Slice(tmp_path, made.name, made.take), tmp_path, "IW_GRDH_1S", warns=True)
    found = read_product(next((product / "annotation").glob("*-grd-vv-*.xml")))
    (quality,) = found.quality_information.quality_data_list
    assert quality.downlink_quality.num_downlink_input_missing_lines == 70
    assert quality.downlink_quality.num_downlink_input_data_gaps == 2


def test_readers_accept_the_merged_image(products: dict[str, Path], tmp_path: Path) -> None:
    folder = products["GRD"]
    assert readers.gdal_reads(folder) == {"IW_VV"}
    assert readers.toolbox_reads(folder) == {"s1a-iw-grd-vv"}
    readers.sarsen_geocodes(folder, "IW/VV", tmp_path)
