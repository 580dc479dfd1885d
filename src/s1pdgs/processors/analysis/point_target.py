"""Point targets in images and in Level-1 SLC products on disk: response, localisation and radar cross section."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.analysis.impulse_response import AnalysisError, impulse_response
from s1pdgs.processors.analysis.product import Channel, Ramp, open_channels
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import Orbit, OrbitError, ground_point, zero_doppler_time

HALF_CHIP = 48
ReadChip = Callable[[int, int, int, int], NDArray[np.complex64]]
"""Lines first..first+count and samples first..first+count of beta nought amplitude: (line, lines, sample, samples)."""


@frozen(eq=False)
class Target:
    """A point target: Earth-fixed position in metres and, where known, its radar cross section in square metres."""

    name: str
    position_m: NDArray[np.float64]
    rcs_m2: float | None = None


@frozen
class Measurement:
    """What one target shows in one image; errors are measured minus true, positive to later times and far range."""

    name: str
    channel: str
    line: float
    sample: float
    range_resolution_m: float
    azimuth_resolution_m: float
    range_pslr_db: float
    azimuth_pslr_db: float
    range_islr_db: float
    azimuth_islr_db: float
    range_error_m: float
    azimuth_error_m: float
    rcs_m2: float
    phase_error_rad: float
    """Phase at the peak minus -4 pi R / lambda, within (-pi, pi]."""


@frozen(eq=False)
class ImageGeometry:
    """The zero-Doppler grid of an image: seconds after the orbit's epoch, two-way delays in seconds."""

    orbit: Orbit
    first_line_s: float
    line_interval_s: float
    first_delay_s: float
    sampling_hz: float
    lines: int
    samples: int
    wavelength_m: float

    def locate(self, position_m: NDArray[np.float64]) -> tuple[float, float, float, float]:
        """Line, sample, zero-Doppler time (s) and slant range (m) of an Earth-fixed position."""
        time, slant = zero_doppler_time(self.orbit, position_m, self.first_line_s)
        line = (float(time) - self.first_line_s) / self.line_interval_s
        sample = (2.0 * float(slant) / SPEED_OF_LIGHT_M_S - self.first_delay_s) * self.sampling_hz
        return line, sample, float(time), float(slant)

    def holds(self, line: float, sample: float, margin: int = HALF_CHIP) -> bool:
        """Whether a chip around a position lies in the image."""
        return margin <= line < self.lines - margin and margin <= sample < self.samples - margin


def measure(
    image: ImageGeometry, read: ReadChip, target: Target, channel: str = "", ramp: Ramp | None = None
) -> Measurement:
    """Measure a target in an image of beta nought amplitudes; `ramp` is taken off TOPS images first.

    Raises `AnalysisError` when the target lies outside of the image or no response is found where it should be.
    """
    line, sample, time_s, slant_m = image.locate(target.position_m)
    if not image.holds(line, sample):
        raise AnalysisError(f"target {target.name} at line {line:.1f}, sample {sample:.1f} is not within the image")
    top, left = round(line) - HALF_CHIP, round(sample) - HALF_CHIP
    chip = read(top, 2 * HALF_CHIP, left, 2 * HALF_CHIP)
    if ramp is not None:
        times = image.first_line_s + (top + np.arange(2 * HALF_CHIP)) * image.line_interval_s
        chip = chip * np.exp(-1j * ramp.phase_rad(times))[:, None]
    response = impulse_response(chip)
    spacing_m = SPEED_OF_LIGHT_M_S / (2.0 * image.sampling_hz)
    step_m = ground_speed_m_s(image.orbit, time_s, slant_m) * image.line_interval_s
    peak_s = image.first_line_s + (top + response.line) * image.line_interval_s
    turn = 0.0 if ramp is None else float(ramp.phase_rad(peak_s))
    phase = np.angle(response.peak * np.exp(1j * (turn + 4.0 * np.pi * slant_m / image.wavelength_m)))
    return Measurement(
        name=target.name,
        channel=channel,
        line=top + response.line,
        sample=left + response.sample,
        range_resolution_m=response.range.resolution * spacing_m,
        azimuth_resolution_m=response.azimuth.resolution * step_m,
        range_pslr_db=response.range.pslr_db,
        azimuth_pslr_db=response.azimuth.pslr_db,
        range_islr_db=response.range.islr_db,
        azimuth_islr_db=response.azimuth.islr_db,
        range_error_m=(left + response.sample - sample) * spacing_m,
        azimuth_error_m=(top + response.line - line) * step_m,
        rcs_m2=response.energy * spacing_m * step_m,
        phase_error_rad=float(phase),
    )


def ground_speed_m_s(orbit: Orbit, time_s: float, slant_m: float) -> float:
    """Speed of the zero-Doppler point on the ellipsoid at one range."""
    step = 0.05
    ahead, behind = (ground_point(orbit, time_s + sign * step, slant_m) for sign in (1.0, -1.0))
    return float(np.linalg.norm(ahead - behind) / (2.0 * step))


def analyse_product(safe_dir: Path, targets: Iterable[Target]) -> list[Measurement]:
    """Measure every target that lies in an SLC product, in each of its images or bursts.

    Raises `AnalysisError` or `XmlError` when the product cannot be read; targets outside of it are left out.
    """
    wanted = list(targets)
    return [found for channel in open_channels(safe_dir) for found in _measure_channel(channel, wanted)]


def _measure_channel(channel: Channel, targets: list[Target]) -> list[Measurement]:
    image = ImageGeometry(
        orbit=channel.orbit,
        first_line_s=channel.first_line_s,
        line_interval_s=channel.line_interval_s,
        first_delay_s=channel.first_delay_s,
        sampling_hz=channel.sampling_hz,
        lines=channel.lines,
        samples=channel.samples,
        wavelength_m=channel.wavelength_m,
    )
    found = []
    for target in targets:
        try:
            line, sample, *_ = image.locate(target.position_m)
        except OrbitError:
            continue
        if image.holds(line, sample):
            delay_s = channel.first_delay_s + sample / channel.sampling_hz
            ramp = None if channel.doppler is None else channel.doppler.ramp(delay_s)
            found.append(measure(image, channel.read_beta, target, channel.name, ramp))
    return found
