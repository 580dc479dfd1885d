"""A dry run of chains on the catalogue: each unit once, with what would become of it; nothing is changed."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.model.interval import Interval
from s1pdgs.storage.database import metadata
from s1pdgs.triggers import would
from s1pdgs.triggers.chains import SHIPPED, Chains
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.would import Fate, Trial, trials
from tests.unit.triggers.conftest import CALIBRATION, PLANS, Mission, auxiliary, raw_slice, segment, session, span

SLICES = [raw_slice(number, -3000 + 25 * number, -2967 + 25 * number) for number in range(5)]
CHAIN = """
[[chain]]
name = "again"
unit = "slice"
types = ["S[1-6]_RAW__0S"]
where = { sliceProductFlag = true, productClass = "S" }
task_table = "SM_RAW__0_SLC__1_GRDH_1.xml"
mode = "NON_SLICING"
"""


def tried(mission: Mission, chain: str, time: Interval | None = None, chains: Path = SHIPPED) -> list[Trial]:
    planner = Planner(Chains.read(chains), mission.planner.outbox)
    route = planner.chains.named(chain)
    assert route is not None
    with mission.database.read() as connection:
        return list(trials(planner, connection, route, time))


def stored(mission: Mission) -> list[object]:
    with mission.database.read() as connection:
        return [connection.execute(sa.select(table)).all() for table in metadata.sorted_tables]


@pytest.mark.parametrize("page", [1, 2, 200])
def test_every_unit_is_told_once_in_order(mission: Mission, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(would, "_PAGE", page)
    mission.receive(*SLICES, segment("VV"), segment("VH"))
    before = stored(mission)
    assert [trial.unit for trial in tried(mission, "l1-sm")] == [each.name for each in SLICES]
    assert [trial.unit for trial in tried(mission, "l0-asp")] == ["S1A-024A10"]
    assert stored(mission) == before


def test_only_what_begins_within_a_time(mission: Mission) -> None:
    mission.receive(*SLICES)
    assert [trial.unit for trial in tried(mission, "l1-sm", span(-2975, -2950))] == [each.name for each in SLICES[1:3]]


def test_a_new_chain_is_told_by_what_is_here(mission: Mission, tmp_path: Path) -> None:
    path = tmp_path / "chains.toml"
    path.write_text(CHAIN)
    mission.receive(SLICES[0])
    (trial,) = tried(mission, "again", chains=path)
    assert (trial.fate, trial.known) == (Fate.WAITS, "")
    assert "AUX_CAL" in trial.note
    mission.receive(*CALIBRATION)
    assert "AUX_CAL" not in tried(mission, "again", chains=path)[0].note


def test_what_is_processed_already_is_compared(mission: Mission) -> None:
    mission.receive(*PLANS, session())
    (trial,) = tried(mission, "l0-aio")
    assert (trial.fate, trial.known) == (Fate.JOB, "order 1 is planned; the same inputs")
    newer = evolve(auxiliary("AUX_OBMEMC", name="newer"), generation_time=mission.watch.now())
    mission.receive(newer)
    (trial,) = tried(mission, "l0-aio")
    assert trial.known == "order 1 is planned; inputs differ: + newer, - AUX_OBMEMC_file"


def test_what_cannot_be_a_unit_is_told(mission: Mission) -> None:
    made = segment("VV")
    nameless = {key: value for key, value in made.attributes.items() if key != "datatakeID"}
    mission.receive(evolve(made, attributes=nameless))
    (trial,) = tried(mission, "l0-asp")
    assert trial.fate is Fate.REFUSED
    assert "has no attribute datatakeID" in trial.note
