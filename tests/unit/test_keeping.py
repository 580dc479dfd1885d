"""How long products are kept, as settings, roles and commands have it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve
from click.testing import CliRunner, Result

from s1pdgs import keeping
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.query import find
from s1pdgs.cli import cli
from s1pdgs.ground import GroundSegment, open_ground_segment
from s1pdgs.model.product import Product
from s1pdgs.publication.publisher import Patience, publish_step, request
from s1pdgs.publication.tables import publication
from s1pdgs.roles import roles_of
from s1pdgs.settings import SettingsError, load_settings
from tests.unit.publication.conftest import store_product

NAME = "S1A_IW_RAW__0SDV_20200615T120000_20200615T120025_033026_03D35D_1B2C.SAFE"
RULES = """
[[rule]]
of = "files"
family = "slice"
days = 0

[[rule]]
of = "zip"
family = "slice"
days = 400
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    (tmp_path / "rules.toml").write_text(RULES)
    path = tmp_path / "s1pdgs.toml"
    path.write_text(
        f"data_dir = '{tmp_path / 'data'}'\n[archive]\nfolder = '{tmp_path / 'archive'}'\n"
        f"[retention]\nrules = '{tmp_path / 'rules.toml'}'\nnotice_s = 0\ngrace_s = 0\n"
    )
    return path


@pytest.fixture
def ground(config: Path) -> Iterator[GroundSegment]:
    opened = open_ground_segment(load_settings(config, {}), config)
    yield opened
    opened.database.close()


def publish(ground: GroundSegment, measurement: bytes | None = None) -> Product:
    product = store_product(ground.store, NAME, "IW_RAW__0S", measurement=measurement)
    with ground.database.write() as connection:
        register(connection, ground.outbox, product)
        request(connection, product.name, ground.outbox.clock.now())
    return product


def step(ground: GroundSegment, *names: str) -> None:
    for name in names:
        (role,) = [
            role for role in (*roles_of(ground, "publish"), *roles_of(ground, "housekeeping")) if role.name == name
        ]
        while role.step():
            pass


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), "product", *arguments])


def shown(config: Path) -> dict[str, Any]:
    return dict(json.loads(run(config, "show", NAME, "--json").output))


def test_the_roles_keep_to_the_rules_and_the_commands_tell(ground: GroundSegment, config: Path, tmp_path: Path) -> None:
    product = publish(ground)
    step(ground, "publish", "retention")
    kept = shown(config)
    assert kept["files"]["evicted_at"] is not None, "files go at once by these rules"
    assert kept["zip"]["archive"] == {"copy": "pending", "reason": None}
    assert ground.store.list(product.location) == []
    told = run(config, "evict", NAME)
    assert told.exit_code == 1
    assert told.output == "files: it is not here\nzip: stays: the archive has no copy of it yet\n"
    step(ground, "archive")
    assert (tmp_path / "archive" / "archived" / f"{NAME}.zip").is_file()
    listed = json.loads(run(config, "retention", "--json").output)
    assert [(row["form"], row["name"], row["note"]) for row in listed] == [("zip", NAME, None)]
    told = run(config, "evict", NAME, "--form", "zip")
    assert told.exit_code == 0
    assert told.output.startswith("zip: went; its objects are removed after 20")
    step(ground, "retention")
    order = run(config, "restore", NAME, "--priority", "90").output.strip()
    assert shown(config)["orders"] == [{"id": order, "status": "queued", "message": None}]
    step(ground, "restore")
    with ground.database.read() as connection:
        held = find(connection, NAME)
    assert held is not None
    assert held.evicted_at is None
    lines = run(config, "show", NAME).output.splitlines()
    assert lines[0] == NAME
    assert lines[3].startswith("files    here until ")
    assert lines[4].startswith("zip      here until ")
    assert lines[4].endswith("(zip of slice: 400 days)")
    assert lines[5].startswith("archive  has a copy since ")
    assert lines[6] == f"order    {order} is completed"


