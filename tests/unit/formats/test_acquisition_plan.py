"""Acquisition plans tell which data takes are planned; what is wrong in one is named with its data take and field."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.target import answer_or_refusal
from tests.unit.formats.plan_files import CSV_NAME, KML_NAME, TOML_NAME, kml, placemark

from s1pdgs.formats.acquisition_plan import PlanError, PlanName, PlannedDataTake, planned
from s1pdgs.formats.acquisition_reader import parse_plan, read_plan
from s1pdgs.formats.names import NamingError
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import format_iso
from s1pdgs.simulator.plan import Plan, TakePlan

SIX = datetime(2026, 1, 5, 6, tzinfo=UTC)
IW = PlannedDataTake(
    mode="IW", interval=Interval(SIX, SIX + timedelta(seconds=68)), datatake=0x53C1A, polarisation="DV", orbit=62345
)
CSV = b"datatake,mode,start,stop,swath,polarisation,orbit\n"


def takes(data: bytes, name: str) -> tuple[PlannedDataTake, ...]:
    return parse_plan(data, PlanName.parse(name), "plan").takes


def refusal(data: bytes, name: str) -> str:
    with pytest.raises(PlanError) as refused:
        takes(data, name)
    return str(refused.value)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "satellite", "form", "made"),
        [
            (KML_NAME, "S1A", "kml", datetime(2026, 1, 5, tzinfo=UTC)),
            ("s1c_mp_user_20261002t172332_20261024t194000", "S1C", "kml",
             datetime(2026, 10, 2, 17, 23, 32, tzinfo=UTC)),
            ("S1D_MP_USER_20261002T172332_20261024T194000-1.kml", "S1D", "kml",
             datetime(2026, 10, 2, 17, 23, 32, tzinfo=UTC)),
            (CSV_NAME, "S1A", "csv", datetime(2026, 1, 4, 18, tzinfo=UTC)),
        ],
    )  # fmt: skip
    def test_tell_the_satellite_the_time_and_when_it_was_made(
        self, name: str, satellite: str, form: str, made: datetime
    ) -> None:
        parsed = PlanName.parse(name)
        assert (parsed.satellite, parsed.form, parsed.made) == (satellite, form, made)

    @pytest.mark.parametrize(
        "name",
        [
            "plan.csv",
            "Sentinel-1A_MP_20260107T000000_20260105T000000.kml",
            "Sentinel-1A_MP_20261307T000000_20270105T000000.kml",
            "Sentinel-1E_MP_20260105T000000_20260107T000000.kml",
        ],
    )
    def test_of_other_files_are_refused(self, name: str) -> None:
        with pytest.raises(NamingError):
            PlanName.parse(name)


class TestPublishedPlans:
    def test_every_placemark_is_a_data_take(self) -> None:
        wave = placemark(DatatakeId="53C1B", Mode="WV", Polarisation="SV", ObservationTimeStart="2026-01-05T05:00:00",
                         ObservationTimeStop="2026-01-05T05:10:00")  # fmt: skip
        found = takes(kml([placemark(), wave, "<Placemark><name>a station</name></Placemark>"]), KML_NAME)
        assert [take.mode for take in found] == ["WV", "IW"]
        assert found[1] == IW

    @pytest.mark.parametrize(("mode", "swath"), [("SM", "3"), ("SM", "S3"), ("S3", "N/A")])
    def test_a_stripmap_has_a_swath(self, mode: str, swath: str) -> None:
        (found,) = takes(kml([placemark(Mode=mode, Swath=swath)]), KML_NAME)
        assert (found.mode, found.swath) == ("SM", "S3")

    def test_facts_may_be_simple_data(self) -> None:
        simple = placemark().replace("<Data ", "<SimpleData ").replace("</Data>", "</SimpleData>")
        simple = simple.replace("<value>", "").replace("</value>", "")
        assert takes(kml([simple]), KML_NAME) == (IW,)

    def test_parts_of_one_data_take_become_one(self) -> None:
        rest = placemark(ObservationTimeStart="2026-01-05T06:01:00", ObservationTimeStop="2026-01-05T06:02:00")
        (found,) = takes(kml([placemark(), rest]), KML_NAME)
        assert found.interval == Interval(SIX, SIX + timedelta(seconds=120))

    def test_data_takes_outside_the_time_of_the_plan_are_left_to_other_plans(self) -> None:
        before = placemark(DatatakeId="1", ObservationTimeStart="2026-01-04T23:59:59")
        assert takes(kml([before, placemark()]), KML_NAME) == (IW,)
        assert refusal(kml([before]), KML_NAME) == "plan: no data take begins within the time that its name tells"
        assert takes(kml([]), KML_NAME) == ()

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"ObservationTimeStart": None}, "ObservationTimeStart is missing; give a UTC time such as"),
            ({"ObservationTimeStop": "tomorrow"}, "ObservationTimeStop 'tomorrow' is no UTC time such as"),
            ({"ObservationTimeStop": "2026-01-05T06:00:00"}, "ObservationTimeStop 2026-01-05T06:00:00 is not after"),
            ({"DatatakeId": None}, "DatatakeId is missing"),
            ({"DatatakeId": "twelve"}, "DatatakeId 'twelve' is no identifier"),
            ({"Mode": "XW"}, "Mode 'XW' is unknown; give a swath such as S3 or one of IW,"),
            ({"Mode": "SM", "Swath": "7"}, "Swath '7' is none of SM"),
            ({"Polarisation": "XX"}, "Polarisation 'XX' is unknown; give one of SV,"),
            ({"OrbitAbsolute": "many"}, "OrbitAbsolute 'many' is not a whole number"),
            ({"SatelliteId": "S1B"}, "SatelliteId is 'S1B'; the plan's name says S1A"),
        ],
    )
    def test_what_is_wrong_is_named_with_line_and_placemark(self, changes: dict[str, str | None], problem: str) -> None:
        told = refusal(kml([placemark(DatatakeId="1"), placemark(**changes)]), KML_NAME)
        assert told.startswith("plan, line 18, Placemark '")
        assert problem in told

    def test_two_modes_of_one_data_take_contradict(self) -> None:
        told = refusal(kml([placemark(), placemark(Mode="EW")]), KML_NAME)
        assert told == "plan: data take 053C1A is planned in IW and in EW; keep one"

    def test_other_documents_are_refused(self) -> None:
        assert refusal(b"<gpx/>", KML_NAME) == "plan: its root is gpx, not kml"


class TestTables:
    def test_a_line_is_a_data_take(self) -> None:
        line = b"# of Monday\n\n" + CSV + b"0x53C1A,iw,2026-01-05T06:00:00Z,2026-01-05T06:01:08Z,,dv,62345\n"
        assert takes(line, CSV_NAME) == (IW,)

    def test_mode_start_and_stop_are_enough(self) -> None:
        (found,) = takes(b"mode,start,stop\nS3,2026-01-05 06:00:00,2026-01-05T06:01:08+00:00\n", CSV_NAME)
        assert (found.datatake, found.mode, found.swath) == (None, "SM", "S3")

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            (b"", "plan: it has no header line; the columns are datatake,mode,"),
            (b"mode,begin\n", "plan, line 1: unknown column 'begin'; known are"),
            (b"mode,start\n", "plan, line 1: column stop is missing"),
            (b"mode,start,stop\nIW,2026-01-05T06:00:00Z\n", "plan, line 2: 2 values for 3 columns"),
            (b'mode,start,stop\n"IW,2026\n', "plan, line 2: not one line of comma-separated values"),
            (CSV + b"\n\n1,IW,today,2026-01-05T06:01:08Z,,,\n", "plan, line 4: start 'today' is no UTC time"),
            (b"mode,start,stop\nIW,\xff,\n", "plan: not UTF-8 at byte 19"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line(self, data: bytes, problem: str) -> None:
        assert refusal(data, CSV_NAME).startswith(problem)


class TestSimulatedPlans:
    def test_the_plan_of_a_simulation_says_what_is_sent(self) -> None:
        text = b"""start = 2026-01-05T06:00:00Z
