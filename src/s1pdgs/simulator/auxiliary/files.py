"""All auxiliary files that the chain needs for a simulated data take, in their real formats and names.

The instrument's parameters (AUX_CAL, AUX_INS, AUX_PP1), the orbit as predicted, restituted and precise (MPL_ORBPRE,
AUX_RESORB, AUX_POEORB), the orbit scenario (MPL_ORBSCT) and the on-board memory configuration (AUX_OBMEMC). Nothing
else tells the simulator or the processors of the antenna, the gain or the delays: these files are the only truth.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import numpy as np
from attrs import frozen

from s1pdgs.formats.aux import cal, ins, pp1
from s1pdgs.formats.aux.safe import AuxiliaryManifest
from s1pdgs.formats.aux.schema import schema_document
from s1pdgs.formats.earth_explorer import EarthExplorerHeader
from s1pdgs.formats.eof import OrbitChange, OrbitFile, OrbitRecord, OrbitScenario, write_orbit, write_scenario
from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.obmemc import MemoryConfiguration, PacketStore, operational_store_type, write_obmemc
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import FAR_FUTURE, MICROSECOND, format_compact
from s1pdgs.sar.orbit import StateVector
from s1pdgs.simulator.auxiliary.calibration import antenna_patterns, calibration_parameters
from s1pdgs.simulator.auxiliary.instrument import RAW_NOISE_POWER, instrument_parameters
from s1pdgs.simulator.auxiliary.processing import RAW_GAIN, processing_parameters
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.orbit import CYCLE, CYCLE_ORBITS, Acquisition, Trajectory, relative_orbit_and_cycle

__all__ = [
    "KINDS",
    "RAW_GAIN",
    "RAW_NOISE_POWER",
    "AuxiliaryContext",
    "antenna_patterns",
    "packet_stores",
    "write_auxiliary",
]

KINDS = (
    "AUX_CAL",
    "AUX_INS",
    "AUX_PP1",
    "AUX_POEORB",
    "AUX_RESORB",
    "MPL_ORBPRE",
    "MPL_ORBSCT",
    "AUX_OBMEMC",
)
_MISSIONS = {f"S1{letter}": (f"Sentinel-1{letter}", f"SENTINEL 1{letter}") for letter in "ABCD"}
_SERVICE_ORBITS = {"AUX_POEORB": "Precise Orbit Ephemerides (POE) Orbit File", "AUX_RESORB": "Restituted Orbit File"}
_STEP = timedelta(seconds=10)
_RESTITUTED_BEFORE = timedelta(minutes=99)
_RESTITUTED_LENGTH = timedelta(seconds=11850)
_PREDICTED_BEFORE = timedelta(days=5)
_PREDICTED_LENGTH = timedelta(days=7)
_SCENARIO_CYCLES = 3
_MEMORY_CREATED = datetime(2014, 2, 12, 12, 28, 19, tzinfo=UTC)
_MEMORY_VALIDITY = Interval(datetime(2014, 2, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC))
_NO_STATION = range(37)  # packet stores from 37 on pass through: first collaborative (CGS), then local stations (LGS)


def write_auxiliary(out_dir: Path, context: "AuxiliaryContext", kinds: Collection[str] = KINDS) -> list[Path]:
    """Write the auxiliary files of the kinds asked for into a folder and return their paths, in the order of `KINDS`.

    Raises `SimulatorError` when the context's trajectory does not reach as far as an orbit file must.
    """
    writers = {
        "AUX_CAL": _write_calibration,
        "AUX_INS": _write_instrument,
        "AUX_PP1": _write_processing,
        "AUX_POEORB": _write_precise,
        "AUX_RESORB": _write_restituted,
        "MPL_ORBPRE": _write_predicted,
        "MPL_ORBSCT": _write_scenario,
        "AUX_OBMEMC": _write_memory,
    }
    unknown = set(kinds) - set(writers)
    if unknown:
        raise SimulatorError(f"auxiliary kinds {', '.join(sorted(unknown))} are not simulated; {', '.join(KINDS)} are")
    out_dir.mkdir(parents=True, exist_ok=True)
    return [writers[kind](out_dir, context) for kind in KINDS if kind in kinds]


def _write_calibration(out_dir: Path, context: "AuxiliaryContext") -> Path:
    schemas = {cal.SCHEMA: schema_document(cal.ROOT, cal.CalibrationParameters)}
    return cal.write_calibration(out_dir, context.manifest("AUX_CAL"), calibration_parameters(), schemas)


def _write_instrument(out_dir: Path, context: "AuxiliaryContext") -> Path:
    schemas = {ins.SCHEMA: schema_document(ins.ROOT, ins.InstrumentParameters)}
    return ins.write_instrument(out_dir, context.manifest("AUX_INS"), instrument_parameters(), schemas)


def _write_processing(out_dir: Path, context: "AuxiliaryContext") -> Path:
    schemas = {pp1.SCHEMA: schema_document(pp1.ROOT, pp1.ProcessingParameters)}
    return pp1.write_processing(out_dir, context.manifest("AUX_PP1"), processing_parameters(), schemas)


def _write_precise(out_dir: Path, context: "AuxiliaryContext") -> Path:
    day = context.acquisition.centre.replace(hour=0, minute=0, second=0, microsecond=0)
    validity = Interval(day - timedelta(seconds=3618), day + timedelta(days=1, seconds=3582))
    header = _service_header(context, "AUX_POEORB", validity, context.precise_created)
    return _write_service_orbit(out_dir, context, header)


def _write_restituted(out_dir: Path, context: "AuxiliaryContext") -> Path:
    start = (context.acquisition.centre - _RESTITUTED_BEFORE).replace(microsecond=0)
    validity = Interval(start, start + _RESTITUTED_LENGTH)
    header = _service_header(context, "AUX_RESORB", validity, context.restituted_created)
    return _write_service_orbit(out_dir, context, header)


def _service_header(
    context: "AuxiliaryContext", file_type: str, validity: Interval, created: datetime
) -> EarthExplorerHeader:
    return EarthExplorerHeader(
        file_name=(
            f"{context.satellite}_OPER_{file_type}_OPOD_{format_compact(created)}"
            f"_V{format_compact(validity.start)}_{format_compact(validity.stop)}"
        ),
        description=_SERVICE_ORBITS[file_type],
        mission=context.missions[0],
        file_type=file_type,
        validity=validity,
        system="OPOD",
        creator="OPOD",
        creator_version="1.4.0",
        created=created,
        reference_frame="EARTH_FIXED",
        time_reference="UTC",
    )


def _write_service_orbit(out_dir: Path, context: "AuxiliaryContext", header: EarthExplorerHeader) -> Path:
    """A file of the orbit service: a state vector every 10 s of its validity."""
    count = header.validity.duration // _STEP + 1
    vectors = context.trajectory.vectors([header.validity.start + index * _STEP for index in range(count)])
    return write_orbit(out_dir, OrbitFile(header, _records(context.trajectory, vectors, 6, "NOMINAL")))


def _write_predicted(out_dir: Path, context: "AuxiliaryContext") -> Path:
    """The prediction of flight dynamics: a state vector at every ascending node of a week."""
    start = (context.acquisition.start - _PREDICTED_BEFORE).replace(microsecond=0)
    validity = Interval(start, start + _PREDICTED_LENGTH)
    nodes = [node for node in context.trajectory.nodes if validity.start <= node.time <= validity.stop]
    vectors = context.trajectory.vectors([node.time for node in nodes])
    header = EarthExplorerHeader(
        file_name=(
            f"{context.satellite}_OPER_MPL_ORBPRE_{format_compact(validity.start)}_{format_compact(validity.stop)}_0001"
        ),
        description="FOS Predicted Orbit File",
        mission=context.missions[1],
        file_type="MPL_ORBPRE",
        validity=validity,
        system="FOS",
        creator="NAPEOS",
        creator_version="3.0",
        created=start - timedelta(seconds=56),
        reference_frame="EARTH_FIXED",
        time_reference="UTC",
    )
    records = _records(context.trajectory, vectors, 3, "0000000000000")
    return write_orbit(out_dir, OrbitFile(header, records))


def _write_scenario(out_dir: Path, context: "AuxiliaryContext") -> Path:
    """The orbit scenario: one change, at the start of a repeat cycle some cycles before the acquisition.

    The reference orbit goes through the ascending node before the acquisition.
    """
    node = context.trajectory.node_before(context.acquisition.start)
    relative, cycle = relative_orbit_and_cycle(node.absolute_orbit, context.satellite)
    steps = relative - 1 + _SCENARIO_CYCLES * CYCLE_ORBITS
    anx_time = node.time - _microseconds(steps * CYCLE / CYCLE_ORBITS)
    x, y, _ = context.trajectory.vector_at(node.time).position_m
    longitude = float(np.degrees(np.arctan2(y, x))) + steps * 360.0 * CYCLE.days / CYCLE_ORBITS
    change = OrbitChange(
        absolute_orbit=node.absolute_orbit - steps,
        relative_orbit=1,
        cycle=cycle - _SCENARIO_CYCLES,
        phase=1,
        repeat_cycle_days=CYCLE.days,
        cycle_length_orbits=CYCLE_ORBITS,
        anx_longitude_deg=longitude % 360.0,
        mean_local_solar_time=_local_time(anx_time, longitude),
        solar_time_drift_s_day=0.0,
        anx_time=anx_time,
    )
    start = anx_time.replace(microsecond=0)
    header = EarthExplorerHeader(
        file_name=f"{context.satellite}_OPER_MPL_ORBSCT_{format_compact(start)}_99999999T999999_0001",
        description="Reference Orbit Scenario File",
        mission=context.missions[0].replace("-", ""),
        file_type="MPL_ORBSCT",
        validity=Interval(start, FAR_FUTURE),
        system="PDMC",
        creator="s1pdgs simulator",
        creator_version="1.0",
        created=start - timedelta(days=1),
        time_reference="UT1",
    )
    return write_scenario(out_dir, OrbitScenario(header, (change,)))


def _write_memory(out_dir: Path, context: "AuxiliaryContext") -> Path:
    """The on-board memory configuration."""
    configuration = MemoryConfiguration(created=_MEMORY_CREATED, validity=_MEMORY_VALIDITY, stores=packet_stores())
    path = out_dir / f"{context.satellite}_OPER_AUX_OBMEMC_PDMC_{format_compact(_MEMORY_VALIDITY.start)}.xml"
    write_atomic(path, write_obmemc(configuration))
    return path


def packet_stores() -> tuple[PacketStore, ...]:
    """All 51 packet stores, of which 45 carry SAR (sar.md, section 1.1)."""
    return tuple(_packet_store(number) for number in range(51))


def _packet_store(number: int) -> PacketStore:
    """Even stores receive H and odd ones V up to 18, the other way round from 19 to 44; no polarisation above."""
    polarisation = None
    if number < 45:
        polarisation = "H" if (number % 2 == 0) == (number < 19) else "V"
    station = None
    if number not in _NO_STATION and polarisation is not None:
        station = "CGS" if number < 41 else "LGS"
    return PacketStore(
        store_id=number,
        vcid=63 if number == 50 else number,
        store_type=operational_store_type(number),
        polarisation=polarisation,
        station_type=station,
    )


def _records(
    trajectory: Trajectory, vectors: Iterable[StateVector], decimals: int, quality: str
) -> tuple[OrbitRecord, ...]:
    return tuple(
        OrbitRecord(
            time=vector.time,
            absolute_orbit=trajectory.absolute_orbit(vector.time),
            position_m=_rounded(vector.position_m, decimals),
            velocity_m_s=_rounded(vector.velocity_m_s, 6),
            quality=quality,
        )
        for vector in vectors
    )


def _rounded(values: Iterable[float], decimals: int) -> tuple[float, float, float]:
    x, y, z = (round(float(value), decimals) for value in values)
    return x, y, z


def _local_time(utc: datetime, longitude_deg: float) -> str:
    """Mean local solar time, `hh:mm:ss.ffffff`."""
    moment = utc + timedelta(seconds=(longitude_deg % 360.0) * 240.0)
    return f"{moment:%H:%M:%S.%f}"


def _microseconds(span: timedelta) -> timedelta:
    return span // MICROSECOND * MICROSECOND


@frozen(eq=False, kw_only=True)
class AuxiliaryContext:
    """What the auxiliary files are about: the satellite, its way, the sensing time, and when each file was made.

    `trajectory` must span `acquisition` by 5 days before and 2 days after. `parameters_valid` is when the parameters
    of the instrument came into force.
    """

    satellite: str
    trajectory: Trajectory
    acquisition: Interval
    parameters_valid: datetime
    parameters_generated: datetime
    restituted_created: datetime
    precise_created: datetime
    instrument_configuration_id: int = 6

    @classmethod
    def of(
        cls,
        trajectory: Trajectory,
        acquisition: Interval,
        *,
        satellite: str = "S1A",
        instrument_configuration_id: int = 6,
    ) -> Self:
        """With the dates that are usual: parameters of the year before, restitution 3 h and precise orbit 20 days
        after sensing.
        """
        if satellite not in _MISSIONS:
            raise SimulatorError(f"satellite {satellite!r} is not simulated; {', '.join(_MISSIONS)} are")
        valid = acquisition.start.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=365)
        sensed = acquisition.stop.replace(microsecond=0)
        return cls(
            satellite=satellite,
            trajectory=trajectory,
            acquisition=acquisition,
            parameters_valid=valid,
            parameters_generated=valid - timedelta(days=4),
            restituted_created=sensed + timedelta(hours=3),
            precise_created=sensed + timedelta(days=20),
            instrument_configuration_id=instrument_configuration_id,
        )

    @classmethod
    def of_acquisition(
        cls, acquisition: Acquisition, duration_s: float = 60.0, instrument_configuration_id: int = 6
    ) -> Self:
        """For a data take of S1A of a duration around the centre of a pass."""
        half = timedelta(seconds=0.5 * duration_s)
        sensed = Interval(acquisition.centre - half, acquisition.centre + half)
        return cls.of(acquisition.trajectory, sensed, instrument_configuration_id=instrument_configuration_id)

    @property
    def missions(self) -> tuple[str, str]:
        """The satellite in the words of the orbit service and of flight dynamics."""
        return _MISSIONS[self.satellite]

    def manifest(self, product_type: str) -> AuxiliaryManifest:
        """The manifest of an instrument parameter product."""
        return AuxiliaryManifest(
            product_type=product_type,
            satellite=self.satellite,
            validity_start=self.parameters_valid,
            generation=self.parameters_generated,
            instrument_configuration_id=self.instrument_configuration_id,
        )
