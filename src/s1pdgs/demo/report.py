"""What the demonstration found: as tables on the terminal and as `report.json`."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from s1pdgs.formats.files import write_atomic


@frozen
class PublishedProduct:
    """A product as users find it."""

    name: str
    type: str
    size: int
    sha256: str
    sensing_start: datetime
    t0: datetime
    published: datetime

    @property
    def timeliness(self) -> timedelta:
        """From the last input's availability to publication."""
        return self.published - self.t0


@frozen
class Datatake:
    """The packets of a datatake: sent by the simulator, found in the downloaded Level-0 slices."""

    id: str
    packets_sent: int
    packets_in_l0: int

    @property
    def missing(self) -> int:
        return self.packets_sent - self.packets_in_l0


@frozen
class ImpulseResponse:
    """The response of one point target in one image."""

    target: str
    product: str
    polarisation: str
    range_resolution_m: float
    azimuth_resolution_m: float
    range_pslr_db: float
    azimuth_pslr_db: float
    range_error_m: float
    azimuth_error_m: float


@frozen
class Findings:
    """What a user finds behind the doors; `quicklook` is a file."""

    products: tuple[PublishedProduct, ...]
    datatakes: tuple[Datatake, ...]
    impulse_responses: tuple[ImpulseResponse, ...]
    quicklook: Path | None


@frozen
class Report:
    """Everything that the demonstration shows at its end."""

    findings: Findings
    steps: tuple[tuple[str, float], ...]
    wall_s: float
    peak_rss_mb: float

    def as_json(self) -> dict[str, Any]:
        """The machine-readable report."""
        return {
            "products": [
                {"name": p.name, "type": p.type, "size": p.size, "sha256": p.sha256} for p in self.findings.products
            ],
            "datatakes": [
                {"id": d.id, "packets_sent": d.packets_sent, "packets_in_l0": d.packets_in_l0, "missing": d.missing}
                for d in self.findings.datatakes
            ],
            "impulse_responses": [asdict(response) for response in self.findings.impulse_responses],
            "steps": [{"name": name, "wall_s": round(seconds, 3)} for name, seconds in self.steps],
            "wall_s": round(self.wall_s, 3),
            "peak_rss_mb": round(self.peak_rss_mb, 1),
        }


def write_report(report: Report, folder: Path) -> Path:
    """Write `report.json` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    write_atomic(path, json.dumps(report.as_json(), indent=1).encode() + b"\n")
    return path