[[takes]]
[[takes]]
mode = "S3"
start_s = 100
duration_s = 12.5
polarisation = "SH"
samples = 64
[[takes]]
mode = 8
data_take_id = 7
"""
        sent = Plan(start=SIX, takes=(TakePlan(), TakePlan(mode="S3", start_s=100), TakePlan(mode="8", data_take_id=7)))
        found = {take.datatake: take for take in takes(text, TOML_NAME)}
        assert set(found) == set(sent.data_take_ids)
        first, second, third = (found[number] for number in sent.data_take_ids)
        usual = sent.takes[0]
        assert (first.mode, first.polarisation) == (usual.mode, usual.polarisation)
        assert first.interval == Interval(SIX, SIX + timedelta(seconds=usual.duration_s))
        assert (second.mode, second.swath, second.polarisation) == ("SM", "S3", "SH")
        assert second.interval.start == SIX + timedelta(seconds=100)
        assert third.mode == "IW"

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("takes = 3", "plan: start is missing"),
            ("start = 2026-01-05T06:00:00Z\ntakes = 3", "plan: takes: must be a list of tables"),
            ("start = 0001-01-01T00:00:00+14:00\n[[takes]]", "plan: start 0001-01-01T00:00:00+14:00 is no time"),
            ("start = 2026-01-05T06:00:00Z\n[[takes]]\nduration_s = true", "plan, takes[1]: duration_s 'True' is not"),
            ("start = 2026-01-05T06:00:00Z\n[[takes]]\ndata_take_id = -1", "plan, takes[1]: data_take_id '-1' is not"),
            ("start = 2026-01-05T06:00:00Z\n[[takes]]\nechoes = 'scene'", "plan, takes[1]: echoes of a scene"),
            ("start = 2026-01-05T06:00:00Z\n[[takes]]\nmode = 999", "plan, takes[1]: mode"),
            ("satellite = 'S1B'", "plan: satellite is 'S1B'; the plan's name says S1A"),
            ("[", "plan: not TOML: "),
        ],
    )
    def test_what_is_wrong_is_named_with_its_table(self, text: str, problem: str) -> None:
        assert refusal(text.encode(), TOML_NAME).startswith(problem)


def test_a_plan_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / KML_NAME
    path.write_bytes(kml([placemark()]))
    assert read_plan(path).takes == (IW,)


@given(
    st.sampled_from([KML_NAME, CSV_NAME, TOML_NAME]),
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)),
)
def test_anything_else_is_refused_by_name(name: str, data: bytes) -> None:
    answer_or_refusal(lambda: takes(data, name), "plan")


@given(
    st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["IW", "S1", "n6", "SM", "?"]),
            "start": st.datetimes().map(format_iso),
            "stop": st.one_of(st.text(max_size=30), st.datetimes().map(str)),
            "datatake": st.text("0123456789abcdefg", max_size=8),
            "swath": st.text("S7160", max_size=3),
            "orbit": st.text("0123456789²", max_size=8),
        }
    )
)
def test_what_is_planned_has_a_mode_a_time_and_an_identifier_of_24_bits(fields: dict[str, str]) -> None:
    found = answer_or_refusal(lambda: planned(fields, "here"), "here")
    assert found is None or found.interval.start < found.interval.stop
    assert found is None or found.datatake is None or 0 <= found.datatake < 1 << 24
