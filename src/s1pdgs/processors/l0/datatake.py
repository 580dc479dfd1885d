"""A data take read back from its segments: packets of each polarisation in sensing order, wherever their bytes lie."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import gather_headers, index_packets
from s1pdgs.formats.l0.annot import (
    channels,
    downlink_times_us,
    packet_sizes,
    read_annotations,
    vcids,
)
from s1pdgs.formats.l0.manifest import L0Manifest, MeasurementUnit, Resource
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.product import MANIFEST_NAME
from s1pdgs.processors.l0.program import Outcome, ProcessorError
from s1pdgs.processors.l0.records import (
    PACKET_RECORD,
    ends_data_take,
    in_sensing_order,
    missing_packets,
    new_records,
    starts_data_take,
)

ACCEPTED_POLARISATIONS = ({"HH"}, {"VV"}, {"HV"}, {"VH"}, {"VV", "VH"}, {"HH", "HV"})


@frozen(eq=False)
class PolarisationData:
    """One polarisation of a data take: records in sensing order, and the files that their `source` numbers mean."""

    polarisation: str
    packet_store_id: int
    records: NDArray[np.void]
    files: Mapping[int, Path]
    downlinks: tuple[Resource, ...]
    frames_lost: bool
    """Whether the segments count frames that were corrected or lost."""


@frozen
class _Segment:
    folder: Path
    manifest: L0Manifest


def read_data_take(folders: Iterable[Path], outcome: Outcome) -> list[PolarisationData]:
    """The polarisations of the data take of which `folders` are segments, in the order of their names.

    Raises `ProcessorError` for segments of different data takes or of polarisations that do not go together; warns
    about gaps and open ends.
    """
    segments = [_Segment(folder, read_manifest(folder / MANIFEST_NAME)) for folder in folders]
    if not segments:
        raise ProcessorError("the job order names no segment (<mode>_RAW__0S) that exists")
    _refuse_mixture({(each.manifest.satellite, each.manifest.data_take_id) for each in segments})
    by_polarisation: dict[str, list[tuple[_Segment, MeasurementUnit]]] = {}
    for segment in segments:
        for unit in segment.manifest.units:
            by_polarisation.setdefault(unit.polarisation, []).append((segment, unit))
    if set(by_polarisation) not in ACCEPTED_POLARISATIONS:
        raise ProcessorError(
            f"polarisations {', '.join(sorted(by_polarisation))} do not make one product; "
            "give one, VV with VH, or HH with HV"
        )
    return [_polarisation(name, sources, outcome) for name, sources in sorted(by_polarisation.items())]


def _refuse_mixture(identities: set[tuple[str, int]]) -> None:
    if len(identities) > 1:
        found = ", ".join(f"{satellite} {data_take:06X}" for satellite, data_take in sorted(identities))
        raise ProcessorError(f"segments of several data takes are mixed ({found}); give those of one")


def _polarisation(name: str, sources: list[tuple[_Segment, MeasurementUnit]], outcome: Outcome) -> PolarisationData:
    parts, files, downlinks = [], {}, []
    lost = False
    for number, (segment, unit) in enumerate(sources):
        records = _records(segment.folder, unit, outcome)
        records["source"] = number
        parts.append(records)
        files[number] = segment.folder / unit.data.href
        downlinks += [each for each in segment.manifest.processing.resources if each.processing is not None]
        quality = unit.quality
        lost = lost or bool(quality.rs_incorrigible or quality.rs_corrected or quality.rs_corrected_symbols)
    records, duplicates, differing = in_sensing_order(np.concatenate(parts))
    if not records.size:
        raise ProcessorError(f"the segments of polarisation {name} hold no packet")
    if duplicates:
        outcome.info(f"{name}: {duplicates} packets are in several segments and taken once")
    if differing:
        outcome.warn(f"{name}: {differing} packets differ between segments; the first segment's are kept")
    _warn_of_gaps(name, records, outcome)
    return PolarisationData(name, sources[0][1].packet_store_id, records, files, tuple(downlinks), lost)


def _warn_of_gaps(name: str, records: NDArray[np.void], outcome: Outcome) -> None:
    missing = missing_packets(records)
    if missing:
        outcome.warn(f"{name}: {missing} packets are missing within the data take")
    if not starts_data_take(records):
        first = int(records["space_packet_count"][0])
        outcome.warn(f"{name}: the data take begins with packet {first}; its start is missing")
    if not ends_data_take(records):
        outcome.warn(f"{name}: the data take ends without a postamble; its end is missing")


def _records(folder: Path, unit: MeasurementUnit, outcome: Outcome) -> NDArray[np.void]:
    path = folder / unit.data.href
    if not path.is_file():
        raise ProcessorError(f"{path}: the manifest names it, but it is not there; download the segment again")
    size = path.stat().st_size
    if size != unit.data.size:
        raise ProcessorError(f"{path}: has {size} bytes, but its manifest says {unit.data.size}; download it again")
    if not size:
        return np.zeros(0, PACKET_RECORD)
    data = np.memmap(path, np.uint8, "r")
    annotations = None
    if unit.annotation is not None and (folder / unit.annotation.href).is_file():
        annotations = read_annotations(folder / unit.annotation.href)
        lengths = packet_sizes(annotations)
        offsets = np.cumsum(lengths) - lengths
        if int(lengths.sum()) != size:
            outcome.warn(f"{unit.annotation.href}: does not describe the {size} bytes of its measurement; not used")
            annotations = None
    if annotations is None:
        offsets, lengths = index_packets(data)
    records = new_records(gather_headers(data, offsets))
    records["offset"] = offsets
    records["length"] = lengths
    if annotations is not None:
        records["downlink_us"] = downlink_times_us(annotations)
        records["frames"] = annotations["frames"]
        records["missing_frames"] = annotations["missing_frames"]
        records["vcid"] = vcids(annotations)
        records["channel"] = channels(annotations)
    return records
