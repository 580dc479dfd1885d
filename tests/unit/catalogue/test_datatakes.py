"""Every data take has an account: what arrived, what is missing and why, which versions of its products are current."""

from pathlib import Path

import pytest
from attrs import evolve
from structlog.testing import capture_logs

from s1pdgs.bus.outbox import Outbox, deliver
from s1pdgs.catalogue import accounts, datatakes, receptions
from s1pdgs.catalogue.datatakes import DataTakeAccount, account_numbered, grid_start_of, listed
from s1pdgs.catalogue.door import note_same
from s1pdgs.formats.l0.report import AcquisitionReport, DataTakeReport
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects
from tests.unit.catalogue.accounts import (
    ANNOTATIONS,
    DATATAKE,
    NOON,
    SEGMENTS,
    SESSION,
    SLICES,
    acquisition_report,
    at,
    data_take_report,
    hold,
    hold_report,
    l0_name,
    reception,
    stream,
)


def telemetry(store: str, uid: str) -> str:
    return f"S1A_{store}_RAW__0____20260105T115000_20260105T120000_051312________{uid}.SAFE"


class Books:
    """A catalogue whose reports are taken into the accounts."""

    def __init__(self, folder: Path, database: Database, outbox: Outbox, store: LocalObjects) -> None:
        self.folder, self.database, self.outbox, self.store = folder, database, outbox, store

    def hold(self, *names: str) -> None:
        hold(self.database, self.outbox, *names)

    def report(self, report: DataTakeReport | AcquisitionReport, created_s: float = 0) -> str:
        name = hold_report(self.folder, self.database, self.outbox, self.store, report, created_s=created_s)
        self.deliver()
        return name

    def deliver(self) -> None:
        while deliver(self.database, accounts.subscriber(self.store)):
            pass

    def account(self) -> DataTakeAccount:
        with self.database.read() as connection:
            (brief,) = listed(connection, [DATATAKE])
            found = account_numbered(connection, brief.number)
        assert found is not None
        return found

    def versions(self) -> dict[str, str | None]:
        return {version.product: version.superseded_by for version in self.account().versions}


@pytest.fixture
def books(tmp_path: Path, database: Database, outbox: Outbox, objects: LocalObjects) -> Books:
    return Books(tmp_path, database, outbox, objects)


def test_a_report_becomes_the_account_of_its_data_take(books: Books) -> None:
    books.hold(*SLICES, ANNOTATIONS)
    name = books.report(data_take_report())
    account = books.account()
    assert (account.name, account.report) == (name, data_take_report())
    assert account.brief.state == "gaps"
    assert (account.brief.packets, account.brief.lost_in_downlink) == (168_300, 1700)
    assert (account.brief.slices, account.brief.slices_made) == (2, 2)
    assert [(version.product, version.slice) for version in account.versions] == [
        (ANNOTATIONS, 0), (SLICES[0], 1), (SLICES[1], 2)
    ]  # fmt: skip
    with books.database.read() as connection:
        assert grid_start_of(connection, "S1A", DATATAKE) == NOON
        assert grid_start_of(connection, "S1B", DATATAKE) is None
        assert [each.datatake for each in listed(connection, [7, DATATAKE])] == [DATATAKE]


@pytest.mark.parametrize(
    ("streams", "state"),
    [((stream("VV"), stream("VH")), "complete"), ((stream("VV", ends=False), stream("VH")), "partial")],
)
def test_whether_all_is_here_is_told_in_a_word(books: Books, streams: tuple[object, ...], state: str) -> None:
    books.report(data_take_report(*streams))  # type: ignore[arg-type]
    assert books.account().brief.state == state


def test_the_newest_report_wins_whenever_it_comes(books: Books) -> None:
    newer = data_take_report(stream("VV"), stream("VH"))
    books.report(newer, created_s=60)
    books.report(data_take_report(), created_s=0)
    assert books.account().report == newer


def test_a_newer_version_supersedes_the_one_of_its_slice_only(books: Books) -> None:
    books.hold(*SLICES, ANNOTATIONS)
    books.report(data_take_report())
    again, newer = l0_name("S", "DV", "1001"), l0_name("S", "DV", "1002", 25)
    annotations = l0_name("A", "DV", "100A")
    books.hold(newer, annotations)
    with books.database.write() as connection:
        note_same(connection, again, SLICES[0])
    second = data_take_report(stream("VV"), stream("VH"), slices=(again, newer))
    books.report(evolve(second, products=(again, newer, annotations)), created_s=60)
    assert books.versions() == {
        SLICES[0]: None, SLICES[1]: newer, newer: None, ANNOTATIONS: annotations, annotations: None,
    }  # fmt: skip
    assert books.account().held == {again: SLICES[0], newer: newer, annotations: annotations}


def test_a_slice_that_gains_a_polarisation_supersedes_the_single_one(books: Books) -> None:
    lone, both = l0_name("S", "SV", "0001"), l0_name("S", "DV", "0002")
    books.hold(lone, both)
    books.report(data_take_report(stream("VV"), slices=(lone,)))
    books.report(data_take_report(slices=(both,)), created_s=60)
    assert books.versions() == {lone: both, both: None}


