"""Which on-board memory configuration (AUX_OBMEMC) is in force when a pass is received."""

from datetime import timedelta
from pathlib import Path

from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.obmemc import MemoryConfiguration, read_obmemc
from s1pdgs.model.interval import Interval
from s1pdgs.processors.l0.program import Outcome, ProcessorError


def memory_in_force(order: JobOrder, reception: Interval, outcome: Outcome) -> MemoryConfiguration:
    """The configuration of the order that is in force at a reception: of those valid at its start, the latest.

    Warns with a remedy where none covers the reception, and takes the one nearest in time then.
    """
    paths = [Path(text) for text in order.files("AUX_OBMEMC")]
    if not paths:
        raise ProcessorError("the job order brings no AUX_OBMEMC, which says what each virtual channel carries")
    found = [(path, read_obmemc(path)) for path in paths]
    path, chosen = min(found, key=lambda entry: _rank(entry[1], reception))
    if len(found) > 1:
        outcome.info(f"{path.name} is in force among {len(found)} AUX_OBMEMC")
    if not chosen.validity.covers(reception):
        outcome.warn(
            f"AUX_OBMEMC {path.name} is valid from {chosen.validity.start} to {chosen.validity.stop}, which does not "
            f"cover the reception from {reception.start} to {reception.stop}; ingest the AUX_OBMEMC in force then and "
            "reprocess"
        )
    return chosen


def _rank(memory: MemoryConfiguration, reception: Interval) -> tuple[timedelta, timedelta, timedelta]:
    """Smaller is better: distance of the validity from the start of the reception, then how long ago it began and was
    made.
    """
    start = reception.start
    distance = max(memory.validity.start - start, start - memory.validity.stop, timedelta(0))
    return distance, abs(start - memory.validity.start), -(memory.created - start)
