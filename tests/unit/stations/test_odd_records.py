"""What stations write into their records: read where it can be, told to the operator where it cannot."""

import math
import re
from datetime import UTC, datetime
from typing import Any

import httpx2
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.inbox import sessions as inbox
from s1pdgs.model.session import Session
from s1pdgs.stations.cadip import CadipClient
from s1pdgs.stations.cursor import position
from s1pdgs.stations.http import StationHttp
from s1pdgs.stations.poller import download, poll
from s1pdgs.stations.profile import Profile
from tests.unit.stations.odd import SESSION, URL, OddStation, file_record, reply, session_record, source_of

START = datetime(2026, 1, 5, tzinfo=UTC)
PROFILE = Profile("odd", "cadip", URL)


def state_of(bench: Any, delivery: str = SESSION) -> Any:
    with bench.database.read() as connection:
        return inbox.find_session(connection, delivery)


def trouble_of(bench: Any, source: str = "odd") -> str | None:
    with bench.database.read() as connection:
        at = position(connection, source)
    return None if at is None else at.error


def run(bench: Any, source: Any) -> None:
    poll(source)
    while download(source):
        pass
    bench.clock.advance(2.0)


def test_a_flag_in_words_is_the_flag_that_it_says(bench: Any) -> None:
    blocks = [file_record(1, FinalBlock="false", Retransfer="False"), file_record(2, FinalBlock="true", Retransfer="0")]
    station = OddStation(Sessions=[session_record(Retransfer="false")], Files=blocks[:1])
    station.bodies = {"f1": b"one", "f2": b"two"}
    source = source_of(bench, station)
    run(bench, source)
    assert state_of(bench).state == "open", "the first block is not the last"
    station.lists["Files"] = blocks
    run(bench, source)
    assert (state_of(bench).state, state_of(bench).session.retransfer) == ("complete", False)
    assert len(bench.product(SESSION).files) == 3


def test_a_dsib_among_the_blocks_is_left_out_for_our_own(bench: Any) -> None:
    dsib = file_record(0, Id="d", Name=f"DCS_01_{SESSION}_ch1_DSIB.xml")
    station = OddStation(Sessions=[session_record()], Files=[dsib, file_record(1, FinalBlock=True)])
    station.bodies = {"d": b"<theirs/>", "f1": b"one"}
    run(bench, source_of(bench, station))
    product = bench.product(SESSION)
    assert [file.path for file in product.files] == [
        f"ch_1/DCS_01_{SESSION}_ch1_DSDB_00001.raw", f"ch_1/DCS_01_{SESSION}_ch1_DSIB.xml",
    ]  # fmt: skip
    assert b"<theirs/>" not in b"".join(bench.objects.read(f"{product.location}/{product.files[1].path}"))
    assert trouble_of(bench) is None


def test_records_that_cannot_be_believed_are_told_and_hold_nothing_up(bench: Any) -> None:
    wrong_blocks = [
        {"Name": "../../etc/passwd"}, {"Name": "a\\b"}, {"Name": "x" * 300}, {"Name": "a\0b"}, {"Name": "\ud800"},
        {"Name": ".."}, {"Name": ["a"]}, {"Name": None}, {"Id": ""}, {"Id": "\n"}, {"Channel": 2**40},
        {"Channel": -1}, {"BlockNumber": 2**40}, {"BlockNumber": -5}, {"BlockNumber": math.inf}, {"Channel": "one"},
        {"PublicationDate": "yesterday"}, {"PublicationDate": None},
    ]  # fmt: skip
    wrong_sessions = [
        {"SessionId": "../S1A"}, {"SessionId": "S1A/.."}, {"SessionId": "x" * 300}, {"SessionId": "S1A\0"},
        {"SessionId": "\udfff"}, {"DownlinkStart": None, "SessionId": "S1A_now"},
    ]  # fmt: skip
    good, block = session_record(), file_record(1, FinalBlock=True)
    station = OddStation(
        Sessions=[good | {"Id": f"bad{number}"} | wrong for number, wrong in enumerate(wrong_sessions)] + [good],
        Files=[file_record(50 + number) | wrong for number, wrong in enumerate(wrong_blocks)] + [block],
    )
    station.bodies = {"f1": b"one"}
    run(bench, source_of(bench, station))
    assert state_of(bench).state == "complete"
    assert set(bench.files()) == {block["Name"]}
    told = str(trouble_of(bench))
    assert told.startswith(f"{len(wrong_sessions) + len(wrong_blocks)} records passed over: ")
    assert "SessionId '../S1A' is not a plain file name" in told


def test_a_number_of_channels_that_cannot_be_is_what_the_profile_expects(bench: Any) -> None:
    counts = [2**70, math.inf, "many", -3, 0, True, None]
    names = [f"{SESSION}{number}" for number in range(len(counts))]
    station = OddStation(
        Sessions=[
            session_record(Id=name, SessionId=name, NumChannels=count, DownlinkOrbit=2**70)
            for name, count in zip(names, counts, strict=True)
        ]
    )
    run(bench, source_of(bench, station, expected_channels=3))
    assert {state_of(bench, name).session.channels for name in names} == {3}


def test_a_block_number_of_two_thousand_million_is_waited_for_without_counting_up_to_it(bench: Any) -> None:
    last = 2_000_000_000
    station = OddStation(Sessions=[session_record()], Files=[file_record(1), file_record(last, FinalBlock=True)])
    station.bodies = {"f1": b"one", f"f{last}": b"last"}
    run(bench, source_of(bench, station))
    assert state_of(bench).reason == (f"channel 1: block 2, 3, 4, 5, 6 and {last - 7} more of {last} not stored")


def test_records_beyond_understanding_do_not_hold_the_position_back(bench: Any) -> None:
    product = {"Id": "p", "Name": "../x", "PublicationDate": "2026-01-05T06:00:00Z"}
    good = {"Id": "q", "Name": "orbit.EOF", "PublicationDate": "2026-01-05T07:00:00Z"}
    station = OddStation(Products=[product, good])
    source = source_of(bench, station, kind="auxip", overlap_s=600, start=START)
    poll(source)
    assert str(trouble_of(bench)).startswith("1 record passed over: ")
    assert "'../x'" in str(trouble_of(bench))
    bench.clock.advance(2.0)
    poll(source)
    assert trouble_of(bench) is None, "the hostile record is behind us"


_ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data())
def test_any_record_is_read_as_a_row_can_hold_it_or_passed_over(data: st.DataObject) -> None:
    names = sorted({*session_record(), *file_record(), "Checksum", "Size", "DeliveryId"})
    changes = data.draw(st.dictionaries(st.sampled_from(names), _ANY, max_size=4))
    answers = {"Sessions": [session_record() | changes], "Files": [file_record(1) | changes]}

    def answer(request: httpx2.Request) -> httpx2.Response:
        return reply({"value": answers[request.url.path.removeprefix("/odata/v1/")] if asks_first(request) else []})

    client = CadipClient(StationHttp(PROFILE, httpx2.Client(transport=httpx2.MockTransport(answer)), None))
    for page in (*client.sessions(START), *client.files(SESSION)):
        assert len(page.found) + len(page.passed_over) <= 1
        for made in page.found:
            for value in asdict(made).values():
                if isinstance(value, str):
                    assert "\0" not in value
                    assert len(value.encode()) < 1000
                elif isinstance(value, int):
                    assert -1 <= value < 2**63
            assert re.fullmatch(r"[^/\\]{1,200}", made.id if isinstance(made, Session) else made.name)


def asks_first(request: httpx2.Request) -> bool:
    return request.url.params["$skip"] == "0"
