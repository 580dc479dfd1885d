import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
from click.testing import CliRunner

from s1pdgs.simulator.station.command import station

SERVE = "from s1pdgs.simulator.station.command import station; station()"


def test_the_command_serves_a_folder_until_it_is_told_to_stop(make_pass: Callable[..., Path]) -> None:
    command = [sys.executable, "-c", SERVE, str(make_pass()), "--port", "0", "--open", "--speedup", "1e9"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[4].rstrip(",")
        assert len(httpx2.get(f"{url}/Files").json()["value"]) == 6
        assert process.stdout.readline() == "SGS      S1A_20260105072204051312, 6 blocks\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "stopped\n"
    assert process.returncode == 0


def test_deliveries_that_appear_below_a_watched_folder_are_published(
    make_pass: Callable[..., Path], tmp_path: Path
) -> None:
    watched = tmp_path / "deliveries"
    watched.mkdir()
    command = [sys.executable, "-c", SERVE, "--watch", str(watched), "--port", "0", "--open", "--speedup", "1e9"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[4].rstrip(",")
        assert httpx2.get(f"{url}/Sessions").json()["value"] == []
        make_pass().rename(watched / "nominal")
        assert process.stdout.readline() == f"published {watched / 'nominal'}\n"
        assert len(httpx2.get(f"{url}/Files").json()["value"]) == 6
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "stopped\n"
    assert process.returncode == 0


def test_something_must_be_served() -> None:
    result = CliRunner().invoke(station, [])
    assert result.exit_code == 2
    assert "s1pdgs simulate" in result.output


def test_a_folder_without_a_pass_is_refused_by_name(tmp_path: Path) -> None:
    result = CliRunner().invoke(station, [str(tmp_path)])
    assert result.exit_code != 0
    assert f"Error: {tmp_path}: neither session.json nor auxiliary files" in result.output
