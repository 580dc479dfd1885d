"""The command line: quick to start, tables for people, JSON for machines, one line for mistakes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from s1pdgs.cli import cli


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("S1PDGS_DATA_DIR", str(tmp_path / "data"))
    return CliRunner()


def test_help_names_every_command_without_importing_rooms() -> None:
    script = (
        "import sys; from s1pdgs.cli import cli; cli.main(['--help'], standalone_mode=False); "
        "print('IMPORTED', sorted(m for m in sys.modules if m.split('.')[0] in "
        "{'numpy', 'sqlalchemy', 'fastapi', 'pydantic', 'numba', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("IMPORTED []")
    for command in ("run", "demo", "simulate", "station", "ingest", "products", "jobs", "job", "execute", "settings"):
        assert f"  {command} " in done.stdout


def test_an_empty_ground_segment_says_so(runner: CliRunner) -> None:
    assert runner.invoke(cli, ["products"]).output == "no products\n"
    assert runner.invoke(cli, ["jobs"]).output == "no jobs\n"
    assert json.loads(runner.invoke(cli, ["products", "--json"]).output) == []


def test_an_ingested_file_is_listed(runner: CliRunner, testdata: Path) -> None:
    (path,) = (testdata / "aux").glob("*RESORB*")
    assert runner.invoke(cli, ["ingest", str(path)]).output.strip() == path.name
    assert path.name in runner.invoke(cli, ["products"]).output
    (row,) = json.loads(runner.invoke(cli, ["products", "--json"]).output)
    assert (row["name"], row["type"], row["size"]) == (path.name, "AUX_RESORB", path.stat().st_size)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["job", "retry", "7"], "there is no job 7"),
        (["job", "log", "7"], "there is no job 7"),
        (["run", "--role", "cook"], "unknown role cook; roles are stations, triggers, work"),
        (["--config", "nowhere.toml", "products"], "nowhere.toml: No such file"),
    ],
)
def test_mistakes_are_one_line(runner: CliRunner, arguments: list[str], message: str) -> None:
    result = runner.invoke(cli, arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_what_cannot_be_ingested_is_named(runner: CliRunner, tmp_path: Path) -> None:
    stray = tmp_path / "holiday.jpg"
    stray.write_bytes(b"not a product")
    result = runner.invoke(cli, ["ingest", str(stray)])
    assert result.exit_code == 1
    assert "holiday.jpg" in result.output
