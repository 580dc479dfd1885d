"""Whole data takes from packets to products: backscatter and looks of a known scene, and slices that must agree."""

import math
import shutil
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from s1pdgs.formats.l1.annotation import read_product
from s1pdgs.formats.l1.calibration import read_calibration
from s1pdgs.formats.l1.noise import NoiseAzimuthVector, read_noise
from s1pdgs.processors.l1.focus_plan import Window
from s1pdgs.processors.l1.looks import LookParameters
from s1pdgs.processors.l1.packets import open_packets
from s1pdgs.simulator.noise_take import NoiseTake
from s1pdgs.simulator.plan import Plan, TakePlan
from tests.quality.check import Check
from tests.quality.figures import Figures
from tests.quality.products import process
from tests.unit.processors.l1.slices import Slice, noise_of_plan, scene_of_plan, write_slice

SIGMA0_DB = -5.0
TAKES = {"IW": (2.7, None), "EW": (3.0, 1100), "WV": (15.0, 1100)}
"""Length in seconds and window of the scene of each mode: one cycle of bursts or vignettes; IW has real windows."""
_MARGIN = 40


def checks(mode: str, figures: Figures, folder: Path) -> list[Check]:
    """Backscatter and looks of every swath of a scene; IW is detected as well."""
    duration_s, samples = TAKES[mode]
    take = TakePlan(
        mode=mode,
        duration_s=duration_s,
        samples=samples,
        polarisation="SV",
        echoes="scene",
        targets=0,
        sigma0_db=SIGMA0_DB,
    )
    trajectory, scene = scene_of_plan(Plan(takes=(take,), telemetry=None), folder)
    made = write_slice(folder, trajectory, scene, mode)
    kinds = ["SLC__1S", "GRDH_1S"] if samples is None else ["SLC__1S"]
    found = []
    for product in process(made, folder / "work", [f"{mode}_{kind}" for kind in kinds]):
        for measurement in sorted((product / "measurement").iterdir()):
            found += _image_checks(product, measurement.stem, figures)
    return found


def slice_checks(folder: Path) -> list[Check]:
    """Two slices of one IW data take: the bursts that both hold lie on one grid and have one phase."""
    take = TakePlan(mode="IW", duration_s=11.0, samples=1100, polarisation="SV")
    trajectory, noise = noise_of_plan(Plan(takes=(take,), telemetry=None))
    whole = write_slice(folder / "whole", trajectory, noise)
    first = _cut(whole, folder / "first", 0, _begin(noise, "IW1", 3))
    second = _cut(whole, folder / "second", _begin(noise, "IW1", 1), noise.packet_count)
    images = []
    for part in (first, second):
        (product,) = process(part, part.folder / "work", ["IW_SLC__1S"])
        images.append(_bursts(product, "iw2"))
    (near, one), (far, other) = images
    common = sorted(one.keys() & other.keys())
    if not common:
        return [Check("IW slices, bursts in common", 1.0, 0.0, "missing")]
    product_sum, power = 0.0j, 0.0
    for time in common:
        parts = one[time][:, max(far - near, 0) :], other[time][:, max(near - far, 0) :]
        rows, columns = np.min([part.shape for part in parts], axis=0)
        left, right = (part[:rows, :columns] for part in parts)
        product_sum += complex(np.vdot(left, right))
        power += float(np.linalg.norm(left) * np.linalg.norm(right))
    return [
        Check("IW slices, phase of common bursts", abs(math.degrees(np.angle(product_sum))), 0.1, "deg"),
        Check("IW slices, loss of coherence of common bursts", 1.0 - abs(product_sum) / power, 0.01, ""),
    ]


