"""What a simulated station holds and tells at a moment: deliveries announced by now, their files and quality."""

from pathlib import Path
from threading import Lock
from typing import Any

from attrs import define, field

from s1pdgs.model.time import Clock
from s1pdgs.simulator.station import records
from s1pdgs.simulator.station.archive import AuxiliaryFile, prepare
from s1pdgs.simulator.station.content import PassSession, StationContent, more_content
from s1pdgs.simulator.station.faults import Faults
from s1pdgs.simulator.station.media import Media
from s1pdgs.simulator.station.timeline import Timeline
from s1pdgs.simulator.station.tokens import Tokens

PAGE_SIZE = 100


@define
class Station:
    """What a station knows while it runs. `requests` lists every request path with its query and
    `credentials_seen` counts those that carried credentials. Archives of auxiliary products lie in `folder`."""

    content: StationContent
    auxiliary: tuple[AuxiliaryFile, ...]
    timeline: Timeline
    faults: Faults
    clock: Clock
    tokens: Tokens | None
    media: Media
    folder: Path
    zip_files: bool = False
    page_size: int = PAGE_SIZE
    requests: list[str] = field(factory=list)
    credentials_seen: int = 0
    _listings: int = 0
    _lock: Lock = field(factory=Lock)

    def offer(self, *folders: Path) -> None:
        """Take in more deliveries and auxiliary files, which are published from now on; raises `ContentError`."""
        with self._lock:
            now = self.clock.now()
            content = more_content(self.content, *folders, offered=now)
            published = now.replace(microsecond=0)
            self.auxiliary += tuple(
                prepare(path, self.folder, published, zip_files=self.zip_files)
                for path in content.auxiliary[len(self.content.auxiliary) :]
            )
            self.content = content

    def sessions(self, unit: str | None = None) -> list[PassSession]:
        """Those announced by now, of one of the stations or of all; `KeyError` for a station that heard nothing."""
        if unit is not None and unit not in self.content.stations:
            raise KeyError(f"station {unit}")
        now = self.clock.now()
        return [
            session
            for session in self.content.sessions
            if unit in {None, session.station} and self.timeline.session(session) <= now
        ]

    def file_records(self, session: PassSession) -> list[dict[str, Any]]:
        return records.file_records(session, self.timeline, self.faults, self.clock.now())

    def quality_records(self, session: PassSession) -> list[dict[str, Any]]:
        if self.faults.quirks.no_quality:
            return []
        return records.quality_records(session, self.timeline, self.clock.now())

    def product_records(self) -> list[dict[str, Any]]:
        return [
            records.product_record(entry.name, entry.served, entry.md5, entry.published) for entry in self.auxiliary
        ]

    def busy(self) -> bool:
        """Whether this listing falls into the ordered burst of 503."""
        with self._lock:
            self._listings += 1
            return self._listings <= self.faults.unavailable_listings
