"""Slices that other radio sources disturbed: found, taken off where AUX_PP1 wants it, and told in the annotation."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from attrs import evolve
from numpy.typing import NDArray
from tests.kept import kept

from s1pdgs.formats.l1.annotation import Product, read_product
from s1pdgs.formats.l1.rfi import Rfi, read_rfi
from s1pdgs.simulator.interference import Pulses, Tone, interfere
from s1pdgs.simulator.plan import Plan, TakePlan

from . import readers
from .slices import noise_of_plan, process, revise_processing, write_slice

TAKES = {
    "IW": TakePlan(mode="IW", duration_s=2.9, samples=1100, polarisation="SV"),
    "SM": TakePlan(mode="S3", duration_s=0.9, samples=3700, polarisation="SV"),
}
TONE, PULSES = Tone(-6e6, 100.0), Pulses(1.37e-3, 4e-6, 1e6, 200.0)


def make(folder: Path, mode: str, *sources: Tone | Pulses, performed: str) -> Path:
    """The SLC product of a slice of noise with sources in its echoes; AUX_PP1 tells when to take them off."""
    swath = "S3" if mode == "SM" else None
    made = write_slice(folder, *noise_of_plan(Plan(takes=(TAKES[mode],), telemetry=None)), mode, swath=swath)
    (stream,) = [path for path in (folder / made.name).glob("*.dat") if not path.stem.endswith(("annot", "index"))]
    interfere(stream, *sources)
    revise_processing(
        folder / "auxiliary",
        lambda one: one if one.slc is None else evolve(one, slc=evolve(one.slc, rfi_mitigation=performed)),
    )
    workdir = folder / "work"
    workdir.mkdir()
    (product,) = process(made, workdir, f"{mode}_SLC__1S")
    return product


@pytest.fixture(scope="module")
def bursts() -> Path:
    """IW bursts, disturbed and freed."""
    return kept("rfi-IW", lambda folder: make(folder, "IW", TONE, PULSES, performed="BasedOnNoiseMeas"))


@pytest.fixture(scope="module")
def lines() -> dict[str, Path]:
    """StripMap without interference, with it, and freed from it."""

    def made(folder: Path) -> dict[str, Path]:
        return {
            "clean": make(folder / "clean", "SM", performed="BasedOnNoiseMeas"),
            "disturbed": make(folder / "disturbed", "SM", TONE, PULSES, performed="Never"),
            "freed": make(folder / "freed", "SM", TONE, PULSES, performed="Always"),
        }

    return kept("rfi-SM", made)


def report(product: Path, swath: str) -> Rfi:
    (path,) = (product / "annotation/rfi").glob(f"rfi-*-{swath}-*.xml")
    return read_rfi(path)


def annotation(product: Path, swath: str) -> Product:
    (path,) = (product / "annotation").glob(f"*-{swath}-*.xml")
    return read_product(path)


def image(product: Path) -> NDArray[np.complex64]:
    (path,) = (product / "measurement").iterdir()
    with rasterio.open(path) as found:
        return np.asarray(found.read(1), np.complex64)


def test_clean_noise_tells_of_nothing_and_nothing_is_done(lines: dict[str, Path]) -> None:
    found = report(lines["clean"], "s3")
    assert found.rfi_mitigation_applied == "None"
    assert found.rfi_detection_from_noise_report_list
    assert not any(one.rfi_detected or one.max_rfi_psd for one in found.rfi_detection_from_noise_report_list)
    assert found.time_domain_rfi_block_report_list is None
    assert found.rfi_burst_report_list is None


def test_each_burst_has_a_report_at_its_first_line(bursts: Path) -> None:
    for swath in ("iw1", "iw2", "iw3"):
        times = [burst.azimuth_time for burst in annotation(bursts, swath).swath_timing.burst_list]
        reports = report(bursts, swath).rfi_burst_report_list or ()
        assert [one.azimuth_time for one in reports] == times
        assert reports[0].in_band_out_band_power_ratio > 1.0


def test_noise_before_the_echoes_of_bursts_tells_of_interference(bursts: Path) -> None:
    told = report(bursts, "iw2").rfi_detection_from_noise_report_list or ()
    assert any(one.rfi_detected for one in told)
    assert max(one.max_rfi_psd for one in told) > 1000.0


def test_what_was_taken_off_is_told_burst_by_burst(bursts: Path) -> None:
    found = report(bursts, "iw2")
    assert found.rfi_mitigation_applied == "TimeFrequency"
    (burst,) = found.rfi_burst_report_list or ()
    time, frequency = burst.time_domain_rfi_report, burst.frequency_domain_rfi_burst_report
    assert time is not None
    assert frequency is not None
    assert 0.5 < time.percentage_affected_lines < 15.0
    assert 10.0 < time.max_percentage_affected_samples < 40.0
    assert frequency.percentage_blocks_persistent_rfi == 100.0
    assert 0.0 < frequency.max_percentage_bw_affected_persistent_rfi < 2.0
    processing = annotation(bursts, "iw2").image_annotation.processing_information
    asked = processing.rfi_mitigation_performed, processing.rfi_mitigation_domain
    assert asked == ("BasedOnNoiseMeas", "TimeAndFrequency")


def test_schemas_and_readers_take_the_reports(bursts: Path, lines: dict[str, Path]) -> None:
    assert readers.schemas_hold(bursts) == 12
    assert readers.schemas_hold(lines["freed"]) == 4
    assert readers.xarray_sentinel_reads(lines["freed"])


def test_the_image_without_interference_is_near_the_clean_one(lines: dict[str, Path]) -> None:
    clean, disturbed, freed = (image(lines[name]) for name in ("clean", "disturbed", "freed"))
    power = float(np.sum(np.abs(clean) ** 2))
    before, after = (float(np.sum(np.abs(one - clean) ** 2)) / power for one in (disturbed, freed))
    assert before > 4.0
    assert after < before / 12.0  # what strong signals leave is mostly the coarser quantisation of FDBAQ


def test_blocks_of_lines_tell_the_frequency(lines: dict[str, Path]) -> None:
    found = report(lines["freed"], "s3")
    (block,), (pulses,) = (
        found.frequency_domain_rfi_block_report_list or (),
        found.time_domain_rfi_block_report_list or (),
    )
    mask = block.frequency_domain_persistent_rfi_frequency_mask
    places = (np.flatnonzero(mask.rfi_mask) - mask.frequency_axis_len // 2) * mask.frequency_axis_step
    assert places == pytest.approx(TONE.frequency_hz, abs=3.0 * mask.frequency_axis_step)
    assert pulses.time_domain_rfi_report.percentage_affected_lines > 1.0
    assert block.azimuth_time == pulses.azimuth_time
    # the first raw line is broadside of mid swath half an aperture before the first line of the image
    first = annotation(lines["freed"], "s3").image_annotation.image_information.product_first_line_utc_time
    assert 0.0 < (first - block.azimuth_time).total_seconds() < 1.0
