"""Times are UTC with microseconds; GPS time is converted at the border."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.model.time import (
    FAR_FUTURE,
    format_compact,
    format_iso,
    from_micros,
    gps_to_utc,
    micros,
    parse_compact,
    parse_utc,
    utc_to_gps,
)

moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_microseconds_and_iso_text_are_lossless(moment: datetime) -> None:
    assert from_micros(micros(moment)) == moment
    assert parse_utc(format_iso(moment)) == moment


@given(moments)
def test_gps_time_is_the_inverse_of_utc(moment: datetime) -> None:
    assert gps_to_utc(*utc_to_gps(moment)) == moment


@pytest.mark.parametrize(
    ("gps_seconds", "utc"),
    [
        (0, datetime(1980, 1, 6, tzinfo=UTC)),
        (1_167_264_016, datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (1_167_264_018, datetime(2017, 1, 1, tzinfo=UTC)),
        (1_276_214_418, datetime(2020, 6, 15, tzinfo=UTC)),
    ],
)
def test_gps_time_crosses_leap_seconds(gps_seconds: int, utc: datetime) -> None:
    assert gps_to_utc(gps_seconds) == utc


def test_open_ends_are_the_far_future() -> None:
    assert parse_compact("99999999T999999") == FAR_FUTURE
    assert parse_utc("UTC=9999-99-99T99:99:99") == FAR_FUTURE


def test_file_name_times_are_compact() -> None:
    assert format_compact(datetime(2020, 6, 15, 1, 2, 3, 999999, tzinfo=UTC)) == "20200615T010203"
    assert parse_compact("20200615T010203") == datetime(2020, 6, 15, 1, 2, 3, tzinfo=UTC)
