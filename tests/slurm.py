"""The one-machine Slurm of scripts/services."""

from pathlib import Path

import pytest


def slurm_conf() -> Path:
    """Its configuration; the test skips when there is none, and says why."""
    config = Path(__file__).resolve().parents[1] / ".cache" / "services" / "slurm" / "slurm.conf"
    if not config.exists():
        pytest.skip("no Slurm was started; run scripts/services where apt-get and root are to be had")
    return config
