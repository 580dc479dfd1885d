"""The manifest against the packets: what it says of kinds, counts, times, polarisations and the slice."""

import numpy as np

from s1pdgs.formats.isp.codes import Polarisation, SignalType
from s1pdgs.formats.isp.header import packet_faults
from s1pdgs.formats.l0 import annot
from s1pdgs.formats.l0.manifest import L0Manifest
from s1pdgs.model.time import from_micros, micros
from s1pdgs.tools.l0 import names
from s1pdgs.tools.l0.packets import Packets, mission_data_take_id, sensing_times_us, usual
from s1pdgs.tools.l0.product import Component
from s1pdgs.tools.l0.runs import steps_of
from s1pdgs.tools.l0.verify.findings import Findings

_TIME_TOLERANCE_US = 1000
_FILLER_STORE = 50
_SLICES_S = {"SM": (25.0, 7.7), "IW": (25.0, 7.4), "EW": (60.0, 8.2)}
"""Length and overlap of slices by mode (DAD, section 8.1; real manifests)."""
_GRID_EARLY_S, _GRID_LATE_S = 0.005, 1.0
_FAMILIES = {"S": "SM", "N": "AN", "Z": "AN"}


def check_measurement(manifest: L0Manifest, component: Component, packets: Packets, findings: Findings) -> None:
    """One measurement: the rules `manifest.contents`, `counts.*`, `packets.polarisation`, `.store` and `.class`."""
    if not packets.count or component.unit is None:
        return
    headers = packets.headers
    place = component.data.name
    told = (
        ("data take", f"{manifest.data_take_id:06X}", f"{mission_data_take_id(usual(headers['data_take_id'])):06X}"),
        (
            "instrument configuration",
            manifest.instrument_configuration_id,
            usual(headers["instrument_configuration_id"]),
        ),
    )
    for what, claimed, found in told:
        if claimed != found:
            text = f"{what} {claimed} in the manifest, {found} in the packets"
            findings.error("manifest.contents", place, text, "the product was put together wrongly")
    mode = str(names.modes()[usual(headers["ecc_number"])])
    claimed = manifest.swath or manifest.mode
    if mode not in (claimed, manifest.mode) and not _same_family(mode, manifest.mode):
        findings.error("manifest.contents", place, f"mode {claimed} in the manifest, {mode} in the packets")
    _check_compression(manifest, packets, findings)
    _check_polarisation(component, packets, findings)
    _check_class(manifest, packets, findings)
    _check_counts(manifest, component, packets, findings)


def check_kinds(manifest: L0Manifest, read: list[Packets], findings: Findings) -> None:
    """All measurements together: calISPPresent, noiseISPPresent, and the rule `times.product`."""
    read = [packets for packets in read if packets.count]
    if not read:
        return
    signals = np.unique(np.concatenate([packets.headers["signal_type"] for packets in read]))
    for name, claimed, found in (
        ("calISPPresent", manifest.calibration_present, bool((signals >= SignalType.TX_CAL).any())),
        ("noiseISPPresent", manifest.noise_present, SignalType.NOISE in signals),
    ):
        if claimed != found:
            text = f"{str(claimed).upper()}, but {'there are' if found else 'there are no'} such packets"
            findings.error("manifest.contents", name, text)
    times = [sensing_times_us(packets.headers) for packets in read]
    first, last = min(int(time.min()) for time in times), max(int(time.max()) for time in times)
    for name, moment, wanted in (("startTime", manifest.start, first), ("stopTime", manifest.stop, last)):
        if abs(micros(moment) - wanted) > _TIME_TOLERANCE_US:
            text = f"{moment:%H:%M:%S.%f}, but the packet is sensed at {from_micros(wanted):%H:%M:%S.%f}"
            findings.error("times.product", name, text)


def check_slice(manifest: L0Manifest, findings: Findings) -> None:
    """The rules `slice.*`."""
    place = manifest.slice
    if place is None:
        if manifest.consolidation == "SLICE":
            text = "productConsolidation is SLICE, but sliceProductFlag is FALSE"
            findings.error("slice.number", "sliceProductFlag", text)
        return
    if place.number < 1 or (place.total is not None and place.number > place.total):
        findings.error("slice.number", "sliceNumber", f"{place.number} of {place.total or 'an unknown number'}")
    usual_lengths = _SLICES_S.get(manifest.mode)
    if usual_lengths is None:
        findings.warn("slice.number", "sliceProductFlag", f"products of mode {manifest.mode} are not sliced")
    elif (place.length_s, place.overlap_s) != usual_lengths:
        text = f"length {place.length_s:g} s and overlap {place.overlap_s:g} s; usual are {usual_lengths}"
        findings.warn("slice.number", "theoreticalSliceLength", text)
    duration_s = (manifest.stop - manifest.start).total_seconds()
    longest_s = place.length_s + place.overlap_s + _GRID_LATE_S
    if place.total is None or place.number == place.total:
        longest_s += place.overlap_s
    if duration_s > longest_s:
        findings.error("slice.grid", "acquisitionPeriod", f"{duration_s:.3f} s are longer than a slice may be")
    if place.data_take_start is not None:
        late_s = (manifest.start - place.data_take_start).total_seconds() - (place.number - 1) * place.length_s
        if not -_GRID_EARLY_S <= late_s <= _GRID_LATE_S:
            findings.error(
                "slice.grid",
                "startTime",
                f"lies {late_s:.3f} s from the start of slice {place.number} on the grid of the data take",
                "slice number, length or dataTakeStartTime is wrong",
            )


