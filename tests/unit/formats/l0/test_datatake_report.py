from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.formats.earth_explorer import read_header
from s1pdgs.formats.l0.datatake_report import FILE_TYPE, read_datatake_report, write_datatake_report
from s1pdgs.formats.l0.report import DataTakeReport, Gap, GapCause, SliceAccount, StreamAccount
from s1pdgs.formats.names import AuxiliaryName
from s1pdgs.formats.xml import FormatError
from s1pdgs.model.interval import Interval

START = datetime(2026, 3, 1, 5, 10, 0, 123456, tzinfo=UTC)
STOP = START + timedelta(seconds=46.7)
CREATED = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
STREAM = StreamAccount("VV", (24, 8), 4600, 0, 4604, True, False, 600, 1, 3, 2, 2591, ())
REPORT = DataTakeReport(
    satellite="S1A",
    data_take_id=0x07B1C2,
    mode="SM",
    start=START,
    stop=STOP,
    grid_start=START,
    slice_length_s=25.0,
    slice_overlap_s=7.7,
    segments=("S1A_S3_RAW__0SVV_a.SAFE",),
    products=(),
    streams=(attrs.evolve(STREAM, gaps=(Gap(START, STOP, 3, GapCause.DOWNLINK),)),),
    slices=(
        SliceAccount(1, START, STOP, "S1A_S3_RAW__0SDV_b.SAFE", (4600,), (5,)),
        SliceAccount(2, STOP, STOP, None, (0,), (0,)),
    ),
)


def _write(folder, report):
    name = write_datatake_report(folder, report, site="MTI", created=CREATED, creator="s1pdgs L0 ASP", version="1")
    return folder / name


def test_a_report_is_an_earth_explorer_file_of_its_name(tmp_path):
    path = _write(tmp_path, REPORT)
    assert path.name == "S1A_OPER_REP_L0PSA__MTI__20260301T060000_V20260301T051000_20260301T051046.EOF"
    header = read_header(path)
    assert (header.file_name, header.file_type, header.mission) == (path.stem, FILE_TYPE, "SENTINEL 1A")
    assert header.validity == Interval(START.replace(microsecond=0), STOP.replace(microsecond=0))
    name = AuxiliaryName.parse(path.name)
    assert (name.satellite, name.product_type, name.generated) == ("S1A", "REP_L0PSA", CREATED)


TIMES = st.datetimes(datetime(2014, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
COUNTS = st.integers(0, 2**32 - 1)
TEXTS = st.text("ABCXYZ_019.", min_size=1, max_size=20)
GAPS = st.builds(Gap, TIMES, TIMES, COUNTS, st.sampled_from(GapCause))
COUNTED = ["packets", "first_packet", "last_packet", "duplicates", "corrupted"]
COUNTED += ["lost_in_downlink", "lost_in_instrument", "suppressed_pris"]
STREAMS = st.builds(
    StreamAccount,
    polarisation=st.sampled_from(["HH", "HV", "VV", "VH"]),
    packet_store_ids=st.lists(st.integers(0, 50), max_size=3).map(tuple),
    gaps=st.lists(GAPS, max_size=3).map(tuple),
    starts=st.booleans(),
    ends=st.booleans(),
    **dict.fromkeys(COUNTED, COUNTS),
)


@st.composite
def reports(draw):
    streams = tuple(draw(st.lists(STREAMS, max_size=2)))
    counts = st.tuples(*[COUNTS] * len(streams))
    slices = st.builds(SliceAccount, COUNTS, TIMES, TIMES, st.none() | TEXTS, counts, counts)
    start, stop = sorted((draw(TIMES), draw(TIMES)))
    return attrs.evolve(
        REPORT,
        start=start,
        stop=stop,
        data_take_id=draw(COUNTS),
        slice_length_s=draw(st.floats(0, 1e6)),
        segments=tuple(draw(st.lists(TEXTS, max_size=2))),
        products=tuple(draw(st.lists(TEXTS, max_size=2))),
        streams=streams,
        slices=tuple(draw(st.lists(slices, max_size=3))),
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(report=reports())
def test_what_is_written_is_read_back(tmp_path, report):
    path = _write(tmp_path, report)
    assert read_datatake_report(path) == report
    path.unlink()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("<First_Packet>0<", "<First_Packet>zero<", "Stream/First_Packet is 'zero', not a whole number"),
        ("<Starts>true<", "<Starts>maybe<", "Stream/Starts is 'maybe', not true or false"),
        (">downlink<", ">uplink<", "Gap/Cause is 'uplink', not one of downlink, instrument, suppressed"),
        ("<Slice_Overlap_S>7.7<", "<Slice_Overlap_S>nan<", "Slice_Overlap_S is 'nan', not a finite number"),
        ("<Grid_Start>UTC=", "<Grid_Start>GPS=", "Grid_Start is 'GPS=2026-03-01T05:10:00.123456', not a time"),
        (
            '<List_of_Slices count="2">',
            '<List_of_Slices count="3">',
            "holds 2 entries but its count attribute",
        ),
        ("<Mode>SM</Mode>", "", "element Data_Block/Mode is missing"),
        ("<Packet>4600</Packet>", "<Packet>1</Packet><Packet>2</Packet>", "count attribute says '1'"),
        (
            '<List_of_Missing count="1">\n          <Missing>5</Missing>',
            '<List_of_Missing count="0">',
            "slice 1",
        ),
        ("<Start>UTC=2026", "<Start>UTC=2027", "is before Start 2027"),
        ("<File_Type>REP_L0PSA_<", "<File_Type>REP_ACQNR_<", "File_Type is REP_ACQNR_, not REP_L0PSA_"),
    ],
)
def test_a_wrong_report_is_refused_naming_file_and_field(tmp_path, old, new, complaint):
    path = _write(tmp_path, REPORT)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(FormatError, match=path.name) as refused:
        read_datatake_report(path)
    assert complaint in str(refused.value)
