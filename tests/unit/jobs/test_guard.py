"""A guard ends as its program did, and never leaves anything of it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import s1pdgs.jobs

GUARD = Path(s1pdgs.jobs.__file__).with_name("guard.py")


def guarded(text: str, *, supervisor: int | None = None, **plan: Any) -> list[str]:
    told = json.dumps({"wall_s": 60.0, "limits": {}, "cores": None, "after": [], "largest": None, **plan})
    return [sys.executable, "-I", "-S", str(GUARD), str(supervisor or os.getpid()), told, "/bin/sh", "-c", text]


@pytest.mark.parametrize(
    ("text", "code"),
    [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", -9), ("kill -15 $$", -15), ("kill -6 $$", -6)],
)
def test_it_ends_as_its_program(text: str, code: int) -> None:
    assert subprocess.run(guarded(text), check=False).returncode == code


def test_a_program_that_nobody_ends_is_ended_after_its_time() -> None:
    """As when the supervisor is stopped, or hangs."""
    assert subprocess.run(guarded("sleep 1000 & sleep 1000", wall_s=0.1), check=False).returncode == -signal.SIGKILL


def test_signals_and_pipes_are_as_a_shell_gives_them() -> None:
    text = "yes | head -1; grep SigIgn /proc/self/status; grep SigBlk /proc/self/status"
    ran = subprocess.run(guarded(text), check=True, capture_output=True, text=True)
    ignored, blocked = (int(line.split()[1], 16) for line in ran.stdout.splitlines()[1:])
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT):
        assert not (ignored | blocked) >> (number - 1) & 1
    assert ran.stderr == ""


def test_what_ends_is_cleaned_up_only_when_it_did_not_end_by_itself(tmp_path: Path) -> None:
    done = tmp_path / "done"
    after = [["/bin/no-such-engine"], ["/bin/touch", str(done)]]
    subprocess.run(guarded("exit 1", after=after), check=False)
    assert not done.exists()
    told = subprocess.run(guarded("sleep 1000", wall_s=0.1, after=after), check=False, capture_output=True, text=True)
    assert done.exists()
    assert "/bin/no-such-engine" in told.stderr


def test_a_program_whose_supervisor_is_gone_does_not_start(tmp_path: Path) -> None:
    stranger = 1 if os.getppid() != 1 else 2
    ran = subprocess.run(guarded(f"touch {tmp_path}/ran", supervisor=stranger), check=False)
    assert ran.returncode == 255
    assert not (tmp_path / "ran").exists()


def test_a_program_that_cannot_be_run_is_told() -> None:
    words = [*guarded("")[:-3], "/no/such/program"]
    ran = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (255, "cannot run /no/such/program: No such file or directory\n")