def _same_family(mode: str, claimed: str) -> bool:
    return mode[1:].isdigit() and _FAMILIES.get(mode[0]) == claimed


def _check_compression(manifest: L0Manifest, packets: Packets, findings: Findings) -> None:
    signal = packets.headers["signal_type"]
    for name, claimed, chosen in (
        ("echoCompressionType", manifest.compression.echo, signal == SignalType.ECHO),
        ("noiseCompressionType", manifest.compression.noise, signal == SignalType.NOISE),
        ("calCompressionType", manifest.compression.calibration, signal >= SignalType.TX_CAL),
    ):
        if chosen.any():
            found = str(names.compressions()[usual(packets.headers["baq_mode"][chosen])])
            if found != claimed:
                findings.error("manifest.contents", name, f"{claimed}, but {packets.polarisation} has {found}")


def _check_polarisation(component: Component, packets: Packets, findings: Findings) -> None:
    """Transmit and receive letters, and the store that they come from (the operational association)."""
    if component.unit is None:
        return
    claimed, place = component.unit.polarisation, component.data.name
    received = names.received()[packets.headers["rx_channel"]]
    echoes = packets.headers["polarisation"][packets.kind(SignalType.ECHO)]
    transmitted = Polarisation(usual(echoes if echoes.size else packets.headers["polarisation"])).tx
    wrong = int(np.count_nonzero(received != claimed[-1]))
    if wrong:
        text = f"{wrong} of {packets.count} packets are received in another polarisation than {claimed}"
        findings.error("packets.polarisation", place, text, "measurements were confused")
    if transmitted != claimed[0]:
        findings.error("packets.polarisation", place, f"{transmitted} is transmitted, but the measurement is {claimed}")
    store = component.unit.packet_store_id
    letter = _letter_of_store(store)
    if letter is not None and letter != claimed[-1]:
        text = f"packet store {store} holds polarisation {letter} in operations, but the measurement is {claimed}"
        findings.warn("packets.store", place, text, "check the AUX_OBMEMC of that time")
    if packets.annotations is not None and store < _FILLER_STORE:
        vcid = usual(annot.vcids(packets.annotations))
        if vcid != store:
            findings.warn("packets.store", place, f"packet store {store}, but packets came over virtual channel {vcid}")


def _letter_of_store(store: int) -> str | None:
    """The receive polarisation of a packet store of the operational memory configuration; None of other stores."""
    if 0 <= store <= 18:
        return "HV"[store % 2]
    return "VH"[store % 2] if 19 <= store <= 44 else None


def _check_class(manifest: L0Manifest, packets: Packets, findings: Findings) -> None:
    place = packets.source.name
    foreign = {
        "C": packets.headers["signal_type"] < SignalType.TX_CAL,
        "N": packets.headers["signal_type"] != SignalType.NOISE,
    }.get(manifest.product_class)
    if foreign is not None and foreign.any():
        text = f"{int(foreign.sum())} packets do not belong into a product of class {manifest.product_class}"
        findings.error("packets.class", place, text, "assemble the data take again")
    if packets.headers_only != (manifest.product_class == "A"):
        held = "headers only" if packets.headers_only else "whole packets"
        findings.error("packets.class", place, f"a product of class {manifest.product_class} with {held}")


def _check_counts(manifest: L0Manifest, component: Component, packets: Packets, findings: Findings) -> None:
    if component.unit is None:
        return
    quality, place = component.unit.quality, component.data.name
    if quality.elements != packets.count:
        text = f"numOfElements is {quality.elements}, but {packets.count} packets are there"
        findings.error("counts.elements", place, text)
    if manifest.product_class in "SA":
        lost = int(steps_of(packets.headers).missing.sum())
        if lost != quality.missing:
            text = f"numOfMissingElements is {quality.missing}, but the counters say that {lost} packets are missing"
            (findings.error if lost > quality.missing else findings.warn)("counts.missing", place, text)
    faulty = packet_faults(packets.headers) != 0
    if packets.annotations is not None:
        faulty |= packets.annotations["crc_error"] != 0
    corrupted = int(np.count_nonzero(faulty))
    if corrupted != quality.corrupted:
        text = f"numOfCorruptedElements is {quality.corrupted}, but {corrupted} packets are faulty"
        (findings.error if corrupted > quality.corrupted else findings.warn)("counts.corrupted", place, text)