KILLED = """
import os, signal, sys
from pathlib import Path
from attrs import evolve, frozen
from s1pdgs import keeping
from s1pdgs.ground import open_ground_segment
from s1pdgs.publication.lta.restore import restore_step
from s1pdgs.settings import load_settings
from s1pdgs.storage.objects import LocalObjects

@frozen
class Archive(LocalObjects):
    def read(self, key, start=0, stop=None):
        for chunk in LocalObjects.read(self, key, start, stop):
            yield chunk
            os.kill(os.getpid(), signal.SIGKILL)

config = Path(sys.argv[1])
ground = open_ground_segment(load_settings(config, {}), config)
restorer = keeping.restorer_of(ground.settings, ground.database, ground.store, ground.outbox)
terms = evolve(restorer.terms, archive=Archive(restorer.terms.archive.folder))
restore_step(evolve(restorer, terms=terms))
"""


class Tomorrow:
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=1, hours=1)


def test_a_restore_that_is_killed_in_the_midst_of_the_zip_is_done_by_another(
    ground: GroundSegment, config: Path
) -> None:
    publish(ground, measurement=bytes(9_000_000))
    step(ground, "publish", "retention", "archive")
    assert run(config, "evict", NAME, "--form", "zip").exit_code == 0
    assert run(config, "restore", NAME).exit_code == 0
    died = subprocess.run([sys.executable, "-c", KILLED, str(config)], check=False, stderr=subprocess.PIPE)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert ground.store.list("restored") == []
    assert list(ground.store.folder.rglob(".part-*")) != []
    step(ground, "restore")
    assert shown(config)["orders"][0]["status"] == "in_progress", "its lease keeps others away"
    step(evolve(ground, outbox=Outbox(Tomorrow())), "restore", "housekeeping", "retention")
    told = shown(config)
    assert told["orders"][0]["status"] == "completed"
    assert told["zip"]["location"] == f"restored/1/2/{NAME}.zip"
    assert run(config, "verify", NAME).output.endswith("all as catalogued\n")


def test_a_legal_hold_is_put_told_and_lifted(ground: GroundSegment, config: Path) -> None:
    publish(ground)
    assert run(config, "hold", NAME, "--reason", "case 7").output == f"{NAME} is under legal hold\n"
    step(ground, "publish", "retention")
    told = run(config, "show", NAME).output
    assert "at least while it is under legal hold: case 7" in told
    assert "hold     case 7 (" in told
    assert "\nfiles    here until " in told
    assert run(config, "release", NAME).output == f"{NAME} is released from 1 legal hold\n"
    again = run(config, "release", NAME)
    assert (again.exit_code, again.output) == (1, f"Error: {NAME} is under no legal hold\n")
    step(ground, "archive", "retention")
    assert shown(config)["files"]["evicted_at"] is not None
    assert shown(config)["holds"][0]["released_by"] is not None


def test_a_product_has_its_date_of_eviction_from_the_moment_that_it_is_published(ground: GroundSegment) -> None:
    publish(ground)
    step(ground, "publish")
    with ground.database.read() as connection:
        row = connection.execute(sa.select(publication)).one()
    assert row.evict_at - row.published_at == timedelta(days=400)


def test_a_publication_that_failed_is_told_and_tried_again(ground: GroundSegment, config: Path) -> None:
    product = publish(ground)
    path = ground.store.path(f"{product.location}/manifest.safe")  # type: ignore[attr-defined]
    data = path.read_bytes()
    path.write_bytes(b"rotten")
    patience = Patience(max_attempts=1)
    assert publish_step(ground.database, ground.store, ground.outbox, ground.outbox.clock, patience)
    assert "\nzip      is failed: " in run(config, "show", NAME).output
    assert shown(config)["zip"]["reason"].startswith(f"{NAME}/manifest.safe has 6 bytes")
    path.write_bytes(data)
    assert run(config, "publish", NAME).output == f"{NAME} will be published\n"
    step(ground, "publish")
    assert shown(config)["zip"]["publication"] == "published"
    again = run(config, "publish", NAME)
    assert (again.exit_code, "has no failed publication" in again.output) == (1, True)


