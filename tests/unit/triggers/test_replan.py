"""A job of an operator's choice gives way to one that is planned anew; a job that is dropped takes its order along."""

import pytest

from s1pdgs.jobs import operate, queue
from s1pdgs.jobs.listing import actions_of
from s1pdgs.jobs.queue import Failure, UnknownJob
from s1pdgs.model.job import OrderState
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.triggers.replan import replan
from tests.unit.triggers.conftest import PLANS, Mission, auxiliary, segment

FIRST = segment("SV", -3000, -2960, "START", timeliness=Timeliness.NRT)
LATE = segment("SV", -2961, -2900, "END", uid="1A7E", timeliness=Timeliness.NRT)


def parked(mission: Mission) -> int:
    """The number of a job of ASP that failed for good."""
    mission.receive(*PLANS, FIRST)
    claim = mission.claim("l0-asp")
    with mission.database.write() as connection:
        queue.fail(connection, mission.planner.outbox, claim, Failure("bad plan", lasting=True))
    mission.deliver()
    return claim.job


def test_a_parked_job_keeps_its_inputs_and_one_planned_anew_chooses_again(mission: Mission) -> None:
    job = parked(mission)
    mission.receive(auxiliary("AUX_OBMEMC", name="AUX_OBMEMC_newer", generation_time=mission.watch.now()))
    with mission.database.write() as connection:
        assert "AUX_OBMEMC_newer" not in [entry.product for entry in queue.spec_of(connection, job).inputs]
        assert replan(mission.planner, connection, job, "anna") == mission.order("l0-asp").id
    assert mission.jobs("l0-asp") == [(1, "dropped"), (2, "ready")]
    with mission.database.read() as connection:
        (acted,) = actions_of(connection, job)
    assert (acted.action, acted.actor) == ("replan", "anna")


def test_only_the_job_of_the_present_round_is_planned_anew_and_only_while_nobody_runs_it(mission: Mission) -> None:
    job = parked(mission)
    with mission.database.write() as connection:
        assert replan(mission.planner, connection, job, "anna") is not None
        assert replan(mission.planner, connection, job, "anna") is None
    running = mission.claim("l0-asp")
    with mission.database.write() as connection:
        assert replan(mission.planner, connection, running.job, "anna") is None
        assert actions_of(connection, running.job) == []
        with pytest.raises(UnknownJob):
            replan(mission.planner, connection, 99, "anna")


def test_the_order_of_a_dropped_job_is_dropped_for_the_same_reason(mission: Mission) -> None:
    job = parked(mission)
    with mission.database.write() as connection:
        assert operate.drop(connection, mission.planner.outbox, job, "anna", "a test pass")
    mission.deliver()
    order = mission.order("l0-asp")
    assert (order.state, order.reason) == (OrderState.DROPPED, "a test pass")


def test_data_that_came_meanwhile_opens_another_round_of_a_dropped_job(mission: Mission) -> None:
    mission.receive(*PLANS, FIRST)
    claim = mission.claim("l0-asp")
    mission.receive(LATE)
    with mission.database.write() as connection:
        assert operate.drop(connection, mission.planner.outbox, claim.job, "anna", "it hangs")
    mission.deliver()
    assert mission.jobs("l0-asp") == [(1, "dropped"), (2, "ready")]
