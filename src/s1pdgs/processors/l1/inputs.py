"""The inputs of a Level-1 job: the Level-0 slice, its auxiliary files, its orbit and its attitude."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from attrs import evolve, frozen

from s1pdgs.formats.aux.cal import CalibrationParameters, read_calibration
from s1pdgs.formats.aux.ins import InstrumentParameters, read_instrument
from s1pdgs.formats.aux.pp1 import ProcessingParameters, read_processing
from s1pdgs.formats.eof import read_orbit
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
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.packets import Packets, open_packets
from s1pdgs.processors.l1.preprocess import Echoes, gather_echoes
from s1pdgs.sar.attitude import Attitude
from s1pdgs.sar.orbit import Orbit, StateVector

CO_POLARISATIONS = ("VV", "HH")
TOPS_MODES = ("IW", "EW")
_ORBIT_TYPES = ("AUX_POE", "AUX_POEORB", "AUX_RES", "AUX_RESORB", "AUX_PRE", "AUX_PREORB")
_VECTORS = timedelta(seconds=60)


@frozen(eq=False)
class ChannelInput:
    """One polarisation of a swath: its packets, those of the slice first and then those of the calibration and noise
    products, and its echoes. `bursts` are those of TOPS swaths, one below the other in `echoes`; `lost` ones are left
    out, for they miss most of their lines.
    """

    swath: str
    polarisation: str
    sources: tuple[Packets, ...]
    echoes: Echoes
    bursts: tuple[BurstEchoes, ...] = ()
    lost: int = 0

    @property
    def name(self) -> str:
        """Swath and polarisation, as the log tells them."""
        return f"{self.swath} {self.polarisation}"


@frozen(eq=False)
class SliceInput:
    """Everything that a Level-1 product is made of.

    `vectors` are the state vectors to annotate. Channels are in the order co-polarisation first, swaths within.
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

    @property
    def swath(self) -> str:
        """The swath of the first channel."""
        return self.channels[0].swath

    @property
    def mode(self) -> str:
        """`SM`, `IW` or `EW`: products and parameters are named after it."""
        return self.swath[:2] if self.tops else "SM"

    @property
    def tops(self) -> bool:
        return bool(self.channels[0].bursts)

    def only(self, *channels: ChannelInput) -> "SliceInput":
        """The inputs of some channels."""
        return evolve(self, channels=channels)

    @property
    def sensing(self) -> Interval:
        """From the first echo to the last of the first polarisation."""
        own = [channel.echoes for channel in self.channels if channel.polarisation == self.channels[0].polarisation]
        return Interval(min(echoes.first_latch for echoes in own), max(echoes.last_latch for echoes in own))


def read_inputs(order: JobOrder) -> SliceInput:
    """Read what a job order names.

    Raises `ProcessingError` or `FormatError` naming the file that is missing, damaged or does not fit.
    """
    slice_dir = _product(order, "RAW__0S")
    manifest = read_manifest(slice_dir / "manifest.safe")
    if manifest.mode not in {f"S{number}" for number in range(1, 7)} | {"SM", *TOPS_MODES}:
        raise ProcessingError(f"{slice_dir.name}: mode {manifest.mode} is neither StripMap nor IW nor EW")
    extra = [path for kind in ("RAW__0C", "RAW__0N") for path in _products(order, kind)]
    channels = sorted(
        (channel for unit in manifest.units for channel in _channels(slice_dir, manifest, extra, unit.polarisation)),
        key=lambda channel: channel.polarisation not in CO_POLARISATIONS,
    )
    ins, cal, pp1 = (Path(order.file(kind)) for kind in ("AUX_INS", "AUX_CAL", "AUX_PP1"))
    ancillary = read_ancillary(channels[0].sources[0])
    span = Interval(
        min(channel.echoes.first_latch for channel in channels), max(channel.echoes.last_latch for channel in channels)
    )
    orbit, source, vectors, orbit_name = _orbit(order, ancillary, span)
    names = [path.name for path in (ins, cal, pp1)] + ([orbit_name] if orbit_name else [])
    return SliceInput(
        slice_name=slice_dir.name,
        auxiliary_names=tuple(names),
        manifest=manifest,
        instrument=read_instrument(ins),
        calibration=read_calibration(cal),
        processing=read_processing(pp1),
        channels=tuple(channels),
        ancillary=ancillary,
        orbit=orbit,
        orbit_source=source,
        vectors=vectors,
        attitude=attitude_of(ancillary, orbit),
    )


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


def _channels(slice_dir: Path, manifest: L0Manifest, extra: list[Path], polarisation: str) -> list[ChannelInput]:
    unit = next(unit for unit in manifest.units if unit.polarisation == polarisation)
    packets = open_packets(slice_dir / unit.data.href)
    others = [
        open_packets(folder / other.data.href)
        for folder in extra
        for other in read_manifest(folder / "manifest.safe").units
        if other.polarisation == polarisation and other.data.size
    ]
    if manifest.mode in TOPS_MODES:
        return _swaths((packets, *others), polarisation)
    swath = manifest.swath or manifest.mode
    return [ChannelInput(swath, polarisation, (packets, *others), gather_echoes(packets))]


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


def _orbit(
    order: JobOrder, ancillary: Ancillary, sensing: Interval
) -> tuple[Orbit, OrbitSource, tuple[StateVector, ...], str | None]:
    """The first orbit file of the order, precise before restituted before predicted; else the relayed states."""
    files = [name for kind in _ORBIT_TYPES for name in order.files(kind)]
    if files:
        path = Path(files[0])
        near = tuple(read_orbit(path).around(sensing, _VECTORS + timedelta(seconds=60)))
        orbit = orbit_of_file(near, path.name, sensing.start, sensing.stop)
        shown = sensing.widened(_VECTORS, _VECTORS)
        vectors = tuple(vector for vector in near if shown.start <= vector.time <= shown.stop)
        return orbit, OrbitSource.AUXILIARY, vectors, path.name
    orbit = orbit_of_downlink(ancillary, sensing.start, sensing.stop)
    relayed = downlinked_vectors(ancillary)
    first, last = orbit.seconds(relayed[0].time), orbit.seconds(relayed[-1].time)
    before = np.arange(first, orbit.seconds(sensing.start) - 2.0, -1.0)[:0:-1]
    after = np.arange(last, orbit.seconds(sensing.stop) + 2.0)[1:]
    added = [_state(orbit, float(time)) for time in (*before, *after)]
    return orbit, OrbitSource.DOWNLINK, tuple(sorted([*relayed, *added], key=lambda vector: vector.time)), None


def _state(orbit: Orbit, time_s: float) -> StateVector:
    return StateVector(orbit.utc(time_s), orbit.position(time_s), orbit.velocity(time_s))
