"""The podman of scripts/services and its one image, which holds busybox."""

from pathlib import Path

import pytest

IMAGE = "s1pdgs-test"
_PLACE = Path(__file__).resolve().parents[1] / ".cache" / "services" / "podman"


def engine_command() -> tuple[str, ...]:
    """The command of the engine; skips the test, with the reason, where there is none."""
    program, reason = _PLACE / "podman", _PLACE / "reason"
    if not program.exists():
        told = reason.read_text().strip() if reason.exists() else "no podman was set up"
        pytest.skip(f"{told}; run scripts/services where apt-get and root are to be had")
    return (str(program),)
