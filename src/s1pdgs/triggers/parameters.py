"""Dynamic parameters: the defaults of the task table, the facts of the unit, the chain's own values."""

from s1pdgs.formats.joborder import WORKDIR
from s1pdgs.model.time import format_compact
from s1pdgs.model.timeliness import REPROCESSING, Timeliness
from s1pdgs.triggers.chains import Chain, Route
from s1pdgs.triggers.units import Unit

_CATEGORIES = {
    Timeliness.PT: "NRT-3h",
    Timeliness.NRT: "NRT-3h",
    Timeliness.FAST24: "Fast-24h",
    Timeliness.NTC: "Off-line",
}


FACTS = frozenset(
    {
        "Mission_Id", "Processing_Station", "DownlinkTime", "NRTOutputPath", "PTOutputPath", "Timeliness_Category",
        "Slicing_Flag", "Slice_Number", "Total_Number_Of_Slices", "Slice_Length", "Slice_Overlap", "Grid_Start",
    }
)  # fmt: skip
"""The parameters that the unit and the mode of its chain tell."""


def processing_station(chain: Chain, unit: Unit) -> str:
    """Four characters: the station that received a session, else the chain's."""
    return f"{unit.station or chain.station:_<4.4}"


def dynamic_parameters(route: Route, unit: Unit, *, reprocessing: bool = False) -> tuple[tuple[str, str], ...]:
    """The parameters of a job order, in the order of the task table; then those that only the chain names."""
    chain = route.chain
    facts = _facts(chain, unit) | ({"Timeliness_Category": REPROCESSING} if reprocessing else {})
    values = {entry.name: facts.get(entry.name, entry.default) for entry in route.table.parameters}
    values.setdefault("Mission_Id", unit.satellite)
    return tuple((values | chain.parameters).items())


def _facts(chain: Chain, unit: Unit) -> dict[str, str]:
    return {
        "Mission_Id": unit.satellite,
        "Processing_Station": processing_station(chain, unit),
        "DownlinkTime": format_compact(unit.interval.start),
        "NRTOutputPath": f"{WORKDIR}/NRT",
        "PTOutputPath": f"{WORKDIR}/PT",
        "Timeliness_Category": _CATEGORIES[unit.timeliness],
        "Slicing_Flag": "TRUE" if chain.mode == "SLICING" else "FALSE",
        "Slice_Number": str(unit.slice_number),
        "Total_Number_Of_Slices": str(unit.total_slices),
        "Slice_Length": f"{chain.slice_length_s:g}",
        "Slice_Overlap": f"{chain.slice_overlap_s:g}",
        "Grid_Start": "" if unit.grid_start is None else unit.grid_start.strftime("%Y%m%dT%H%M%S.%f"),
    }
