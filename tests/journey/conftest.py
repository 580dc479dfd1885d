"""Journeys: the whole system as real processes, from a station that serves to products that users fetch."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from s1pdgs.simulator.station.server import RunningStation
from tests.journey.downlinks import LONG, SMALL, TINY, downlink
from tests.journey.ground import Ground

MakeGround = Callable[..., Ground]


@pytest.fixture(scope="session")
def small() -> Path:
    """A downlink that the whole chain up to Level-1 takes."""
    return downlink("small", SMALL)


@pytest.fixture(scope="session")
def tiny() -> Path:
    """A downlink for Level-0."""
    return downlink("tiny", TINY)


@pytest.fixture(scope="session")
def long() -> Path:
    """A downlink of several slices for Level-0."""
    return downlink("long", LONG)


@pytest.fixture
def make_ground(tmp_path: Path) -> Iterator[MakeGround]:
    """Prepares ground segments that are gone after the test."""
    made: list[Ground] = []

    def make(source: RunningStation, **settings: Any) -> Ground:
        made.append(Ground.prepare(tmp_path / f"ground-{len(made)}", source, **settings))
        return made[-1]

    yield make
    for one in made:
        one.clear()
