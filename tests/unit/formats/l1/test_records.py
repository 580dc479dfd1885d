"""Records and their XML: names, order, optional fields, lists, errors that name the element."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from lxml import etree

from s1pdgs.formats.l1.leaves import (
    BurstId,
    BurstNumber,
    ComplexArray,
    DoubleArray,
    ImageNumber,
    IntArray,
    Single,
    Swath,
    format_time,
)
from s1pdgs.formats.l1.records import document, element_name, named, read_document, record
from s1pdgs.formats.xml import FormatError, XmlError

NOON = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)


@record
class Inner:
    swath: Swath
    value: float


@record
class Everything:
    when: datetime
    flag: bool
    count: int
    text: str
    single: Single
    image: ImageNumber
    gain: complex
    times: DoubleArray
    pattern: ComplexArray
    samples: IntArray
    inner_list: tuple[Inner, ...]
    shouted: Single = named("SHOUTED")
    burst: BurstId | None = None
    later: Inner | None = None


def everything(**changes: object) -> Everything:
    values: dict[str, object] = {
        "when": NOON, "flag": True, "count": 7, "text": "a < b & c", "single": 0.5, "image": 3, "gain": 1.0 - 2.0j,
        "times": [1.25, 2.5], "pattern": [1.0 + 2.0j], "samples": [-1, 5],
        "inner_list": [Inner(swath="IW1", value=1.5)], "shouted": 2.0,
    }  # fmt: skip
    return Everything(**(values | changes))


def read(data: bytes) -> Everything:
    return read_document(etree.fromstring(data), "thing", Everything, "thing.xml")


def test_snake_case_fields_are_camel_case_elements() -> None:
    assert element_name("i_input_data_mean") == "iInputDataMean"
    assert element_name("t0") == "t0"


def test_a_record_is_spelled_as_published_products_spell_it() -> None:
    root = etree.fromstring(document("thing", everything(burst=BurstNumber(12, 3456))))
    assert [child.tag for child in root] == [
        "when", "flag", "count", "text", "single", "image", "gain", "times", "pattern", "samples", "innerList",
        "SHOUTED", "burst",
    ]  # fmt: skip
    assert root.findtext("when") == "2026-03-04T12:00:00.250000"
    assert root.findtext("flag") == "true"
    assert root.findtext("single") == "5.000000e-01"
    assert root.findtext("image") == "003"
    assert root.findtext("gain/im") == "-2.000000e+00"
    assert root.findtext("times") == "1.250000000000000e+00 2.500000000000000e+00"
    assert root.findtext("pattern") == "1.000000e+00 2.000000e+00"
    assert root.find("pattern").get("count") == "1"
    assert root.find("innerList").get("count") == "1"
    assert root.findtext("innerList/inner/swath") == "IW1"
    assert (root.findtext("burst"), root.find("burst").get("absolute")) == ("12", "3456")


@pytest.mark.parametrize("changes", [{}, {"burst": BurstNumber(1, 2)}, {"later": Inner(swath="EW5", value=-0.0)}])
def test_what_is_written_reads_back_equal(changes: dict[str, object]) -> None:
    assert read(document("thing", everything(**changes))) == everything(**changes)


@given(
    times=arrays(np.float64, st.integers(0, 5), elements=st.floats(-1e9, 1e9)),
    samples=arrays(np.int64, st.integers(0, 5)),
    count=st.integers(0, 2**63),
    text=st.text(st.characters(codec="ascii", exclude_categories=["Cc"])).map(str.strip),
)
def test_any_values_survive_to_the_digits_written(
    times: np.ndarray, samples: np.ndarray, count: int, text: str
) -> None:
    back = read(document("thing", everything(times=times, samples=samples, count=count, text=text)))
    np.testing.assert_allclose(back.times, times, rtol=1e-15, atol=0.0)
    np.testing.assert_array_equal(back.samples, samples)
    assert (back.count, back.text) == (count, text)


def test_records_compare_their_arrays() -> None:
    assert everything() == everything()
    assert everything(times=[1.25, 2.75]) != everything()


def test_infinities_and_nans_are_spelled_as_xml_schema_wants() -> None:
    data = document("thing", everything(times=[np.inf, -np.inf, np.nan], single=np.inf))
    assert b"INF -INF NaN" in data
    back = read(data)
    np.testing.assert_array_equal(back.times, [np.inf, -np.inf, np.nan])
    assert back.single == np.inf


def test_times_are_written_in_utc_and_need_a_zone() -> None:
    assert format_time(NOON.astimezone(timezone(timedelta(hours=5)))) == "2026-03-04T12:00:00.250000"
    with pytest.raises(FormatError, match=r"thing/when.*no zone"):
        document("thing", everything(when=NOON.replace(tzinfo=None)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"inner_list": [Inner(swath="IW9", value=0.0)]}, "thing/innerList/inner/swath: 'IW9' is not one of S1"),
        ({"count": -1}, "thing/count: -1 is negative"),
        ({"times": np.zeros((2, 2))}, "thing/times: an array of 2 dimensions"),
        ({"single": None}, "thing/single"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_element(changes: dict[str, object], told: str) -> None:
    with pytest.raises(FormatError, match=told):
        document("thing", everything(**changes))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"<count>7</count>", b"", "thing/count is missing"),
        (b"<count>7</count>", b"<count>seven</count>", r"thing/count \(line \d+\)"),
        (b'<times count="2">', b'<times count="3">', "2 values where count says 3"),
        (b'<times count="2">', b"<times>", "attribute count is missing"),
        (b"true", b"yes", "'yes' is not true or false"),
        (b"<thing>", b"<other>", "root element is other, not thing"),
    ],
)
def test_a_broken_document_is_refused_by_file_and_element(old: bytes, new: bytes, told: str) -> None:
    data = document("thing", everything())
    assert old in data
    data = data.replace(old, new).replace(b"</thing>", b"</other>" if new == b"<other>" else b"</thing>")
    with pytest.raises(XmlError, match=f"thing.xml: .*{told}"):
        read(data)


def test_elements_of_newer_schemas_are_passed_over() -> None:
    data = document("thing", everything()).replace(b"<flag>", b"<news>1</news><flag>")
    assert read(data) == everything()
