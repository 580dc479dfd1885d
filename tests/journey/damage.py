"""Ground segments and downlinks that are not as they should be (streams are spoiled by `s1pdgs.simulator.spoil`)."""

import shutil
from pathlib import Path

from s1pdgs.triggers.chains import SHIPPED


def copy_of(downlink: Path, folder: Path) -> Path:
    """A copy that may be changed."""
    shutil.copytree(downlink, folder)
    return folder


def level_0_chains(folder: Path, program: str | None = None) -> Path:
    """The shipped chains up to Level-0, with another program in place of AIO when given.

    A polarisation that comes alone is not waited for long.
    """
    folder.mkdir()
    shutil.copytree(SHIPPED.parent / "tasktables", folder / "tasktables")
    chains = folder / "chains.toml"
    level_0 = SHIPPED.read_text().partition('[[chain]]\nname = "l1-sm"')[0]
    chains.write_text(level_0.replace("partner_wait_s = 300", "partner_wait_s = 2"))
    if program is not None:
        table = folder / "tasktables" / "TaskTable.AIOP.xml"
        table.write_text(table.read_text().replace("s1pdgs-aio", program))
    return chains
