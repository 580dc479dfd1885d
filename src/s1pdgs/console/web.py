"""The console on an application: its pages, their live parts, quicklooks and logs, and the operator's actions."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import structlog
from attrs import field, frozen
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment
from markupsafe import Markup

from s1pdgs.access.guard import Guard, RefusedError
from s1pdgs.access.operators import OperatorGate
from s1pdgs.access.paths import names_nothing
from s1pdgs.console import pages
from s1pdgs.console.offers import offer_of
from s1pdgs.console.overview import Wish, overview
from s1pdgs.console.pages import PAGE_HEADERS, STATIC
from s1pdgs.console.shelf import find_by_uuid, quicklook_key, view_product
from s1pdgs.inbox.files import retry_file
from s1pdgs.jobs.listing import actions_of, attempts_of, find_job, inputs_of, outputs_of, read_log
from s1pdgs.jobs.queue import UnknownJob
from s1pdgs.model.product import StoredFile
from s1pdgs.model.time import Clock
from s1pdgs.publication.on_demand.orders import Desk
from s1pdgs.publication.publisher import QUICKLOOK, publish_again
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import MissingObject, ObjectStore

LOG_TAIL_BYTES = 128 * 1024
_SHOWN = ("all", "published", "internal")
_log = structlog.get_logger(__name__)

Text = Annotated[str, Form(max_length=2000)]


class NotHere(LookupError):  # noqa: N818
    """There is no such thing; the message is a sentence."""


class NotNow(RuntimeError):  # noqa: N818
    """The action does not fit the state; the message is a sentence."""


@frozen
class Console:
    """What the pages are made from."""

    database: Database
    store: ObjectStore
    clock: Clock
    guard: Guard
    work_root: Path
    sources: Mapping[str, float]
    desk: Desk | None = None
    templates: Environment = field(factory=pages.environment)


def mount(
    app: FastAPI,
    database: Database,
    store: ObjectStore,
    clock: Clock,
    gate: OperatorGate,
    *,
    work_root: Path,
    sources: Mapping[str, float] | None = None,
    base_url: str | None = None,
    desk: Desk | None = None,
    additions: Iterable[Callable[[APIRouter, Console], None]] = (),
) -> None:
    """Put the operator's page at `/` of an application, what belongs to it below `/console`, and further pages.

    `work_root` is where attempts are made (`<work_root>/<job>/<attempt>`). `sources` names the configured sources with
    their poll intervals in seconds, so that one that was never polled, or no longer is, shows. `base_url` is how
    browsers reach the application when a proxy stands in front. With a `desk` the pages of products show what may be
    ordered there.
    """
    guard = Guard(gate, None if base_url is None else urlsplit(base_url).netloc)
    console = Console(database, store, clock, guard, work_root, dict(sources or {}), desk)
    router = APIRouter(route_class=_route_class(console), include_in_schema=False)
    _add_pages(router, console)
    _add_actions(router, console)
    for add in additions:
        add(router, console)
    app.include_router(router)
    app.mount("/console/static", StaticFiles(directory=STATIC), name="console-static")


def _route_class(console: Console) -> type[APIRoute]:
    """Routes whose errors are pages with a sentence."""

    class ConsoleRoute(APIRoute):
        def get_route_handler(self) -> Any:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                if names_nothing(request.path_params):
                    return _sorry(console, 404, "there is nothing of such a name or number")
                try:
                    return await handle(request)
                except RefusedError as error:
                    return _sorry(console, 403, str(error))
                except (NotHere, UnknownJob) as error:
                    return _sorry(console, 404, str(error))
                except NotNow as error:
                    return _sorry(console, 409, str(error))

            return guarded

    return ConsoleRoute


def _sorry(console: Console, status: int, sentence: str) -> Response:
    sentence = sentence[:1].upper() + sentence[1:]
    return pages.page(console.templates, "sorry.html", console.clock.now(), status, sentence=sentence)


def _add_pages(router: APIRouter, console: Console) -> None:
    templates, clock = console.templates, console.clock

    @router.get("/")
    def home(show: str = "all", type: str = "") -> Response:  # noqa: A002
        live = _walk(console, show, type)
        return pages.page(
            templates, "home.html", clock.now(), live=live, tag=pages.tag_of(live), wish=_wish(show, type)
        )

    @router.get("/console/live")
    def home_live(request: Request, show: str = "all", type: str = "") -> Response:  # noqa: A002
        return pages.fragment(request, _walk(console, show, type))

    @router.get("/console")
    def console_home() -> Response:
        return RedirectResponse("/", 308)

    @router.get("/console/jobs/{number}")
    def job_page(number: int) -> Response:
        live = _job(console, number)
        return pages.page(templates, "job.html", clock.now(), live=live, tag=pages.tag_of(live), number=number)

    @router.get("/console/jobs/{number}/live")
    def job_live(request: Request, number: int) -> Response:
        return pages.fragment(request, _job(console, number))

    @router.get("/console/jobs/{number}/log/{attempt}")
    def job_log(number: int, attempt: int) -> Response:
        with console.database.read() as connection:
            text = read_log(connection, console.store, console.work_root, number, attempt)
        return PlainTextResponse(text, headers=PAGE_HEADERS)

    @router.get("/console/products/{uuid}")
    def product_page(uuid: str) -> Response:
        with console.database.read() as connection:
            view = view_product(connection, uuid)
            if view is None:
                raise NotHere("there is no such product in the catalogue")
            offer = offer_of(connection, console.desk, view)
        key = console.guard.asks_for_key
        return pages.page(templates, "product.html", clock.now(), view=view, offer=offer, asks_for_key=key)

    @router.get("/console/products/{uuid}/quicklook")
    def quicklook(request: Request, uuid: str) -> Response:
        return _quicklook(console, request, uuid)


def _add_actions(router: APIRouter, console: Console) -> None:
    @router.post("/console/products/{uuid}/publish")
    def publish_product(request: Request, uuid: str, key: Text = "") -> Response:
        console.guard.admit(request, key)
        with console.database.write() as connection:
            held = find_by_uuid(connection, uuid)
            if held is None:
                raise NotHere("there is no such product in the catalogue")
            done = publish_again(connection, held.name, console.clock.now())
        lack = "the product has no failed publication"
        return acted(f"/console/products/{uuid}", "publication retried", done, lack, product=held.name)

    @router.post("/console/quarantine/retry")
    def retry_quarantined(request: Request, source: Text, remote_id: Text, key: Text = "") -> Response:
        console.guard.admit(request, key)
        with console.database.write() as connection:
            done = retry_file(connection, source, remote_id, console.clock.now())
        return acted("/", "file retried", done, "the file is not in quarantine", source=source, file=remote_id)


def acted(page: str, action: str, done: bool, lack: str, **facts: object) -> Response:
    """Back to a page after an action; `NotNow` when nothing was done."""
    if not done:
        raise NotNow(f"nothing was changed: {lack}")
    _log.info(f"operator: {action}", **facts)
    return RedirectResponse(page, 303)


def _wish(show: str, kind: str) -> Wish:
    return Wish(show if show in _SHOWN else "all", kind or None)


def _walk(console: Console, show: str, kind: str) -> Markup:
    wish = _wish(show, kind)
    with console.database.read() as connection:
        walk = overview(connection, console.clock.now(), console.sources, wish)
    return pages.render(
        console.templates,
        "walk.html",
        walk=walk,
        now=walk.now,
        wish=wish,
        asks_for_key=console.guard.asks_for_key,
    )


def _job(console: Console, number: int) -> Markup:
    with console.database.read() as connection:
        return pages.render(
            console.templates,
            "job_live.html",
            job=find_job(connection, number),
            attempts=attempts_of(connection, number),
            history=actions_of(connection, number),
            inputs=inputs_of(connection, number),
            outputs=outputs_of(connection, number),
            log=read_log(connection, console.store, console.work_root, number, last_bytes=LOG_TAIL_BYTES),
            asks_for_key=console.guard.asks_for_key,
        )


def _quicklook(console: Console, request: Request, uuid: str) -> Response:
    """The product's own image; it never changes, so browsers keep it."""
    with console.database.read() as connection:
        held = find_by_uuid(connection, uuid)
        key = "" if held is None else quicklook_key(connection, held)
    image = None if held is None else next((file for file in held.product.files if file.path == QUICKLOOK), None)
    if held is None or image is None:
        raise NotHere("the product has no quicklook")
    etag = f'"{image.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, max-age=86400, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return _image(console.store, key, image, headers)


def _image(store: ObjectStore, key: str, image: StoredFile, headers: dict[str, str]) -> Response:
    if store.size(key) != image.size:
        raise NotHere("the quicklook is no longer in the store")
    try:
        chunks = store.read(key)
    except MissingObject:
        raise NotHere("the quicklook is no longer in the store") from None
    headers = {**headers, "Content-Length": str(image.size)}
    return StreamingResponse(chunks, headers=headers, media_type="image/png")
