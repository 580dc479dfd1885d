"""Log lines of processors, in the form that every Sentinel-1 IPF writes them:

    2024-01-05T10:20:30.123456 host PROCESSOR version [pid]: [I] message

The letter is the level: D debug, I information, P progress, W warning, E error. A progress message begins with the
share done in per cent: `[P] 42% slices written`.
"""

import os
import re
import socket
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self, TextIO

from attrs import field, frozen

from s1pdgs.model.time import Clock, SystemClock

MAX_LINE_CHARS = 10_000

_LINE = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6})Z? (?P<host>\S+) (?P<name>\S+) (?P<version>\S+) "
    r"\[(?P<pid>[0-9]{1,18})\]: ?\[(?P<level>[DIPWE])\] ?(?P<message>.*)$",
    re.DOTALL,
)
_PERCENT = re.compile(r"^(?P<percent>\d{1,3})% ?(?P<text>.*)$", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Level(StrEnum):
    """How grave a line is."""

    DEBUG = "D"
    INFO = "I"
    PROGRESS = "P"
    WARNING = "W"
    ERROR = "E"


@frozen
class LogLine:
    """One line of a processor's log."""

    time: datetime
    host: str
    processor: str
    version: str
    pid: int
    level: Level
    message: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The parts of a line, None for text in another form (processors also print plain text)."""
        match = _LINE.match(text[:MAX_LINE_CHARS].rstrip("\r\n"))
        if match is None:
            return None
        try:
            time = datetime.fromisoformat(match["time"]).replace(tzinfo=UTC)
        except ValueError:
            return None
        level, message = Level(match["level"]), match["message"]
        return cls(time, match["host"], match["name"], match["version"], int(match["pid"]), level, message)

    @property
    def percent(self) -> int | None:
        """The share done that a progress line tells, 0 to 100."""
        match = _PERCENT.match(self.message) if self.level is Level.PROGRESS else None
        return None if match is None else min(int(match["percent"]), 100)

    def __str__(self) -> str:
        time = self.time.strftime("%Y-%m-%dT%H:%M:%S.%f")
        return f"{time} {self.host} {self.processor} {self.version} [{self.pid:010d}]: [{self.level}] {self.message}"


@frozen
class IpfLog:
    """Where a processor tells what it does; each line is written and flushed at once."""

    name: str
    version: str
    stream: TextIO
    clock: Clock = field(factory=SystemClock)

    def info(self, message: str) -> None:
        self._write(Level.INFO, message)

    def warning(self, message: str) -> None:
        self._write(Level.WARNING, message)

    def error(self, message: str) -> None:
        self._write(Level.ERROR, message)

    def progress(self, percent: float, message: str = "") -> None:
        """Tell the share done, 0 to 100."""
        self._write(Level.PROGRESS, f"{min(max(int(percent), 0), 100)}% {message}".rstrip())

    def _write(self, level: Level, message: str) -> None:
        text = _CONTROL.sub(" ", message)
        host = socket.gethostname() or "localhost"
        line = LogLine(self.clock.now(), host, self.name, self.version, os.getpid(), level, text)
        self.stream.write(f"{str(line)[: MAX_LINE_CHARS - 1]}\n")
        self.stream.flush()
