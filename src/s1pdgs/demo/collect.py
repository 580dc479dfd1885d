"""Be a user: find the published products by OData, download them, and measure what is in them."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from s1pdgs.demo.report import Datatake, Findings, ImpulseResponse, PublishedProduct
from s1pdgs.formats.files import atomic_file
from s1pdgs.formats.isp.header import index_packets
from s1pdgs.model.time import parse_utc

PAGE = 100


class DemoError(RuntimeError):
    """The demonstration did not end as it should; the message tells where to look."""


def collect(client: httpx2.Client, out_dir: Path, truth: Path) -> Findings:
    """Download the images and the Level-0 slices as a user would, and measure what is in them."""
    entries = published_products(client)
    folder = out_dir / "products"
    slices = [download(client, entry, folder) for entry in entries if "_RAW__0S" in entry["Name"]]
    images = [download(client, entry, folder) for entry in entries if "_SLC__1S" in entry["Name"]]
    quicklooks = sorted(folder.glob("*/preview/quick-look.png"))
    return Findings(
        products=tuple(as_published(entry) for entry in entries),
        datatakes=tuple(datatake_account(slices, truth)),
        impulse_responses=tuple(response for image in images for response in impulse_responses(image, truth)),
        quicklook=next(iter(quicklooks), None),
    )


def published_products(client: httpx2.Client) -> list[dict[str, Any]]:
    """All entries of the PRIP's Products, with attributes, oldest first."""
    found: list[dict[str, Any]] = []
    url: str | None = f"/odata/v1/Products?$orderby=PublicationDate&$expand=Attributes&$top={PAGE}"
    while url is not None:
        page = client.get(url).raise_for_status().json()
        found += page["value"]
        url = page.get("@odata.nextLink")
    return found


def as_published(entry: dict[str, Any]) -> PublishedProduct:
    """A PRIP entry as a line of the report."""
    checksums = {sum_["Algorithm"]: sum_["Value"] for sum_ in entry["Checksum"]}
    return PublishedProduct(
        name=entry["Name"],
        type=next(a["Value"] for a in entry["Attributes"] if a["Name"] == "productType"),
        size=entry["ContentLength"],
        sha256=checksums["SHA256"],
        sensing_start=parse_utc(entry["ContentDate"]["Start"]),
        t0=parse_utc(entry["OriginDate"]),
        published=parse_utc(entry["PublicationDate"]),
    )


def download(client: httpx2.Client, entry: dict[str, Any], folder: Path) -> Path:
    """Download a product and unpack it; the product's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / str(entry["Name"])
    with client.stream("GET", f"/odata/v1/Products({entry['Id']})/$value") as response, atomic_file(archive) as out:
        response.raise_for_status()
        for chunk in response.iter_bytes(1024 * 1024):
            out.write(chunk)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    archive.unlink()
    return archive.with_suffix("")


def impulse_responses(product: Path, truth: Path) -> list[ImpulseResponse]:
    """Measure the point targets of the truth file in a downloaded SLC, by the analysis program."""
    command = [sys.executable, "-m", "s1pdgs.processors.analysis", str(product), str(truth)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise DemoError(f"the analysis of {product.name} failed:\n{done.stderr.strip()}")
    return [
        ImpulseResponse(
            target=entry["name"],
            product=product.name,
            polarisation=entry["channel"].split("-")[3].upper(),
            **{key: entry[key] for key in (
                "range_resolution_m", "azimuth_resolution_m", "range_pslr_db", "azimuth_pslr_db", "range_error_m",
                "azimuth_error_m",
            )},
        )
        for entry in json.loads(done.stdout)
    ]  # fmt: skip


def datatake_account(slices: list[Path], truth: Path) -> list[Datatake]:
    """Count the packets of the datatake in downloaded Level-0 slices; overlaps of slices count once."""
    sent = json.loads(truth.read_text())
    in_l0 = sum(
        len({packet for path in paths for packet in _packet_counts(path)})
        for paths in _by_polarisation(slices).values()
    )
    packets = sum(stream["packets"] for stream in sent["streams"])
    return [Datatake(f"{sent['data_take']['id']:06X}", packets, in_l0)]


def _by_polarisation(slices: list[Path]) -> dict[str, list[Path]]:
    grouped: dict[str, list[Path]] = {}
    for folder in slices:
        for path in sorted(folder.glob("*.dat")):
            if not path.stem.endswith(("-annot", "-index")):
                grouped.setdefault(path.name.split("-")[4], []).append(path)
    return grouped


def _packet_counts(path: Path) -> Iterator[int]:
    """The space packet counts in a measurement file."""
    data = np.fromfile(path, np.uint8)
    offsets, _ = index_packets(data)
    counts = data[offsets[:, None] + np.arange(29, 33)].astype(np.uint32)
    return iter((counts @ np.array([1 << 24, 1 << 16, 1 << 8, 1], np.uint32)).tolist())
