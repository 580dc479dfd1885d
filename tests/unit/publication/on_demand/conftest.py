"""A ground segment up to its doors: orders come by HTTP, a processor is played, products are published for real."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.guard import KEY_HEADER, Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.bus.courier import Courier
from s1pdgs.jobs.outputs import _attributes
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication import prip
from s1pdgs.publication.on_demand.odata import OrderDoor
from s1pdgs.publication.on_demand.orders import Desk, advance
from s1pdgs.publication.on_demand.processes import ProcessDoor, mount
from s1pdgs.publication.on_demand.workflows import workflows_of
from s1pdgs.publication.prip import Prip
from s1pdgs.publication.publisher import publish_step
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects, local_objects
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.wanted import wish as wanted_wish
from tests.databases import new_database
from tests.unit.triggers.conftest import CALIBRATION, Mission, mission_on, raw_slice
from tests.unit.triggers.wanted.test_way import ACN, image
from tests.unit.triggers.wanted.test_wish import on_demand_chains

TYPES = [r".*_(SLC|GRD|OCN)[FHM_]_[12]S"]
SECRET = b"of the notices"


@frozen(repr=False)
class House:
    """Everything behind the doors. `client` orders, `stranger` may only look."""

    mission: Mission
    store: LocalObjects
    desk: Desk
    client: TestClient
    stranger: TestClient

    @property
    def database(self) -> Database:
        return self.mission.database

    def made(self, of: Product, uid: str = "AAAA") -> Product:
        """The image of a slice, with its files in the store."""
        product = image(of, uid)
        location, data = f"jobs/7/1/{product.name}", product.name.encode() * 9
        sums = self.store.put(f"{location}/manifest.safe", iter([data]))
        files = (StoredFile("manifest.safe", sums.size, sums.md5, sums.sha256),)
        return evolve(product, location=location, files=files)

    def work(self, of: Product, uid: str = "AAAA") -> Product:
        """Run the Level-1 job as if a processor had made the image of a slice; its attributes are those of outputs."""
        product = self.attributed(self.made(of, uid))
        self.mission.work("l1-sm", product)
        return product

    def attributed(self, made: Product) -> Product:
        """A product of the newest job with the attributes that outputs get."""
        return evolve(made, attributes=_attributes(self.mission.spec("l1-sm"), made))

    def settle(self) -> None:
        """What the roles do by and by: wishes end, products are published, orders are brought up to date."""
        for _ in range(4):
            self.mission.watch.turn(10)
            self.mission.deliver()
            with self.database.write() as connection:
                wanted_wish.step(self.mission.planner, connection)
            while publish_step(self.database, self.store, self.mission.planner.outbox, self.mission.watch):
                pass
            with self.database.write() as connection:
                advance(self.mission.planner, connection, self.desk.terms)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """A request below the OData service: its status and its JSON."""
        answer = self.client.request(method, prip.PREFIX + path, json=body, headers=headers)
        return answer.status_code, answer.json()

    def order(self, **words: Any) -> str:
        """Place a production order of the image of a slice; its identifier."""
        status, told = self.ask("POST", "/ProductionOrders", body_of(**words))
        assert status == 201, told
        return str(told["Id"])

    def status(self, order: str) -> str:
        return str(self.ask("GET", f"/ProductionOrder({order})")[1]["Status"])


def body_of(reference: str | None = None, **words: Any) -> dict[str, Any]:
    wanted = {"Reference": reference or raw_slice().name}
    return {"WorkflowName": "SM_GRDH_1S", "InputProductReference": wanted, **words}


def house_on(database: Database, folder: Path, chains: Chains | None = None) -> House:
    mission = mission_on(database, chains)
    store = local_objects(folder / "objects")
    courier = Courier(secret=SECRET)
    desk = Desk(mission.planner, workflows_of(mission.planner.chains, TYPES), courier)
    service, guard = Prip(database, store), Guard(operator_gate("secret"))
    app = FastAPI()
    app.include_router(prip.router(service, additions=[OrderDoor(desk, service, guard).addition]))
    mount(app, ProcessDoor(desk, database, guard))
    return House(mission, store, desk, TestClient(app, headers={KEY_HEADER: "secret"}), TestClient(app))


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    """A house that holds a slice and what its processing needs; Level-1 is made on demand."""
    return filled(database, tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """The same on SQLite alone, for what does not touch a database's own ways."""
    with new_database("sqlite", tmp_path) as database:
        yield filled(database, tmp_path)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests of a module that place nothing."""
    folder = tmp_path_factory.mktemp("lasting")
    with new_database("sqlite", folder) as database:
        yield filled(database, folder)


def filled(database: Database, folder: Path) -> House:
    opened = house_on(database, folder, on_demand_chains())
    opened.mission.receive(*CALIBRATION, *ACN, raw_slice())
    return opened
