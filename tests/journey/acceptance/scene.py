"""What the simulated scene is: backscatter of land and sea, and where is which."""

from typing import Any

import numpy as np
import shapely
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.simulator.places import place

Floats = NDArray[np.float64]
COAST_DEG = 0.004
DARK_DEG = 0.008
_SEA_REFERENCE_DEG = 30.0


@frozen(eq=False)
class SceneTruth:
    """Land, coast and targets of the scenario in `truth.json`."""

    levels: dict[str, float]
    land: shapely.Geometry
    targets: Floats

    @classmethod
    def of(cls, truth: dict[str, Any]) -> "SceneTruth":
        land: shapely.Geometry = shapely.Polygon()
        for ring in place(truth["scenario"]["place"]).rings:
            land = land.symmetric_difference(shapely.Polygon(ring).buffer(0))
        targets = np.array([[target["latitude_deg"], target["longitude_deg"]] for target in truth["targets"]])
        return cls(truth["scenario"]["scene"], land, targets)

    def masks(self, latitude: Floats, longitude: Floats) -> dict[str, NDArray[np.bool_]]:
        """Where there is land and sea, away from the coast and from the dark patches around targets."""
        on_land = shapely.contains_xy(self.land, longitude, latitude)
        away = ~shapely.contains_xy(shapely.buffer(self.land.boundary, COAST_DEG), longitude, latitude)
        for target in self.targets:
            away &= np.hypot(latitude - target[0], longitude - target[1]) > DARK_DEG
        return {"land": on_land & away, "sea": ~on_land & away}

    def sigma_nought(self, kind: str, polarisation: str, incidence_deg: Floats) -> Floats:
        """Mean sigma nought of land or sea as power."""
        lower = self.levels["cross_polarisation_db"] if polarisation == "VH" else 0.0
        slope = self.levels["sea_slope_db_per_deg"] * (incidence_deg - _SEA_REFERENCE_DEG)
        level = self.levels["land_db"] if kind == "land" else self.levels["sea_db"] + slope
        return np.asarray(np.broadcast_to(10.0 ** ((level + lower) / 10.0), incidence_deg.shape))
