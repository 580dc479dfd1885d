"""Reports of a small data take and of the passes that brought it, and products for their names."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import register
from s1pdgs.formats.l0.datatake_report import write_datatake_report
from s1pdgs.formats.l0.report import (
    AcquisitionReport,
    DataTakeReport,
    Gap,
    GapCause,
    ReceptionAccount,
    SliceAccount,
    StationCount,
    StreamAccount,
    VirtualChannelAccount,
)
from s1pdgs.formats.l0.report_xml import write_report
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore, put_file

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DATATAKE = 0x24A10
SESSION = "S1A_20260105122004051312"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def l0_name(kind: str, polarisation: str, uid: str, start_s: float = 0, mode: str = "S3") -> str:
    start, stop = at(start_s), at(start_s + 25)
    return (
        f"S1A_{mode}_RAW__0{kind}{polarisation}_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_051312_{DATATAKE:06X}_"
        f"{uid}.SAFE"
    )


SEGMENTS = (l0_name("S", "VV", "5E00"), l0_name("S", "VH", "5E01"))
SLICES = (l0_name("S", "DV", "0001"), l0_name("S", "DV", "0002", 25))
ANNOTATIONS = l0_name("A", "DV", "000A")
GAP = Gap(at(10), at(11), 1700, GapCause.DOWNLINK)


def stream(polarisation: str, *gaps: Gap, ends: bool = True) -> StreamAccount:
    lost = {cause: sum(gap.packets for gap in gaps if gap.cause is cause) for cause in GapCause}
    return StreamAccount(
        polarisation=polarisation, packet_store_ids=(21,), packets=85_000 - sum(lost.values()), first_packet=0,
        last_packet=2535, starts=True, ends=ends, duplicates=0, corrupted=0,
        lost_in_downlink=lost[GapCause.DOWNLINK], lost_in_instrument=lost[GapCause.INSTRUMENT],
        suppressed_pris=40, gaps=gaps,
    )  # fmt: skip


def data_take_report(*streams: StreamAccount, slices: tuple[str | None, ...] = SLICES) -> DataTakeReport:
    streams = streams or (stream("VV", GAP), stream("VH"))
    none = tuple(0 for _ in streams)
    return DataTakeReport(
        satellite="S1A", data_take_id=DATATAKE, mode="SM", start=NOON, stop=at(50), grid_start=NOON,
        slice_length_s=25.0, slice_overlap_s=7.7, segments=SEGMENTS,
        products=(*(name for name in slices if name), ANNOTATIONS), streams=streams,
        slices=tuple(
            SliceAccount(number, at(25 * number - 25), at(25 * number), name, none, none)
            for number, name in enumerate(slices, start=1)
        ),
    )  # fmt: skip


def reception(session: str = SESSION, delivery: int = 1, channel: int = 1) -> ReceptionAccount:
    return ReceptionAccount(
        session_id=session, delivery=delivery, channel=channel, start=at(1200), stop=at(1260), blocks=3,
        bytes=9_000_000, cadus=7000, skipped_bytes=12, slips=1, damaged_markers=2, good_frames=6990,
        corrected_frames=5, corrected_symbols=9, uncorrectable_frames=4, fill_frames=100, foreign_frames=0,
        station_counts=(StationCount("AcquiredTFs", 7001, 7000), StationCount("DataTFs", None, 6900)),
    )  # fmt: skip


def acquisition_report(*receptions: ReceptionAccount, products: tuple[str, ...] = SEGMENTS) -> AcquisitionReport:
    receptions = receptions or (reception(), reception(channel=2))
    channel = VirtualChannelAccount(
        vcid=11, packet_store_id=21, frames=6890, missing_frames=10, recovered_frames=3, corrected_frames=5,
        corrected_symbols=9, packets=85_000, discarded_packets=2,
    )  # fmt: skip
    return AcquisitionReport(
        satellite="S1A", start=at(1200), stop=at(1260), receptions=receptions, virtual_channels=(channel,),
        products=products, warnings=("channel 1: 12 bytes outside CADUs were skipped (1 slips)",),
    )  # fmt: skip


def hold(database: Database, outbox: Outbox, *names: str) -> None:
    """Put products of these names into the catalogue."""
    with database.write() as connection:
        for name in names:
            files = (StoredFile("manifest.safe", 1, "md5", "sha"),)
            made = Product(
                name, name[4:14], "S1A", Interval(NOON, at(50)), NOON, f"jobs/1/1/{name}", files, NOON,
                attributes={"datatakeID": DATATAKE},
            )  # fmt: skip
            assert register(connection, outbox, made)


def hold_report(
    folder: Path,
    database: Database,
    outbox: Outbox,
    store: ObjectStore,
    report: DataTakeReport | AcquisitionReport,
    *,
    created_s: float = 0,
) -> str:
    """Put a report into the store and the catalogue; its name."""
    facts = {"site": "S1PD", "created": at(3600 + created_s), "creator": "s1pdgs", "version": "1.0"}
    if isinstance(report, DataTakeReport):
        kind, name = "REP_L0PSA", write_datatake_report(folder, report, **facts)  # type: ignore[arg-type]
    else:
        kind, name = "REP_ACQNR", write_report(folder, "REP_ACQNR_", report, **facts)  # type: ignore[arg-type]
    location = f"jobs/{created_s:g}/1/{name}"
    sums = put_file(store, folder / name, f"{location}/{name}")
    made = Product(
        name, kind, "S1A", Interval(report.start, report.stop), at(3600 + created_s), location,
        (StoredFile(name, sums.size, sums.md5, sums.sha256),), NOON,
    )  # fmt: skip
    with database.write() as connection:
        assert register(connection, outbox, made)
    return name
