"""Stations that are gone after the test."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from s1pdgs.simulator.station import RunningStation, StationContent, serve


@pytest.fixture
def start(clock: Any) -> Iterator[Callable[..., RunningStation]]:
    """Serves content by the test's clock, whole passes at once unless told otherwise."""
    running: list[RunningStation] = []

    def begin(content: StationContent, **options: Any) -> RunningStation:
        running.append(serve(content, clock=clock, **{"speedup": math.inf, **options}))
        return running[-1]

    yield begin
    for station in running:
        station.stop()
