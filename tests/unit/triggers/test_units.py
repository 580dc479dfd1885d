"""Units know what belongs to them and what they lack."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.catalogue.query import Held
from s1pdgs.model.interval import Interval
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.units import EDGE, UnitError, _count_slices, gap_of, inner, unit_key
from tests.unit.triggers.conftest import NOON, at, auxiliary, level_0, raw_slice, segment, session, span


def held(*parts: tuple[float, float, str]) -> list[Held]:
    return [
        Held(number, "", segment("SV", start, stop, consolidation), 1, NOON, None)
        for number, (start, stop, consolidation) in enumerate(parts)
    ]


@pytest.mark.parametrize(
    ("parts", "gap"),
    [
        ([(0, 10, "FULL")], None),
        ([(0, 5, "START"), (5, 10, "END")], None),
        ([(0, 5, "BEGIN"), (5.5, 10, "END")], None),
        ([(0, 8, "START"), (2, 3, "PARTIAL"), (7, 10, "END")], None),
        ([(0, 5, "START"), (7, 10, "END")], "the middle of SV"),
        ([(0, 5, "PARTIAL"), (5, 10, "END")], "the beginning of SV"),
        ([(0, 5, "START"), (5, 10, "PARTIAL")], "the end of SV"),
    ],
)
def test_gaps_of_a_data_take(parts: list[tuple[float, float, str]], gap: str | None) -> None:
    assert gap_of("SV", held(*parts)) == gap


def test_units_are_named_by_what_belongs_together() -> None:
    aio, asp, l1, *_ = (route.chain for route in Chains.read().routes)
    assert unit_key(aio, session("S")) == "S"
    assert unit_key(asp, segment("VV")) == unit_key(asp, segment("VH", -2950)) == "S1A-024A10"
    assert unit_key(l1, raw_slice()) == raw_slice().name
    characterisation = level_0("RF", "S", "VH", span(5, 6), {"datatakeID": 5})
    assert unit_key(asp, characterisation) == "S1A-000005-20200615T120005"
    with pytest.raises(UnitError, match="AUX_CAL_6 has no attribute datatakeID"):
        unit_key(asp, auxiliary("AUX_CAL", 6, span(0, 1)))


@pytest.mark.parametrize(
    ("duration_s", "slices"), [(5, 1), (32.7, 1), (40.3, 1), (40.5, 2), (57.7, 2), (65.3, 2), (65.5, 3)]
)
def test_a_tail_shorter_than_the_overlap_is_no_slice(duration_s: float, slices: int) -> None:
    chain = next(route.chain for route in Chains.read().routes if route.name == "l1-sm")
    assert _count_slices(chain, span(0, duration_s)) == slices


@given(st.floats(0, 1e5))
def test_the_inner_of_an_interval_is_within_it(duration_s: float) -> None:
    whole = Interval(NOON, at(duration_s))
    assert whole.covers(inner(whole))
    assert whole.duration - inner(whole).duration <= 2 * EDGE + timedelta(microseconds=1)
