import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from s1pdgs.bus.tables import event as event_table
from s1pdgs.formats.dsib import parse_dsib
from s1pdgs.inbox import deliveries
from s1pdgs.inbox import sessions as inbox
from s1pdgs.model.session import SessionFile
from s1pdgs.simulator.station import Account, Faults, FileFault, Quirks, read_content
from s1pdgs.stations import fetch
from s1pdgs.stations.cursor import position
from s1pdgs.stations.poller import download, poll
from s1pdgs.stations.profile import Credentials
from s1pdgs.storage.objects import checksums_of

MakePass = Callable[..., Path]
SESSION = "S1A_20260105072204051312"


def block(number: int, channel: int = 1, session: str = SESSION) -> str:
    return f"DCS_02_{session}_ch{channel}_DSDB_{number:05d}.raw"


def settle(bench: Any, source: Any, rounds: int = 40, step_s: float = 30.0) -> None:
    """Poll and download while the time goes on, until a round brings nothing."""
    quiet = 0
    for _ in range(rounds):
        did = poll(source)
        while download(source):
            did = True
        bench.clock.advance(step_s)
        quiet = 0 if did else quiet + 1
        if quiet == 3:
            return


def events(bench: Any) -> Counter[str]:
    with bench.database.read() as connection:
        return Counter(connection.scalars(sa.select(event_table.c.type)))


def session_of(bench: Any, session: str = SESSION) -> Any:
    with bench.database.read() as connection:
        return inbox.find_session(connection, session)


def values_asked(station: Any) -> list[str]:
    return [request for request in station.station.requests if "$value" in request]


def test_a_pass_is_followed_from_its_announcement_to_its_product(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass(blocks={1: 4, 2: 3})
    station = bench.station(read_content(folder), speedup=1.0)
    source = bench.source(station, poll_s=10)
    seen = []
    for _ in range(5):
        poll(source)
        download(source)
        known = session_of(bench)
        seen.append((known.state, sum(row.state == "stored" for row in bench.files().values())))
        bench.clock.advance(30)
    assert seen == [("open", 0), ("open", 1), ("open", 3), ("open", 5), ("complete", 7)]
    product = bench.product(SESSION)
    assert product.t0 == max(row.published for row in bench.files().values())
    for file in product.files:
        data = b"".join(bench.objects.read(f"{product.location}/{file.path}"))
        if file.path.endswith(".raw"):
            assert data == next(folder.rglob(Path(file.path).name)).read_bytes()
        elif file.path.endswith("_QualityInfo.json"):
            record = json.loads(data)
            assert file.path == f"ch_{record['Channel']}/DCS_02_{SESSION}_ch{record['Channel']}_QualityInfo.json"
            assert record["AcquiredTFs"] == 500 * record["Channel"]
        else:
            channel = int(file.path[3])
            sizes = [path.stat().st_size for path in (folder / "session" / f"ch_{channel}").iterdir()]
            assert parse_dsib(data, file.path).data_size == sum(sizes)
    assert product.attributes["acquiredTFs"] == 1500
    assert "qualityRemarks" not in product.attributes
    assert events(bench) == {"FileArrived": 7, "ProductCatalogued": 1, "SessionComplete": 1}


def test_a_poll_waits_for_its_interval(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()))
    source = bench.source(station, poll_s=10)
    assert poll(source)
    asked = len(station.station.requests)
    assert not poll(source)
    assert len(station.station.requests) == asked
    bench.clock.advance(10)
    poll(source)
    assert len(station.station.requests) > asked


def test_a_finished_session_that_is_listed_again_is_not_downloaded_again(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()))
    source = bench.source(station)
    settle(bench, source)
    assert session_of(bench).state == "complete"
    assert len(values_asked(station)) == 6
    before = events(bench)
    for _ in range(3):
        bench.clock.advance(60)
        poll(source)
        assert not download(source)
    assert any("Sessions?" in request for request in station.station.requests[-2:])
    assert len(values_asked(station)) == 6
    assert events(bench) == before


def test_a_session_whose_files_went_comes_from_its_station_when_somebody_asks(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()))
    source = bench.source(station)
    settle(bench, source)
    before = bench.product(SESSION)
    bench.let_go(SESSION)
    settle(bench, source)
    assert len(values_asked(station)) == 6
    with bench.database.write() as connection:
        assert deliveries.receive_again(connection, SESSION, "svalbard", bench.clock.now())
    settle(bench, source)
    assert len(values_asked(station)) == 12
    assert bench.product(SESSION).files == before.files
    assert session_of(bench).state == "complete"
    assert events(bench)["ProductRestored"] == 1
    settle(bench, source)
    assert len(values_asked(station)) == 12


