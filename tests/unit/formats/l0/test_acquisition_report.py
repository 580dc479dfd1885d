from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.formats.earth_explorer import read_header
from s1pdgs.formats.l0.acquisition_report import FILE_TYPE, read_acquisition_report, write_acquisition_report
from s1pdgs.formats.l0.report import AcquisitionReport, ReceptionAccount, StationCount, VirtualChannelAccount
from s1pdgs.formats.names import AuxiliaryName
from s1pdgs.formats.xml import FormatError
from s1pdgs.model.interval import Interval

START = datetime(2026, 3, 1, 5, 40, tzinfo=UTC)
STOP = START + timedelta(minutes=9)
CREATED = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
SESSION = "S1A_20260301054000063412"

COUNTS = st.integers(0, 10**11)
TEXTS = st.text("ABCXYZ_019 <>&.", min_size=1).map(str.strip).filter(bool)
TIMES = st.datetimes(datetime(2014, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def _counts(kind: type) -> dict[str, st.SearchStrategy[int]]:
    return {field.name: COUNTS for field in attrs.fields(kind) if field.type is int}


STATION = st.builds(StationCount, st.sampled_from(["AcquiredTFs", "TotalVolume"]), st.none() | COUNTS, COUNTS)
RECEPTIONS = st.builds(
    ReceptionAccount,
    session_id=st.just(SESSION),
    start=TIMES,
    stop=TIMES,
    station_counts=st.lists(STATION, max_size=3).map(tuple),
    **_counts(ReceptionAccount),
)
CHANNELS = st.builds(
    VirtualChannelAccount,
    packet_store_id=st.none() | st.integers(0, 50),
    **_counts(VirtualChannelAccount),
)
REPORTS = st.builds(
    AcquisitionReport,
    satellite=st.sampled_from(["S1A", "S1D"]),
    start=st.just(START),
    stop=st.just(STOP),
    receptions=st.lists(RECEPTIONS, max_size=3).map(tuple),
    virtual_channels=st.lists(CHANNELS, max_size=4).map(tuple),
    products=st.lists(TEXTS, max_size=3).map(tuple),
    warnings=st.lists(TEXTS, max_size=3).map(tuple),
)


def _write(folder, report):
    name = write_acquisition_report(folder, report, site="MTI", created=CREATED, creator="s1pdgs AIO", version="1")
    return folder / name


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(report=REPORTS)
def test_a_report_is_read_back_as_it_was_written(tmp_path, report):
    assert read_acquisition_report(_write(tmp_path, report)) == report


def test_a_report_is_an_earth_explorer_file_of_its_name(tmp_path):
    path = _write(tmp_path, AcquisitionReport("S1C", START, STOP, (), (), (), ()))
    assert path.name == "S1C_OPER_REP_ACQNR__MTI__20260301T060000_V20260301T054000_20260301T054900.EOF"
    header = read_header(path)
    assert (header.file_name, header.file_type, header.validity) == (path.stem, FILE_TYPE, Interval(START, STOP))
    assert AuxiliaryName.parse(path.name).product_type == "REP_ACQNR"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<Vcid>24<", "<Vcid>twenty<", "Virtual_Channel/Vcid is 'twenty', not a whole number"),
        ('List_of_Virtual_Channels count="1"', 'List_of_Virtual_Channels count="2"', "may be truncated"),
        ("<Packets>", "<Parcels>", "not well-formed"),
    ],
)
def test_a_report_that_is_wrong_is_refused_by_file_and_field(tmp_path, old, new, message):
    channel = VirtualChannelAccount(24, 24, 9, 0, 0, 0, 0, 5, 0)
    path = _write(tmp_path, AcquisitionReport("S1C", START, STOP, (), (channel,), (), ()))
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(FormatError, match=message) as refused:
        read_acquisition_report(path)
    assert path.name in str(refused.value)
