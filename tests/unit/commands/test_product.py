"""`s1pdgs product verify` on a real ground segment's folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from s1pdgs.cli import cli
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from tests.unit.publication.conftest import Segment, new_segment, store_product

NAME = "S1A_IW_SLC__1SDV_20200615T120000_20200615T120025_033026_03D35D_1B2C.SAFE"


@pytest.fixture
def segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Segment]:
    monkeypatch.setenv("S1PDGS_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    database = open_sqlite(tmp_path / "data" / "s1pdgs.db")
    migrate(database)
    made = new_segment(database, tmp_path / "data")
    made.publish(store_product(made.store, NAME, "IW_SLC__1S"))
    yield made
    database.close()


def verify(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["product", "verify", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("which", [["--all"], [NAME], ["--type", "IW_SLC__1S"], ["--all", "--quick"]])
def test_what_is_well_ends_with_0(segment: Segment, which: list[str]) -> None:
    size = sum(path.stat().st_size for path in segment.store.folder.rglob("*") if path.is_file())
    how = "present" if "--quick" in which else "as catalogued"
    assert verify(*which) == (0, f"1 products, 6 objects, {size} bytes: all {how}\n")


def test_what_is_wrong_is_named_and_ends_with_1(segment: Segment) -> None:
    segment.store.path(f"published/{NAME}.zip").write_bytes(b"?")
    code, told = verify("--all")
    assert code == 1
    assert told.startswith(f"damaged published/{NAME}.zip: it has 1 bytes and should have ")
    assert told.endswith("1 faults\n")
    code, told = verify(NAME, "--json")
    assert code == 1
    assert json.loads(told)["faults"][0]["key"] == f"published/{NAME}.zip"


@pytest.mark.parametrize(
    ("which", "why"),
    [
        (["NO"], "no product NO; `s1pdgs products` lists them"),
        ([], "name products"),
        ([NAME, "--all"], "name products"),
    ],
)
def test_what_cannot_be_looked_at_ends_with_2(segment: Segment, which: list[str], why: str) -> None:
    code, told = verify(*which)
    assert code == 2
    assert why in told
    assert segment.store.size(f"published/{NAME}.zip") is not None
