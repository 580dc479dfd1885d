"""Named places with the coast around them.

The coastlines in `data/coastlines.json` are from Natural Earth's 1:10m land, version 4.1.0 (public domain), in the
TopoJSON edition of the npm package world-atlas 2.0.2 (`land-10m.json`), clipped to boxes of two degrees. The rings
(longitude, latitude in degrees) of a place bound land by the even-odd rule.
"""

import json
from functools import cache
from importlib.resources import files

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.simulator.errors import SimulatorError


@frozen(eq=False)
class Place:
    """A place to image: its centre in geodetic degrees and the rings (n, 2) of its land, longitude first."""

    name: str
    title: str
    latitude_deg: float
    longitude_deg: float
    rings: tuple[NDArray[np.float64], ...]

    def rings_around(self, reach_deg: float) -> tuple[NDArray[np.float64], ...]:
        """The rings with edges refined to 0.02 degree, moved onto a box of +-`reach_deg` where they leave it.

        Clamping to the box keeps the even-odd rule valid inside of it.
        """
        centre = np.array([self.longitude_deg, self.latitude_deg])
        reach = np.array([reach_deg / np.cos(np.radians(self.latitude_deg)), reach_deg])
        clamped = (np.clip(_refine(ring, 0.02), centre - reach, centre + reach) for ring in self.rings)
        return tuple(ring for ring in clamped if np.all(np.ptp(ring, axis=0) > 0.0))


def place(name: str) -> Place:
    """The place of a name; raises `SimulatorError` listing the names."""
    found = _places().get(name)
    if found is None:
        raise SimulatorError(f"no place is called {name!r}; choose one of {', '.join(place_names())}")
    return found


def place_names() -> tuple[str, ...]:
    """The names of all places."""
    return tuple(_places())


@cache
def _places() -> dict[str, Place]:
    document = json.loads(files(__package__).joinpath("data", "coastlines.json").read_text(encoding="utf-8"))
    return {
        name: Place(
            name=name,
            title=entry["title"],
            latitude_deg=entry["latitude_deg"],
            longitude_deg=entry["longitude_deg"],
            rings=tuple(np.array(ring, dtype=np.float64) for ring in entry["rings"]),
        )
        for name, entry in document["places"].items()
    }


def _refine(ring: NDArray[np.float64], longest_deg: float) -> NDArray[np.float64]:
    """The ring with points put into edges that are longer than `longest_deg`."""
    following = np.roll(ring, -1, axis=0)
    pieces = np.maximum(np.ceil(np.abs(following - ring).max(axis=1) / longest_deg), 1).astype(np.int64)
    share = np.concatenate([np.arange(count) / count for count in pieces])[:, None]
    refined = np.repeat(ring, pieces, axis=0) * (1 - share) + np.repeat(following, pieces, axis=0) * share
    return np.asarray(refined)