def test_two_satellites_on_one_address_are_two_sources_that_keep_apart(bench: Any, make_pass: MakePass) -> None:
    other = "S1C_20260105072204003312"
    station = bench.station(read_content(make_pass(), make_pass(other)))
    first = bench.source(station, name="a", satellites=["S1A"])
    second = bench.source(station, name="c", satellites=["S1C"])
    for source in (first, second):
        settle(bench, source)
    with bench.database.read() as connection:
        owners = {row.name: row.source for row in bench.files().values()}
        assert inbox.find_session(connection, SESSION).source == "a"
        assert inbox.find_session(connection, other).source == "c"
    assert set(owners.values()) == {"a", "c"}
    assert len(values_asked(station)) == len(owners) == 12
    assert events(bench)["SessionComplete"] == 2


def test_a_file_that_appears_late_under_an_old_date_is_not_lost(bench: Any, make_pass: MakePass) -> None:
    late = FileFault(late_s=3000)
    station = bench.station(read_content(make_pass()), faults=Faults({block(2): late}))
    source = bench.source(station, overlap_s=60)
    settle(bench, source)
    assert session_of(bench).reason == "channel 1: block 2 of 3 not stored"
    bench.clock.advance(3000)
    settle(bench, source)
    assert session_of(bench).state == "complete"


def test_the_position_stays_an_overlap_behind_the_newest_publication(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()))
    began = bench.clock.now()
    source = bench.source(station, overlap_s=600, start=began - timedelta(days=30))
    for _ in range(3):
        bench.clock.advance(3600)
        poll(source)
        with bench.database.read() as connection:
            at = position(connection, source.profile.name)
        assert at.published == began - timedelta(seconds=600), "the reference system jumps to its own clock here"


def test_a_station_that_is_down_moves_nothing_and_is_asked_again(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()))
    source = bench.source(station, start=bench.clock.now() - timedelta(days=1))
    station.stop()
    assert not poll(source)
    with bench.database.read() as connection:
        at = position(connection, source.profile.name)
    assert at.published == source.profile.start
    assert "ConnectError" in at.error


def test_a_missing_block_makes_an_incomplete_product_after_the_waiting_time(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()), faults=Faults({block(2, 2): FileFault(missing=True)}))
    source = bench.source(station, give_up_after_s=7200)
    settle(bench, source)
    assert bench.product(SESSION) is None
    assert session_of(bench).reason == "channel 2: block 2 of 3 not stored"
    bench.clock.advance(7200)
    poll(source)
    product = bench.product(SESSION)
    assert product.attributes["incomplete"] is True
    assert product.attributes["missing"] == "channel 2: block 2 of 3 not stored"
    assert product.attributes["qualityRemarks"].startswith("channel 2: TotalChunks tells 3 blocks, 2 arrived")


def test_a_retransfer_of_a_complete_session_is_a_delivery_of_its_own(bench: Any, make_pass: MakePass) -> None:
    first = read_content(make_pass())
    again = read_content(make_pass(retransfer=True, folder="again"))
    settle(bench, bench.source(bench.station(first)))
    retransferring = bench.station(type(first)(sessions=(*first.sessions, *again.sessions)))
    settle(bench, bench.source(retransferring))
    assert len(values_asked(retransferring)) == 6
    assert events(bench)["SessionComplete"] == 2
    nominal, retransfer = bench.product(SESSION), bench.product(f"{SESSION}_R1")
    assert (nominal.location, retransfer.location) == (f"sessions/{SESSION}", f"sessions/{SESSION}/R1")
    assert retransfer.attributes["retransfer"] is True
    assert retransfer.attributes["sessionId"] == nominal.attributes["sessionId"] == SESSION
    for product in (nominal, retransfer):
        for file in product.files:
            assert checksums_of(bench.objects, f"{product.location}/{file.path}").md5 == file.md5
    assert [file.path for file in retransfer.files] == [file.path for file in nominal.files]


