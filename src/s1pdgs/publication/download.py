"""Stored objects over HTTP: whole, in ranges, under conditions (RFC 9110), or from the store itself where it signs."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import BinaryIO
from urllib.parse import quote

from attrs import frozen
from fastapi import HTTPException, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from s1pdgs.publication.errors import EvictedError
from s1pdgs.publication.ranges import asked_spans
from s1pdgs.publication.sendfile import SentFile
from s1pdgs.storage.objects import LocalObjects, ObjectStore

CHUNK_BYTES = 1024 * 1024


@frozen
class Download:
    """An object as users get it; `md5` and `sha256` are hex, None where unknown."""

    key: str
    filename: str
    media_type: str
    modified: datetime
    sha256: str | None = None
    md5: str | None = None

    @property
    def etag(self) -> str | None:
        return None if self.sha256 is None else f'"{self.sha256}"'

    @property
    def last_modified(self) -> str:
        return format_datetime(self.modified.replace(microsecond=0), usegmt=True)


def respond(request: Request, store: ObjectStore, download: Download) -> Response:
    """The answer to GET or HEAD: 200, 206 for ranges, 304 when the client's copy is current, 307 to an address of the
    store where it signs them.

    Raises `EvictedError` when the object is gone, `UnsatisfiableRange` for 416, `HTTPException` for 412.
    """
    size = store.size(download.key)
    if size is None:
        raise EvictedError(f"{download.filename} was published, and its bytes were removed since")
    asked = request.headers
    if _is_current(asked, download):
        return Response(status_code=304, headers=_headers(download))
    if request.method == "HEAD":
        return Response(headers={**_headers(download), "Content-Length": str(size)}, media_type=download.media_type)
    condition = asked.get("if-range")
    resumes_ours = condition is not None and condition in {download.etag, download.last_modified}
    address = None if resumes_ours else store.sign(download.key, download.filename, download.media_type)
    if address is not None:  # conditions of a resumed transfer are those that the store set
        return RedirectResponse(address, 307, {"Cache-Control": "no-store"})
    spans = asked_spans(asked.get("range", ""), size) if condition is None or resumes_ours else []
    if len(spans) > 1:
        return _several(store, download, spans, size)
    return _one(store, download, spans, size)


def _one(store: ObjectStore, download: Download, spans: list[tuple[int, int]], size: int) -> Response:
    headers, (start, stop) = _headers(download), spans[0] if spans else (0, size)
    if spans:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    elif download.md5 is not None:
        headers["Content-MD5"] = _base64(download.md5)
    status = 206 if spans else 200
    if isinstance(store, LocalObjects):
        return SentFile(_opened(store, download), (start, stop), status, headers, download.media_type)
    headers["Content-Length"] = str(stop - start)
    chunks = _sized(store.read(download.key, start, stop))
    return StreamingResponse(chunks, status, headers, media_type=download.media_type)


def _opened(store: LocalObjects, download: Download) -> BinaryIO:
    try:
        return store.path(download.key).open("rb")
    except FileNotFoundError:
        raise EvictedError(f"{download.filename} was published, and its bytes were removed since") from None


def _several(store: ObjectStore, download: Download, spans: list[tuple[int, int]], size: int) -> Response:
    """Several ranges, one after the other, each under a head of its own (RFC 9110, section 14.6)."""
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {download.media_type}\r\n"
        f"Content-Range: bytes {start}-{stop - 1}/{size}\r\n\r\n".encode()
        for start, stop in spans
    ]
    end = f"\r\n--{boundary}--\r\n".encode()

    def parts() -> Iterator[bytes]:
        for head, (start, stop) in zip(heads, spans, strict=True):
            yield head
            yield from _sized(store.read(download.key, start, stop))
        yield end

    length = sum(map(len, heads)) + sum(stop - start for start, stop in spans) + len(end)
    headers = {**_headers(download), "Content-Length": str(length)}
    return StreamingResponse(parts(), 206, headers, media_type=f"multipart/byteranges; boundary={boundary}")


def disposition(filename: str) -> str:
    """The header that names a download (RFC 6266); what is no plain character of a name is encoded."""
    name = quote(filename, safe="")
    return f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"


def _headers(download: Download) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(download.filename),
        "Last-Modified": download.last_modified,
    }
    if download.etag is not None and download.sha256 is not None:
        headers["ETag"] = download.etag
        headers["Digest"] = f"sha-256={_base64(download.sha256)}"
        headers["Repr-Digest"] = f"sha-256=:{_base64(download.sha256)}:"
    return headers


def _is_current(asked: Mapping[str, str], download: Download) -> bool:
    """Whether the client has what it asks for (304), by the order of RFC 9110, section 13.2.2.

    Raises `HTTPException` 412 when the object is not the one that the client means.
    """
    if "if-match" in asked:
        is_meant = _names(asked["if-match"], download, weak=False)
    else:
        unmodified = _moment(asked.get("if-unmodified-since"))
        is_meant = unmodified is None or download.modified.replace(microsecond=0) <= unmodified
    if not is_meant:
        raise HTTPException(412, f"{download.filename} is not the version that the request names")
    if "if-none-match" in asked:
        return _names(asked["if-none-match"], download, weak=True)
    since = _moment(asked.get("if-modified-since"))
    return since is not None and download.modified.replace(microsecond=0) <= since


def _names(header: str, download: Download, *, weak: bool) -> bool:
    """Whether a list of tags, or `*`, has that of the object; weak tags count where the comparison is weak."""
    tags = [tag.strip() for tag in header.split(",")]
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return tags == ["*"] or download.etag in tags


def _moment(header: str | None) -> datetime | None:
    """A date of HTTP; None for none, and for what is no date."""
    moment = None
    with suppress(ValueError):
        moment = None if header is None else parsedate_to_datetime(header)
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _sized(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for begin in range(0, len(chunk), CHUNK_BYTES):
            yield chunk[begin : begin + CHUNK_BYTES]


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
