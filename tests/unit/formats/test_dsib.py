from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.dsib import DsibError, SessionInformation, parse_dsib, read_dsib, write_dsib
from s1pdgs.formats.xml import FormatError

TIMES = st.datetimes(datetime(2014, 1, 1), datetime(2040, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001


def test_a_real_block_is_read(testdata):
    information = read_dsib(testdata / "sessions" / "DCS_02_L20171109175634707000125_ch1_DSIB.xml")
    assert information.session_id == "L20171109175634707000125"
    assert information.start == datetime(2017, 12, 13, 14, 59, 48, tzinfo=UTC)
    assert information.data_size == 36014692600
    assert len(information.dsdb_names) == 35
    assert information.dsdb_names[0].endswith("_ch1_DSDB_00001.raw")


@given(
    times=st.lists(TIMES, min_size=4, max_size=4),
    size=st.integers(0, 10**18 - 1),
    count=st.integers(0, 5),
)
def test_written_blocks_are_read_back(times, size, count):
    start, stop = sorted(times[:2])
    names = tuple(f"DCS_01_S_ch1_DSDB_{k:05d}.raw" for k in range(count))
    information = SessionInformation("S", start, stop, times[2], times[3], size, names)
    assert parse_dsib(write_dsib(information), "x") == information


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"<data_size>5<", b"<data_size>-5<", "data_size '-5'"),
        (b"_00001.raw", b"/../../x", "not a plain file name"),
        (b"2026-01-01T00:00:00Z</time_start>", b"noon</time_start>", "time_start 'noon'"),
        (b"DCSU_Session_Information_Block", b"Something", "is this a DSIB"),
        (b"session_id>", b"sessionid>", "session_id is missing"),
    ],
)
def test_a_broken_block_is_refused_with_its_field(old, new, complaint):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    data = write_dsib(SessionInformation("S", moment, moment, moment, moment, 5, ("DCS_01_S_ch1_DSDB_00001.raw",)))
    assert old in data
    with pytest.raises(FormatError, match=complaint):
        parse_dsib(data.replace(old, new), "x")


def test_a_block_that_ends_before_it_starts_is_refused():
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    with pytest.raises(DsibError, match="before time_start"):
        parse_dsib(write_dsib(SessionInformation("S", late, early, early, late, 5, ())), "x")
