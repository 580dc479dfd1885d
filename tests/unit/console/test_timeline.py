"""Data takes on a page: every gap is seen and told."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from s1pdgs.catalogue import datatakes, receptions
from s1pdgs.console.timeline import WIDTH, _bar
from s1pdgs.formats.l0.report import Gap, GapCause
from s1pdgs.model.interval import Interval
from tests.unit.catalogue.accounts import (
    ANNOTATIONS,
    NOON,
    SEGMENTS,
    SESSION,
    SLICES,
    acquisition_report,
    at,
    data_take_report,
    hold,
    stream,
)
from tests.unit.console.conftest import Stage

INSTRUMENT = Gap(at(30), at(30.001), 2, GapCause.INSTRUMENT)


@pytest.fixture
def told(empty: Stage) -> Stage:
    hold(empty.database, empty.outbox, *SEGMENTS, *SLICES, ANNOTATIONS)
    report = data_take_report(stream("VV", Gap(at(10), at(11), 1700, GapCause.DOWNLINK), INSTRUMENT), stream("VH"))
    with empty.database.write() as connection:
        datatakes.record(connection, report, "REPORT.EOF", at(3600))
        receptions.record(connection, acquisition_report(), "ACQUISITION.EOF", at(3500))
    return empty


def rectangles(page: str) -> list[dict[str, str]]:
    found = etree.HTML(page).iter("rect")
    return [dict(rect.attrib) for rect in found]


def test_each_polarisation_has_a_bar_with_its_gaps(told: Stage) -> None:
    page = told.client().get("/datatakes")
    assert page.status_code == 200
    gaps = [rect for rect in rectangles(page.text) if rect["class"].startswith("gap")]
    assert [(gap["class"], float(gap["x"]), float(gap["width"])) for gap in gaps] == [
        ("gap is-downlink", 200.0, 20.0),
        ("gap is-instrument", 600.0, 2.0),
    ]
    assert "1702 packets missing (1.001 s)" in page.text
    assert "all 85000 packets" in page.text
    assert "S1A 024A10" in page.text


def test_one_data_take_is_told_in_full(told: Stage) -> None:
    page = told.client().get("/datatakes/1").text
    for wanted in (
        *SLICES,
        ANNOTATIONS,
        SESSION,
        "REPORT.EOF",
        "ACQUISITION.EOF",
        "2026-01-05 12:00:10.000",
        "here 7000",
    ):
        assert wanted in page


def test_missing_ends_are_told(empty: Stage) -> None:
    with empty.database.write() as connection:
        datatakes.record(connection, data_take_report(stream("VV", ends=False)), "REPORT.EOF", at(3600))
    page = empty.client().get("/datatakes/1").text
    assert "VV: the end of the data take; its postamble is not here." in page
    assert "the beginning" not in page


def test_an_empty_ground_segment_says_what_will_be_here(empty: Stage) -> None:
    assert "Data takes appear here" in empty.client().get("/datatakes").text
    missing = empty.client().get("/datatakes/9")
    assert missing.status_code == 404
    assert "There is no account 9 of a data take" in missing.text


def test_names_of_strangers_are_text_on_the_page(empty: Stage) -> None:
    report = evolve(data_take_report(), segments=("<script>alert(1)</script>",))
    with empty.database.write() as connection:
        datatakes.record(connection, report, "<img src=x>.EOF", at(3600))
        strange = evolve(acquisition_report(products=()), warnings=("<b>",))
        receptions.record(connection, strange, "<i>.EOF", at(3500))
    for path in ("/datatakes", "/datatakes/1"):
        page = empty.client().get(path).text
        assert "<script>alert" not in page
        assert "<img src=x>" not in page


@given(
    gaps=st.lists(st.tuples(st.floats(-5, 60), st.floats(0, 20)), max_size=20),
    length_s=st.floats(0, 50),
)
def test_marks_lie_on_the_bar_and_can_be_seen(gaps: list[tuple[float, float]], length_s: float) -> None:
    stop = NOON + timedelta(seconds=length_s)
    made = [Gap(at(start), at(start + length), 1, GapCause.DOWNLINK) for start, length in gaps]
    bar = _bar(stream("VV", *made), Interval(NOON, stop), Interval(NOON, stop))
    assert len(bar.marks) == len(gaps)
    for mark in bar.marks:
        assert mark.width >= 2
        assert mark.x >= 0
        assert mark.x + mark.width <= WIDTH + 0.01


def test_of_very_many_gaps_the_longest_are_drawn() -> None:
    gaps = [Gap(at(n), at(n + n / 1000), 1, GapCause.DOWNLINK) for n in range(1, 701)]
    bar = _bar(stream("VV", *gaps), Interval(NOON, at(700)), Interval(NOON, at(700)))
    assert (len(bar.marks), bar.hidden) == (500, 200)
    assert min(mark.start for mark in bar.marks) == at(201)
