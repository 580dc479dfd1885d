"""A data take read back from its segments: packets of each polarisation in sensing order, wherever their bytes lie."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import gather_headers, index_packets
from s1pdgs.formats.l0.annot import (
    ANNOTATION_DTYPE,
    AnnotationError,
    channels,
    check_annotations,
    downlink_times_us,
    packet_sizes,
    vcids,
)
from s1pdgs.formats.l0.manifest import L0Manifest, MeasurementUnit, Resource
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.product import MANIFEST_NAME
from s1pdgs.model.time import MICROSECOND, micros
from s1pdgs.processors.l0.account import Losses, losses_of, with_beginning
from s1pdgs.processors.l0.copying import MappedFile
from s1pdgs.processors.l0.ordering import sensing_order
from s1pdgs.processors.l0.program import Outcome, ProcessorError
from s1pdgs.processors.l0.records import (
    PACKET_RECORD,
    ends_data_take,
    mark_foreign,
    new_records,
    sensing_times_us,
    starts_data_take,
)
from s1pdgs.processors.l0.scratch import Scratch, chunks
from s1pdgs.processors.l0.slices import LONGEST_DATA_TAKE, data_take_start

ACCEPTED_POLARISATIONS = ({"HH"}, {"VV"}, {"HV"}, {"VH"}, {"VV", "VH"}, {"HH", "HV"})
_MOST_SOURCES = 255
_LONGEST_US = LONGEST_DATA_TAKE // MICROSECOND


@attrs.frozen(eq=False, slots=False)
class PolarisationData:
    """One polarisation of a data take: records in sensing order, and the files that their `source` numbers mean."""

    polarisation: str
    packet_store_ids: tuple[int, ...]
    """The stores that brought the packets, the one with most first."""
    records: NDArray[np.void]
    files: Mapping[int, Path]
    downlinks: tuple[Resource, ...]
    frames_lost: bool
    """Whether the segments count frames that were corrected or lost."""
    duplicates: int = 0
    segments: tuple[str, ...] = ()
    scratch: Scratch | None = None

    def release(self) -> None:
        """Let go of the memory of the records until they are needed again."""
        if self.scratch is not None:
            self.scratch.release()

    @cached_property
    def times_us(self) -> NDArray[np.int64]:
        """Sensing times int64 (n,) in microseconds since 1970-01-01 UTC; they never fall."""
        return np.maximum.accumulate(sensing_times_us(self.records))

    @cached_property
    def losses(self) -> Losses:
        """What is missing between its packets."""
        return losses_of(self.records)

    @cached_property
    def account(self) -> tuple[NDArray[np.int64], Losses]:
        """Times and losses that begin with the data take, whether its first packet is here or not."""
        first_packet = int(self.records["space_packet_count"][0])
        start_us = max(micros(data_take_start(self.records)), int(self.times_us[0]) - _LONGEST_US)
        return with_beginning(self.times_us, self.losses, first_packet, start_us)

    @cached_property
    def starts(self) -> bool:
        """Whether the first packet of the data take is here."""
        return starts_data_take(self.records)

    @cached_property
    def ends(self) -> bool:
        """Whether the postamble of the data take is here."""
        return ends_data_take(self.records)


@frozen
class _Segment:
    folder: Path
    manifest: L0Manifest


def read_data_take(folders: Iterable[Path], scratch: Scratch, outcome: Outcome) -> list[PolarisationData]:
    """The polarisations of the data take of which `folders` are segments, in the order of their names.

    Segments are taken in the order of their names, so that the same ones give the same products in whatever order they
    are told. Raises `ProcessorError` for segments of different data takes or of polarisations that do not go together;
    warns about gaps and open ends.
    """
    ordered = sorted(folders, key=lambda folder: folder.name)
    segments = [_Segment(folder, read_manifest(folder / MANIFEST_NAME)) for folder in ordered]
    if not segments:
        raise ProcessorError("the job order names no segment (<mode>_RAW__0S) that exists")
    _refuse_mixture({(each.manifest.satellite, each.manifest.data_take_id) for each in segments})
    by_polarisation: dict[str, list[tuple[_Segment, MeasurementUnit]]] = {}
    for segment in segments:
        for unit in segment.manifest.units:
            by_polarisation.setdefault(unit.polarisation, []).append((segment, unit))
    characterisation = all(each.manifest.mode == "RF" for each in segments)
    if set(by_polarisation) not in ACCEPTED_POLARISATIONS and not characterisation:
        raise ProcessorError(
            f"polarisations {', '.join(sorted(by_polarisation))} do not make one product; "
            "give one, VV with VH, or HH with HV"
        )
    return [_polarisation(name, sources, scratch, outcome) for name, sources in sorted(by_polarisation.items())]


def _refuse_mixture(identities: set[tuple[str, int]]) -> None:
    if len(identities) > 1:
        found = ", ".join(f"{satellite} {data_take:06X}" for satellite, data_take in sorted(identities))
        raise ProcessorError(f"segments of several data takes are mixed ({found}); give those of one")


def _polarisation(
    name: str, sources: Sequence[tuple[_Segment, MeasurementUnit]], scratch: Scratch, outcome: Outcome
) -> PolarisationData:
    if len(sources) > _MOST_SOURCES:
        raise ProcessorError(f"{len(sources)} segments of polarisation {name} are more than {_MOST_SOURCES}")
    parts, files, downlinks = [], {}, []
    stores: Counter[int] = Counter()
    lost = False
    for number, (segment, unit) in enumerate(sources):
        parts.append(_records(segment.folder, unit, number, scratch, outcome))
        files[number] = segment.folder / unit.data.href
        downlinks += [each for each in segment.manifest.processing.resources if each.processing is not None]
        stores[unit.packet_store_id] += parts[-1].size
        quality = unit.quality
        lost = lost or bool(quality.rs_incorrigible or quality.rs_corrected or quality.rs_corrected_symbols)
    received = scratch.joined(parts)
    if not received.size:
        raise ProcessorError(f"the segments of polarisation {name} hold no packet")
    mark_foreign(received)
    ordering = sensing_order(received)
    if ordering.duplicates:
        outcome.info(f"{name}: {ordering.duplicates} packets are in several segments and taken once")
    if ordering.inconsistent.size:
        outcome.warn(
            f"{name}: {ordering.inconsistent.size} packets contradict the counters, times or copies of others and are "
            "left in their segments"
        )
    data = PolarisationData(
        polarisation=name,
        packet_store_ids=tuple(store for store, _ in stores.most_common()),
        records=scratch.taken(received, ordering.kept),
        files=files,
        downlinks=tuple(downlinks),
        frames_lost=lost,
        duplicates=ordering.duplicates,
        segments=tuple(dict.fromkeys(segment.folder.name for segment, _ in sources)),
        scratch=scratch,
    )
    _warn_of_gaps(data, outcome)
    data.release()
    return data


def _warn_of_gaps(data: PolarisationData, outcome: Outcome) -> None:
    name, losses = data.polarisation, data.losses
    if losses.at.size:
        outcome.warn(
            f"{name}: {int(losses.missing.sum())} packets are missing within the data take "
            f"({int(losses.downlink.sum())} lost in the downlink, {int(losses.instrument.sum())} in the instrument)"
        )
    if not data.starts:
        first = int(data.records["space_packet_count"][0])
        outcome.warn(f"{name}: the data take begins with packet {first}; its start is missing")
    if not data.ends:
        outcome.warn(f"{name}: the data take ends without a postamble; its end is missing")


def _records(folder: Path, unit: MeasurementUnit, source: int, scratch: Scratch, outcome: Outcome) -> NDArray[np.void]:
    path = folder / unit.data.href
    if not path.is_file():
        raise ProcessorError(f"{path}: the manifest names it, but it is not there; download the segment again")
    size = path.stat().st_size
    if size != unit.data.size:
        raise ProcessorError(f"{path}: has {size} bytes, but its manifest says {unit.data.size}; download it again")
    if not size:
        return np.zeros(0, PACKET_RECORD)
    mapped = MappedFile(path)
    annotations = _annotations(folder, unit, size, outcome)
    if annotations is None:
        offsets, lengths = index_packets(mapped.octets)
    else:
        lengths = packet_sizes(annotations)
        offsets = np.cumsum(lengths) - lengths
    records = scratch.room(offsets.size)
    for stretch in chunks(offsets.size):
        part = new_records(gather_headers(mapped.octets, offsets[stretch]))
        part["source"] = source
        part["offset"], part["length"] = offsets[stretch], lengths[stretch]
        if annotations is not None:
            _receive(part, annotations[stretch])
        records[stretch] = part
        mapped.release()
    scratch.release()
    return records


def _annotations(folder: Path, unit: MeasurementUnit, size: int, outcome: Outcome) -> NDArray[np.void] | None:
    """The annotations of a measurement of `size` bytes where they are there and describe it."""
    if unit.annotation is None or not (folder / unit.annotation.href).is_file():
        return None
    path = folder / unit.annotation.href
    try:
        check_annotations(path)
        annotations = np.memmap(path, ANNOTATION_DTYPE, "r")
    except (AnnotationError, ValueError) as error:
        outcome.warn(f"{unit.annotation.href}: {error}; not used")
        return None
    if int(packet_sizes(annotations).sum()) != size:
        outcome.warn(f"{unit.annotation.href}: does not describe the {size} bytes of its measurement; not used")
        return None
    return annotations


def _receive(records: NDArray[np.void], annotations: NDArray[np.void]) -> None:
    records["downlink_us"] = downlink_times_us(annotations)
    records["frames"] = annotations["frames"]
    records["missing_frames"] = annotations["missing_frames"]
    records["vcid"] = vcids(annotations)
    records["channel"] = channels(annotations)
