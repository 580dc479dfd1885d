"""The doors of a simulated station: CADIP and AUXIP under `/odata/v1`, tokens at `/oauth2/token`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from s1pdgs.model.time import FAR_FUTURE
from s1pdgs.simulator.station import odata, records
from s1pdgs.simulator.station.content import PassSession
from s1pdgs.simulator.station.holdings import Station
from s1pdgs.simulator.station.odata import BadQuery, Query, Record
from s1pdgs.simulator.station.records import Served
from s1pdgs.simulator.station.tokens import BadGrant

ROOTS = ("/odata/v1", "/cadip/odata/v1", "/auxip/odata/v1", "/{unit}/odata/v1")
"""All stations in one, and each of them by its name."""
Endpoint = Callable[[Request], Response]


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
            return _error(station.faults.listing_status, "busy", {"Retry-After": "0"})
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
        found = station.sessions(_unit(request))
        expanded = [_expand(station, session, query.expand) for session in found]
        return _collection(station, request, expanded, records.SESSION_PROPERTIES, query)

    return handle


def _one_session(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        return _object(_expand(station, _session_of(station, request), Query.of(request.query_params).expand))

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
        sessions = station.sessions(_unit(request))
        found = [record for session in sessions for record in station.file_records(session)]
        return _collection(station, request, found, records.FILE_PROPERTIES)

    return handle


def _quality(station: Station) -> Endpoint:
    def handle(request: Request) -> Response:
        sessions = station.sessions(_unit(request))
        found = [record for session in sessions for record in station.quality_records(session)]
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
                    size = block.path.stat().st_size
                    served = Served(block.name, block.path, size, "application/octet-stream", session.label)
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


def _expand(station: Station, session: PassSession, names: tuple[str, ...]) -> dict[str, Any]:
    expanded = records.session_record(session, station.timeline, station.faults)
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
        if records.session_guid(session) == _key(request):
            return session
    raise KeyError(f"Session {_key(request)}")


def _unit(request: Request) -> str | None:
    """The station that is asked alone; None for all of them."""
    unit = request.path_params.get("unit")
    return None if unit is None else str(unit)


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
