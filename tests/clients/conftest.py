"""A live server with real products, where the reference data are at hand, and the clients that judge it."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from s1pdgs.access.guard import Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.bus.courier import Courier
from s1pdgs.catalogue.metadata import describe
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.lta.door import OrderDesk
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.on_demand.odata import OrderDoor
from s1pdgs.publication.on_demand.orders import Desk as DemandDesk
from s1pdgs.publication.on_demand.processes import ProcessDoor
from s1pdgs.publication.on_demand.processes import mount as mount_processes
from s1pdgs.publication.on_demand.workflows import workflows_of
from s1pdgs.publication.prip import Prip
from s1pdgs.publication.service import mount
from s1pdgs.publication.subscriptions.door import Desk
from s1pdgs.publication.subscriptions.model import Limits
from s1pdgs.storage.objects import ObjectStore
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.orders import Planner
from tests.databases import new_database
from tests.unit.publication.conftest import filled, new_segment, serving

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / ".cache" / "peers" / "clients" / "bin"
JUDGES = Path(__file__).parent / "judges"
REAL = ROOT.parent / "shared" / "testdata" / "products"
Judge = Callable[..., Any]


def _real_product(store: ObjectStore, folder: Path) -> Product:
    """A real product as far as its manifest, described as every product is."""
    found = describe(folder)
    data = (folder / "manifest.safe").read_bytes()
    sums = store.put(f"ingested/{folder.name}/manifest.safe", iter([data]))
    assert sums.sha256 == hashlib.sha256(data).hexdigest()
    return Product(
        name=found.name, type=found.type, satellite=found.satellite, validity=found.validity,
        generation_time=found.generation_time, location=f"ingested/{folder.name}",
        files=(StoredFile("manifest.safe", sums.size, sums.md5, sums.sha256),), t0=found.validity.stop,
        timeliness=found.timeliness, footprint=found.footprint, attributes=found.attributes,
    )  # fmt: skip


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server of twelve made products and those of the reference data."""
    folder = tmp_path_factory.mktemp("site")
    with new_database("sqlite", folder) as database:
        segment = filled(new_segment(database, folder))
        for path in sorted(REAL.glob("*.SAFE")) if REAL.is_dir() else []:
            segment.register(_real_product(segment.store, path))
            segment.deliver()
            segment.clock.advance(1.0)
            segment.step()  # segments stay inside
        app = FastAPI()
        guard, courier = Guard(operator_gate(None)), Courier()
        desk = Desk(database, guard, courier, segment.clock, Limits())
        restores = OrderDesk(database, Terms(), guard, courier, segment.clock)
        planner = Planner(Chains.read(), segment.outbox)
        demands = DemandDesk(planner, workflows_of(planner.chains, [r".*_1S"]), courier)
        orders = OrderDoor(demands, Prip(database, segment.store), guard)
        mount(app, database, segment.store, additions=(desk.addition, restores.addition, orders.addition))
        mount_processes(app, ProcessDoor(demands, database, guard))
        with serving(app) as address:
            yield address


@pytest.fixture(scope="module")
def judge(site: str) -> Judge:
    """Run a script of `judges` with the address of the site of its module; its answer as JSON, else its output."""

    def run(script: str, *arguments: str) -> Any:
        python = client("python")
        done = subprocess.run(
            [python, JUDGES / script, site, *arguments], capture_output=True, text=True, check=False, timeout=300,
            env=os.environ | {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout + done.stderr

    return run


def client(program: str) -> Path:
    """A program of the clients' environment; the test skips when it is not there, and says why."""
    if not (CLIENTS.parent / ".installed").exists():
        pytest.skip("the clients that judge our doors are not installed (scripts/clients says why)")
    return CLIENTS / program
