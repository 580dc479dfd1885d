"""What the Level-0 processors share as programs: arguments, log, outcome and exit code (docs/joints.md, section 2)."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from s1pdgs import __version__
from s1pdgs.formats.ipflog import IpfLog
from s1pdgs.formats.joborder import JobOrder, read_job_order
from s1pdgs.formats.link.parameters import LinkError
from s1pdgs.formats.xml import FormatError
from s1pdgs.sar.orbit import OrbitError

EXIT_GOOD = 0
EXIT_WARNING = 1
EXIT_FAILURE = 128
EXIT_DEFECT = 129


class ProcessorError(Exception):
    """The processor cannot make its products; the message says what is wrong with the order and what would help."""


class Outcome:
    """What a run tells: its log lines, and whether anything made it less than good."""

    def __init__(self, name: str) -> None:
        self.warnings: list[str] = []
        self._log = IpfLog(name, __version__, sys.stdout)
        self._errors = IpfLog(name, __version__, sys.stderr)

    def info(self, message: str) -> None:
        self._log.info(message)

    def progress(self, percent: float, message: str) -> None:
        self._log.progress(percent, message)

    def warn(self, message: str) -> None:
        """Products stay valid, but somebody should look."""
        self.warnings.append(message)
        self._log.warning(message)

    def error(self, message: str) -> None:
        self._errors.error(message)


def run_program(name: str, work: Callable[[JobOrder, Path, Outcome], None], arguments: list[str]) -> int:
    """Read the job order named by the only argument, do the work in the current directory, and give the exit code."""
    outcome = Outcome(name)
    if len(arguments) != 1:
        outcome.error(f"{name} takes one argument, the path of a job order, not {len(arguments)}")
        return EXIT_FAILURE
    try:
        work(read_job_order(Path(arguments[0])), Path.cwd(), outcome)
    except (ProcessorError, FormatError, LinkError, OrbitError, OSError) as error:
        outcome.error(str(error))
        return EXIT_FAILURE
    except Exception as error:  # noqa: BLE001 - Python would exit with 1, which means that outputs are valid
        outcome.error(f"defect in {name}: {error!r}; please report it with this job order")
        for line in traceback.format_exc().splitlines():
            outcome.error(line)
        return EXIT_DEFECT
    if outcome.warnings:
        outcome.info(f"done with {len(outcome.warnings)} warnings")
        return EXIT_WARNING
    outcome.info("done")
    return EXIT_GOOD
