"""Earth Explorer orbit files: real ones reproduced, damaged ones refused with the place of the damage."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.formats.earth_explorer import EarthExplorerError, EarthExplorerHeader, read_header
from s1pdgs.formats.eof import (
    OrbitChange,
    OrbitFile,
    OrbitRecord,
    OrbitScenario,
    orbit_document,
    read_orbit,
    read_scenario,
    scenario_document,
    write_orbit,
    write_scenario,
)
from s1pdgs.formats.xml import FormatError, XmlError
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import FAR_FUTURE

START = datetime(2026, 1, 10, 4, 48, 26, tzinfo=UTC)
STEP = timedelta(seconds=10)


def header(file_type: str = "AUX_RESORB", **changes: object) -> EarthExplorerHeader:
    known = EarthExplorerHeader(
        file_name=f"S1A_OPER_{file_type}_test",
        mission="Sentinel-1A",
        file_type=file_type,
        validity=Interval(START, START + 4 * STEP),
        system="OPOD",
        created=START + timedelta(hours=3),
        reference_frame="EARTH_FIXED",
        time_reference="UTC",
    )
    return attrs.evolve(known, **changes)


def orbit(file_type: str = "AUX_RESORB", count: int = 5) -> OrbitFile:
    vectors = (
        OrbitRecord(
            time=START + index * STEP + timedelta(microseconds=593331),
            absolute_orbit=62700,
            position_m=(5209793.687 - index, 2335354.798, -4171372.44),
            velocity_m_s=(4698.478611, -199.666386, 5962.827589),
            ut1_minus_utc_s=0.231823,
        )
        for index in range(count)
    )
    return OrbitFile(header(file_type), tuple(vectors))


def scenario() -> OrbitScenario:
    change = OrbitChange(
        absolute_orbit=41373,
        relative_orbit=1,
        cycle=251,
        phase=1,
        repeat_cycle_days=12,
        cycle_length_orbits=175,
        anx_longitude_deg=0.146,
        mean_local_solar_time="18:01:18.000000",
        solar_time_drift_s_day=0.0,
        anx_time=datetime(2022, 1, 8, 18, 0, 44, 232398, tzinfo=UTC),
    )
    return OrbitScenario(header("MPL_ORBSCT", validity=Interval(START, FAR_FUTURE), reference_frame=None), (change,))


@pytest.mark.parametrize("file_type", ["AUX_POEORB", "AUX_RESORB", "AUX_PREORB", "MPL_ORBPRE"])
def test_an_orbit_file_that_is_written_reads_back_equal(tmp_path: Path, file_type: str) -> None:
    written = orbit(file_type)
    path = write_orbit(tmp_path, written)
    assert path.name == f"S1A_OPER_{file_type}_test.EOF"
    assert read_orbit(path) == written
    assert read_header(path) == written.header


def test_predictions_carry_the_namespace_and_fixed_width_numbers_of_flight_dynamics() -> None:
    text = orbit_document(orbit("MPL_ORBPRE")).decode()
    assert 'xmlns="http://eop-cfi.esa.int/CFI"' in text
    assert '<X unit="m">+5209793.687</X>' in text
    assert '<VY unit="m/s">-0199.666386</VY>' in text
    assert "<Absolute_Orbit>+62700</Absolute_Orbit>" in text


def test_times_are_written_in_three_scales() -> None:
    text = orbit_document(orbit()).decode()
    assert "<TAI>TAI=2026-01-10T04:49:03.593331</TAI>" in text
    assert "<UTC>UTC=2026-01-10T04:48:26.593331</UTC>" in text
    assert "<UT1>UT1=2026-01-10T04:48:26.825154</UT1>" in text


@pytest.mark.parametrize("pattern", ["*AUX_RESORB*.EOF", "*MPL_ORBPRE*.EOF"])
def test_rewriting_a_real_file_reproduces_it_line_by_line(testdata: Path, tmp_path: Path, pattern: str) -> None:
    real = next((testdata / "aux").glob(pattern))
    ours = write_orbit(tmp_path, read_orbit(real))
    body = re.compile(r"^\s*(<(?!\?xml|Earth_Explorer_File).*)$", re.MULTILINE)
    assert body.findall(ours.read_text()) == body.findall(real.read_text())
    assert ours.name == real.name


def test_the_header_of_a_mask_tells_an_endless_validity(testdata: Path) -> None:
    found = read_header(next((testdata / "masks").glob("S1__OPER_MSK__LAND_*.EOF")))
    assert found.file_type == "MSK__LAND_"
    assert found.validity == Interval(datetime(2014, 4, 3, 21, 2, tzinfo=UTC), FAR_FUTURE)


def test_a_scenario_locates_orbits_in_the_repeat_cycle(tmp_path: Path) -> None:
    path = write_scenario(tmp_path, scenario())
    found = read_scenario(path)
    assert found == scenario()
    assert "UTC=9999-99-99T99:99:99" in path.read_text()
    assert [found.locate(orbit) for orbit in (41373, 41373 + 174, 41373 + 175)] == [(1, 251), (175, 251), (1, 252)]
    with pytest.raises(EarthExplorerError, match="orbit 41372 is before the first change"):
        found.locate(41372)


def test_covering_needs_vectors_on_both_sides() -> None:
    file = orbit()
    first, last = file.vectors[0].time, file.vectors[-1].time
    assert file.covers(Interval(first, last))
    assert not file.covers(Interval(first - timedelta(microseconds=1), last))
    assert not file.covers(Interval(first, last + timedelta(microseconds=1)))
    assert [vector.time for vector in file.around(Interval(first + STEP, first + STEP), STEP)] == [
        first,
        first + STEP,
        first + 2 * STEP,
    ]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('count="5"', 'count="6"', "holds 5 entries but its count attribute says '6'"),
        ('count="5"', "", "count attribute says None"),
        ("UTC=2026-01-10T04:48:36", "UTC=2026-01-10T04:48:06", "OSV 2: its UTC .* is not after the one before"),
        ("UTC=2026-01-10T04:48:36", "UTC=soon", "OSV 2: UTC is 'UTC=soon"),
        ('<X unit="m">5209793.687000</X>', "", "OSV 1: X missing or empty"),
        (">5209793.687000<", ">NaN<", "OSV 1: X is 'NaN', not a finite number"),
        (">+62700<", ">sixty<", "OSV 1: Absolute_Orbit is 'sixty', not a whole number"),
        ("EARTH_FIXED", "TRUE_OF_DATE", "Ref_Frame TRUE_OF_DATE"),
        ("<Mission>Sentinel-1A</Mission>", "", "Mission is missing"),
        ("Validity_Start>UTC=2026", "Validity_Start>UTC=2027", "Validity_Stop .* is before Validity_Start"),
        ("Earth_Explorer_File", "Another_File", "its root is Another_File"),
    ],
)
def test_damage_is_refused_with_its_place(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = orbit_document(orbit()).decode()
    path = tmp_path / "damaged.EOF"
    path.write_text(text.replace(old, new) if old == "Earth_Explorer_File" else text.replace(old, new, 1))
    with pytest.raises(FormatError, match=complaint) as caught:
        read_orbit(path)
    assert "damaged.EOF" in str(caught.value)


def test_an_entity_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.EOF"
    path.write_text(
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Earth_Explorer_File>&b;</Earth_Explorer_File>'
    )
    with pytest.raises(XmlError, match=r"bomb\.EOF"):
        read_orbit(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EarthExplorerError, match=r"gone\.EOF: not found"):
        read_header(tmp_path / "gone.EOF")


DOCUMENTS = (orbit_document(orbit("MPL_ORBPRE")), scenario_document(scenario()))
QUIET = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIET
@given(st.sampled_from(DOCUMENTS), st.data())
def test_every_truncation_is_a_format_error_naming_the_file(
    tmp_path: Path, document: bytes, data: st.DataObject
) -> None:
    path = tmp_path / "cut.EOF"
    path.write_bytes(document[: data.draw(st.integers(0, len(document) - 2))])
    for read in (read_header, read_orbit, read_scenario):
        with pytest.raises(FormatError, match=r"cut\.EOF"):
            read(path)


@QUIET
@given(st.sampled_from(DOCUMENTS), st.data())
def test_a_changed_byte_is_read_or_refused_but_never_crashes(
    tmp_path: Path, document: bytes, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(document) - 1))
    path = tmp_path / "changed.EOF"
    path.write_bytes(document[:position] + data.draw(st.binary(min_size=1, max_size=3)) + document[position + 1 :])
    for read in (read_orbit, read_scenario):
        with suppress(FormatError):
            read(path)


@QUIET
@given(st.binary(max_size=200))
def test_garbage_is_a_format_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage.EOF"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"garbage\.EOF"):
        read_orbit(path)
