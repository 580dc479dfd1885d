"""The outline of a product on the ground."""

from attrs import frozen

LonLat = tuple[float, float]


@frozen
class Footprint:
    """A closed ring of (longitude, latitude) in degrees, first point repeated last, in sensing order; a ring of two
    distinct points is a line (WV and RFC at Level-0). Longitudes are within [-180, 180]; a ring may cross the dateline.
    """

    ring: tuple[LonLat, ...]

    @classmethod
    def from_points(cls, points: list[LonLat]) -> "Footprint":
        """Close a ring of points; longitudes are normalised to [-180, 180]."""
        wrapped = [(((lon + 180.0) % 360.0) - 180.0 if abs(lon) > 180.0 else lon, lat) for lon, lat in points]
        if len(wrapped) > 2 and wrapped[0] != wrapped[-1]:
            wrapped.append(wrapped[0])
        return cls(tuple(wrapped))
