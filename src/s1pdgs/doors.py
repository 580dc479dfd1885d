"""The doors of the house: OData, STAC, the API, the console and metrics on one HTTP server."""

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from attrs import frozen
from fastapi import APIRouter, FastAPI
from prometheus_client import make_asgi_app

from s1pdgs import __version__
from s1pdgs.access.guard import Guard
from s1pdgs.access.operators import OperatorGate, operator_gate
from s1pdgs.api import campaigns, datatakes, jobs, orders, subscriptions
from s1pdgs.api.service import Service
from s1pdgs.api.service import mount as mount_api
from s1pdgs.bus.outbox import Outbox
from s1pdgs.console.datatakes import data_take_pages
from s1pdgs.console.demands import demand_pages
from s1pdgs.console.jobs import job_pages
from s1pdgs.console.orders import order_pages
from s1pdgs.console.web import mount as mount_console
from s1pdgs.ground import courier_of, limits_of
from s1pdgs.keeping import archive_of, terms_of
from s1pdgs.publication.auxip import Auxip
from s1pdgs.publication.cadip import Cadip
from s1pdgs.publication.lta.door import OrderDesk
from s1pdgs.publication.on_demand.odata import OrderDoor
from s1pdgs.publication.on_demand.orders import Desk as DemandDesk
from s1pdgs.publication.on_demand.processes import ProcessDoor
from s1pdgs.publication.on_demand.processes import mount as mount_processes
from s1pdgs.publication.on_demand.workflows import workflows_of
from s1pdgs.publication.prip import Prip
from s1pdgs.publication.sendfile import SendfileProtocol
from s1pdgs.publication.service import mount as mount_publication
from s1pdgs.publication.subscriptions.door import Desk
from s1pdgs.settings import Serve, Settings
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore
from s1pdgs.triggers.chains import SHIPPED, Chains
from s1pdgs.triggers.gates import MaskShelf
from s1pdgs.triggers.orders import Planner

API: tuple[Callable[[APIRouter, Service], None], ...] = (
    orders.add,
    campaigns.add,
    jobs.add,
    datatakes.add,
    subscriptions.add,
)
"""What the API is about, in the order of its description."""


@frozen
class Doors:
    """A running server."""

    url: str


def application(settings: Settings, database: Database, store: ObjectStore, outbox: Outbox, work_root: Path) -> FastAPI:
    """Everything that is served, as one ASGI application; `work_root` is where attempts at jobs are made."""
    serve = settings.serve
    app = FastAPI(title="s1pdgs", version=__version__, docs_url=None, redoc_url=None)
    guard = Guard(_gate(serve), None if serve.base_url is None else urlsplit(serve.base_url).netloc)
    courier, limits = courier_of(settings.notices), limits_of(settings.subscriptions)
    terms = terms_of(settings, archive_of(settings))
    desk = Desk(database, guard, courier, outbox.clock, limits, serve.base_url, terms)
    restores = OrderDesk(database, terms, guard, courier, outbox.clock, serve.base_url)
    if serve.cadip:
        app.include_router(Cadip(database, store, serve.base_url).router())
    if serve.auxip:
        app.include_router(Auxip(database, store, serve.base_url).router())
    planner = Planner(Chains.read(settings.triggers.chains or SHIPPED), outbox, MaskShelf(store))
    demands = DemandDesk(planner, workflows_of(planner.chains, settings.on_demand.types), courier, terms)
    orders_door = OrderDoor(demands, Prip(database, store, serve.base_url), guard)
    additions = (desk.addition, restores.addition, orders_door.addition)
    mount_publication(app, database, store, base_url=serve.base_url, additions=additions)
    mount_processes(app, ProcessDoor(demands, database, guard, serve.base_url))
    mount_console(
        app,
        database,
        store,
        outbox.clock,
        _gate(serve),
        work_root=work_root,
        sources={source.name: source.poll_s for source in settings.sources},
        base_url=serve.base_url,
        desk=demands,
        additions=(data_take_pages(planner.chains), order_pages(planner), demand_pages(demands), job_pages(planner)),
    )
    mount_api(app, Service(database, store, planner, guard, work_root, courier, limits), API)
    app.mount("/metrics", make_asgi_app())
    return app


def _gate(serve: Serve) -> OperatorGate:
    return operator_gate(None if serve.operator_key is None else serve.operator_key.get_secret_value())


@contextmanager
def serving(app: FastAPI, host: str, port: int) -> Iterator[Doors]:
    """Serve an application in a thread for the length of the block. OSError when the address is taken."""
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound = listener.getsockname()[1]
    gc.collect()
    gc.freeze()  # what is loaded by now stays: full collections took 20 to 70 ms of some requests
    server = uvicorn.Server(
        uvicorn.Config(app, http=SendfileProtocol, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="serve", daemon=True)
    thread.start()
    try:
        yield Doors(f"http://{f'[{host}]' if ':' in host else host}:{bound}")
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
