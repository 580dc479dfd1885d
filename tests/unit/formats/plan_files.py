"""Acquisition plans to read: KML as ESA publishes it, and names of plans."""

from collections.abc import Sequence

KML_NAME = "Sentinel-1A_MP_20260105T000000_20260107T000000.kml"
CSV_NAME = "S1A_OPER_MPL_ACQPLN_S1PD_20260104T180000_V20260105T000000_20260107T000000.csv"
TOML_NAME = CSV_NAME.replace(".csv", ".toml")


def placemark(**changes: str | None) -> str:
    """A data take as ESA's plans tell it; a change of None leaves the fact out."""
    facts: dict[str, str | None] = {
        "SatelliteId": "S1A", "DatatakeId": "53C1A", "Mode": "IW", "Swath": "N/A", "Polarisation": "DV",
        "ObservationTimeStart": "2026-01-05T06:00:00", "ObservationTimeStop": "2026-01-05T06:01:08",
        "ObservationDuration": "68", "OrbitAbsolute": "62345", "OrbitRelative": "133",
    }  # fmt: skip
    facts |= changes
    data = "\n".join(
        f'<Data name="{name}"><value>{value}</value></Data>' for name, value in facts.items() if value is not None
    )
    return f"""<Placemark><name>{facts["ObservationTimeStart"]}</name>
<TimeSpan><begin>{facts["ObservationTimeStart"]}</begin><end>{facts["ObservationTimeStop"]}</end></TimeSpan>
<ExtendedData>
{data}
</ExtendedData>
<LinearRing><coordinates>10,40,0 12,40,0 12,42,0 10,42,0 10,40,0</coordinates></LinearRing></Placemark>
"""


def kml(placemarks: Sequence[str]) -> bytes:
    """A plan of some placemarks."""
    return (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        "<name>plan</name><Folder><name>SENTINEL-1A</name><Folder><name>2026-01-05</name>\n"
        f"{''.join(placemarks)}</Folder></Folder></Document></kml>\n"
    ).encode("iso-8859-1")
