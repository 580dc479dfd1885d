"""A ground segment of one database, one store and a clock that tests turn."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import define, evolve

from s1pdgs.bus.outbox import Outbox
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.jobs.spec import JobSpec, SpecOutput, SpecPool, SpecTask
from s1pdgs.model.timeliness import Timeliness

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)


@define
class Watch:
    """A clock that stands until it is turned."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def turn(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


SPEC = JobSpec(
    chain="demo",
    unit="slice-1",
    satellite="S1A",
    order=JobOrder("DEMO", "1.0", ()),
    inputs=(),
    outputs=(SpecOutput("SM_RAW__0S", "^.*S[1-6]_RAW__0S.*$", mandatory=True),),
    pools=(SpecPool((SpecTask("DEMO", "/bin/true"),)),),
    t0=NOON,
    timeliness=Timeliness.NRT,
)


def spec(**changes: object) -> JobSpec:
    return evolve(SPEC, **changes)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def outbox(watch: Watch) -> Outbox:
    return Outbox(watch)
