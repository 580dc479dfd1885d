"""What a user reads in the XML of a downloaded product, without our own readers."""

from pathlib import Path

import numpy as np
from attrs import frozen
from lxml import etree
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import fsolve

Floats = NDArray[np.float64]


def seconds(text: str) -> float:
    """Seconds after 1970-01-01 of a UTC time, to the microsecond."""
    return float(np.datetime64(text.rstrip("Z"), "us").astype(np.int64)) / 1e6


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def element_paths(document: Path) -> set[str]:
    """The paths of all elements of a document, without repetition."""
    root = etree.parse(document).getroot()
    return {"/".join(_steps(element)) for element in root.iter(etree.Element)}


def _steps(element: etree._Element) -> list[str]:
    above = [etree.QName(one).localname for one in element.iterancestors()]
    return [*reversed(above), etree.QName(element).localname]


@frozen(eq=False)
class GeolocationGrid:
    """Tie points (n, 4): line, pixel, latitude and longitude; full grid of some lines and pixels."""

    points: Floats

    @classmethod
    def read(cls, annotation: Path) -> "GeolocationGrid":
        found = etree.parse(annotation).findall(".//geolocationGridPointList/geolocationGridPoint")
        fields = ("line", "pixel", "latitude", "longitude")
        return cls(np.array([[float(point.findtext(name) or "") for name in fields] for point in found]))

    def position(self, line: Floats, pixel: Floats) -> tuple[Floats, Floats]:
        """Latitude and longitude (n, m) at lines (n,) and pixels (m,)."""
        latitude, longitude = self._splines()
        return latitude(line, pixel), longitude(line, pixel)

    def pixel(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Line and pixel of a place."""
        splines = self._splines()

        def miss(place: Floats) -> list[float]:
            at = [float(spline(place[0], place[1])[0, 0]) for spline in splines]
            return [at[0] - latitude, at[1] - longitude]

        line, pixel = fsolve(miss, self.points[:, :2].mean(axis=0), xtol=1e-9)
        return float(line), float(pixel)

    def _splines(self) -> tuple[RectBivariateSpline, RectBivariateSpline]:
        lines, pixels = np.unique(self.points[:, 0]), np.unique(self.points[:, 1])
        shape = lines.size, pixels.size
        latitude, longitude = (
            RectBivariateSpline(lines, pixels, self.points[:, k].reshape(shape)) for k in (2, 3)
        )  # fmt: skip
        return latitude, longitude


@frozen(eq=False)
class GroundRange:
    """The grid of a GRD: when its first line is, line interval, pixel spacing and slant-to-ground polynomials."""

    first_s: float
    interval_s: float
    spacing_m: float
    times_s: Floats
    origins_m: Floats
    polynomials: tuple[Floats, ...]

    @classmethod
    def read(cls, annotation: Path) -> "GroundRange":
        root = etree.parse(annotation).getroot()

        def text(element: etree._Element, path: str) -> str:
            return element.findtext(path) or ""

        image = root.find("imageAnnotation/imageInformation")
        assert image is not None
        records = root.findall("coordinateConversion/coordinateConversionList/coordinateConversion")
        return cls(
            first_s=seconds(text(image, "productFirstLineUtcTime")),
            interval_s=float(text(image, "azimuthTimeInterval")),
            spacing_m=float(text(image, "rangePixelSpacing")),
            times_s=np.array([seconds(text(record, "azimuthTime")) for record in records]),
            origins_m=np.array([float(text(record, "sr0")) for record in records]),
            polynomials=tuple(np.array(text(record, "srgrCoefficients").split(), np.float64) for record in records),
        )

    def pixel(self, time_s: float, slant_range_m: float) -> tuple[float, float]:
        """Line and pixel of a zero-Doppler time and slant range."""
        ground = [
            np.polynomial.polynomial.polyval(slant_range_m - origin, polynomial)
            for origin, polynomial in zip(self.origins_m, self.polynomials, strict=True)
        ]
        return (time_s - self.first_s) / self.interval_s, float(
            np.interp(time_s, self.times_s, ground)
        ) / self.spacing_m
