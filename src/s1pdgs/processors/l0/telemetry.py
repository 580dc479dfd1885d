"""Products of the telemetry stores: GP_RAW__0_ of GPS packets, HK_RAW__0_ of housekeeping telemetry."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from attrs import define, frozen
from numpy.typing import NDArray

from s1pdgs.formats.l0.manifest import MeasurementQuality, OrbitReference, Resource
from s1pdgs.formats.l0.product import MeasurementFile
from s1pdgs.formats.l0.telemetry_product import TelemetryProduct, write_telemetry_product
from s1pdgs.formats.obmemc import PacketStore
from s1pdgs.model.time import MICROSECOND, Clock, from_micros, gps_to_utc, micros, utc_to_gps
from s1pdgs.processors.l0.describe import downlink_step, facility_of, generation_step
from s1pdgs.processors.l0.orbit import OrbitContext
from s1pdgs.processors.l0.program import Outcome, ProcessorError
from s1pdgs.processors.l0.receive import ChannelReceiver
from s1pdgs.processors.l0.scratch import chunks
from s1pdgs.processors.l0.spool import TelemetrySpool

MODES = {"GPS": "GP", "HKTM": "HK"}
_STEP_NAMES = {"GP": "Generation of Sentinel-1 GPS L0 product", "HK": "Generation of Sentinel-1 HKTM L0 product"}
_SOFTWARE = "s1pdgs L0 AIO"
_SEQUENCE_MODULUS = 1 << 14
_SECONDARY_HEADER = 0x08
# where packets in use keep their time code: behind the primary header (CCSDS 133.0-B), behind PUS version, service type
# and subtype, and behind a destination octet as well (ECSS-E-70-41A)
_TIME_PLACES = (6, 9, 10)
_OLDEST = timedelta(days=3)
_AHEAD = timedelta(minutes=1)
_ENOUGH = 0.95
_COPY_BYTES = 4 * 1024 * 1024


@frozen
class TelemetryMaker:
    """Makes the products of telemetry in `folder` out of what the channels received."""

    folder: Path
    satellite: str
    station: str
    context: OrbitContext
    clock: Clock
    outcome: Outcome

    def make(self, receivers: Sequence[ChannelReceiver]) -> list[str]:
        """Names of the products, one of each store; packets of other stores stay where they were received."""
        spools: dict[int, list[TelemetrySpool]] = {}
        for receiver in receivers:
            for vcid, spool in receiver.telemetry.items():
                spools.setdefault(vcid, []).append(spool)
        made = []
        for vcid, parts in sorted(spools.items()):
            store = parts[0].store
            packets = sum(part.records().size for part in parts)
            files = ", ".join(part.file.path.name for part in parts)
            if store.store_type not in MODES:
                self.outcome.info(f"{packets} telemetry packets of virtual channel {vcid} are kept in {files}")
                continue
            try:
                made.append(self._product(store, parts, _counts(receivers, vcid)))
            except ProcessorError as error:
                self.outcome.warn(f"packet store {store.store_id}: no product ({error}); its packets are in {files}")
        return made

    def _product(self, store: PacketStore, parts: Sequence[TelemetrySpool], counts: Mapping[str, int]) -> str:
        started = self.clock.now()
        mode = MODES[store.store_type]
        survey = survey_of([part.records() for part in parts])
        orbit = self._orbit(survey.start, survey.stop)
        path, size, md5 = _joined(parts)
        processing = generation_step(
            _STEP_NAMES[mode], started, self.clock.now(), survey.downlinks(), facility_of(self.station, _SOFTWARE)
        )
        product = TelemetryProduct(
            satellite=self.satellite,
            mode=mode,
            packet_store_id=store.store_id,
            start=survey.start,
            stop=survey.stop,
            timed_by="SENSING" if survey.timed else "RECEPTION",
            orbit=orbit,
            processing=processing,
            quality=MeasurementQuality(survey.packets, survey.missing, survey.untimed, **counts),
            path=path,
            size=size,
            md5=md5,
        )
        name = write_telemetry_product(self.folder, product)
        timed = "sensing times" if survey.timed else "no time code that can be read: times of reception"
        self.outcome.info(f"{name}: {survey.packets} packets, {survey.missing} missing, {timed}")
        return name

    def _orbit(self, start: datetime, stop: datetime) -> OrbitReference:
        """Orbit numbers; those of the end where the prediction does not reach back to the beginning."""
        try:
            return self.context.reference(start, stop, ascending=True)
        except ProcessorError:
            return self.context.reference(stop, stop, ascending=True)


@define(eq=False)
class Survey:
    """What the packets of a store say: their span (of sensing where `timed`, else of reception), packets, those missing
    between others by their sequence counts, and those without a believable time where the others have one.
    """

    start: datetime
    stop: datetime
    timed: bool
    packets: int
    missing: int
    untimed: int
    received: dict[int, tuple[int, int]]

    def downlinks(self) -> list[Resource]:
        """The receptions that brought the packets, by channel."""
        spans = sorted(self.received.items())
        return [downlink_step(number, from_micros(first), from_micros(last)) for number, (first, last) in spans]


def survey_of(parts: Sequence[NDArray[np.void]]) -> Survey:
    """Survey packets from their records (of `TELEMETRY_RECORD`, at least one of them)."""
    last_counts: dict[int, int] = {}
    received: dict[int, tuple[int, int]] = {}
    packets = missing = 0
    spans = {place: _Span() for place in _TIME_PLACES}
    for part in parts:
        for stretch in chunks(part.size):
            records = part[stretch]
            packets += records.size
            missing += _missing(records, last_counts)
            _widen(received, records)
            for place, span in spans.items():
                span.add(_times_us(records, place))
    place, best = max(spans.items(), key=lambda entry: (entry[1].count, -entry[0]))
    if best.count >= _ENOUGH * packets:
        start, stop = from_micros(best.first), from_micros(best.last)
        return Survey(start, stop, True, packets, missing, packets - best.count, received)
    start = from_micros(min(first for first, _ in received.values()))
    stop = from_micros(max(last for _, last in received.values()))
    return Survey(start, stop, False, packets, missing, 0, received)


@define
class _Span:
    count: int = 0
    first: int = 0
    last: int = 0

    def add(self, times_us: NDArray[np.int64]) -> None:
        if times_us.size:
            first, last = int(times_us.min()), int(times_us.max())
            self.first = min(first, self.first) if self.count else first
            self.last = max(last, self.last) if self.count else last
            self.count += times_us.size


def _times_us(records: NDArray[np.void], place: int) -> NDArray[np.int64]:
    """The believable times (microseconds since 1970-01-01 UTC) that packets have at an octet: GPS seconds and 2^-16 s,
    not long before their reception.
    """
    head = records["head"]
    octets = head[(head[:, 0] & _SECONDARY_HEADER) != 0].astype(np.int64)
    received = records["downlink_us"][(head[:, 0] & _SECONDARY_HEADER) != 0]
    if not received.size:
        return np.empty(0, np.int64)
    seconds = octets[:, place] << 24 | octets[:, place + 1] << 16 | octets[:, place + 2] << 8 | octets[:, place + 3]
    fraction = octets[:, place + 4] << 8 | octets[:, place + 5]
    # leap seconds are those at the first reception: the times believed lie within days of it
    reference, _ = utc_to_gps(from_micros(int(received[0])))
    times = micros(gps_to_utc(reference)) + (seconds - reference) * 1_000_000
    times += np.rint((fraction + 0.5) * 1e6 / 65536).astype(np.int64)
    believable = (times >= received - _OLDEST // MICROSECOND) & (times <= received + _AHEAD // MICROSECOND)
    return np.asarray(times[believable])


def _missing(records: NDArray[np.void], last_counts: dict[int, int]) -> int:
    """Packets missing between those of the same APID; a count that jumps back is a new start."""
    head = records["head"].astype(np.int64)
    apids = (head[:, 0] & 7) << 8 | head[:, 1]
    counts = (head[:, 2] & 0x3F) << 8 | head[:, 3]
    missing = 0
    for apid in np.unique(apids).tolist():
        own = counts[apids == apid]
        before = last_counts.get(apid)
        steps = np.diff(own if before is None else np.concatenate(([before], own))) % _SEQUENCE_MODULUS
        missing += int((steps[(steps > 0) & (steps < _SEQUENCE_MODULUS // 2)] - 1).sum())
        last_counts[apid] = int(own[-1])
    return missing


def _widen(received: dict[int, tuple[int, int]], records: NDArray[np.void]) -> None:
    for channel in np.unique(records["channel"]).tolist():
        times = records["downlink_us"][records["channel"] == channel]
        first, last = int(times.min()), int(times.max())
        known = received.get(channel, (first, last))
        received[channel] = (min(first, known[0]), max(last, known[1]))


def _counts(receivers: Sequence[ChannelReceiver], vcid: int) -> dict[str, int]:
    """The Reed-Solomon counts of a manifest: of transfer frames of the channels and the virtual channel used."""
    sources = [receiver.source for receiver in receivers if vcid in receiver.telemetry]
    return {
        "rs_incorrigible": sum(source.code.uncorrectable_frames for source in sources),
        "rs_corrected": sum(source.corrected_frames.get(vcid, 0) for source in sources),
        "rs_corrected_symbols": sum(source.corrected_symbols.get(vcid, 0) for source in sources),
    }


def _joined(parts: Sequence[TelemetrySpool]) -> tuple[Path, int, str]:
    """One file of all packets: the received one, or the received ones one after the other."""
    first = parts[0].file
    if len(parts) == 1:
        return first.path, first.size, first.md5
    with MeasurementFile(first.path.with_suffix(".joined")) as target:
        for part in parts:
            with part.file.path.open("rb") as stream:
                while data := stream.read(_COPY_BYTES):
                    target.write(data)
    for part in parts:
        part.file.path.unlink()
    return target.path, target.size, target.md5