def test_a_partial_retransfer_is_whole_when_it_fell_quiet(bench: Any, make_pass: MakePass) -> None:
    first = read_content(make_pass())
    again = read_content(make_pass(retransfer=True, folder="again"))
    settle(bench, bench.source(bench.station(first)))
    lost = {
        block(number, channel): FileFault(missing=True) for number, channel in ((1, 1), (3, 1), (1, 2), (2, 2), (3, 2))
    }
    both = type(first)(sessions=(*again.sessions,))
    source = bench.source(bench.station(both, faults=Faults(lost)), partial_retransfer_after_s=900)
    poll(source)
    assert download(source)
    bench.clock.advance(890)
    poll(source)
    assert bench.product(f"{SESSION}_R1") is None
    bench.clock.advance(30)
    poll(source)
    product = bench.product(f"{SESSION}_R1")
    assert [file.path for file in product.files if file.path.endswith(".raw")] == [f"ch_1/{block(2)}"]
    assert product.attributes["missing"].startswith("channel 1: block 1 not stored")


def test_the_same_session_of_two_stations_is_two_deliveries(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass()
    record = json.loads((folder / "session.json").read_text())
    other = make_pass(folder="other")
    (other / "session.json").write_text(json.dumps({**record, "station": "MTI"}))
    for name, place in (("svalbard", folder), ("matera", other)):
        source = bench.source(bench.station(read_content(place)), name=name)
        settle(bench, source)
    assert bench.product(SESSION).attributes["station"] == "SGS"
    assert bench.product(f"{SESSION}_R1").attributes["station"] == "MTI"
    assert events(bench)["FileArrived"] == 12


def test_blocks_flagged_as_retransferred_begin_a_delivery_even_if_their_session_is_not(
    bench: Any, make_pass: MakePass
) -> None:
    first = read_content(make_pass())
    source = bench.source(bench.station(first))
    settle(bench, source)
    with bench.database.write() as connection:
        for number in (1, 2, 3):
            for channel in (1, 2):
                name = block(number, channel)
                file = SessionFile(
                    f"again-{name}", SESSION, name, channel, number, number == 3, bench.clock.now(), -1, retransfer=True
                )
                assert deliveries.announce_block(connection, "svalbard", file, bench.clock.now())
    again = read_content(make_pass(retransfer=True, folder="again"))
    assert session_of(bench, f"{SESSION}_R1").session.retransfer
    assert session_of(bench, f"{SESSION}_R1").session.channels == len(again.sessions[0].channels)
    assert session_of(bench).state == "complete"


def test_blocks_that_never_arrived_whole_come_by_retransfer(bench: Any, make_pass: MakePass) -> None:
    first = read_content(make_pass())
    again = read_content(make_pass(retransfer=True, folder="again"))
    broken = bench.station(first, faults=Faults({block(2, 2): FileFault(truncated=99)}))
    source = bench.source(broken, max_attempts=2, give_up_after_s=3600)
    settle(bench, source)
    assert "quarantine" in session_of(bench).reason
    bench.clock.advance(3600)
    settle(bench, source)
    assert session_of(bench).state == "incomplete"
    retransferring = bench.station(type(first)(sessions=(*first.sessions, *again.sessions)))
    settle(bench, bench.source(retransferring, max_attempts=2))
    assert session_of(bench, f"{SESSION}_R1").state == "complete"
    assert bench.product(f"{SESSION}_R1").attributes["incomplete"] is False
    assert bench.product(SESSION).attributes["incomplete"] is True


def test_a_duplicate_listing_is_downloaded_once(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()), faults=Faults({block(1): FileFault(duplicate=True)}))
    settle(bench, bench.source(station))
    assert session_of(bench).state == "complete"
    assert sum(1 for row in values_asked(station)) == 6
    assert events(bench)["FileArrived"] == 6


def test_listings_that_fail_for_a_while_are_repeated(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()), faults=Faults(unavailable_listings=2))
    source = bench.source(station)
    assert poll(source)
    with bench.database.read() as connection:
        assert position(connection, "svalbard").error is None


