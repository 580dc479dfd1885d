"""SLC products on disk as images of beta nought amplitude, read without our own writers; every burst is an image."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from attrs import evolve, frozen
from lxml import etree
from numpy.typing import NDArray

from s1pdgs.formats.xml import find, find_all, read_xml, text_of
from s1pdgs.model.time import parse_utc
from s1pdgs.processors.analysis.impulse_response import AnalysisError
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import Orbit, StateVector, fit_orbit

_INFORMATION = "imageAnnotation/imageInformation"


@frozen
class Ramp:
    """The Doppler of a TOPS burst: `base_hz` at zero-Doppler time `centre_s`, growing by `rate_hz_s`."""

    centre_s: float
    base_hz: float
    rate_hz_s: float

    def phase_rad(self, time_s: NDArray[np.floating[Any]] | float) -> NDArray[np.float64]:
        """The phase that the ramp gives the lines of a burst."""
        offset = np.asarray(time_s, dtype=np.float64) - self.centre_s
        return np.asarray(2.0 * np.pi * (self.base_hz * offset + 0.5 * self.rate_hz_s * offset**2))


@frozen(eq=False)
class BurstDoppler:
    """How the Doppler of a burst grows about its middle `centre_s`: polynomials over two-way delay minus `t0_s` of
    centroid (Hz) and FM rate (Hz/s), and the Doppler rate of the steered beam.
    """

    centre_s: float
    centroid: tuple[float, NDArray[np.float64]]
    fm_rate: tuple[float, NDArray[np.float64]]
    steering_hz_s: float

    def ramp(self, delay_s: float) -> Ramp:
        """At a two-way delay."""
        base, rate = (
            float(np.polynomial.polynomial.polyval(delay_s - t0, values))
            for t0, values in (self.centroid, self.fm_rate)
        )
        return Ramp(self.centre_s, base, abs(rate) * self.steering_hz_s / (abs(rate) + self.steering_hz_s))


@frozen(eq=False)
class Channel:
    """One image, or one burst, of an SLC product, which begins in line `top` of the measurement.

    Times are in seconds after the orbit's epoch, delays two-way in seconds.
    """

    name: str
    polarisation: str
    measurement: Path
    orbit: Orbit
    first_line_s: float
    line_interval_s: float
    first_delay_s: float
    sampling_hz: float
    lines: int
    samples: int
    wavelength_m: float
    beta_lines: NDArray[np.float64]
    beta_samples: NDArray[np.float64]
    beta: NDArray[np.float64]
    """Calibration vectors: lines (n,), pixels (m,), betaNought (n, m)."""
    top: int = 0
    doppler: BurstDoppler | None = None

    def read(self, line: int, lines: int, sample: int, samples: int) -> NDArray[np.complex64]:
        """Digital numbers of a part of the image, complex64 (lines, samples); `AnalysisError` outside of it."""
        if line < 0 or sample < 0 or line + lines > self.lines or sample + samples > self.samples:
            raise AnalysisError(f"{self.name}: lines {line}+{lines}, samples {sample}+{samples} exceed the image")
        pairs = _read_lines(self.measurement, self.top + line, lines, self.samples)[:, sample : sample + samples]
        return np.asarray(pairs[..., 0] + 1j * pairs[..., 1], dtype=np.complex64)

    def read_beta(self, line: int, lines: int, sample: int, samples: int) -> NDArray[np.complex64]:
        """As `read`, in beta nought amplitude."""
        row = np.array([np.interp(np.arange(sample, sample + samples), self.beta_samples, part) for part in self.beta])
        wanted = np.clip(self.top + np.arange(line, line + lines), self.beta_lines[0], self.beta_lines[-1])
        upper = np.clip(np.searchsorted(self.beta_lines, wanted), 1, max(self.beta_lines.size - 1, 1))
        if self.beta_lines.size == 1:
            scale = np.broadcast_to(row[0], (lines, samples))
        else:
            span = self.beta_lines[upper] - self.beta_lines[upper - 1]
            weight = ((wanted - self.beta_lines[upper - 1]) / span)[:, None]
            scale = (1.0 - weight) * row[upper - 1] + weight * row[upper]
        return np.asarray(self.read(line, lines, sample, samples) / scale, dtype=np.complex64)


def open_channels(safe_dir: Path) -> list[Channel]:
    """The images of an SLC product in the order of their names, or their bursts; `AnalysisError` when there is none."""
    annotations = sorted((safe_dir / "annotation").glob("*.xml"))
    if not annotations:
        raise AnalysisError(f"{safe_dir}: no annotation/*.xml; is this a Level-1 product?")
    return [channel for path in annotations for channel in _open(safe_dir, path)]


def _open(safe_dir: Path, annotation: Path) -> list[Channel]:
    source = str(annotation)
    root = read_xml(annotation)
    product_type = text_of(root, "adsHeader/productType", source)
    if product_type != "SLC":
        raise AnalysisError(f"{annotation}: product type {product_type} is not SLC; impulse responses need phases")
    information = find(root, _INFORMATION, source)
    start = parse_utc(text_of(information, "productFirstLineUtcTime", source))
    stop = parse_utc(text_of(information, "productLastLineUtcTime", source))
    orbit = fit_orbit(_state_vectors(root, source), start, stop)
    calibration = safe_dir / "annotation" / "calibration" / f"calibration-{annotation.name}"
    lines, samples, beta = _beta_nought(calibration)
    frequency = float(text_of(root, "generalAnnotation/productInformation/radarFrequency", source))
    whole = Channel(
        name=annotation.stem,
        polarisation=text_of(root, "adsHeader/polarisation", source),
        measurement=safe_dir / "measurement" / f"{annotation.stem}.tiff",
        orbit=orbit,
        first_line_s=orbit.seconds(start),
        line_interval_s=float(text_of(information, "azimuthTimeInterval", source)),
        first_delay_s=float(text_of(information, "slantRangeTime", source)),
        sampling_hz=float(text_of(root, "generalAnnotation/productInformation/rangeSamplingRate", source)),
        lines=int(text_of(information, "numberOfLines", source)),
        samples=int(text_of(information, "numberOfSamples", source)),
        wavelength_m=SPEED_OF_LIGHT_M_S / frequency,
        beta_lines=lines,
        beta_samples=samples,
        beta=beta,
    )
    return _bursts(whole, root, source) or [whole]


def _bursts(whole: Channel, root: etree._Element, source: str) -> list[Channel]:
    """The bursts of a TOPS image; none of another one."""
    found = []
    per_burst = int(text_of(root, "swathTiming/linesPerBurst", source))
    degrees = float(text_of(root, "generalAnnotation/productInformation/azimuthSteeringRate", source))
    for number, burst in enumerate(find_all(root, "swathTiming/burstList/burst")):
        start = whole.orbit.seconds(parse_utc(text_of(burst, "azimuthTime", source)))
        valid = np.array(text_of(burst, "firstValidSample", source).split(), dtype=np.int64) >= 0
        first, lines = int(np.argmax(valid)), int(np.count_nonzero(valid))
        start += first * whole.line_interval_s
        centre = start + 0.5 * (lines - 1) * whole.line_interval_s
        speed = float(np.linalg.norm(whole.orbit.velocity(centre)))
        doppler = BurstDoppler(
            centre,
            _polynomial(whole, root, "dopplerCentroid/dcEstimateList/dcEstimate", "dataDcPolynomial", centre),
            _polynomial(
                whole, root, "generalAnnotation/azimuthFmRateList/azimuthFmRate", "azimuthFmRatePolynomial", centre
            ),
            2.0 * speed * np.radians(degrees) / whole.wavelength_m,
        )
        found.append(
            evolve(
                whole,
                name=f"{whole.name} burst {number + 1}",
                first_line_s=start,
                lines=lines,
                top=number * per_burst + first,
                doppler=doppler,
            )
        )
    return found


def _polynomial(
    whole: Channel, root: etree._Element, entries: str, name: str, time_s: float
) -> tuple[float, NDArray[np.float64]]:
    """t0 and coefficients of the entry of a list that is nearest to a time."""
    source = whole.name
    nearest = min(
        find_all(root, entries),
        key=lambda entry: abs(whole.orbit.seconds(parse_utc(text_of(entry, "azimuthTime", source))) - time_s),
    )
    return float(text_of(nearest, "t0", source)), np.array(text_of(nearest, name, source).split(), dtype=np.float64)


def _state_vectors(root: etree._Element, source: str) -> list[StateVector]:
    def vector(element: etree._Element, name: str) -> NDArray[np.float64]:
        return np.array([float(text_of(element, f"{name}/{axis}", source)) for axis in "xyz"])

    def time(element: etree._Element) -> datetime:
        return parse_utc(text_of(element, "time", source))

    orbits = find_all(root, "generalAnnotation/orbitList/orbit")
    return [StateVector(time(entry), vector(entry, "position"), vector(entry, "velocity")) for entry in orbits]


def _beta_nought(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    root, source = read_xml(path), str(path)
    vectors = list(find_all(root, "calibrationVectorList/calibrationVector"))
    if not vectors:
        raise AnalysisError(f"{path}: no calibration vector")
    pixels = np.array(text_of(vectors[0], "pixel", source).split(), dtype=np.float64)
    lines = np.array([float(text_of(vector, "line", source)) for vector in vectors])
    beta = np.array([text_of(vector, "betaNought", source).split() for vector in vectors], dtype=np.float64)
    return lines, pixels, beta


def _read_lines(path: Path, line: int, lines: int, samples: int) -> NDArray[np.int16]:
    """Uncompressed complex 16 bit lines, int16 (lines, samples, 2)."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        if page.compression != 1 or page.imagewidth != samples or page.bitspersample not in (16, 32):
            raise AnalysisError(f"{path}: not uncompressed complex 16 bit lines of {samples} samples")
        order, per_strip, offsets = tiff.byteorder, page.rowsperstrip, page.dataoffsets
    size = 4 * samples
    pairs = np.empty((lines, samples, 2), np.int16)
    with path.open("rb") as stream:
        for index in range(lines):
            strip, row = divmod(line + index, per_strip)
            stream.seek(offsets[strip] + row * size)
            data = stream.read(size)
            if len(data) != size:
                raise AnalysisError(f"{path}: line {line + index} is cut")
            pairs[index] = np.frombuffer(data, np.dtype(np.int16).newbyteorder(order)).reshape(samples, 2)
    return pairs
