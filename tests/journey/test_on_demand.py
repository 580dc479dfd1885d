"""Level-1 on demand by both doors: a real processor makes it, the one who ordered is told, and GDAL opens it."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import httpx2
import pytest
import rasterio

from s1pdgs.triggers.chains import SHIPPED
from tests.journey.conftest import MakeGround
from tests.journey.ground import Ground, station
from tests.journey.receiver import receiver

pytestmark = pytest.mark.journey

SLICE = "S3_RAW__0S"
WORKFLOW = "SM_GRDH_1S"


def chains_on_demand(folder: Path) -> Path:
    """The shipped chains, with StripMap Level-1 only when somebody wants it."""
    shutil.copytree(SHIPPED.parent / "tasktables", folder / "tasktables")
    text = SHIPPED.read_text().replace("partner_wait_s = 300", "partner_wait_s = 2")
    (folder / "chains.toml").write_text(text.replace('name = "l1-sm"', 'name = "l1-sm"\nenabled = false'))
    return folder / "chains.toml"


class Orders:
    """The two doors of a ground segment, as a user sees them."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    def ask(self, method: str, path: str, status: int, **words: Any) -> Any:
        answer = self.client.request(method, path, **words)
        assert answer.status_code == status, answer.text
        return answer.json()

    def slice(self) -> str:
        """The name of the Level-0 slice, once it is published; nothing before."""
        asked = {"$filter": f"contains(Name,'_{SLICE}')"}
        found = self.ask("GET", "/odata/v1/Products", 200, params=asked)["value"]
        return str(found[0]["Name"]) if found else ""

    def order(self, reference: str, **words: Any) -> str:
        body = {"WorkflowName": WORKFLOW, "InputProductReference": {"Reference": reference}, **words}
        return str(self.ask("POST", "/odata/v1/ProductionOrders", 201, json=body)["Id"])

    def status(self, order: str) -> str:
        return str(self.ask("GET", f"/odata/v1/ProductionOrder({order})", 200)["Status"])

    def execute(self, reference: str, address: str) -> str:
        told = {key: f"{address}/{key}" for key in ("successUri", "inProgressUri", "failedUri")}
        body = {"inputs": {"product": reference}, "subscriber": told}
        return str(self.ask("POST", f"/ogc/processes/{WORKFLOW}/execution", 201, json=body)["jobID"])

    def job(self, number: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/ogc/jobs/{number}", 200))


def opened_by_gdal(archive: Path, folder: Path) -> set[str]:
    """The images that GDAL lists of a zipped product."""
    with zipfile.ZipFile(archive) as zipped:
        assert zipped.testzip() is None
        zipped.extractall(folder)
    (manifest,) = folder.glob("*.SAFE/manifest.safe")
    with rasterio.open(manifest) as image:
        assert image.read(1).any()
        return {name.split(":")[3] for name in image.subdatasets}


def test_a_slice_is_ordered_by_both_doors_and_another_order_is_cancelled(
    small: Path, tmp_path: Path, make_ground: MakeGround
) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    (tmp_path / "chains").mkdir()

    def take(path: str, body: dict[str, Any]) -> bool:
        told.append((path, body))
        return True

    with station(small) as source, receiver(take) as address:
        ground = make_ground(source, chains=chains_on_demand(tmp_path / "chains"))
        ground.start()
        with httpx2.Client(base_url=ground.url, timeout=60.0) as client:
            product, result = order_and_cancel(ground, Orders(client), address, tmp_path)
        ground.wait(lambda: len(told) == 3, "all are told")
        ground.stop()
    by_path = dict(told)
    assert sorted(by_path) == ["/inProgressUri", "/odata", "/successUri"]
    assert by_path["/odata"]["Status"] == "completed"
    assert f"{by_path['/odata']['ProductName']}.zip" == product["Name"]
    assert by_path["/successUri"]["product"]["href"] == result["href"]
    assert [row.type for row in ground.products()].count("S3_GRDH_1S") == 1
    assert [row.fence for row in ground.attempts("l1-sm")] == [1]


def order_and_cancel(ground: Ground, door: Orders, address: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Order, follow, cancel and download; the product of OData and the result of OGC."""
    reference = ground.wait(door.slice, "the slice is published")
    ground.wait_settled(SLICE)
    assert "l1-sm" not in ground.jobs()
    order = door.order(reference, NotificationEndpoint=f"{address}/odata")
    ground.wait(lambda: ground.is_running("l1-sm"), "Level-1 runs")
    job = door.execute(reference, address)
    other = door.order(reference, WorkflowOptions=[{"Name": "Dem", "Value": "fine"}])
    ground.wait(lambda: door.status(order) == "in_progress", "the order is under way")
    ground.wait(lambda: door.job(job)["status"] == "running", "the job is under way")
    assert door.status(other) == "queued"
    cancelled = door.ask("POST", f"/odata/v1/ProductionOrder({other})/OData.CSC.Cancel", 200)
    assert cancelled["Status"] == "cancelled"

    ground.wait(lambda: door.status(order) == "completed", "the order is completed")
    ground.wait(lambda: door.job(job)["status"] == "successful", "the job is successful")
    product = door.ask("GET", f"/odata/v1/ProductionOrder({order})/Product", 200)
    result = door.ask("GET", f"/ogc/jobs/{job}/results", 200)["product"]
    archive = folder / "product.zip"
    archive.write_bytes(door.client.get(f"/odata/v1/ProductionOrder({order})/Product/$value").content)
    assert archive.read_bytes() == door.client.get(result["href"]).content
    assert archive.stat().st_size == product["ContentLength"]
    assert opened_by_gdal(archive, folder / "opened") == {"S3_VV", "S3_VH", "S3"}
    return product, result
