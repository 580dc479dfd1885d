"""The command line: quick to start, tables for people, JSON for machines, one line for mistakes."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue import datatakes, receptions
from s1pdgs.cli import cli
from s1pdgs.model.time import SystemClock
from s1pdgs.storage.database import open_sqlite
from tests.unit.catalogue import accounts as reports


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


def test_a_database_that_is_away_is_one_line_with_the_remedy(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S1PDGS_DATABASE", "postgresql://me:s3cret@127.0.0.1:1/nowhere")
    done = runner.invoke(cli, ["jobs"])
    assert done.exit_code != 0
    assert done.output.startswith("Error: postgresql://me:***@127.0.0.1:1/nowhere cannot be opened: ")
    assert done.output.endswith("; see that it runs, or correct the setting database\n")


def test_what_cannot_be_ingested_is_named(runner: CliRunner, tmp_path: Path) -> None:
    stray = tmp_path / "holiday.jpg"
    stray.write_bytes(b"not a product")
    result = runner.invoke(cli, ["ingest", str(stray)])
    assert result.exit_code == 1
    assert "holiday.jpg" in result.output


class TestDataTakes:
    @pytest.fixture
    def told(self, runner: CliRunner, tmp_path: Path) -> CliRunner:
        """A ground segment with one data take in its accounts."""
        runner.invoke(cli, ["products"])
        database = open_sqlite(tmp_path / "data" / "s1pdgs.db")
        outbox = Outbox(SystemClock())
        reports.hold(database, outbox, *reports.SEGMENTS, reports.SLICES[0], reports.ANNOTATIONS)
        with database.write() as connection:
            datatakes.record(connection, reports.data_take_report(), "DATATAKE.EOF", reports.at(3600))
            receptions.record(connection, reports.acquisition_report(), "RECEPTION.EOF", reports.at(3500))
        database.close()
        return runner

    def test_they_are_listed(self, told: CliRunner) -> None:
        assert "024A10" in told.invoke(cli, ["datatake", "list"]).output
        (row,) = json.loads(told.invoke(cli, ["datatake", "list", "--json"]).output)
        assert (row["datatake"], row["state"], row["lost_in_downlink"], row["slices"]) == (
            "024A10",
            "gaps",
            1700,
            "1/2",
        )

    def test_what_is_missing_is_told_with_time_and_cause(self, told: CliRunner) -> None:
        shown = told.invoke(cli, ["datatake", "show", "S1A-024A10"]).output
        assert shown.startswith("S1A data take 024A10 (SM), 2026-01-05T12:00:00Z to 2026-01-05T12:00:50Z, 50 s: gaps")
        for wanted in (
            "S1A data take 024A10 (SM), 2026-01-05 12:00:00.000 to 12:00:50.000 UTC, 50.000 s: gaps",
            "polarisation VV: 83300 packets, by packet store 21",
            "1700 packets missing within 1.000 s: 1700 lost in the downlink",
            "12:00:10.000 to 12:00:11.000: 1700 packets lost in the downlink",
            "polarisation VH: 85000 packets, by packet store 21\n  every packet is here",
            f"VV 0, VH 0  {reports.SLICES[0]}\n",
            f"{reports.SLICES[1]} (not in the catalogue: see its job and the quarantine)",
            f"{reports.SESSION} delivery 1 channel 1: 3 blocks, 9000000 bytes, 7000 CADUs: 6990 good",
            "5 corrected, 4 uncorrectable, 100 fill, 0 foreign; 12 bytes skipped in 1 slips",
            "station tells AcquiredTFs 7001, we count 7000",
            "virtual channel 11 (packet store 21): 6890 frames, 10 missing, 3 recovered from another delivery",
        ):
            assert wanted in shown

    def test_machines_get_all_of_it(self, told: CliRunner) -> None:
        (account,) = json.loads(told.invoke(cli, ["datatake", "show", "24a10", "--json"]).output)
        assert account["account"]["streams"][0]["gaps"][0]["cause"] == "downlink"
        assert account["receptions"][0]["account"]["receptions"][0]["session_id"] == reports.SESSION
        assert [product["name"] for product in account["products"]] == [reports.ANNOTATIONS, reports.SLICES[0]]

    @pytest.mark.parametrize(
        ("identifier", "message"),
        [("S1A-024A11", "nothing is known of data take S1A-024A11"), ("tuesday", "'tuesday' is no data take")],
    )
    def test_what_is_not_there_is_said(self, told: CliRunner, identifier: str, message: str) -> None:
        result = told.invoke(cli, ["datatake", "show", identifier])
        assert result.exit_code == 1
        assert message in result.output


def test_an_address_that_is_taken_ends_run_with_the_setting_to_change(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "s1pdgs.toml"
        config.write_text(f"data_dir = '{tmp_path / 'data'}'\n[serve]\nport = {port}\n")
        told = CliRunner().invoke(cli, ["--config", str(config), "run", "--role", "serve"])
    assert told.exit_code == 1
    assert f"127.0.0.1 port {port}: Address already in use" in told.output
    assert told.output.strip().endswith("set host and port in [serve]")
