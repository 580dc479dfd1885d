"""Small things that the tests of several rooms share."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from s1pdgs.bus.outbox import Outbox
from s1pdgs.storage.objects import LocalObjects, local_objects


class ManualClock:
    """A clock that moves when a test says so."""

    def __init__(self, now: datetime = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def outbox(clock: ManualClock) -> Outbox:
    return Outbox(clock)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return local_objects(tmp_path / "objects")


@pytest.fixture
def make_pass(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tiny simulated pass: `make_pass("S1A_20260105072204051312", {1: 3, 2: 2})` gives its folder."""

    def make(
        session_id: str = "S1A_20260105072204051312",
        blocks: Mapping[int, int] | None = None,
        *,
        size: int = 1000,
        retransfer: bool = False,
        folder: str | None = None,
    ) -> Path:
        root = tmp_path / (folder or f"pass-{session_id}")
        blocks = {1: 3, 2: 3} if blocks is None else blocks
        files = [
            _block(root, session_id, (channel, number), count, size)
            for channel, count in blocks.items()
            for number in range(1, count + 1)
        ]
        record: dict[str, Any] = {
            "session_id": session_id,
            "satellite": session_id[:3],
            "station": "SGS",
            "orbit": 51312,
            "downlink_start": "2026-01-05T07:22:04.000000Z",
            "downlink_stop": "2026-01-05T07:24:04.000000Z",
            "retransfer": retransfer,
            "files": files,
            "quality": [
                {"channel": channel, "acquired_tfs": 500 * channel, "data_tfs": 400, "uncorrectable_tfs": 0}
                for channel in blocks
            ],
        }
        root.mkdir(parents=True, exist_ok=True)
        (root / "session.json").write_text(json.dumps(record))
        return root

    return make


def _block(root: Path, session_id: str, place: tuple[int, int], count: int, size: int) -> dict[str, Any]:
    channel, number = place
    name = f"DCS_02_{session_id}_ch{channel}_DSDB_{number:05d}.raw"
    path = root / "session" / f"ch_{channel}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = f"{session_id}/{channel}/{number}/".encode()
    data = (seed * (size // len(seed) + 1))[: size + channel]
    path.write_bytes(data)
    return {
        "name": name,
        "channel": channel,
        "block": number,
        "final": number == count,
        "size": len(data),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "path": path.relative_to(root).as_posix(),
    }
