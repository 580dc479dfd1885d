"""`$value` of files and products: whole or by Range, with the faults that were ordered."""

import re
import time
from collections.abc import Iterator
from threading import Lock

from attrs import define, field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from s1pdgs.simulator.station.faults import Faults, FileFault
from s1pdgs.simulator.station.records import Served

CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"^bytes=(\d{1,18})-(\d{1,18})?$|^bytes=-(\d{1,18})$")


class BrokenConnection(Exception):  # noqa: N818
    """Raised inside a body so that the server closes the connection before its end."""


@define
class Media:
    """Serves bytes and counts the downloads by name of file, and by delivery because faults are of the first n."""

    faults: Faults
    downloads: dict[str, int] = field(factory=dict)
    _turns: dict[tuple[str, str], int] = field(factory=dict)
    _lock: Lock = field(factory=Lock)

    def answer(self, request: Request, served: Served, etag: str) -> Response:
        """200, 206, 416 or an ordered fault."""
        fault = self.faults.of(served.name, served.label)
        with self._lock:
            self.downloads[served.name] = self.downloads.get(served.name, 0) + 1
            turn = self._turns[served.label, served.name] = self._turns.get((served.label, served.name), 0) + 1
        if turn <= fault.unavailable:
            busy = {"error": {"code": str(fault.status), "message": "busy"}}
            return JSONResponse(busy, fault.status, {"Retry-After": f"{fault.retry_after_s:g}"})
        headers = {"ETag": f'"{etag}"', "Content-Disposition": f'attachment; filename="{served.name}"'}
        start, stop, status = 0, served.size, 200
        asked = None if self.faults.quirks.ignores_ranges else request.headers.get("range")
        if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
            asked = None
        if not self.faults.quirks.ignores_ranges:
            headers["Accept-Ranges"] = "bytes"
        if asked is not None:
            span = byte_range(asked, served.size)
            if span is None:
                return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{served.size}"})
            start, stop = span
            status = 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{served.size}"
        body = _body(served, start, stop, fault, turn - fault.unavailable)
        length = stop - start - (1 if turn - fault.unavailable <= fault.truncated else 0)
        return StreamingResponse(body, status, {**headers, "Content-Length": str(length)}, served.content_type)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Start and stop (exclusive) of a single byte range; None when it cannot be satisfied (RFC 9110, section 14)."""
    match = _RANGE.match(header)
    if match is None or size == 0:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return (max(size - int(suffix), 0), size) if int(suffix) else None
    start = int(first)
    stop = size if last is None else min(int(last) + 1, size)
    return (start, stop) if start < stop else None


def _body(served: Served, start: int, stop: int, fault: FileFault, turn: int) -> Iterator[bytes]:
    if turn <= fault.truncated:
        stop -= 1
    breaks_at = (start + stop) // 2 if turn <= fault.dropped else stop
    flipped = served.size // 2 if turn <= fault.corrupt else -1
    with served.path.open("rb") as stream:
        stream.seek(start)
        position = start
        while position < breaks_at and (chunk := stream.read(min(CHUNK_BYTES, breaks_at - position))):
            if fault.slow_s:
                time.sleep(fault.slow_s)
            if position <= flipped < position + len(chunk):
                spoiled = bytearray(chunk)
                spoiled[flipped - position] ^= 0xFF
                chunk = bytes(spoiled)
            yield chunk
            position += len(chunk)
    if breaks_at < stop:
        raise BrokenConnection(served.name)
