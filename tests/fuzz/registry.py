"""All targets by name, with their kernels watched where nothing is compiled."""

import numba

from tests.fuzz import documents, streams
from tests.fuzz.target import Target

TARGETS = {target.name: target for target in (*streams.TARGETS, *documents.TARGETS)}


def target_of(name: str) -> Target:
    """A target, ready to run."""
    if numba.config.DISABLE_JIT:
        from tests.fuzz.memory import check_kernels  # noqa: PLC0415 - it replaces kernels

        check_kernels()
    return TARGETS[name]
