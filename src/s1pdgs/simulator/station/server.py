"""The simulated station as an HTTP server on loopback: CADIP and AUXIP under `/odata/v1`, tokens at `/oauth2/token`."""

import logging
import socket
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import uvicorn
from attrs import define, field, frozen
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from s1pdgs.model.time import FAR_FUTURE, Clock, SystemClock
from s1pdgs.simulator.station import odata, records
from s1pdgs.simulator.station.archive import AuxiliaryFile, prepare
from s1pdgs.simulator.station.content import PassSession, StationContent
from s1pdgs.simulator.station.faults import Account, Faults
from s1pdgs.simulator.station.media import Media
from s1pdgs.simulator.station.odata import BadQuery, Query, Record
from s1pdgs.simulator.station.records import Served
from s1pdgs.simulator.station.timeline import Timeline
from s1pdgs.simulator.station.tokens import BadGrant, Tokens

PAGE_SIZE = 100
ROOTS = ("/odata/v1", "/cadip/odata/v1", "/auxip/odata/v1")
Endpoint = Callable[[Request], Response]


@define
class Station:
    """What a station knows while it runs. `requests` lists every request path with its query and
    `credentials_seen` counts those that carried credentials."""

    content: StationContent
    auxiliary: tuple[AuxiliaryFile, ...]
    timeline: Timeline
    faults: Faults
    clock: Clock
    tokens: Tokens | None
    media: Media
    page_size: int = PAGE_SIZE
    requests: list[str] = field(factory=list)
    credentials_seen: int = 0
    _listings: int = 0
    _lock: Lock = field(factory=Lock)

    def sessions(self) -> list[PassSession]:
        """Those announced by now."""
        now = self.clock.now()
        return [session for session in self.content.sessions if self.timeline.session(session) <= now]

    def session_records(self) -> list[dict[str, Any]]:
        return [records.session_record(session, self.timeline, self.faults) for session in self.sessions()]

    def file_records(self, session: PassSession) -> list[dict[str, Any]]:
        return records.file_records(session, self.timeline, self.faults, self.clock.now())

    def quality_records(self, session: PassSession) -> list[dict[str, Any]]:
        if self.faults.quirks.no_quality:
            return []
        return records.quality_records(session, self.timeline, self.clock.now())

    def product_records(self) -> list[dict[str, Any]]:
        start = self.timeline.start
        return [
            records.product_record(entry.name, entry.served, entry.md5, start.replace(microsecond=0))
            for entry in self.auxiliary
        ]

    def busy(self) -> bool:
        """Whether this listing falls into the ordered burst of 503."""
        with self._lock:
            self._listings += 1
            return self._listings <= self.faults.unavailable_listings