def _image_checks(product: Path, stem: str, figures: Figures) -> list[Check]:
    calibration = product / "annotation/calibration"
    vector = read_calibration(calibration / f"calibration-{stem}.xml").calibration_vector_list[0]
    noise = read_noise(calibration / f"noise-{stem}.xml")
    with rasterio.open(product / "measurement" / f"{stem}.tiff") as image:
        pixels = image.read(1)
    power = np.abs(pixels.astype(np.complex64)) ** 2
    column = np.arange(power.shape[1])
    across = noise.noise_range_vector_list[0]
    level = np.interp(column, across.pixel, across.noise_range_lut)
    scale = np.interp(column, vector.pixel, vector.sigma_nought) ** 2
    true = 10.0 ** (0.1 * SIGMA0_DB)
    found = []
    even = NoiseAzimuthVector(line=np.array([0, len(power) - 1]), noise_azimuth_lut=np.ones(2))
    for part in noise.noise_azimuth_vector_list or (even,):
        lines, columns = _block(part, power.shape)
        seen = power[lines, columns]
        floor = np.interp(np.arange(lines.start, lines.stop), part.line, part.noise_azimuth_lut)[:, None]
        floor = floor * (level / scale)[columns]
        expected = true + floor
        total = seen / scale[columns]
        filled = seen > 0.0
        sigma0 = np.mean(total[filled]) - np.mean(floor[filled])
        name = f"{(part.swath or stem[4:7]).upper()} {stem.split('-')[2].upper()}"
        error = abs(10.0 * math.log10(sigma0 / true))
        found.append(Check(f"{name} sigma nought of a known scene", error, 0.2, "dB"))
        relative = total / expected
        looks = float(relative.mean() ** 2 / relative.astype(np.float64).var())
        detected = "grd" in stem
        wanted = _looks_of_bands(product / "annotation" / f"{stem}.xml", part.swath) if detected else 1.0
        error, limit = abs(looks / wanted - 1.0), 0.05 if detected else 0.02
        found.append(Check(f"{name} looks ({looks:.2f}) off those of the bands", error, limit, ""))
        if not detected:
            rows = np.array([np.mean(rows) for rows in np.array_split(total - floor, 60)])
            figures.add_profile(name.split(maxsplit=1)[0], 10.0 * np.log10(rows / true))
    return found


def _looks_of_bands(annotation: Path, swath: str | None) -> float:
    """Independent looks of the overlapping bands that a detected image was made with: L^2 over the sum of squared
    correlations, in range times in azimuth. The product definition lists 4.4 for IW GRDH.
    """
    listed = read_product(annotation).image_annotation.processing_information.swath_proc_params_list
    chosen = next(one for one in listed if one.swath == swath)
    looks = 1.0
    for axis in (chosen.range_processing, chosen.azimuth_processing):
        full = Window(axis.window_coefficient, axis.processing_bandwidth)
        split = LookParameters(full, Window(axis.window_coefficient, axis.look_bandwidth), axis.number_of_looks)
        frequency = np.linspace(-0.5, 0.5, 20001) * full.bandwidth_hz
        bands = np.array([split.look(frequency - centre) for centre in split.centres_hz])
        products = bands @ bands.T
        level = np.sqrt(np.diag(products))
        looks *= split.count**2 / float(np.sum((products / np.outer(level, level)) ** 2))
    return looks


def _block(part: NoiseAzimuthVector, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The inner lines and columns of a swath."""
    first, last = part.first_range_sample or 0, part.last_range_sample or shape[1] - 1
    return slice(_MARGIN, shape[0] - _MARGIN), slice(first + _MARGIN, last + 1 - _MARGIN)


def _begin(take: NoiseTake, swath: str, number: int) -> int:
    return take.program.bursts(swath)[number][0]


def _cut(whole: Slice, folder: Path, first: int, stop: int) -> Slice:
    """A slice of some packets of a data take."""
    shutil.copytree(whole.folder, folder)
    (stream,) = [path for path in (folder / whole.name).glob("*.dat") if not path.stem.endswith(("annot", "index"))]
    packets = open_packets(stream)
    bounds = [*packets.offsets.tolist(), stream.stat().st_size]
    data = stream.read_bytes()
    stream.unlink()
    stream.write_bytes(data[bounds[first] : bounds[stop]])
    return Slice(folder, whole.name, whole.take)


def _bursts(product: Path, swath: str) -> tuple[int, dict[int, NDArray[np.complex64]]]:
    """The first sample of a swath on the common grid, and its bursts by the time of their first line (us)."""
    (annotation,) = (product / "annotation").glob(f"*-{swath}-*.xml")
    described = read_product(annotation)
    timing = described.swath_timing
    sampling_hz = described.general_annotation.product_information.range_sampling_rate
    first = round(described.image_annotation.image_information.slant_range_time * sampling_hz)
    with rasterio.open(product / "measurement" / f"{annotation.stem}.tiff") as image:
        pixels = image.read(1).astype(np.complex64)
    count = timing.lines_per_burst
    return first, {
        round(burst.azimuth_time.timestamp() * 1e6): pixels[at * count : (at + 1) * count]
        for at, burst in enumerate(timing.burst_list)
    }
