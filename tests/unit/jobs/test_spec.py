"""A spec survives its row."""

import json

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.joborder import OrderInput, OrderTask
from s1pdgs.jobs.spec import (
    InputFile,
    Limits,
    SpecContainer,
    SpecError,
    SpecInput,
    SpecPool,
    SpecTask,
    from_json,
    to_json,
)
from tests.unit.jobs.conftest import SPEC

NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
FILES = st.builds(InputFile, NAMES, NAMES, st.integers(0, 2**40), NAMES)
INPUTS = st.lists(st.builds(SpecInput, NAMES, NAMES, st.lists(FILES, max_size=3).map(tuple)), max_size=3).map(tuple)
CONTAINERS = st.none() | st.builds(SpecContainer, NAMES, st.lists(NAMES, max_size=2).map(tuple))
LIMITS = st.builds(Limits, st.floats(1, 1e6), st.none() | st.integers(1, 10**6), st.none() | st.integers(1, 10**6))


@given(
    inputs=INPUTS,
    limits=LIMITS,
    name=NAMES,
    list_file=st.none() | NAMES,
    own=st.booleans(),
    container=CONTAINERS,
)
def test_any_spec_comes_back_as_it_was(
    *,
    inputs: tuple[SpecInput, ...],
    limits: Limits,
    name: str,
    list_file: str | None,
    own: bool,
    container: SpecContainer | None,
) -> None:
    order = evolve(SPEC.order, tasks=(OrderTask(name, "1", (OrderInput(name, "Physical", (name,)),)),))
    spec = evolve(
        SPEC,
        inputs=inputs,
        limits=limits,
        list_file=list_file,
        timeliness_of_content=own,
        order=order,
        unit=name,
        pools=(SpecPool((SpecTask(name, name),), killing_signal=2),),
        container=container,
    )
    assert from_json(json.loads(json.dumps(to_json(spec)))) == spec


def test_a_spec_of_an_earlier_program_is_read() -> None:
    stored = to_json(SPEC)
    del stored["container"], stored["pools"][0]["killing_signal"], stored["limits"]["task_wall_s"]
    del stored["limits"]["processes"]
    assert from_json(stored) == SPEC


def test_another_version_and_damage_are_told() -> None:
    with pytest.raises(SpecError, match="version 2"):
        from_json(to_json(SPEC) | {"version": 2})
    damaged = to_json(SPEC)
    del damaged["pools"]
    with pytest.raises(SpecError, match="pools"):
        from_json(damaged)
    assert SpecTask("a", "b").critical
