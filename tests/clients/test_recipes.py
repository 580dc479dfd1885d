"""The recipes of `docs/clients.md`, each run as it is written against a live ground segment."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from attrs import frozen

from s1pdgs.doors import application
from s1pdgs.ground import open_ground_segment
from s1pdgs.settings import load_settings
from s1pdgs.storage.objects import LocalObjects
from tests.clients.conftest import ROOT, client
from tests.unit.conftest import ManualClock
from tests.unit.publication import test_auxip, test_cadip
from tests.unit.publication.conftest import Segment, filled, serving

PAGE = ROOT / "docs" / "clients.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"^(?:#|--) not run here: (.*)")
_PATH = os.pathsep.join(
    [str(Path(sys.executable).parent), str(ROOT / ".cache" / "peers" / "qgis" / "bin"), os.environ["PATH"]]
)
_PLACES = {"/odata/v1": "Products", "/cadip/odata/v1": "Files", "/auxip/odata/v1": "Products"}


@frozen
class Recipe:
    """A fenced block: its language, its text, and the line of the page at which it begins."""

    language: str
    text: str
    line: int


def recipes(page: str) -> list[Recipe]:
    """The blocks of a page in their order."""
    return [Recipe(found[1], found[2], page.count("\n", 0, found.start()) + 1) for found in _BLOCK.finditer(page)]


@frozen
class Kitchen:
    """A live ground segment, and the folder in which recipes are run one after the other."""

    site: str
    folder: Path

    def run(self, recipe: Recipe) -> str:
        """What a recipe prints; it must succeed, and so must each request of curl."""
        done = subprocess.run(
            self._command(recipe), cwd=self.folder, capture_output=True, text=True, timeout=120, check=False,
            env={"S": self.site, "PATH": _PATH, "HOME": str(self.folder), "CURL_HOME": str(self.folder),
                 "S1PDGS_CONFIG": str(self.folder / "s1pdgs.toml")},
        )  # fmt: skip
        assert done.returncode == 0, f"{recipe.text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def _command(self, recipe: Recipe) -> list[str]:
        match recipe.language:
            case "sh":
                return ["bash", "-euo", "pipefail", "-c", self._filled_in(recipe.text)]
            case "python":
                return [str(client("python")), "-c", f"S = {self.site!r}\n{recipe.text}"]
            case _:
                told = f"import duckdb\nfor each in {recipe.text!r}.split(';')[:-1]: print(duckdb.sql(each))"
                return [str(client("python")), "-c", told]

    def _filled_in(self, text: str) -> str:
        """A block for the shell with the address of this site, and identifiers of what it holds."""
        for door, entity in _PLACES.items():
            listed = httpx2.get(f"{self.site}{door}/{entity}").json()["value"]
            text = text.replace(f"$S{door}/{entity}(ID)", f"$S{door}/{entity}({listed[0]['Id']})")
        return text.replace("S=http://127.0.0.1:8100\n", "")


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kitchen]:
    """Twelve products, a session and an orbit file behind all doors."""
    folder = tmp_path_factory.mktemp("kitchen")
    (folder / ".curlrc").write_text("fail\nmax-time = 60\n")
    config = folder / "s1pdgs.toml"
    config.write_text(f"data_dir = '{folder / 'data'}'\n[serve]\ncadip = true\nauxip = true\n")
    settings = load_settings(config, {})
    ground = open_ground_segment(settings, config)
    assert isinstance(ground.store, LocalObjects)
    clock = ManualClock()
    segment = filled(Segment(ground.database, ground.store, ground.outbox, clock))
    with httpx2.Client(timeout=60.0) as nobody:
        station = test_cadip.Station(segment, nobody)
        station.announce(test_cadip.PASS, test_cadip.block(1, final=True))
        station.receive(test_cadip.block(1, final=True))
        shelf = test_auxip.Station(segment, nobody, folder / "dropped")
        shelf.ingest(test_auxip.ORBIT)
        shelf.offer()
    app = application(settings, ground.database, ground.store, ground.outbox, folder / "work")
    with serving(app) as site:
        yield Kitchen(site, folder)
    ground.database.close()


@pytest.mark.parametrize("recipe", recipes(PAGE.read_text()), ids=lambda recipe: f"{recipe.language}-{recipe.line}")
def test_a_recipe_does_what_it_says(kitchen: Kitchen, recipe: Recipe) -> None:
    if told := _NOT_RUN.match(recipe.text):
        pytest.skip(told[1])
    for program in ("curl", "ogr2ogr", "qgis_process"):
        if re.search(rf"\b{program} ", recipe.text) and shutil.which(program, path=_PATH) is None:
            pytest.skip(f"there is no {program} here (scripts/qgis unpacks Debian's)")
    before = set(kitchen.folder.rglob("*"))
    printed = kitchen.run(recipe)
    assert printed.strip() or set(kitchen.folder.rglob("*")) - before, "it printed and made nothing"


def test_blocks_are_found_with_their_line() -> None:
    page = "a\n```sh\ncurl x\n```\nb `c`\n```sql\n-- not run here: why\nSELECT 1;\n```\n"
    assert recipes(page) == [Recipe("sh", "curl x\n", 2), Recipe("sql", "-- not run here: why\nSELECT 1;\n", 6)]
