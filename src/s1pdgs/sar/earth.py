"""The WGS84 ellipsoid: geodetic and Cartesian coordinates, normals and ray intersection."""

import numpy as np
from numpy.typing import NDArray

from s1pdgs.sar.constants import WGS84_SEMI_MAJOR_M, WGS84_SEMI_MINOR_M

Array = NDArray[np.float64]
_E2 = 1.0 - (WGS84_SEMI_MINOR_M / WGS84_SEMI_MAJOR_M) ** 2


def geodetic_to_ecef(latitude_deg: Array | float, longitude_deg: Array | float, height_m: Array | float = 0.0) -> Array:
    """Earth-fixed coordinates in metres, shape (..., 3), of geodetic degrees and ellipsoidal heights in metres."""
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    normal = WGS84_SEMI_MAJOR_M / np.sqrt(1.0 - _E2 * np.sin(latitude) ** 2)
    x = (normal + height_m) * np.cos(latitude) * np.cos(longitude)
    y = (normal + height_m) * np.cos(latitude) * np.sin(longitude)
    z = (normal * (1.0 - _E2) + height_m) * np.sin(latitude)
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1)


def ecef_to_geodetic(position_m: Array) -> tuple[Array, Array, Array]:
    """Geodetic latitude and longitude in degrees and ellipsoidal height in metres of positions of shape (..., 3).

    Bowring's iteration; converges below a micrometre in three rounds from the centre of the Earth to orbit heights.
    """
    x, y, z = np.moveaxis(np.asarray(position_m, dtype=np.float64), -1, 0)
    axis_distance = np.hypot(x, y)
    beta = np.arctan2(z * WGS84_SEMI_MAJOR_M, axis_distance * WGS84_SEMI_MINOR_M)
    second_e2 = (WGS84_SEMI_MAJOR_M / WGS84_SEMI_MINOR_M) ** 2 - 1.0
    latitude = beta
    for _ in range(4):
        latitude = np.arctan2(
            z + second_e2 * WGS84_SEMI_MINOR_M * np.sin(beta) ** 3,
            axis_distance - _E2 * WGS84_SEMI_MAJOR_M * np.cos(beta) ** 3,
        )
        beta = np.arctan2(WGS84_SEMI_MINOR_M * np.sin(latitude), WGS84_SEMI_MAJOR_M * np.cos(latitude))
    normal = WGS84_SEMI_MAJOR_M / np.sqrt(1.0 - _E2 * np.sin(latitude) ** 2)
    height = axis_distance * np.cos(latitude) + z * np.sin(latitude) - normal * (1.0 - _E2 * np.sin(latitude) ** 2)
    return np.degrees(latitude), np.degrees(np.arctan2(y, x)), height


def ellipsoid_normal(position_m: Array) -> Array:
    """Outward unit normals of the ellipsoid below positions of shape (..., 3)."""
    latitude, longitude, _ = ecef_to_geodetic(position_m)
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def intersect_ellipsoid(origin_m: Array, direction: Array, height_m: float = 0.0) -> Array:
    """The near intersection, shape (..., 3), of rays from `origin_m` along unit `direction` with the ellipsoid whose
    semi-axes are enlarged by `height_m`; NaN where the ray misses it.
    """
    scale = np.array([1.0 / (WGS84_SEMI_MAJOR_M + height_m)] * 2 + [1.0 / (WGS84_SEMI_MINOR_M + height_m)])
    start, step = origin_m * scale, direction * scale
    a = np.sum(step * step, axis=-1)
    b = np.sum(start * step, axis=-1)
    c = np.sum(start * start, axis=-1) - 1.0
    with np.errstate(invalid="ignore"):
        distance = (-b - np.sqrt(b * b - a * c)) / a
    return np.asarray(origin_m + distance[..., None] * direction)
