"""The rule of DAD 4.3.1 on streams of counters of which it is known what happened to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp.gaps import steps_between

MODULO = 16384


def _steps(q: int, s: int, p: int, start: int = 16380) -> tuple[int, int, int]:
    """Downlink, instrument and suppressed counts of two packets whose counters differ by q, s and p."""
    steps = steps_between([start, (start + q) % MODULO], [7, 7 + s], [9, 9 + p])
    return tuple(int(each[0]) for each in steps)


@pytest.mark.parametrize(
    ("counters", "expected"),
    [
        ((1, 1, 1), (0, 0, 0)),
        ((6, 6, 6), (5, 0, 0)),
        ((1, 6, 6), (0, 5, 0)),
        ((1, 1, 2592), (0, 0, 2591)),
        ((4, 6, 16), (3, 2, 10)),
        ((20_000, 20_000, 20_000), (19_999, 0, 0)),
        ((1, 20_000, 20_000), (0, 19_999, 0)),
        ((16_385, 16_385, 16_385), (16_384, 0, 0)),
    ],
)
def test_the_published_cases_and_their_mixtures(counters, expected):
    assert _steps(*counters) == expected


def test_twins_and_counters_that_run_backwards_lose_nothing():
    assert _steps(0, 0, 0) == (0, 0, 0)
    assert _steps(MODULO - 3, -3, -3) == (0, 0, 0)


def test_a_stream_of_one_packet_has_no_steps():
    assert [each.size for each in steps_between([3], [4], [5])] == [0, 0, 0]


FATES = st.sampled_from(["arrives", "downlink", "instrument", "silent"])


@given(fates=st.lists(FATES, min_size=1, max_size=200), start=st.integers(0, MODULO - 1))
def test_every_pri_is_accounted_for_by_what_happened_to_it(fates, start):
    """PRI by PRI: a silent one makes no packet, one lost in the instrument takes no sequence count."""
    sent, spc, sequence = [], 0, start
    for pri, fate in enumerate(["arrives", *fates, "arrives"], 2):
        if fate == "silent":
            continue
        if fate == "arrives":
            sent.append((sequence % MODULO, spc, pri))
        spc += 1
        sequence += fate != "instrument"
    steps = steps_between(*np.array(sent).T)
    assert int(steps.downlink.sum()) == fates.count("downlink")
    assert int(steps.instrument.sum()) == fates.count("instrument")
    assert int(steps.suppressed.sum()) == fates.count("silent")
    assert int(steps.missing.sum()) == spc - len(sent)


@given(lost=st.integers(0, 40_000), silent=st.integers(0, 20_000), start=st.integers(0, MODULO - 1))
def test_losses_of_one_cause_are_told_through_the_wrap_around(lost, silent, start):
    assert _steps(lost + 1, lost + 1, lost + silent + 1, start) == (lost, 0, silent)
    if lost % MODULO:
        assert _steps(1, lost + 1, lost + silent + 1, start) == (0, lost, silent)