def test_the_rule_that_keeps_something_for_ever_is_told(ground: GroundSegment, config: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("[[rule]]\nof = 'zip'\nname = '.*_03D35D_.*'\n")
    publish(ground)
    step(ground, "publish")
    lines = run(config, "show", NAME).output.splitlines()
    assert lines[3:5] == [
        "files    here for ever (no rule)",
        "zip      here for ever (zip of .*_03D35D_.*: for ever)",
    ]


def test_what_is_damaged_is_told_until_it_is_mended(ground: GroundSegment, config: Path, tmp_path: Path) -> None:
    publish(ground)
    step(ground, "publish", "retention", "archive")
    copy = tmp_path / "archive" / "archived" / f"{NAME}.zip"
    copy.write_bytes(b"rotten")
    seen = run(config, "verify", NAME)
    assert seen.exit_code == 1
    assert seen.output.startswith(f"damaged archive: archived/{NAME}.zip: it has 6 bytes and should have ")
    (row,) = json.loads(run(config, "damaged", "--json").output)
    assert (row["fault"], row["place"], row["key"], row["product"]) == (
        "damaged", "archive", f"archived/{NAME}.zip", NAME,
    )  # fmt: skip
    assert f"damaged  archive: archived/{NAME}.zip: it has 6 bytes" in run(config, "show", NAME).output
    assert "without --quick" in run(config, "verify", NAME, "--quick", "--mend").output
    assert copy.exists(), "it was not to be mended"
    assert run(config, "verify", NAME, "--mend").exit_code == 1
    step(ground, "archive")
    assert run(config, "verify", NAME).exit_code == 0
    assert run(config, "damaged").output == "nothing is known to be damaged\n"
    assert not copy.exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["show", "nowhere"], "product nowhere is not in the catalogue; s1pdgs products lists what is"),
        (["hold", "nowhere", "--reason", "x"], "nowhere is not in the catalogue"),
        (["evict", "nowhere"], "nowhere is not in the catalogue"),
        (["restore", "nowhere"], "there is no published product nowhere"),
        (["archive", "nowhere"], "nowhere has no failed copy"),
    ],
)
def test_what_is_not_there_is_named(ground: GroundSegment, config: Path, arguments: list[str], why: str) -> None:
    told = run(config, *arguments)
    assert (told.exit_code, why in told.output) == (1, True)
    assert ground.settings.archive.folder is not None


def test_the_rules_are_listed(ground: GroundSegment, config: Path) -> None:
    publish(ground)
    told = run(config, "retention")
    assert told.output == "files of slice: 0 days\nzip of slice: 400 days\n\nnothing goes: no product has its time\n"


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (
            "[archive]\nfolder = '/nowhere/at/all'",
            "archive.folder: there is no folder /nowhere/at/all; mount or make it",
        ),
        ("[archive]\nfolder = '/tmp'\nurl = 's3://bucket'", "two archives"),
        ("[archive]\ntypes = ['(']", "not a regular expression"),
        ("[archive]\nurl = 's3://bucket'", "store: url wants access_key and secret_key"),
        ("[retention]\nrules = '/nowhere.toml'", "/nowhere.toml: No such file or directory; correct the setting"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(tmp_path: Path, table: str, why: str) -> None:
    path = tmp_path / "s1pdgs.toml"
    path.write_text(table)
    with pytest.raises(SettingsError, match=why):
        used(path)


def used(path: Path) -> None:
    settings = load_settings(path, {})
    keeping.policy_of(settings, keeping.archive_of(settings))


def test_run_ends_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "s1pdgs.toml"
    path.write_text(f"data_dir = '{tmp_path}'\n[archive]\nfolder = '/nowhere/at/all'")
    told = CliRunner().invoke(cli, ["--config", str(path), "run"])
    assert told.exit_code == 1
    assert "there is no folder /nowhere/at/all; mount or make it" in told.output
