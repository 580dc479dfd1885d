"""Earth Explorer files of the flight dynamics: restituted, precise and predicted orbits, orbit scenarios.

Sources: EO CFI orbit and orbit scenario file schemas, and real AUX_RESORB, MPL_ORBPRE and MPL_ORBSCT files.
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from attrs import field, frozen
from lxml import etree

from s1pdgs.formats.earth_explorer import (
    BEGINNING,
    EarthExplorerError,
    EarthExplorerHeader,
    check_count,
    child,
    integer,
    new_document,
    parse_header,
    parse_time,
    read_root,
)
from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.xml import find, find_all, local_name, serialise, text_of
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import FAR_FUTURE, MICROSECOND, format_iso, gps_minus_utc_s
from s1pdgs.sar.orbit import StateVector

_TAI_MINUS_GPS_S = 19


@frozen(kw_only=True)
class OrbitRecord:
    """A state vector, Earth-fixed, at a UTC time."""

    time: datetime
    absolute_orbit: int
    position_m: tuple[float, float, float]
    velocity_m_s: tuple[float, float, float]
    quality: str = "NOMINAL"
    ut1_minus_utc_s: float = 0.0

    def state_vector(self) -> StateVector:
        """The same, as the physics wants it."""
        return StateVector(self.time, np.array(self.position_m), np.array(self.velocity_m_s))


@frozen
class OrbitFile:
    """An orbit file: its header and its state vectors in the order of time."""

    header: EarthExplorerHeader
    vectors: tuple[OrbitRecord, ...] = field(repr=lambda vectors: f"<{len(vectors)} vectors>")

    def covers(self, interval: Interval) -> bool:
        """True when there are state vectors at or before the start and at or after the stop."""
        return self.vectors[0].time <= interval.start and self.vectors[-1].time >= interval.stop

    def around(self, interval: Interval, margin: timedelta = timedelta(seconds=120)) -> Iterator[StateVector]:
        """The state vectors within an interval and a margin."""
        first, last = interval.start - margin, interval.stop + margin
        return (vector.state_vector() for vector in self.vectors if first <= vector.time <= last)


@frozen(kw_only=True)
class OrbitChange:
    """A change of the reference orbit: it holds from `absolute_orbit`, whose ascending node is at `anx_time`, on."""

    absolute_orbit: int
    relative_orbit: int
    cycle: int
    phase: int
    repeat_cycle_days: int
    cycle_length_orbits: int
    anx_longitude_deg: float
    mean_local_solar_time: str
    solar_time_drift_s_day: float
    anx_time: datetime


@frozen
class OrbitScenario:
    """An orbit scenario: the reference orbit as a list of changes in the order of orbits."""

    header: EarthExplorerHeader
    changes: tuple[OrbitChange, ...]

    def locate(self, absolute_orbit: int) -> tuple[int, int]:
        """Relative orbit and cycle number of an absolute orbit. Raises `EarthExplorerError` before the first change."""
        for change in reversed(self.changes):
            if absolute_orbit >= change.absolute_orbit:
                steps = absolute_orbit - change.absolute_orbit + change.relative_orbit - 1
                return steps % change.cycle_length_orbits + 1, change.cycle + steps // change.cycle_length_orbits
        raise EarthExplorerError(
            f"{self.header.file_name}: orbit {absolute_orbit} is before the first change of the scenario, "
            f"orbit {self.changes[0].absolute_orbit}"
        )


def read_orbit(path: Path) -> OrbitFile:
    """State vectors of an AUX_POEORB, AUX_RESORB, AUX_PREORB, MPL_ORBPRE or MPL_ORBRES file.

    Raises `FormatError` for a truncated file, a missing or wrong field, a count that is not the number of vectors, or
    times that do not increase.
    """
    source = str(path)
    root = read_root(path)
    header = parse_header(root, source)
    if header.reference_frame not in {None, "EARTH_FIXED"} or header.time_reference not in {None, "UTC"}:
        raise EarthExplorerError(
            f"{source}: Ref_Frame {header.reference_frame} and Time_Reference {header.time_reference} are not "
            "accepted; EARTH_FIXED and UTC are"
        )
    listed = find(root, "Data_Block/List_of_OSVs", source)
    vectors: list[OrbitRecord] = []
    for position, element in enumerate(find_all(listed, "OSV"), start=1):
        record = _parse_vector(element, f"{source}: OSV {position}")
        if vectors and record.time <= vectors[-1].time:
            raise EarthExplorerError(f"{source}: OSV {position}: its UTC {record.time} is not after the one before")
        vectors.append(record)
    check_count(listed, len(vectors), source)
    return OrbitFile(header, tuple(vectors))


def read_scenario(path: Path) -> OrbitScenario:
    """Orbit changes of an MPL_ORBSCT file. Raises `FormatError` as `read_orbit` does."""
    source = str(path)
    root = read_root(path)
    listed = find(root, "Data_Block/List_of_Orbit_Changes", source)
    changes: list[OrbitChange] = []
    for position, element in enumerate(find_all(listed, "Orbit_Change"), start=1):
        change = _parse_change(element, f"{source}: Orbit_Change {position}")
        if changes and change.absolute_orbit <= changes[-1].absolute_orbit:
            raise EarthExplorerError(f"{source}: Orbit_Change {position}: absolute orbits must increase")
        changes.append(change)
    check_count(listed, len(changes), source)
    return OrbitScenario(parse_header(root, source), tuple(changes))


def write_orbit(out_dir: Path, orbit: OrbitFile) -> Path:
    """Write an orbit file under the name in its header, with `.EOF`."""
    return _write(out_dir, orbit.header, orbit_document(orbit))


def write_scenario(out_dir: Path, scenario: OrbitScenario) -> Path:
    """Write an orbit scenario file under the name in its header, with `.EOF`."""
    return _write(out_dir, scenario.header, scenario_document(scenario))


def orbit_document(orbit: OrbitFile) -> bytes:
    """The file; predictions of flight dynamics (`MPL_`) and products of the orbit service differ in layout."""
    root, block = new_document(orbit.header)
    listed = child(block, "List_of_OSVs", count=str(len(orbit.vectors)))
    millimetres = orbit.header.file_type.startswith("MPL_")
    for vector in orbit.vectors:
        element = child(listed, "OSV")
        _append_times(element, vector.time, vector.ut1_minus_utc_s)
        child(element, "Absolute_Orbit").text = f"{vector.absolute_orbit:+06d}"
        for axis, value in zip("XYZ", vector.position_m, strict=True):
            child(element, axis, unit="m").text = f"{value:+012.3f}" if millimetres else f"{value:.6f}"
        for axis, value in zip("XYZ", vector.velocity_m_s, strict=True):
            child(element, f"V{axis}", unit="m/s").text = f"{value:+012.6f}" if millimetres else f"{value:.6f}"
        child(element, "Quality").text = vector.quality
    return serialise(root)


def scenario_document(scenario: OrbitScenario) -> bytes:
    """The file, as EO CFI writes it."""
    root, block = new_document(scenario.header)
    listed = child(block, "List_of_Orbit_Changes", count=str(len(scenario.changes)))
    for change in scenario.changes:
        element = child(listed, "Orbit_Change")
        orbit = child(element, "Orbit")
        child(orbit, "Absolute_Orbit").text = str(change.absolute_orbit)
        child(orbit, "Relative_Orbit").text = str(change.relative_orbit)
        child(orbit, "Cycle_Number").text = str(change.cycle)
        child(orbit, "Phase_Number").text = str(change.phase)
        cycle = child(element, "Cycle")
        child(cycle, "Repeat_Cycle", unit="day").text = str(change.repeat_cycle_days)
        child(cycle, "Cycle_Length", unit="orbit").text = str(change.cycle_length_orbits)
        child(cycle, "ANX_Longitude", unit="deg").text = f"{change.anx_longitude_deg:.6f}"
        child(cycle, "MLST").text = change.mean_local_solar_time
        child(cycle, "MLST_Drift", unit="s/day").text = f"{change.solar_time_drift_s_day:.6f}"
        drift = child(cycle, "MLST_Nonlinear_Drift")
        child(drift, "Linear_Approx_Validity", unit="orbit").text = "99999"
        child(drift, "Quadratic_Term", unit="s/day^2").text = "0.000000"
        child(drift, "Harmonics_Terms", num="0")
        _append_times(child(element, "Time_of_ANX"), change.anx_time, 0.0)
    return serialise(root)


def _write(out_dir: Path, header: EarthExplorerHeader, document: bytes) -> Path:
    path = out_dir / f"{header.file_name}.EOF"
    write_atomic(path, document)
    return path


def _parse_vector(element: etree._Element, where: str) -> OrbitRecord:
    words = {local_name(child): (child.text or "").strip() for child in element}
    missing = [name for name in ("UTC", "Absolute_Orbit", "X", "Y", "Z", "VX", "VY", "VZ") if not words.get(name)]
    if missing:
        raise EarthExplorerError(f"{where}: {', '.join(missing)} missing or empty; the file may be truncated")
    time = _parse_instant(words["UTC"], f"{where}: UTC")
    ut1 = words.get("UT1")
    numbers = [_real(words[name], f"{where}: {name}") for name in ("X", "Y", "Z", "VX", "VY", "VZ")]
    return OrbitRecord(
        time=time,
        absolute_orbit=integer(words["Absolute_Orbit"], f"{where}: Absolute_Orbit"),
        position_m=(numbers[0], numbers[1], numbers[2]),
        velocity_m_s=(numbers[3], numbers[4], numbers[5]),
        quality=words.get("Quality", ""),
        ut1_minus_utc_s=(_parse_instant(ut1, f"{where}: UT1") - time).total_seconds() if ut1 else 0.0,
    )


def _parse_change(element: etree._Element, where: str) -> OrbitChange:
    def whole(path: str) -> int:
        return integer(text_of(element, path, where), f"{where}: {path}")

    def real(path: str) -> float:
        return _real(text_of(element, path, where), f"{where}: {path}")

    change = OrbitChange(
        absolute_orbit=whole("Orbit/Absolute_Orbit"),
        relative_orbit=whole("Orbit/Relative_Orbit"),
        cycle=whole("Orbit/Cycle_Number"),
        phase=whole("Orbit/Phase_Number"),
        repeat_cycle_days=whole("Cycle/Repeat_Cycle"),
        cycle_length_orbits=whole("Cycle/Cycle_Length"),
        anx_longitude_deg=real("Cycle/ANX_Longitude"),
        mean_local_solar_time=text_of(element, "Cycle/MLST", where),
        solar_time_drift_s_day=real("Cycle/MLST_Drift"),
        anx_time=_parse_instant(text_of(element, "Time_of_ANX/UTC", where), f"{where}: Time_of_ANX/UTC"),
    )
    if change.repeat_cycle_days < 1 or change.cycle_length_orbits < 1:
        raise EarthExplorerError(f"{where}: Repeat_Cycle and Cycle_Length must be positive")
    return change


def _parse_instant(text: str, where: str) -> datetime:
    """A time at which something happened: the open ends of validities are none."""
    moment = parse_time(text, where)
    if moment in {BEGINNING, FAR_FUTURE}:
        raise EarthExplorerError(f"{where} is {text[:40]!r}, which means always or never, not a time")
    return moment


def _real(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise EarthExplorerError(f"{where} is {text[:40]!r}, not a finite number")
    return value


def _append_times(element: etree._Element, utc: datetime, ut1_minus_utc_s: float) -> None:
    tai = utc + timedelta(seconds=gps_minus_utc_s(utc) + _TAI_MINUS_GPS_S)
    ut1 = utc + round(ut1_minus_utc_s * 1e6) * MICROSECOND
    for name, moment in (("TAI", tai), ("UTC", utc), ("UT1", ut1)):
        child(element, name).text = f"{name}={format_iso(moment)[:-1]}"
