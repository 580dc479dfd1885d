"""The selection policies: each chooses as its name says, totally and deterministically."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.catalogue.selection import POLICIES, UnknownPolicy, select
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product
from tests.unit.catalogue.conftest import NOON, product

WANTED = Interval(NOON, NOON + timedelta(hours=2))


def named(policy: str, *candidates: Product, wanted: Interval = WANTED) -> list[str]:
    return [chosen.name for chosen in select(policy, wanted, candidates)]


def made(hour: float) -> dict[str, datetime]:
    return {"generation_time": NOON + timedelta(hours=hour)}


def test_all_seventeen_policies_exist() -> None:
    assert len(POLICIES) == 17


def test_an_unknown_policy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownPolicy, match=r"'Newest'.*LatestValCover"):
        select("Newest", WANTED, [])


def test_a_mode_with_blanks_around_it_is_understood() -> None:
    assert named(" LatestValCover\n", product("a", stop_h=3)) == ["a"]


def test_latest_val_cover_takes_the_newest_that_covers() -> None:
    old, new = product("old", start_h=-1, stop_h=3, **made(1)), product("new", start_h=-2, stop_h=3, **made(2))
    short = product("short", start_h=-1, stop_h=1.9, **made(3))
    assert named("LatestValCover", old, new, short) == ["new"]
    assert named("LatestValCover", short) == []


def test_val_cover_takes_all_that_cover() -> None:
    assert named("ValCover", product("b", stop_h=3), product("a", start_h=-1, stop_h=2), product("c")) == ["a", "b"]


def test_closest_cover_starts_nearest_to_the_span() -> None:
    far, near = product("far", start_h=-5, stop_h=3, **made(9)), product("near", start_h=-1, stop_h=3)
    assert named("LatestValCoverClosest", far, near) == ["near"]
    assert named("LatestValCoverNewestValidity", far, near) == ["near"]


def test_centred_cover_has_the_nearest_centre() -> None:
    centred, skewed = product("centred", start_h=-4, stop_h=6), product("skewed", start_h=0, stop_h=9, **made(5))
    assert named("BestCenteredCover", skewed, centred) == ["centred"]


def test_intersecting_products_must_share_time_not_only_an_instant() -> None:
    before, after = product("before", start_h=-2, stop_h=0), product("after", start_h=2, stop_h=3)
    inside = product("inside", start_h=0.5, stop_h=0.6)
    assert named("ValIntersect", before, inside, after) == ["inside"]


def test_without_duplicates_the_newest_of_equal_validity_stays() -> None:
    old, new, other = product("old", **made(1)), product("new", **made(2)), product("other", start_h=1, stop_h=2)
    assert named("ValIntersectWithoutDuplicates", old, new, other) == ["new", "other"]
    assert named("ValIntersect", old, new, other) == ["new", "old", "other"]


def test_largest_overlap_and_its_85_percent_threshold() -> None:
    most, half = product("most", start_h=0.25, stop_h=3), product("half", start_h=1, stop_h=9, **made(5))
    assert named("LargestOverlap", half, most) == ["most"]
    assert named("LargestOverlap85", half, most) == ["most"]
    assert named("LargestOverlap85", half) == []


def test_latest_validity_starts_last_among_those_that_intersect() -> None:
    assert named("LatestValidity", product("a", stop_h=3), product("b", start_h=1, stop_h=1.5)) == ["b"]


def test_closest_is_measured_from_the_centre_and_a_tie_goes_to_the_earlier() -> None:
    before, after = product("before", start_h=0.5, stop_h=9), product("after", start_h=1.5, stop_h=9, **made(5))
    assert named("LatestValidityClosest", after, before) == ["before"]
    assert named("ClosestStartValidity", after, before) == ["before"]
    assert named("ClosestStopValidity", product("x", start_h=-9, stop_h=0), product("y", start_h=-9, stop_h=1.5)) == [
        "y"
    ]


def test_latest_policies_look_at_all_candidates() -> None:
    past, future = product("past", start_h=-90, stop_h=-80, **made(9)), product("future", start_h=80, stop_h=90)
    assert named("LatestStartValidity", past, future) == ["future"]
    assert named("LatestStopValidity", past, future) == ["future"]
    assert named("LastCreated", past, future) == ["past"]


def test_full_ties_are_broken_by_generation_then_name() -> None:
    for policy in POLICIES:
        b, a = product("b", start_h=-1, stop_h=3), product("a", start_h=-1, stop_h=3)
        newer = product("z", start_h=-1, stop_h=3, **made(1))
        assert named(policy, b, a)[0] == "a"
        assert named(policy, b, newer, a)[0] == "z"


hours = st.integers(-6, 6)
candidates = st.lists(
    st.builds(
        lambda index, start, length, made_h: product(
            f"p{index:03d}", start_h=start, stop_h=start + length, **made(made_h)
        ),
        st.integers(0, 999), hours, st.integers(0, 8), hours,
    ),
    unique_by=lambda p: p.name,
    max_size=8,
)  # fmt: skip


@given(st.sampled_from(sorted(POLICIES)), candidates, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_candidates(
    policy: str, found: list[Product], random: object
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert named(policy, *shuffled) == named(policy, *found)


@given(st.sampled_from(sorted(POLICIES)), candidates)
def test_every_chosen_product_is_eligible_and_one_is_chosen_when_any_is(policy: str, found: list[Product]) -> None:
    rule = POLICIES[policy]
    chosen = select(policy, WANTED, found)
    eligible = [p for p in found if rule.eligible(p.validity, WANTED)]
    assert all(p in eligible for p in chosen)
    assert bool(chosen) == bool(eligible)
    if rule.single:
        assert len(chosen) <= 1
