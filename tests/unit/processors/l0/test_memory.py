from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.joborder import JobOrder, OrderInput, OrderTask
from s1pdgs.formats.obmemc import MemoryConfiguration, PacketStore, write_obmemc
from s1pdgs.model.interval import Interval
from s1pdgs.processors.l0.memory import memory_in_force
from s1pdgs.processors.l0.program import Outcome, ProcessorError

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
STORE = PacketStore(24, 24, "NRT", "V")


def _day(number: float) -> datetime:
    return NEW_YEAR + timedelta(days=number)


def _order(folder: Path, spans) -> JobOrder:
    paths = []
    for number, (start, stop, created) in enumerate(spans):
        path = folder / f"S1A_OPER_AUX_OBMEMC_PDMC_{number}.xml"
        stores = (attrs.evolve(STORE, vcid=number),)
        path.write_bytes(write_obmemc(MemoryConfiguration(_day(created), Interval(_day(start), _day(stop)), stores)))
        paths.append(str(path))
    inputs = (OrderInput("AUX_OBMEMC", "Physical", tuple(paths)),)
    return JobOrder("AIO_PROCESSOR", "1.0", (OrderTask("AIO", "1.0", inputs),))


def _chosen(order: JobOrder, start: float, stop: float) -> tuple[int, list[str]]:
    outcome = Outcome("AIO_PROCESSOR")
    memory = memory_in_force(order, Interval(_day(start), _day(stop)), outcome)
    return memory.stores[0].vcid, outcome.warnings


def test_the_configuration_in_force_at_reception_is_taken(tmp_path):
    order = _order(tmp_path, [(0, 10, 0), (10, 20, 5), (20, 30, 15)])
    assert [_chosen(order, day, day + 0.01) for day in (3, 12, 29)] == [(0, []), (1, []), (2, [])]


def test_of_two_in_force_the_later_one_replaces_the_earlier(tmp_path):
    order = _order(tmp_path, [(0, 1000, 0), (10, 1000, 5), (10, 1000, 6)])
    assert _chosen(order, 12, 12.01) == (2, [])
    assert _chosen(order, 9, 9.01) == (0, [])


def test_where_none_covers_the_reception_the_nearest_is_taken_with_a_remedy(tmp_path):
    order = _order(tmp_path, [(0, 10, 0), (20, 30, 0)])
    vcid, (warning,) = _chosen(order, 11, 11.01)
    assert vcid == 0
    assert "AUX_OBMEMC_PDMC_0.xml is valid from" in warning
    assert "ingest the AUX_OBMEMC in force then" in warning
    assert _chosen(order, 19, 19.01)[0] == 1


def test_without_any_the_order_is_refused():
    with pytest.raises(ProcessorError, match="brings no AUX_OBMEMC"):
        memory_in_force(JobOrder("AIO", "1.0", ()), Interval(NEW_YEAR, NEW_YEAR), Outcome("AIO"))


_SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=5)


@given(spans=_SPANS, reception=st.integers(0, 60))
def test_one_that_covers_the_reception_is_never_passed_over(tmp_path_factory, spans, reception):
    spans = [(start, start + length, created) for start, length, created in spans]
    order = _order(tmp_path_factory.mktemp("memory"), spans)
    vcid, warnings = _chosen(order, reception, reception)
    covering = [span for span in spans if span[0] <= reception <= span[1]]
    assert bool(warnings) == (not covering)
    if covering:
        assert spans[vcid][0] == max(span[0] for span in covering)
