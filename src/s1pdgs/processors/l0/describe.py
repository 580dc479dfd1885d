"""What packets say about their acquisition, and the manifest of a product made of them."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs import __version__
from s1pdgs.formats.isp.codes import Polarisation, SignalType, TestMode, instrument_mode, swath_name
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.l0.manifest import (
    CompressionTypes,
    Facility,
    L0Manifest,
    OrbitReference,
    Processing,
    Resource,
    SliceInformation,
)
from s1pdgs.processors.l0.footprint import footprint, ground_track
from s1pdgs.processors.l0.orbit import OrbitContext, acquisition_orbit
from s1pdgs.processors.l0.program import Outcome
from s1pdgs.processors.l0.records import mission_data_take_id, sensing_span, usual
from s1pdgs.sar.orbit import OrbitError

_COMPRESSION = {
    0: "BYPASS",
    3: "BAQ_3_BIT",
    4: "BAQ_4_BIT",
    5: "BAQ_5_BIT",
    12: "FDBAQ_0",
    13: "FDBAQ_1",
    14: "FDBAQ_2",
}
_BYPASSES = (TestMode.BYPASS, TestMode.GROUND_BYPASS)
_FAMILIES = {"S": "SM", "N": "AN", "Z": "ZS"}
_DOCUMENTS = (
    Resource("S-1 Core PDGS S-1 Level-0 Product Format Specifications S1PD.SP.00110.ASTR", "Applicable Document"),
    Resource("Sentinel-1 SAR Space Packet Protocol Data Unit S1-IF-ASD-PL-0007", "Applicable Document", version="13"),
)


@frozen
class Acquisition:
    """One stretch of one data take. `swath` is set in modes that have a single one (StripMap, notch)."""

    satellite: str
    mode: str
    swath: str | None
    data_take_id: int
    instrument_configuration_id: int
    start: datetime
    stop: datetime
    orbit: OrbitReference
    footprint: tuple[tuple[float, float], ...]
    compression: CompressionTypes


def describe_acquisition(
    records: NDArray[np.void],
    satellite: str,
    context: OrbitContext,
    outcome: Outcome,
    mode_and_swath_of_data_take: tuple[str, str | None] | None = None,
) -> Acquisition:
    """The acquisition of packets of one receive channel in sensing order.

    Raises `PacketError` for a measurement mode that is not known.
    """
    mode, swath = mode_and_swath_of_data_take or mode_and_swath(records)
    start, stop = sensing_span(records)
    orbit = acquisition_orbit(records, start, stop, context, outcome)
    try:
        outline = footprint(records, mode, orbit, start, stop)
    except OrbitError as error:
        outcome.warn(f"footprint: {error}; the track below the satellite is given instead")
        outline = ground_track(orbit, start, stop)
    ascending = bool(orbit.velocity(orbit.seconds(start))[2] > 0)
    return Acquisition(
        satellite=satellite,
        mode=mode,
        swath=swath,
        data_take_id=mission_data_take_id(usual(records["data_take_id"])),
        instrument_configuration_id=usual(records["instrument_configuration_id"]),
        start=start,
        stop=stop,
        orbit=context.reference(start, stop, ascending=ascending),
        footprint=outline,
        compression=compression_types(records),
    )


def mode_and_swath(records: NDArray[np.void]) -> tuple[str, str | None]:
    """The mode as manifests name it (`SM`, `IW`, `AN` ...) and the swath of modes with a single one.

    The ECC number of most packets decides; where that is a test or contingency number, the swath of most packets does.
    Raises `PacketError` when neither is known.
    """
    name = _instrument_mode(records)
    return (_FAMILIES[name[0]], name) if name[1:].isdigit() else (name, None)


def _instrument_mode(records: NDArray[np.void]) -> str:
    try:
        return instrument_mode(usual(records["ecc_number"]))
    except PacketError:
        name = swath_name(usual(records["swath_number"]))
    return name if name[0] in _FAMILIES else name[:2]


def transmit_polarisation(records: NDArray[np.void]) -> str:
    """The letter transmitted in most echoes, or in most packets where there are no echoes."""
    echoes = records["polarisation"][records["signal_type"] == SignalType.ECHO]
    return Polarisation(usual(echoes if echoes.size else records["polarisation"])).tx


def consolidation_of(mode: str, *, starts: bool, ends: bool) -> tuple[str, str | None]:
    """productConsolidation and productSensingConsolidation: which ends of the data take a product has.

    An RF characterisation is one measurement: without an end it is `PARTIAL`, no part of a whole.
    """
    if starts and ends:
        return "FULL", None
    if mode == "RF":
        return "PARTIAL", "BEGIN" if starts else "END" if ends else "MIDDLE"
    if starts:
        return "START", "BEGIN"
    return ("END", "END") if ends else ("MID", "MIDDLE")


def compression_types(records: NDArray[np.void]) -> CompressionTypes:
    """How the packets of each kind are coded; `BYPASS` where there are none, and where a test bypasses the coding."""
    signal = records["signal_type"]
    kinds = (signal == SignalType.ECHO, signal == SignalType.NOISE, signal >= SignalType.TX_CAL)
    coded = np.where(np.isin(records["test_mode"], _BYPASSES), 0, records["baq_mode"])
    echo, noise, calibration = (_COMPRESSION.get(usual(coded[kind]), "BYPASS") for kind in kinds)
    return CompressionTypes(echo, noise, calibration)


def manifest_header(
    acquisition: Acquisition,
    product_class: str,
    signals: NDArray[np.uint8],
    processing: Processing,
    *,
    consolidation: str,
    sensing_consolidation: str | None = None,
    slice_information: SliceInformation | None = None,
) -> L0Manifest:
    """The manifest of a product, its units still to come; `signals` are the signal types of its packets."""
    node = acquisition.orbit.ascending_node_time
    return L0Manifest(
        satellite=acquisition.satellite,
        mode=acquisition.mode,
        swath=acquisition.swath,
        start=acquisition.start,
        stop=acquisition.stop,
        start_anx_ms=(acquisition.start - node).total_seconds() * 1000.0,
        stop_anx_ms=(acquisition.stop - node).total_seconds() * 1000.0,
        product_class=product_class,
        consolidation=consolidation,
        sensing_consolidation=sensing_consolidation,
        calibration_present=bool((signals >= SignalType.TX_CAL).any()),
        noise_present=bool((signals == SignalType.NOISE).any()),
        instrument_configuration_id=acquisition.instrument_configuration_id,
        data_take_id=acquisition.data_take_id,
        compression=acquisition.compression,
        slice=slice_information,
        units=(),
        orbit=acquisition.orbit,
        processing=processing,
        footprint=acquisition.footprint,
    )


def downlink_step(channel: int, start: datetime, stop: datetime) -> Resource:
    """The reception of one channel, as the history of a product tells it."""
    return Resource(
        "Downlinked Stream", "Raw Data", processing=Processing(f"Raw Data Downlink Channel{channel}", start, stop)
    )


def generation_step(
    name: str, start: datetime, stop: datetime, sources: Sequence[Resource], facility: Facility | None
) -> Processing:
    """The making of a Level-0 product from `sources`, under the documents that apply."""
    return Processing(name, start, stop, facility, (*_DOCUMENTS, *sources))


def facility_of(station: str, software: str) -> Facility:
    """The facility of a processing station code (`WILE`, `MTI_` ...) running our software."""
    return Facility("", station, "", station.rstrip("_"), software_name=software, software_version=__version__)
