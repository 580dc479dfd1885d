"""StripMap SLC products on disk as images of beta nought amplitude, read without our own writers."""

from datetime import datetime
from pathlib import Path

import numpy as np
import tifffile
from attrs import frozen
from lxml import etree
from numpy.typing import NDArray

from s1pdgs.formats.xml import find, find_all, read_xml, text_of
from s1pdgs.model.time import parse_utc
from s1pdgs.processors.analysis.impulse_response import AnalysisError
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import Orbit, StateVector, fit_orbit

_INFORMATION = "imageAnnotation/imageInformation"


@frozen(eq=False)
class Channel:
    """One image of an SLC product; times in seconds after the orbit's epoch, delays two-way in seconds."""

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

    def read(self, line: int, lines: int, sample: int, samples: int) -> NDArray[np.complex64]:
        """Digital numbers of a part of the image, complex64 (lines, samples); `AnalysisError` outside of it."""
        if line < 0 or sample < 0 or line + lines > self.lines or sample + samples > self.samples:
            raise AnalysisError(f"{self.name}: lines {line}+{lines}, samples {sample}+{samples} exceed the image")
        pairs = _read_lines(self.measurement, line, lines, self.samples)[:, sample : sample + samples]
        return np.asarray(pairs[..., 0] + 1j * pairs[..., 1], dtype=np.complex64)

    def read_beta(self, line: int, lines: int, sample: int, samples: int) -> NDArray[np.complex64]:
        """As `read`, in beta nought amplitude."""
        row = np.array([np.interp(np.arange(sample, sample + samples), self.beta_samples, part) for part in self.beta])
        wanted = np.clip(np.arange(line, line + lines), self.beta_lines[0], self.beta_lines[-1])
        upper = np.clip(np.searchsorted(self.beta_lines, wanted), 1, max(self.beta_lines.size - 1, 1))
        if self.beta_lines.size == 1:
            scale = np.broadcast_to(row[0], (lines, samples))
        else:
            span = self.beta_lines[upper] - self.beta_lines[upper - 1]
            weight = ((wanted - self.beta_lines[upper - 1]) / span)[:, None]
            scale = (1.0 - weight) * row[upper - 1] + weight * row[upper]
        return np.asarray(self.read(line, lines, sample, samples) / scale, dtype=np.complex64)


def open_channels(safe_dir: Path) -> list[Channel]:
    """The images of an SLC product in the order of their names; `AnalysisError` when there is none."""
    annotations = sorted((safe_dir / "annotation").glob("*.xml"))
    if not annotations:
        raise AnalysisError(f"{safe_dir}: no annotation/*.xml; is this a Level-1 product?")
    return [_open(safe_dir, path) for path in annotations]


def _open(safe_dir: Path, annotation: Path) -> Channel:
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
    return Channel(
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
