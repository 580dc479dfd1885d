"""What a journey ended with, in a form that two runs of the same downlink can be compared in."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import rasterio
import sqlalchemy as sa

from s1pdgs.jobs.tables import job
from tests.journey.ground import Ground

EVERYTHING = ("S3_SLC__1S", "S3_GRDH_1S")
"""The types whose presence tells that the chain came to its end."""

Facts = dict[str, str]


def products_of(ground: Ground) -> list[tuple[object, ...]]:
    """What the products are, without what depends on when they were made."""
    return sorted(
        (row.type, row.start, row.stop, row.datatake, row.attributes.get("polarisationChannels", ["", ""])[1])
        for row in ground.products()
    )


def contents_of(ground: Ground) -> Facts:
    """Digests of the packets and of the pixels, by product type and file name."""
    return dict(_contents(ground))


def _contents(ground: Ground) -> Iterator[tuple[str, str]]:
    for row in ground.products():
        for file in ground.files(row.name):
            if file.path.endswith(".dat"):
                yield f"{row.type} {file.path}", file.sha256
            elif file.path.endswith(".tiff"):
                with rasterio.open(ground.store.path(f"{row.location}/{file.path}")) as image:
                    yield f"{row.type} {file.path}", hashlib.sha256(image.read().tobytes()).hexdigest()


def assert_each_once(ground: Ground) -> None:
    """Every name is catalogued once and published once, no job runs, nothing half-written lies about."""
    names = [row.name for row in ground.products()]
    kinds = Counter((row.type, row.attributes.get("polarisationChannels", ["", ""])[1]) for row in ground.products())
    assert len(set(names)) == len(names)
    assert set(kinds.values()) == {1}, kinds
    published = [row for row in ground.publications() if row.state == "published"]
    assert len(published) == len(ground.publications()) == 6
    told = ground.rows(sa.text("select payload from event where type = 'ProductPublished'"))  # type: ignore[arg-type]
    assert Counter(_product(row.payload) for row in told) == Counter(row.name for row in published)
    assert {row.state for row in ground.rows(sa.select(job))} == {"done"}
    parts = [path for path in (ground.data_dir / "objects").rglob("*") if ".part" in path.name]
    assert parts == []


def _product(payload: object) -> str:
    return str((json.loads(payload) if isinstance(payload, str) else payload)["product"])  # type: ignore[index]


def assert_packets_are_those_sent(ground: Ground, downlink: Path) -> None:
    """The slices hold every packet that the simulator sent, byte for byte."""
    truth = json.loads((downlink / "truth.json").read_text())
    sent = {stream["polarisation"].lower(): stream["sha256"] for stream in truth["streams"]}
    received = {}
    for row in ground.products():
        if row.type == "S3_RAW__0S" and row.attributes["productConsolidation"][1] == "SLICE":
            for file in ground.files(row.name):
                parts = file.path.removesuffix(".dat").split("-")
                if file.path.endswith(".dat") and parts[-1] not in ("annot", "index"):
                    received[parts[4]] = file.sha256
    assert received == sent
