"""The bytes of one file: resumed after each break, verified in the pass that stores them."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import structlog
from attrs import define, frozen

from s1pdgs.stations.errors import StationError, StationRefusal, StationUnreachable, WrongBytes
from s1pdgs.stations.http import StationHttp, asks_for_more
from s1pdgs.stations.profile import Integrity
from s1pdgs.storage.objects import Checksums, ObjectStore, Proof, Tally

_log = structlog.get_logger(__name__)


@frozen
class Expected:
    """What a source announced of a file: its name, size in bytes and checksum, None where it told none."""

    name: str
    size: int | None = None
    checksum: str | None = None


@define
class _Progress:
    """How far a transfer has come; `etag` is the version of the file that it began with. Bytes of an answer that is
    `coded` (gzip) are counted as they come out of it, which no range can ask for.
    """

    offset: int = 0
    etag: str | None = None
    is_coded: bool = False
    is_done: bool = False


def transfer(http: StationHttp, url: str, name: str, offset: int = 0) -> Iterator[bytes]:
    """The bytes of a file from an offset on, in order, taken up by Range where a break cut them off.

    Gives up with `StationUnreachable` after the profile's number of attempts in a row that brought nothing. Raises
    `StationRefusal` when the station does not give the file, `WrongBytes` when it changed in the middle.
    """
    progress, idle = _Progress(offset), 0
    while not progress.is_done:
        before = progress.offset
        try:
            yield from _stretch(http, url, name, progress)
        except StationUnreachable as error:
            idle = 0 if progress.offset > before else idle + 1
            if idle >= http.profile.retry.attempts or asks_for_more(error, http.profile.retry):
                raise
            wait_s = _wait_s(http, error, idle)
            _log.info("transfer broken", file=name, offset=progress.offset, why=str(error), wait_s=wait_s)
            time.sleep(wait_s)


def _wait_s(http: StationHttp, error: StationUnreachable, idle: int) -> float:
    retry = http.profile.retry
    own_s = min(retry.first_wait_s * 2 ** max(idle - 1, 0), retry.longest_wait_s)
    return own_s if error.retry_after_s is None else error.retry_after_s


def _stretch(http: StationHttp, url: str, name: str, progress: _Progress) -> Iterator[bytes]:
    """The bytes from where a transfer stands to the next break or the end."""
    headers = {}
    if progress.offset and not progress.is_coded:
        headers["Range"] = f"bytes={progress.offset}-"
        if progress.etag is not None and not progress.etag.startswith("W/"):
            headers["If-Range"] = progress.etag
    try:
        with http.open(url, headers) as response:
            skip = _begin(response, name, progress)
            for chunk in response.iter_bytes() if progress.is_coded else response.iter_raw():
                fresh = chunk[skip:]
                skip = max(skip - len(chunk), 0)
                if fresh:
                    progress.offset += len(fresh)
                    yield fresh
    except StationRefusal as error:
        if error.status != 416 or not progress.offset:
            raise
    progress.is_done = True


def _begin(response: httpx2.Response, name: str, progress: _Progress) -> int:
    """Bytes at the beginning of an answer that were received before. Raises `WrongBytes`."""
    etag = response.headers.get("etag")
    if progress.offset and progress.etag is not None and etag is not None and etag != progress.etag:
        raise WrongBytes(f"{name} changed at its source while it was downloaded; it will be downloaded afresh")
    progress.etag = etag if progress.etag is None else progress.etag
    progress.is_coded = response.headers.get("content-encoding", "identity").lower() != "identity"
    if response.status_code == 206:
        if progress.is_coded:
            raise WrongBytes(f"{name}: the source sends a part of a compressed answer")
        span = response.headers.get("content-range", "")
        if not span.startswith(f"bytes {progress.offset}-"):
            raise WrongBytes(f"{name}: asked for bytes from {progress.offset}, the source sends {span or 'others'}")
        return 0
    return progress.offset


def bounded(chunks: Iterator[bytes], expected: Expected, policy: Integrity) -> Iterator[bytes]:
    """The same chunks; with a strict policy `WrongBytes` as soon as they are more than was announced."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if policy is Integrity.STRICT and expected.size is not None and size > expected.size:
            raise WrongBytes(f"{expected.name} is larger than the {expected.size} bytes announced")
        yield chunk


def proof(expected: Expected, policy: Integrity) -> Proof:
    """Judges the checksums of what came by what was announced: `WrongBytes` with a strict policy."""

    def prove(sums: Checksums) -> None:
        trouble = _trouble(expected, sums.size, _sum_of(expected, sums))
        if trouble is None or policy is Integrity.OFF:
            return
        if policy is Integrity.STRICT:
            raise WrongBytes(trouble)
        _log.warning("integrity", why=trouble)

    return prove


def verified(chunks: Iterator[bytes], expected: Expected) -> Iterator[bytes]:
    """The same chunks, of which no more is summed than was announced; `WrongBytes` when they are others."""
    algorithm, _, announced = (expected.checksum or "").partition(":")
    digest = hashlib.new(algorithm, usedforsecurity=False) if announced else None
    size = 0
    for chunk in bounded(chunks, expected, Integrity.STRICT):
        size += len(chunk)
        if digest is not None:
            digest.update(chunk)
        yield chunk
    trouble = _trouble(expected, size, None if digest is None else digest.hexdigest())
    if trouble is not None:
        raise WrongBytes(trouble)


def _trouble(expected: Expected, size: int, digest: str | None) -> str | None:
    """What differs from what was announced; `digest` is by the announced algorithm."""
    if expected.size is not None and size != expected.size:
        return f"{expected.name} has {size} bytes, its source announced {expected.size}"
    algorithm, _, announced = (expected.checksum or "").partition(":")
    if announced and digest != announced.lower():
        return f"{expected.name} has {algorithm} {digest}, its source announced {expected.checksum}"
    return None


def _sum_of(expected: Expected, sums: Checksums) -> str | None:
    """The checksum by the algorithm that a source announced."""
    return {"MD5": sums.md5, "SHA256": sums.sha256}.get((expected.checksum or "").partition(":")[0])


def agrees(expected: Expected, sums: Checksums) -> bool:
    """Whether stored bytes are known to be those announced: the size must be, a checksum where there is one."""
    return expected.size is not None and _trouble(expected, sums.size, _sum_of(expected, sums)) is None


def put_stream(objects: ObjectStore, key: str, chunks: Iterator[bytes], prove: Proof) -> Checksums:
    """Store a stream; a `StationError` of it or its proof comes out as itself, whatever the store makes of it."""
    failures: list[StationError] = []

    @contextmanager
    def noted() -> Iterator[None]:
        try:
            yield
        except StationError as error:
            failures.append(error)
            raise

    def watched() -> Iterator[bytes]:
        with noted():
            yield from chunks

    try:
        return objects.put(key, watched(), noted()(prove))
    except Exception:
        if failures:
            raise failures[0] from None
        raise


def spool(chunks: Iterator[bytes], path: Path, prove: Proof) -> Checksums:
    """Write a stream to a working file; what arrived before an error is left in it, as is what is not proven."""
    tally = Tally()
    with path.open("wb") as sink:
        for chunk in tally.over(chunks, prove):
            sink.write(chunk)
    return tally.sums
