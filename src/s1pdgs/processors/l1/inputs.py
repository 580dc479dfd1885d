"""The inputs of a Level-1 job: the Level-0 slice, its auxiliary files, its orbit and its attitude."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.cal import CalibrationParameters, read_calibration
from s1pdgs.formats.aux.ins import InstrumentParameters, read_instrument
from s1pdgs.formats.aux.itc import TimingCalibration, read_timing
from s1pdgs.formats.aux.pp1 import ProcessingParameters, read_processing
from s1pdgs.formats.elevation import Elevation, read_elevation
from s1pdgs.formats.eof import OrbitFile, read_orbit
from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.manifest import L0Manifest
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.model.interval import Interval
from s1pdgs.processors.l1.ancillary import (
    Ancillary,
    OrbitSource,
    attitude_of,
    downlinked_vectors,
    orbit_of_downlink,
    orbit_of_file,
    read_ancillary,
)
from s1pdgs.processors.l1.bursts import BurstEchoes, gather_swaths, of_swath
from s1pdgs.processors.l1.calibration_pulses import ReplicaMeasurement
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.geometry import RangeModel, range_model
from s1pdgs.processors.l1.packets import Packets, open_packets
from s1pdgs.processors.l1.preprocess import Echoes, gather_echoes
from s1pdgs.processors.l1.receiver import EXTRACTED, NOMINAL
from s1pdgs.processors.l1.terrain import ELLIPSOID, Terrain, terrain_of
from s1pdgs.processors.l1.vignettes import gather_vignettes
from s1pdgs.sar.attitude import Attitude
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import Orbit, StateVector

if TYPE_CHECKING:
    from s1pdgs.processors.l1.rfi.search import Interference

CO_POLARISATIONS = ("VV", "HH")
TOPS_MODES = ("IW", "EW")
WAVE_MODE = "WV"
_ORBIT_TYPES = ("AUX_POE", "AUX_POEORB", "AUX_RES", "AUX_RESORB", "AUX_PRE", "AUX_PREORB")
_VECTORS = timedelta(seconds=60)
TERRAIN_PARAMETER = "Terrain_Model"
TERRAIN_VARIABLE = "L1_TERRAIN_MODEL"
"""A dynamic parameter of job orders and a variable of the environment, of which the first counts."""


@frozen(eq=False)
class ChannelInput:
    """One polarisation of a swath, or of a vignette: its packets, those of the slice first and then those of the
    calibration and noise products, and its echoes. `bursts` are those of TOPS swaths, one below the other in `echoes`;
    `lost` bursts or vignettes are left out, for they miss most of their lines. `interference` is what a search found,
    `replicas` what the calibration pulses told, `extracted` the pulse as valid ones have it; `chirp` is the pulse that
    AUX_PP1 wants compressed, `Nominal` (of packet headers) or `Extracted`.
    """

    swath: str
    polarisation: str
    sources: tuple[Packets, ...]
    echoes: Echoes
    bursts: tuple[BurstEchoes, ...] = ()
    lost: int = 0
    replicas: tuple[ReplicaMeasurement, ...] = ()
    interference: "Interference | None" = None
    extracted: NDArray[np.complex128] | None = None
    chirp: str = NOMINAL

    def pulse(self, source: str) -> NDArray[np.complex64]:
        """The transmitted pulse, nominal or extracted; the nominal one too where no calibration pulse is valid."""
        found = self.extracted if source == EXTRACTED else None
        nominal = self.echoes.chirp.replica(self.echoes.sampling_hz)
        return (nominal if found is None else found).astype(np.complex64)

    @property
    def replica(self) -> NDArray[np.complex64]:
        """The pulse that range compression takes."""
        return self.pulse(self.chirp)

    @property
    def chirp_source(self) -> str:
        """Where it comes from."""
        return EXTRACTED if self.chirp == EXTRACTED and self.extracted is not None else NOMINAL

    @property
    def name(self) -> str:
        """Swath and polarisation, as the log tells them."""
        return f"{self.swath} {self.polarisation}"


@frozen(eq=False)
class SliceInput:
    """Everything that the images of a Level-1 product are made of: of the whole slice, or of one vignette.

    `vectors` are the state vectors to annotate. Channels are in the order co-polarisation first, swaths within.
    `resolution` is that of detected images: F, H or M. `timing` is annotated by others and corrects nothing here.
    `terrain` lies under all channels.
    """

    slice_name: str
    auxiliary_names: tuple[str, ...]
    manifest: L0Manifest
    instrument: InstrumentParameters
    calibration: CalibrationParameters
    processing: ProcessingParameters
    channels: tuple[ChannelInput, ...]
    ancillary: Ancillary
    orbit: Orbit
    orbit_source: OrbitSource
    vectors: tuple[StateVector, ...]
    attitude: Attitude
    resolution: str = "H"
    timing: TimingCalibration | None = None
    terrain: Terrain = ELLIPSOID

    @property
    def swath(self) -> str:
        """The swath of the first channel."""
        return self.channels[0].swath

    @property
    def mode(self) -> str:
        """`SM`, `IW`, `EW` or `WV`: products and parameters are named after it."""
        return self.swath[:2] if self.swath[:2] in {*TOPS_MODES, WAVE_MODE} else "SM"

    @property
    def tops(self) -> bool:
        return bool(self.channels[0].bursts)

    def range_model(self, time_s: float, ranges_m: NDArray[np.float64]) -> RangeModel:
        """The geometry along range at a zero-Doppler time, for the mean height of the ground."""
        return range_model(self.orbit, time_s, ranges_m, self.terrain.mean(time_s))

    def only(self, *channels: ChannelInput) -> "SliceInput":
        """The inputs of some channels."""
        return evolve(self, channels=channels)

    @property
    def sensing(self) -> Interval:
        """From the first echo to the last of the first polarisation."""
        own = [channel.echoes for channel in self.channels if channel.polarisation == self.channels[0].polarisation]
        return Interval(min(echoes.first_latch for echoes in own), max(echoes.last_latch for echoes in own))


def read_inputs(order: JobOrder, resolution: str = "H") -> tuple[SliceInput, ...]:
    """Read what a job order names: one input, or one for each vignette in the order of time.

    Raises `ProcessingError` or `FormatError` naming the file that is missing, damaged or does not fit.
    """
    slice_dir = _product(order, "RAW__0S")
    manifest = read_manifest(slice_dir / "manifest.safe")
    if manifest.mode not in {f"S{number}" for number in range(1, 7)} | {"SM", *TOPS_MODES, WAVE_MODE}:
        raise ProcessingError(f"{slice_dir.name}: mode {manifest.mode} is neither StripMap nor IW, EW or WV")
    units = sorted((unit.polarisation for unit in manifest.units), key=lambda name: name not in CO_POLARISATIONS)
    sources = {name: _sources(order, slice_dir, manifest, name) for name in units}
    channels = [channel for name in units for channel in _channels(sources[name], manifest, name)]
    ancillary = read_ancillary(sources[units[0]][0])
    ins, cal, pp1 = (Path(order.file(kind)) for kind in ("AUX_INS", "AUX_CAL", "AUX_PP1"))
    instrument, calibration, processing = read_instrument(ins), read_calibration(cal), read_processing(pp1)
    itc = [Path(name) for name in order.files("AUX_ITC")][:1]
    timing = read_timing(itc[0]) if itc else None
    orbit_name, orbit_file = _orbit_file(order)
    elevation = _elevation(order)
    names = [path.name for path in (ins, cal, pp1, *itc)] + ([orbit_name] if orbit_name else [])
    found = []
    for group in [[channel] for channel in channels] if manifest.mode == WAVE_MODE else [channels]:
        span = Interval(
            min(channel.echoes.first_latch for channel in group), max(channel.echoes.last_latch for channel in group)
        )
        near = ancillary.around(span)
        orbit, source, vectors = _orbit(orbit_name, orbit_file, near, span)
        terrain = ELLIPSOID if elevation is None else _terrain(elevation, group, orbit, span)
        found.append(
            SliceInput(
                slice_name=slice_dir.name,
                auxiliary_names=tuple(names),
                manifest=manifest,
                instrument=instrument,
                calibration=calibration,
                processing=processing,
                channels=tuple(group),
                ancillary=near,
                orbit=orbit,
                orbit_source=source,
                vectors=vectors,
                attitude=attitude_of(near, orbit),
                resolution=resolution,
                timing=timing,
                terrain=terrain,
            )
        )
    return tuple(found)


def _elevation(order: JobOrder) -> Elevation | None:
    """The elevation model that the order or the environment names."""
    name = order.parameter(TERRAIN_PARAMETER, os.environ.get(TERRAIN_VARIABLE, ""))
    if not name:
        return None
    if not Path(name).is_file():
        raise ProcessingError(f"{TERRAIN_PARAMETER}: {name} is no file; give the path of a GeoTIFF of heights")
    return read_elevation(Path(name))


def _terrain(elevation: Elevation, channels: list[ChannelInput], orbit: Orbit, span: Interval) -> Terrain:
    """The terrain under all swaths of an input."""
    grids = [channel.echoes.raw_grid(orbit, 0.0) for channel in channels]
    near = min(grid.first_delay_s for grid in grids)
    far = max(grid.first_delay_s + grid.samples / grid.sampling_hz for grid in grids)
    reach = 0.5 * SPEED_OF_LIGHT_M_S * near, 0.5 * SPEED_OF_LIGHT_M_S * far
    return terrain_of(elevation, orbit, (orbit.seconds(span.start), orbit.seconds(span.stop)), reach)


def _products(order: JobOrder, kind: str) -> list[Path]:
    types = [entry.file_type for task in order.tasks for entry in task.inputs if entry.file_type.endswith(kind)]
    return [Path(name) for name in order.files(*types)] if types else []


def _product(order: JobOrder, kind: str) -> Path:
    found = _products(order, kind)
    if len(found) != 1:
        raise ProcessingError(f"the job order names {len(found)} inputs *_{kind}; one slice is processed at a time")
    if not (found[0] / "manifest.safe").is_file():
        raise ProcessingError(f"{found[0]}: no manifest.safe; fetch the Level-0 slice again")
    return found[0]


def _sources(order: JobOrder, slice_dir: Path, manifest: L0Manifest, polarisation: str) -> tuple[Packets, ...]:
    """The packets of one polarisation: those of the slice, then those of the calibration and noise products."""
    unit = next(unit for unit in manifest.units if unit.polarisation == polarisation)
    extra = [path for kind in ("RAW__0C", "RAW__0N") for path in _products(order, kind)]
    others = [
        open_packets(folder / other.data.href)
        for folder in extra
        for other in read_manifest(folder / "manifest.safe").units
        if other.polarisation == polarisation and other.data.size
    ]
    return open_packets(slice_dir / unit.data.href), *others


def _channels(sources: tuple[Packets, ...], manifest: L0Manifest, polarisation: str) -> list[ChannelInput]:
    if manifest.mode in TOPS_MODES:
        return _swaths(sources, polarisation)
    if manifest.mode == WAVE_MODE:
        return _vignettes(sources, polarisation)
    return [ChannelInput(manifest.swath or manifest.mode, polarisation, sources, gather_echoes(sources[0]))]


def _vignettes(sources: tuple[Packets, ...], polarisation: str) -> list[ChannelInput]:
    """The vignettes of one polarisation; calibration and noise are those of their beam."""
    found, lost = gather_vignettes(sources[0])
    others = [source.select(source.headers["signal_type"] != SignalType.ECHO) for source in sources]
    beside = {
        beam: tuple(other.select(of_swath(other, beam)) for other in others)
        for beam in {vignette.beam for vignette in found}
    }
    return [
        ChannelInput(one.beam, polarisation, beside[one.beam], one.echoes, lost=0 if number else lost)
        for number, one in enumerate(found)
    ]


def _swaths(sources: tuple[Packets, ...], polarisation: str) -> list[ChannelInput]:
    """The swaths of one polarisation of a TOPS slice; every source is shared out by the swath that packets tell."""
    channels = []
    for found in gather_swaths(sources[0]):
        if not found.bursts:
            raise ProcessingError(
                f"{sources[0].source}: no burst of {found.name} lies whole in the slice, {found.cut} reach over its "
                f"ends and {found.lost} miss most of their lines; give a slice of at least two cycles of bursts"
            )
        own = tuple(source.select(of_swath(source, found.name)) for source in sources)
        channels.append(ChannelInput(found.name, polarisation, own, found.stacked(), found.bursts, found.lost))
    return channels


def _orbit_file(order: JobOrder) -> tuple[str | None, OrbitFile | None]:
    """The first orbit file of the order, precise before restituted before predicted, with its name."""
    files = [Path(name) for kind in _ORBIT_TYPES for name in order.files(kind)]
    return (files[0].name, read_orbit(files[0])) if files else (None, None)


def _orbit(
    name: str | None, file: OrbitFile | None, ancillary: Ancillary, sensing: Interval
) -> tuple[Orbit, OrbitSource, tuple[StateVector, ...]]:
    """The orbit of the file, else of the relayed states."""
    if name is not None and file is not None:
        near = tuple(file.around(sensing, _VECTORS + timedelta(seconds=60)))
        orbit = orbit_of_file(near, name, sensing.start, sensing.stop)
        shown = sensing.widened(_VECTORS, _VECTORS)
        return orbit, OrbitSource.AUXILIARY, tuple(one for one in near if shown.start <= one.time <= shown.stop)
    orbit = orbit_of_downlink(ancillary, sensing.start, sensing.stop)
    relayed = downlinked_vectors(ancillary)
    first, last = orbit.seconds(relayed[0].time), orbit.seconds(relayed[-1].time)
    before = np.arange(first, orbit.seconds(sensing.start) - 2.0, -1.0)[:0:-1]
    after = np.arange(last, orbit.seconds(sensing.stop) + 2.0)[1:]
    added = [_state(orbit, float(time)) for time in (*before, *after)]
    return orbit, OrbitSource.DOWNLINK, tuple(sorted([*relayed, *added], key=lambda vector: vector.time))


def _state(orbit: Orbit, time_s: float) -> StateVector:
    return StateVector(orbit.utc(time_s), orbit.position(time_s), orbit.velocity(time_s))
