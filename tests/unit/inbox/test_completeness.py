import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.inbox.completeness import BlockState, assess


def blocks(channel: int, count: int, *, first: int = 1, missing: tuple[int, ...] = ()) -> list[BlockState]:
    return [
        BlockState(channel, number, number == first + count - 1, number not in missing)
        for number in range(first, first + count)
    ]


def test_both_channels_up_to_their_final_blocks_are_complete() -> None:
    assert assess(2, blocks(1, 3) + blocks(2, 5)).complete


def test_a_single_channel_session_is_complete_as_the_station_says() -> None:
    assert assess(1, blocks(2, 4)).complete
    assert not assess(2, blocks(2, 4)).complete


def test_a_station_may_count_from_zero() -> None:
    assert assess(1, blocks(1, 3, first=0)).complete
    assert not assess(1, blocks(1, 3, first=0, missing=(0,))).complete


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ([], r"0 of 2 channels seen \(none\)"),
        (blocks(1, 3), r"1 of 2 channels seen \(1\)"),
        (blocks(1, 3) + blocks(2, 5, missing=(2, 4)), "channel 2: block 2, 4 of 5 not stored"),
        (blocks(1, 3) + blocks(2, 5)[:-1], "channel 2: final block not announced"),
        (blocks(1, 3) + blocks(2, 5)[2:], "channel 2: block 1, 2 of 5 not stored"),
        (blocks(1, 20, missing=tuple(range(1, 10))) + blocks(2, 1), "block 1, 2, 3, 4, 5 and 4 more of 20"),
        ([*blocks(1, 1), BlockState(2, 1, True, False, "MD5 differs")], r"block 1 is in quarantine \(MD5 differs\)"),
    ],
)
def test_the_reason_says_what_is_waited_for(known: list[BlockState], reason: str) -> None:
    judged = assess(2, known)
    assert not judged.complete
    assert re.search(reason, judged.reason), judged.reason


@given(st.data(), st.integers(1, 6), st.integers(1, 6))
def test_complete_exactly_when_every_block_is_stored_in_whatever_order(data: st.DataObject, one: int, two: int) -> None:
    whole = blocks(1, one) + blocks(2, two)
    arrived = data.draw(st.permutations(whole))
    cut = data.draw(st.integers(0, len(arrived)))
    assert assess(2, arrived[:cut]).complete is (cut == len(whole))
    twice = arrived + arrived[:cut]
    assert assess(2, twice).complete
