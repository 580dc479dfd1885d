"""The log of an attempt: what its processors print, whole in a file and its end in memory."""

import os
import threading
from collections import deque
from pathlib import Path

from s1pdgs.formats.ipflog import Level, LogLine
from s1pdgs.model.time import Clock, format_iso

MAX_BYTES = 64 * 1024 * 1024
_TAIL = 100


class JobLog:
    """Lines of several tasks, written as they come; safe to use from several threads."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._stream = path.open("w", encoding="utf-8", errors="replace")
        self._lock = threading.Lock()
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._room = MAX_BYTES
        self._progress: str | None = None

    def line(self, text: str) -> None:
        """Add a line that a processor printed."""
        text = text.rstrip("\r\n").replace("\0", "�")
        parsed = LogLine.parse(text)
        with self._lock:
            if parsed is not None and parsed.level is Level.PROGRESS:
                self._progress = parsed.message[:200]
            self._tail.append(text[:2000])
            self._write(text)

    def note(self, text: str) -> None:
        """Add a remark of the supervisor."""
        self.line(f"{format_iso(self._clock.now())} s1pdgs: {text}")

    def _write(self, text: str) -> None:
        size = len(text) + 1
        if self._room >= size:
            self._stream.write(f"{text}\n")
        elif self._room > 0:
            self._stream.write(f"(the log is cut here: more than {MAX_BYTES} bytes)\n")
        self._room -= size
        self._stream.flush()

    @property
    def progress(self) -> str | None:
        """The last progress line's message."""
        with self._lock:
            return self._progress

    @property
    def tail(self) -> str:
        """The last lines."""
        with self._lock:
            return "\n".join(self._tail)

    @property
    def is_intact(self) -> bool:
        """False when a processor has put something else in the place of the file."""
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self._stream.fileno()))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        with self._lock:
            self._stream.close()
