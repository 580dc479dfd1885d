"""A station whose every answer a test may write: records as they are, bodies and headers as they come."""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import httpx2

from s1pdgs.simulator.station.odata import Query, select
from s1pdgs.stations.odata import moment_of
from s1pdgs.stations.poller import Source, open_source
from s1pdgs.stations.profile import Profile, Retry

SESSION = "S1A_20260105072204051312"
IMPATIENT = Retry(attempts=3, first_wait_s=0.001, longest_wait_s=0.002)
URL = "http://station/odata/v1"
Record = Mapping[str, Any]
Answer = Callable[[httpx2.Request], httpx2.Response | None]


def session_record(**changes: Any) -> dict[str, Any]:
    """A session as a station should tell it."""
    return {
        "Id": "6a7c", "SessionId": SESSION, "NumChannels": 1, "PublicationDate": "2026-01-05T07:30:00.000Z",
        "Satellite": "S1A", "StationUnitId": "01", "DownlinkOrbit": 51312, "Retransfer": False,
        "DownlinkStart": "2026-01-05T07:22:04.000Z", "DownlinkStop": "2026-01-05T07:24:04.000Z",
    } | changes  # fmt: skip


def file_record(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A block as a station should tell it; without its size."""
    return {
        "Id": f"f{number}", "Name": f"DCS_01_{SESSION}_ch1_DSDB_{number:05d}.raw", "SessionId": SESSION,
        "Channel": 1, "BlockNumber": number, "FinalBlock": False, "PublicationDate": "2026-01-05T07:31:00.000Z",
        "Retransfer": False,
    } | changes  # fmt: skip


class OddStation:
    """Lists `sessions`, `files` and `products`, gives `bodies` by identifier; `answer` may answer before."""

    def __init__(self, **lists: list[Record]) -> None:
        self.lists = {"Sessions": [], "Files": [], "Products": []} | lists
        self.bodies: dict[str, bytes] = {}
        self.answer: Answer = lambda _: None
        self.asked: list[str] = []
        self.page_size = 1000

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(unquote(str(request.url).removeprefix(URL)))
        return self.answer(request) or self.usual(request)

    def usual(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of a station that does as the interface says."""
        entity, _, key = request.url.path.removeprefix("/odata/v1/").partition("(")
        if key.endswith("/$value"):
            body = self.bodies.get(key.removesuffix(")/$value"))
            return httpx2.Response(404) if body is None else httpx2.Response(200, stream=httpx2.ByteStream(body))
        if key:
            return httpx2.Response(404)
        records = [record for record in self.lists[entity] if isinstance(record, dict)]
        names = frozenset(name for record in records for name in record)
        query = Query.of(dict(request.url.params))
        page = select([_comparable(record) for record in records], names, query, self.page_size)
        of_id = {str(record.get("Id")): record for record in records}
        return reply({"@odata.count": page.total, "value": [of_id[str(record["Id"])] for record in page.records]})


def _comparable(record: Record) -> Record:
    return {**record, "PublicationDate": moment_of(record, "PublicationDate")}


def reply(answer: Any, *, zipped: bool = False) -> httpx2.Response:
    """A JSON answer."""
    body = json.dumps(answer).encode()
    if not zipped:
        return httpx2.Response(200, stream=httpx2.ByteStream(body))
    stream = httpx2.ByteStream(gzip.compress(body))
    return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)


def source_of(bench: Any, station: OddStation, **options: Any) -> Source:
    """A source that polls an odd station; it is closed with the bench."""
    settings = {"name": "odd", "kind": "cadip", "url": URL, "retry": IMPATIENT, "poll_s": 1.0, **options}
    transport = httpx2.MockTransport(station)
    source = open_source(
        Profile(**settings), bench.database, bench.objects, bench.outbox, bench.work, transport=transport
    )
    bench.sources.append(source)
    return source