@pytest.mark.parametrize(
    ("quirks", "options"),
    [
        (Quirks(refuses_ge_le=True), {}),
        (Quirks(sizes_as_text=True), {}),
        (Quirks(bare_lists=True), {}),
        (Quirks(no_paging=True), {"page_size": 2}),
        (Quirks(no_next_link=True), {"page_size": 2}),
        (Quirks(no_next_link=True), {"page_size": 2, "asks_count": False}),
        (Quirks(), {"page_size": 4, "asks_count": False}),
        (Quirks(no_quality=True), {}),
        (Quirks(ignores_ranges=True), {}),
        (Quirks(sessions_without_dates=True), {"publication_filter": False}),
    ],
    ids=str,
)
def test_stations_with_quirks_are_served_all_the_same(
    bench: Any, make_pass: MakePass, quirks: Quirks, options: dict[str, Any]
) -> None:
    station = bench.station(
        read_content(make_pass(blocks={1: 5, 2: 4})),
        page_size=3,
        faults=Faults({block(2): FileFault(dropped=1)}, quirks),
    )
    settle(bench, bench.source(station, **options))
    assert session_of(bench).state == "complete"
    assert sum(not file.path.endswith("_QualityInfo.json") for file in bench.product(SESSION).files) == 11


def test_downlink_times_that_a_station_omits_come_from_the_session_identifier(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()), faults=Faults(quirks=Quirks(sessions_without_dates=True)))
    settle(bench, bench.source(station, publication_filter=False))
    start = bench.product(SESSION).validity.start
    assert f"{start:%Y%m%d%H%M%S}" == SESSION[4:18]


def test_tokens_are_reused_until_they_end_and_replaced_when_refused(bench: Any, make_pass: MakePass) -> None:
    account = Account()
    content = read_content(make_pass())
    credentials = {"client_id": account.client_id, "client_secret": account.client_secret}
    for faults, most in ((Faults(), 1), (Faults(token_lifetime_s=100), 10), (Faults(token_uses=2), 10)):
        station = bench.station(content, account=account, faults=faults)
        user = {"username": account.username, "password": account.password} if most == 1 else {}
        given = Credentials(token_url=station.token_url, **credentials, **user)
        source = bench.source(station, name=f"s{len(bench.running)}", credentials=given)
        for _ in range(3):
            poll(source)
            download(source)
            bench.clock.advance(60)
        with bench.database.read() as connection:
            assert position(connection, source.profile.name).error is None
        assert 1 <= station.station.tokens.granted <= most
        assert (station.station.tokens.granted == 1) is (most == 1)
    assert session_of(bench).state == "complete"


def test_wrong_credentials_are_an_error_for_the_operator_without_the_secret(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()), account=Account())
    given = Credentials(token_url=station.token_url, client_id="s1pdgs", client_secret="wr0ng-secret")
    source = bench.source(station, credentials=given)
    assert not poll(source)
    with bench.database.read() as connection:
        error = position(connection, "svalbard").error
    assert "check the configured client" in error
    assert "wr0ng" not in error + repr(source.profile)


def test_credentials_follow_a_redirection_to_trusted_hosts_only(bench: Any, make_pass: MakePass) -> None:
    account = Account()
    given = Credentials(username=account.username, password=account.password)
    content = read_content(make_pass())
    target = bench.station(content, account=account)
    behind = f"http://localhost:{target.url.rpartition(':')[2]}"
    front = bench.station(content, faults=Faults(quirks=Quirks(redirects_to=behind)))
    careful = bench.source(front, name="careful", credentials=given)
    assert not poll(careful)
    assert target.station.credentials_seen == 0
    trusting = bench.source(front, name="trusting", credentials=given, trusted_hosts=["localhost"])
    settle(bench, trusting)
    assert session_of(bench).state == "complete"
    assert target.station.credentials_seen > 0


def test_a_crash_between_listing_and_download_loses_nothing(
    bench: Any, make_pass: MakePass, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = bench.station(read_content(make_pass()))
    source = bench.source(station)
    real = deliveries.announce_block
    calls = iter(range(100))

    def dies(*arguments: Any) -> bool:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(deliveries, "announce_block", dies)
    with pytest.raises(KeyboardInterrupt):
        poll(source)
    assert bench.files() == {}
    bench.clock.advance(30)
    settle(bench, source)
    assert session_of(bench).state == "complete"


def test_a_crash_after_the_bytes_were_stored_does_not_download_them_again(
    bench: Any, make_pass: MakePass, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = bench.station(read_content(make_pass()))
    source = bench.source(station, parallel_downloads=1)
    poll(source)
    real = fetch.store_file
    turns = iter(range(100))

    def dies(*arguments: Any) -> bool:
        if next(turns) == 0:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(fetch, "store_file", dies)
    with pytest.raises(KeyboardInterrupt):
        download(source)
    settle(bench, source)
    assert session_of(bench).state == "complete"
    assert len(values_asked(station)) == 6
    assert events(bench)["FileArrived"] == 6