def test_characterisations_of_one_data_take_have_accounts_of_their_own(books: Books) -> None:
    first = evolve(data_take_report(slices=()), mode="RF", slice_length_s=0.0, slice_overlap_s=0.0)
    books.report(first)
    books.report(evolve(first, start=at(900), stop=at(901), grid_start=at(900)), created_s=1)
    books.report(evolve(first, start=at(0.4)), created_s=2)
    with books.database.read() as connection:
        assert [brief.start for brief in listed(connection, [DATATAKE])] == [at(0.4), at(900)]
        assert grid_start_of(connection, "S1A", DATATAKE) is None


def test_news_told_twice_is_taken_once(books: Books) -> None:
    books.hold(*SLICES)
    name = books.report(data_take_report())
    with books.database.write() as connection:
        assert not datatakes.record(connection, data_take_report(), name, at(3600))
    assert len(books.versions()) == 2


def test_a_damaged_report_is_told_and_holds_up_nobody(books: Books) -> None:
    name = hold_report(books.folder, books.database, books.outbox, books.store, data_take_report())
    path = books.store.path(f"jobs/0/1/{name}/{name}")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-200])
    with capture_logs() as told:
        books.deliver()
    newer = books.report(data_take_report(), created_s=9)
    assert books.account().name == newer
    assert [entry["event"] for entry in told] == ["a report is not in the accounts"]


class TestReceptions:
    def test_a_data_take_knows_the_receptions_that_brought_it(self, books: Books) -> None:
        books.hold(*SEGMENTS)
        books.report(acquisition_report())
        books.report(evolve(acquisition_report(products=("other.SAFE",)), satellite="S1B"), created_s=1)
        books.report(data_take_report(), created_s=2)
        (found,) = books.account().receptions
        assert found.report == acquisition_report()
        assert found.products == tuple(sorted(SEGMENTS))

    def test_a_report_of_more_deliveries_replaces_the_others_and_keeps_what_they_brought(self, books: Books) -> None:
        books.hold(*SEGMENTS)
        books.report(acquisition_report())
        both = acquisition_report(reception(), reception(delivery=2), products=(SEGMENTS[0],))
        name = books.report(both, created_s=60)
        books.report(data_take_report(), created_s=61)
        (found,) = books.account().receptions
        assert found.name == name
        assert found.products == tuple(sorted(SEGMENTS))

    def test_an_older_report_that_comes_later_changes_nothing_but_its_products(self, books: Books) -> None:
        books.hold(*SEGMENTS)
        name = books.report(acquisition_report(reception(), reception(delivery=2), products=()), created_s=60)
        books.report(acquisition_report(), created_s=0)
        with books.database.read() as connection:
            (found,) = receptions.of_products(connection, SEGMENTS)
        assert found.name == name

    def test_telemetry_of_more_deliveries_supersedes_that_of_fewer(self, books: Books) -> None:
        old, new, other = telemetry("GP", "0001"), telemetry("GP", "0002"), telemetry("HK", "0003")
        books.hold(*SEGMENTS, old, new, other)
        books.report(acquisition_report(products=(*SEGMENTS, old, other)))
        books.report(acquisition_report(reception(), reception(delivery=2), products=(new,)), created_s=60)
        books.report(data_take_report(), created_s=61)
        (found,) = books.account().receptions
        assert found.superseded == {old: new}
        assert set(found.products) == {*SEGMENTS, old, new, other}
        third = acquisition_report(reception(), reception(delivery=2), reception(delivery=3), products=(other,))
        books.report(third, created_s=90)
        assert books.account().receptions[0].superseded == {old: new}, "it stays so"

    def test_telemetry_of_an_older_report_that_comes_later_is_superseded_at_once(self, books: Books) -> None:
        old, new = telemetry("GP", "0001"), telemetry("GP", "0002")
        books.hold(*SEGMENTS, old, new)
        books.report(acquisition_report(reception(), reception(delivery=2), products=(*SEGMENTS, new)), created_s=60)
        books.report(acquisition_report(products=(old,)), created_s=0)
        books.report(data_take_report(), created_s=61)
        assert books.account().receptions[0].superseded == {old: new}

    def test_stations_that_heard_different_parts_stand_side_by_side(self, books: Books) -> None:
        books.hold(*SEGMENTS)
        books.report(acquisition_report(products=SEGMENTS[:1]))
        books.report(acquisition_report(reception("S1A_20260105122010051312"), products=SEGMENTS[1:]), created_s=1)
        books.report(data_take_report(), created_s=2)
        sessions = [each.report.receptions[0].session_id for each in books.account().receptions]
        assert sessions == [SESSION, "S1A_20260105122010051312"]

    def test_segments_that_were_no_news_lead_to_the_reception_too(self, books: Books) -> None:
        books.hold(*SEGMENTS)
        with books.database.write() as connection:
            note_same(connection, "again.SAFE", SEGMENTS[0])
        books.report(acquisition_report(products=("NRT/again.SAFE",)))
        books.report(data_take_report(), created_s=1)
        assert len(books.account().receptions) == 1
