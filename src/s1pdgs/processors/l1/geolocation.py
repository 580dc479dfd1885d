"""The geolocation grid of an image."""

import numpy as np

from s1pdgs.formats.l1.annotation import GeolocationGridPoint
from s1pdgs.processors.l1.geometry import incidence_angle
from s1pdgs.processors.l1.images import Frame
from s1pdgs.processors.l1.terrain import ELLIPSOID, Terrain
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic, ellipsoid_normal
from s1pdgs.sar.orbit import Orbit

COLUMNS = 21
_ROW_INTERVAL_S = 1.0


def geolocation_grid(orbit: Orbit, frame: Frame, terrain: Terrain = ELLIPSOID) -> tuple[GeolocationGridPoint, ...]:
    """Tie points of 21 columns and a row about every second, or every burst, first and last line and pixel included.

    They lie on the terrain. The elevation angle is counted from the geodetic nadir.
    """
    lines = np.unique([frame.line_of(time) for time in frame.annotated_times_s(_ROW_INTERVAL_S)])
    pixels = np.unique(np.linspace(0, frame.samples - 1, COLUMNS).round().astype(np.int64))
    points: list[GeolocationGridPoint] = []
    for line in lines.tolist():
        time = float(frame.time_s(line))
        slant = frame.slant_m(time, pixels.astype(np.float64))
        ground = terrain.points(orbit, time, slant)
        latitude, longitude, height = ecef_to_geodetic(ground)
        incidence = np.degrees(incidence_angle(orbit, time, ground))
        position = orbit.position(time)
        down = -ellipsoid_normal(position)
        elevation = np.degrees(np.arccos(np.sum((ground - position) * down, axis=-1) / slant))
        moment = orbit.utc(time)
        points.extend(
            GeolocationGridPoint(
                azimuth_time=moment,
                slant_range_time=float(2.0 * slant[at] / SPEED_OF_LIGHT_M_S),
                line=line,
                pixel=pixel,
                latitude=float(latitude[at]),
                longitude=float(longitude[at]),
                height=float(height[at]),
                incidence_angle=float(incidence[at]),
                elevation_angle=float(elevation[at]),
            )
            for at, pixel in enumerate(pixels.tolist())
        )
    return tuple(points)
