"""Stored objects over HTTP: whole, in ranges that resume a broken transfer, and only when they changed (RFC 9110)."""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

from attrs import frozen
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from s1pdgs.publication.errors import EvictedError
from s1pdgs.storage.objects import ObjectStore

CHUNK_BYTES = 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
_SEVERAL = re.compile(r"bytes=\d*-\d*(,\d*-\d*)+")


@frozen
class Download:
    """An object as users get it; `md5` and `sha256` are hex, None where unknown."""

    key: str
    filename: str
    media_type: str
    modified: datetime
    sha256: str | None = None
    md5: str | None = None


class UnsatisfiableRange(Exception):  # noqa: N818
    """A range that begins behind the end of the object, or several at once."""

    def __init__(self, size: int, reason: str) -> None:
        super().__init__(reason)
        self.size = size


def respond(request: Request, store: ObjectStore, download: Download) -> Response:
    """The answer to GET or HEAD: 200, 206 for one range, 304 when the client's copy is current.

    Raises `EvictedError` when the object is gone, `UnsatisfiableRange` for 416.
    """
    size = store.size(download.key)
    if size is None:
        raise EvictedError(f"{download.filename} was published, and its bytes were removed since")
    etag = None if download.sha256 is None else f'"{download.sha256}"'
    headers = _headers(download, etag)
    if etag is not None and etag in _tags(request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    span = _asked_range(request.headers, etag, headers["Last-Modified"], size)
    start, stop = (0, size) if span is None else span
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    elif download.md5 is not None:
        headers["Content-MD5"] = _base64(download.md5)
    headers["Content-Length"] = str(stop - start)
    status = 200 if span is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=download.media_type)
    chunks = _sized(store.read(download.key, start, stop))
    return StreamingResponse(chunks, status, headers, media_type=download.media_type)


def _headers(download: Download, etag: str | None) -> dict[str, str]:
    name = quote(download.filename)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
        "Last-Modified": format_datetime(download.modified.replace(microsecond=0), usegmt=True),
    }
    if etag is not None and download.sha256 is not None:
        headers["ETag"] = etag
        headers["Digest"] = f"sha-256={_base64(download.sha256)}"
        headers["Repr-Digest"] = f"sha-256=:{_base64(download.sha256)}:"
    return headers


def _asked_range(headers: Mapping[str, str], etag: str | None, modified: str, size: int) -> tuple[int, int] | None:
    """The bytes asked for, from and up to; None for all of them (also for ranges that need not be understood)."""
    condition, asked = headers.get("if-range"), headers.get("range", "").replace(" ", "")
    if condition is not None and condition not in {etag, modified}:
        return None
    if _SEVERAL.fullmatch(asked):
        raise UnsatisfiableRange(size, "several ranges were asked for; this service gives one at a time")
    matched = _RANGE.fullmatch(asked)
    if matched is None:
        return None
    first, last = matched.groups()
    if not first and not last:
        return None
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if first and last and int(last) < int(first):
        return None
    if start >= size or (not first and int(last) == 0):
        raise UnsatisfiableRange(size, f"the range begins behind the end of {size} bytes")
    return start, stop


def _tags(header: str | None) -> list[str]:
    return [] if header is None else [tag.strip().removeprefix("W/") for tag in header.split(",")]


def _sized(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for begin in range(0, len(chunk), CHUNK_BYTES):
            yield chunk[begin : begin + CHUNK_BYTES]


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
