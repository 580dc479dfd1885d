"""A period processed again by real processes that are killed at any point: every unit once; a wish tells its end."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import define, field

from s1pdgs.catalogue.query import named
from s1pdgs.catalogue.tables import product
from s1pdgs.ground import GroundSegment, open_ground_segment
from s1pdgs.settings import load_settings
from s1pdgs.stations import folder as inbox
from s1pdgs.triggers.campaigns import campaign as campaigns
from s1pdgs.triggers.campaigns.progress import progress
from tests.chaos.mission import RESULT, number_of, write_cause, write_chains
from tests.journey.ground import environment
from tests.journey.patience import until
from tests.journey.receiver import receiver

pytestmark = pytest.mark.journey
UNITS = 4


@define
class Segment:
    """A ground segment of one chain, and its process while it runs."""

    folder: Path
    ground: GroundSegment
    causes: list[str]
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        words = [sys.executable, "-m", "s1pdgs", "--config", str(self.ground.config), "run"]
        words += ["--role", "triggers", "--role", "work"]
        with (self.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(words, stderr=output, env=environment(), start_new_session=True)

    def kill(self) -> None:
        """Kill the ground segment and all that it started."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def told(self, *words: str) -> Any:
        """What a command says, as JSON."""
        command = [sys.executable, "-m", "s1pdgs", "--config", str(self.ground.config), *words]
        done = subprocess.run(command, capture_output=True, env=environment(), check=False)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout) if "--json" in words else done.stdout.decode()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        until(condition, what, lambda: (self.folder / "output.txt").read_text()[-3000:])

    def stands(self, campaign: str) -> str:
        with self.ground.database.read() as connection:
            found = campaigns.find(connection, campaign)
            return progress(connection, found, self.ground.outbox.clock.now()).stands

    def made(self) -> dict[str | None, list[int]]:
        """The units that products show, by the campaign that made them."""
        found: dict[str | None, list[int]] = {}
        with self.ground.database.read() as connection:
            names = connection.scalars(sa.select(product.c.name).where(product.c.type == RESULT)).all()
            for held in named(connection, names):
                campaign = held.product.attributes.get("campaign")
                found.setdefault(None if campaign is None else str(campaign), []).append(number_of(held.name))
        return {campaign: sorted(numbers) for campaign, numbers in found.items()}


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    chains = write_chains(tmp_path, 0.4)
    config = tmp_path / "s1pdgs.toml"
    work = "[work]\nslots = 2\nlease_s = 3.0\nbackoff_s = 0.1\n"
    config.write_text(f"data_dir = '{tmp_path / 'data'}'\n[triggers]\nchains = '{chains}'\n{work}")
    ground = open_ground_segment(load_settings(config, {}), config)
    place = (ground.database, ground.store, ground.outbox, tmp_path / "in")
    made = Segment(tmp_path, ground, [inbox.ingest(write_cause(tmp_path, number), *place) for number in range(UNITS)])
    yield made
    if made.process is not None:
        made.kill()
    ground.database.close()


def test_a_campaign_makes_every_unit_once_however_often_it_is_killed_and_a_wish_tells_its_end(
    segment: Segment,
) -> None:
    units, told = list(range(UNITS)), list[dict[str, Any]]()
    segment.start()
    segment.wait(lambda: segment.made() == {None: units}, "the systematic run")
    period = ["--type", RESULT, "--start", "2024-01-05", "--stop", "2024-01-06", "--limit", "2"]
    segment.told("campaign", "create", "again", *period)
    for done in (1, 3):
        segment.wait(lambda done=done: len(segment.made().get("again", [])) >= done, f"{done} units again")
        segment.kill()
        segment.start()
    segment.wait(lambda: segment.stands("again") == "done", "the campaign")
    assert segment.made() == {None: units, "again": units}
    report = segment.told("campaign", "report", "again", "--json")
    assert Counter(unit["became"] for unit in report["list"]) == {"done": UNITS}
    assert all(unit["systematic"]["more"] == unit["systematic"]["fewer"] == [] for unit in report["list"])
    assert {unit["processor"] for unit in report["list"]} == {"CHAOS 1.0"}

    def take(_path: str, body: dict[str, Any]) -> bool:
        told.append(body)
        return True

    with receiver(take) as url:
        place = f"{url}/told"
        segment.told("order", "make", RESULT, "--for", segment.causes[0], "--again", "--notify", place, "--json")
        segment.wait(lambda: told, "the notice")
    assert (told[0]["event"], told[0]["outcome"], len(told[0]["products"])) == ("ended", "done", 1)
    assert segment.made() == {None: [0, *units], "again": units}
