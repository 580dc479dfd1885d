"""Packets are put in order by their counters; which copy is kept, and what is no part of the sequence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.processors.l0.ordering import consistent_with_most, sensing_order
from s1pdgs.processors.l0.records import PACKET_RECORD

PRI_TICKS = 36  # about 0.55 ms


def stream(counts, silent=0):
    """Records of packets with these space packet counts; silent PRIs before every hundredth."""
    counts = np.asarray(counts, np.int64)
    records = np.zeros(counts.size, PACKET_RECORD)
    pris = counts + 2 + counts // 100 * silent
    ticks = pris * PRI_TICKS
    records["space_packet_count"] = counts
    records["pri_count"] = pris
    records["coarse_time"], records["fine_time"] = 1_000_000_000 + ticks // 65536, ticks % 65536
    records["length"] = 1000
    return records


def kept(records):
    ordering = sensing_order(records)
    return records if ordering.kept is None else records[ordering.kept]


@given(counts=st.lists(st.integers(0, 60), min_size=1, max_size=80), silent=st.integers(0, 20_000))
def test_order_and_uniqueness_do_not_depend_on_reception(counts, silent):
    ordering = sensing_order(stream(counts, silent))
    assert kept(stream(counts, silent))["space_packet_count"].tolist() == sorted(set(counts))
    assert ordering.duplicates == len(counts) - len(set(counts))
    assert ordering.inconsistent.size == 0


def test_packets_in_order_are_left_as_they_are():
    assert sensing_order(stream(range(50))).kept is None


COPIES = st.fixed_dictionaries(
    {
        "faults": st.sampled_from([0, 0, 16]),
        "missing_frames": st.integers(0, 2),
        "length": st.sampled_from([900, 1000]),
    }
)


@given(copies=st.lists(COPIES, min_size=1, max_size=5))
def test_of_several_copies_the_best_is_kept(copies):
    records = stream([5] * len(copies))
    for number, copy in enumerate(copies):
        for name, value in copy.items():
            records[name][number] = value
    ordering = sensing_order(records)
    chosen = 0 if ordering.kept is None else int(ordering.kept[0])
    ranks = [(copy["faults"] != 0, copy["missing_frames"], -copy["length"], n) for n, copy in enumerate(copies)]
    assert chosen == min(ranks)[-1]
    others = [n for n, copy in enumerate(copies) if copy["length"] != copies[chosen]["length"]]
    assert ordering.inconsistent.tolist() == others
    assert ordering.duplicates == len(copies) - 1 - len(others)


FIELDS = ["space_packet_count", "pri_count", "coarse_time"]


@given(
    where=st.sets(st.integers(1, 298), max_size=12),
    field=st.sampled_from(FIELDS),
    bit=st.integers(14, 31),
)
def test_a_packet_with_a_wrong_counter_or_time_is_no_part_of_the_sequence(where, field, bit):
    records = stream(range(300), silent=10)
    chosen = sorted(where)
    records[field][chosen] = records[field][chosen] ^ (1 << bit)
    ordering = sensing_order(records)
    assert sorted(ordering.inconsistent.tolist()) == chosen
    assert kept(records)["space_packet_count"].tolist() == [n for n in range(300) if n not in where]


@given(where=st.integers(0, 299), number=st.integers(0, 299), first=st.booleans())
def test_a_packet_with_the_number_of_another_does_not_take_its_place(where, number, first):
    """Whichever is received first: time and PRI count tell which of the two is the true one."""
    records = stream(range(300))
    records["space_packet_count"][where] = number
    ordering = sensing_order(records if first else records[::-1])
    wrong = [] if where == number else [where if first else 299 - where]
    assert ordering.inconsistent.tolist() == wrong
    assert ordering.duplicates == 0


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("place", [0, 299])
def test_a_wrong_first_or_last_packet_is_noticed(field, place):
    records = stream(range(1000, 1300))
    records[field][place] = 0xFFFF0000
    assert sensing_order(records).inconsistent.tolist() == [place]


@given(
    lost=st.sets(st.integers(0, 299), max_size=250),
    gap=st.integers(0, 3_000_000),
)
def test_losses_however_long_are_no_contradiction(lost, gap):
    counts = np.array([n for n in range(300) if n not in lost], np.int64)
    counts[counts > 150] += gap
    assert consistent_with_most(stream(counts)).all()


def test_where_no_rule_holds_nothing_is_thrown_away():
    records = stream(range(10))
    records["pri_count"] = 0
    assert consistent_with_most(records).all()