@frozen
class RunningStation:
    """A served station: its address, its state for tests, and how to end it."""

    url: str
    station: Station
    _server: uvicorn.Server
    _thread: Thread
    _folder: tempfile.TemporaryDirectory[str]

    @property
    def odata_url(self) -> str:
        return f"{self.url}/odata/v1"

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth2/token"

    def stop(self) -> None:
        """End the server and wait for it."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)
        self._folder.cleanup()

    def __enter__(self) -> "RunningStation":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(
    content: StationContent,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    speedup: float = 1.0,
    interval_s: float | None = None,
    faults: Faults | None = None,
    clock: Clock | None = None,
    account: Account | None = None,
    zip_files: bool = False,
    page_size: int = PAGE_SIZE,
) -> RunningStation:
    """Serve a station in a thread until `stop()`; the pass begins now and runs `speedup` times faster than it did.

    With an `account` every request needs a bearer token of `/oauth2/token` or Basic credentials. Port 0 takes a free
    one. OSError when the port is taken.
    """
    clock = clock or SystemClock()
    faults = faults or Faults()
    folder = tempfile.TemporaryDirectory(prefix="s1pdgs-station-")
    listener = socket.create_server((host, port))
    station = Station(
        content=content,
        auxiliary=prepare(content.auxiliary, Path(folder.name), zip_files=zip_files),
        timeline=Timeline.of(content, clock.now(), speedup, interval_s),
        faults=faults,
        clock=clock,
        tokens=None if account is None else Tokens(account, faults, clock),
        media=Media(faults),
        page_size=page_size,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # broken connections are ordered here
    config = uvicorn.Config(application(station), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="station", daemon=True)
    thread.start()
    return RunningStation(f"http://{host}:{listener.getsockname()[1]}", station, server, thread, folder)


def application(station: Station) -> Starlette:
    """The station as an ASGI application."""
    entities: dict[str, Endpoint] = {
        "/Sessions": _sessions(station),
        "/Sessions({key})": _one_session(station),
        "/Sessions({key})/Files": _session_files(station),
        "/Sessions({key})/QualityInfo": _session_quality(station),
        "/Files": _files(station),
        "/Files({key})": _one_file(station),
        "/QualityInfo": _quality(station),
        "/Products": _products(station),
        "/Products({key})": _one_product(station),
    }
    values: dict[str, Endpoint] = {
        "/Files({key})/$value": _file_value(station),
        "/Products({key})/$value": _product_value(station),
    }
    routes = [Route("/oauth2/token", _token(station), methods=["POST"])]
    for root in ROOTS:
        routes += [Route(root + path, _guarded(station, end, listing=False)) for path, end in values.items()]
        routes += [Route(root + path, _guarded(station, end, listing=True)) for path, end in entities.items()]
    return Starlette(routes=routes)


def _guarded(station: Station, endpoint: Endpoint, *, listing: bool) -> Endpoint:
    def handle(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        station.requests.append(request.url.path + query)
        station.credentials_seen += "authorization" in request.headers
        if station.faults.quirks.redirects_to is not None:
            return RedirectResponse(f"{station.faults.quirks.redirects_to}{request.url.path}{query}", 307)
        if station.tokens is not None:
            refusal = station.tokens.refusal(request.headers.get("authorization"))
            if refusal is not None:
                return JSONResponse({"message": refusal}, 401, {"WWW-Authenticate": "Bearer"})
        if listing and station.busy():
            return _error(503, "busy", {"Retry-After": "0"})
        try:
            return endpoint(request)
        except BadQuery as error:
            return _error(400, str(error))
        except KeyError as error:
            return _error(404, f"there is no {error.args[0]}")

    return handle


def _token(station: Station) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        if station.tokens is None:
            return _error(404, "this station needs no tokens")
        form = {name: str(value) for name, value in (await request.form()).items()}
        try:
            return JSONResponse(station.tokens.grant(form, request.headers.get("authorization")))
        except BadGrant as error:
            return JSONResponse({"error": str(error)}, 401 if str(error) == "invalid_client" else 400)

    return handle


def _sessions(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        query = Query.of(request.query_params)
        found = station.session_records()
        expanded = [_expand(station, record, query.expand) for record in found]
        return _collection(station, request, expanded, records.SESSION_PROPERTIES, query)

    return handle


def _one_session(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        record = next((record for record in station.session_records() if record["Id"] == _key(request)), None)
        if record is None:
            raise KeyError(f"Session {_key(request)}")
        return _object(_expand(station, record, Query.of(request.query_params).expand))

    return handle


def _session_files(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        found = station.file_records(_session_of(station, request))
        return _collection(station, request, found, records.FILE_PROPERTIES)

    return handle


def _session_quality(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        found = station.quality_records(_session_of(station, request))
        return _collection(station, request, found, records.QUALITY_PROPERTIES)

    return handle


def _files(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        found = [record for session in station.sessions() for record in station.file_records(session)]
        return _collection(station, request, found, records.FILE_PROPERTIES)

    return handle


def _quality(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        found = [record for session in station.sessions() for record in station.quality_records(session)]
        return _collection(station, request, found, records.QUALITY_PROPERTIES)

    return handle


def _products(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        return _collection(station, request, station.product_records(), records.PRODUCT_PROPERTIES)

    return handle


def _one_file(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        for session in station.sessions():
            for record in station.file_records(session):
                if record["Id"] == _key(request):
                    return _object(record)
        raise KeyError(f"File {_key(request)}")

    return handle


def _one_product(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        for record in station.product_records():
            if record["Id"] == _key(request):
                return _object(record)
        raise KeyError(f"Product {_key(request)}")

    return handle


def _file_value(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        key = _key(request)
        for session in station.sessions():
            if not any(record["Id"] == key for record in station.file_records(session)):
                continue
            for block in session.blocks:
                if key in {records.file_id(session, block, listing) for listing in ("1", "2")}:
                    served = Served(block.name, block.path, block.path.stat().st_size, "application/octet-stream")
                    return station.media.answer(request, served, block.md5)
        raise KeyError(f"File {key}")

    return handle


def _product_value(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        key = _key(request)
        for entry in station.auxiliary:
            if key == records.guid("auxiliary", entry.name):
                return station.media.answer(request, entry.served, entry.md5)
        raise KeyError(f"Product {key}")

    return handle


def _expand(station: Station, record: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    session = next(session for session in station.sessions() if _is(session, record))
    expanded = dict(record)
    for name in names:
        if name == "Files":
            expanded["Files"] = station.file_records(session)
        elif name.lower() == "qualityinfo":
            expanded["QualityInfo"] = station.quality_records(session)
        else:
            raise BadQuery(f"$expand: there is no navigation property {name}")
    return expanded


def _session_of(station: Station, request: Request) -> PassSession:
    for session in station.sessions():
        if records.guid(session.id, str(session.retransfer)) == _key(request):
            return session
    raise KeyError(f"Session {_key(request)}")


def _is(session: PassSession, record: Record) -> bool:
    return bool(session.id == record["SessionId"] and session.retransfer == record["Retransfer"])


def _key(request: Request) -> str:
    return str(request.path_params["key"]).strip("'").lower()


def _collection(
    station: Station,
    request: Request,
    found: Sequence[Record],
    properties: frozenset[str],
    query: Query | None = None,
) -> Response:
    query = query or Query.of(request.query_params)
    quirks = station.faults.quirks
    if quirks.refuses_ge_le and query.filter is not None and {"ge", "le"} & set(query.filter.split()):
        raise BadQuery("$filter: operators ge and le are not supported")
    if quirks.no_paging:
        query = Query(filter=query.filter, expand=query.expand)
    page = odata.select(found, properties, query, len(found) if quirks.no_paging else station.page_size)
    values = [_json(record) for record in page.records]
    if quirks.bare_lists and not values:
        return JSONResponse([])
    entity = request.url.path.rpartition("/")[2]
    answer: dict[str, Any] = {"@odata.context": f"$metadata#{entity}"}
    if query.count:
        answer["@odata.count"] = page.total
    answer["value"] = values
    link = None if quirks.no_next_link else odata.next_link(str(request.url.replace(query="")), query, page)
    if link is not None:
        answer["@odata.nextLink"] = link
    return JSONResponse(answer)


def _object(record: Record) -> Response:
    return JSONResponse(_json(record))


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        if value == FAR_FUTURE:
            return "9999-12-31T23:59:59.999Z"
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    if isinstance(value, Mapping):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return value


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": str(status), "message": message}}, status, dict(headers or {}))
