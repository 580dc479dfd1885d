"""What s1-reader makes of the bursts of an IW SLC product: `s1_reader_judge.py SOURCE PRODUCT ORBIT POLARISATION`.

isce3 and nisar, which it imports, are in no package index. Stand-ins hold what s1-reader computes and gives them; of
their own they only evaluate a polynomial and turn geodetic coordinates into Cartesian ones.
"""

import json
import sys
import types
from typing import Any

import numpy as np

from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic, geodetic_to_ecef


class Held:
    """Whatever it is given."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self.values, self.named = values, named

    def __sub__(self, other: Any) -> "Held":
        return Held(self, other)


class Poly1d(Held):
    """Coefficients, mean and norm."""

    @property
    def coeffs(self) -> Any:
        return self.values[0]

    @property
    def order(self) -> int:
        return len(self.coeffs) - 1

    @property
    def mean(self) -> float:
        return float(self.values[1])

    @property
    def std(self) -> float:
        return float(self.values[2])

    def eval(self, x: Any) -> Any:
        return np.polynomial.polynomial.polyval((np.asarray(x) - self.mean) / self.std, self.coeffs)


class Geocent:
    """Longitude and latitude in radians and height, to and from Earth-fixed coordinates."""

    def forward(self, place: Any) -> Any:
        return geodetic_to_ecef(np.degrees(place[1]), np.degrees(place[0]), place[2])

    def inverse(self, point: Any) -> list[float]:
        latitude, longitude, height = (float(value) for value in ecef_to_geodetic(np.asarray(point)))
        return [float(np.radians(longitude)), float(np.radians(latitude)), height]


def stand_in(name: str, **contents: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module
    return module


def install() -> None:
    """Put the stand-ins where imports find them."""
    held = dict.fromkeys(("DateTime", "Ellipsoid", "LUT2d", "LookSide", "Orbit", "Poly2d", "StateVector"), Held)
    core = stand_in("isce3.core", speed_of_light=SPEED_OF_LIGHT_M_S, Poly1d=Poly1d, Geocent=Geocent, **held)
    others = {name: stand_in(f"isce3.{name}", RadarGridParameters=Held, Raster=Held) for name in ("io", "product")}
    stand_in("isce3", core=core, geometry=stand_in("isce3.geometry", Rdr2Geo=Held), **others)
    stand_in("osgeo", gdal=stand_in("osgeo.gdal", GDT_Float64=0, GA_ReadOnly=0), osr=stand_in("osgeo.osr"))
    stand_in("nisar")
    stand_in("nisar.workflows")
    stand_in("nisar.workflows.stage_dem", check_dateline=lambda polygon: [polygon])


def main() -> None:
    source, product, orbit, polarisation = sys.argv[1:]
    install()
    sys.path.insert(0, f"{source}/src")
    from s1reader import load_bursts  # noqa: PLC0415

    found = [
        {
            "swath": burst.swath_name,
            "sensing_start": burst.sensing_start.isoformat(timespec="microseconds"),
            "shape": list(burst.shape),
            "valid_lines": [burst.first_valid_line, burst.last_valid_line],
            "valid_samples": [burst.first_valid_sample, burst.last_valid_sample],
            "starting_range_m": burst.starting_range,
        }
        for swath in (1, 2, 3)
        for burst in load_bursts(product, orbit, swath, polarisation)
    ]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
