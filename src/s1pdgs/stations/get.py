"""Products of an OData service or a STAC API into a folder: in parallel, taken up where a break left them, proven.

Works with our own doors and with any service that speaks like them (peers.md, section 3; `stac` lists items).
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from attrs import evolve, field, frozen

from s1pdgs.formats.files import sync_directory
from s1pdgs.stations import odata
from s1pdgs.stations.auxip import product_of
from s1pdgs.stations.errors import StationError, StationRefusal, WrongBytes
from s1pdgs.stations.http import StationHttp
from s1pdgs.stations.transfer import Expected, transfer, verified

_BLOCK_BYTES = 1 << 20
_GONE = 410


class State(StrEnum):
    """What became of a product: `GOT` now, `HAD` before, or `FAILED`."""

    GOT = "got"
    HAD = "had"
    FAILED = "failed"


@frozen
class Wish:
    """Which products: beginnings of names, a type, a span of sensing, an area (WKT), a condition (`$filter`)."""

    names: tuple[str, ...] = ()
    type: str | None = None
    start: datetime | None = None
    stop: datetime | None = None
    area: str | None = None
    condition: str | None = None

    def filter(self) -> str:
        """The `$filter`, empty when everything is wanted."""
        parts = []
        if self.names:
            parts.append(f"({' or '.join(f'startswith(Name,{odata.text(name)})' for name in self.names)})")
        if self.type:
            parts.append(
                "Attributes/OData.CSC.StringAttribute/any(a:a/Name eq 'productType' "
                f"and a/OData.CSC.StringAttribute/Value eq {odata.text(self.type)})"
            )
        if self.start:
            parts.append(f"ContentDate/End ge {odata.literal(self.start)}")
        if self.stop:
            parts.append(f"ContentDate/Start le {odata.literal(self.stop)}")
        if self.area:
            parts.append(f"OData.CSC.Intersects(area=geography'SRID=4326;{self.area}')")
        if self.condition:
            parts.append(f"({self.condition})" if parts else self.condition)
        return " and ".join(parts)


@frozen
class Listed:
    """A file that a service offers, by the name that it gets; it may be a path below the folder.

    `size` and `checksum` (`MD5:<hex>`, `SHA256:<hex>`) are None where untold; `url` is empty for other than HTTP.
    """

    id: str
    name: str
    size: int | None
    checksum: str | None
    online: bool = True
    url: str = ""


@frozen
class Result:
    """What became of one product; `why` says it of a failed one."""

    product: Listed
    state: State
    bytes: int = 0
    why: str | None = None


@frozen
class Observer:
    """Told as bytes arrive, from the threads that receive them: of a beginning (with the bytes that are here already),
    of each piece, and of the end.
    """

    begun: Callable[[Listed, int], None] = field(default=lambda _product, _size: None)
    received: Callable[[Listed, int], None] = field(default=lambda _product, _size: None)
    ended: Callable[[Result], None] = field(default=lambda _result: None)


def listed(http: StationHttp, wish: Wish, limit: int | None = None) -> Iterator[Listed]:
    """The products of a wish, newest publication first and each name once. Raises `StationError`."""
    options = {"$orderby": "PublicationDate desc"}
    if condition := wish.filter():
        options["$filter"] = condition
    names: set[str] = set()
    for page in odata.pages(http, "Products", options):
        for record in page:
            if limit is not None and len(names) >= limit:
                return
            found = product_of(record, http.profile.name)
            if found.name in names:
                continue
            names.add(found.name)
            online = record.get("Online") is not False
            url = odata.entity_url(http, f"Products{odata.key(found.remote_id)}/$value")
            yield Listed(found.remote_id, found.name, found.size, found.checksum, online, url)


def get(
    http: StationHttp, products: Sequence[Listed], folder: Path, parallel: int, observer: Observer | None = None
) -> list[Result]:
    """Download products into a folder, `parallel` at a time; what became of each, in their order.

    A file that is there already is taken for what it is named when its size and checksum agree. An incomplete
    `.<name>.part` of an earlier run is taken up, unless another run writes it now. Nothing has its name before it is
    whole, proven and on the disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = observer or Observer()
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="get")
    try:
        return list(pool.map(lambda product: _get(http, product, folder, told), products))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # all have ended, or nobody waits for them any more


def _get(http: StationHttp, product: Listed, folder: Path, told: Observer) -> Result:
    try:
        result = _download(http, product, folder, told)
    except StationRefusal as error:
        gone = " (evicted: order it where the service takes orders)" if error.status == _GONE else ""
        result = Result(product, State.FAILED, why=f"{error}{gone}")
    except StationError as error:
        result = Result(product, State.FAILED, why=str(error))
    except OSError as error:
        why = f"{error.filename or folder.resolve()}: {error.strerror}" if error.strerror else str(error)
        result = Result(product, State.FAILED, why=why)
    told.ended(result)
    return result


def _download(http: StationHttp, product: Listed, folder: Path, told: Observer) -> Result:
    target = folder / product.name
    part = target.with_name(f".{target.name}.part")
    if not product.url:
        return Result(product, State.FAILED, why=f"{product.name} is not offered by http or https; use a client of S3")
    if target.is_file() and _agrees(_sized(http, product), target):
        return Result(product, State.HAD, target.stat().st_size)
    if not product.online:
        return Result(product, State.FAILED, why=f"{product.name} is offline; order it where the service takes orders")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _sole(part) as sink:
        held = os.fstat(sink.fileno()).st_size
        if product.size is None or product.checksum is None or held > product.size:
            held = 0  # nothing would prove that the part is of the same version
        try:
            _receive_anew(http, product, sink, held, told)
        except StationError as error:
            if isinstance(error, WrongBytes) or os.fstat(sink.fileno()).st_size == 0:
                part.unlink()
            raise
        part.replace(target)
    sync_directory(target.parent)
    return Result(product, State.GOT, target.stat().st_size)


@contextmanager
def _sole(part: Path) -> Iterator[BinaryIO]:
    """The incomplete file of a download, new or of an earlier run, which no other download writes meanwhile.

    Raises `BlockingIOError` where one does, or just did.
    """
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as sink:
        try:
            fcntl.flock(sink, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = part.exists() and os.path.samestat(os.fstat(sink.fileno()), part.stat())
        except BlockingIOError:
            is_free = False
        except OSError:  # the file system has no locks
            is_free = True
        if not is_free:
            raise BlockingIOError(
                f"another download writes {part}; ask again when it has ended, or into another folder"
            )
        yield sink


def _receive_anew(http: StationHttp, product: Listed, sink: BinaryIO, held: int, told: Observer) -> None:
    """Receive what is missing, or everything when what is held was of another version, or damaged."""
    try:
        _receive(http, product, sink, held, told)
    except WrongBytes:
        if not held:
            raise
        _receive(http, product, sink, 0, told)


def _sized(http: StationHttp, product: Listed) -> Listed:
    """The product with the size that its source tells when it is asked for the file, where the listing told none."""
    if product.size is not None:
        return product
    with http.open(product.url) as response:
        size = response.headers.get("content-length", "")
    return evolve(product, size=int(size) if size.isascii() and size.isdigit() else None)


def _receive(http: StationHttp, product: Listed, sink: BinaryIO, held: int, told: Observer) -> None:
    told.begun(product, held)
    sink.seek(0)
    sink.truncate(held)

    def pieces() -> Iterator[bytes]:
        yield from _blocks(sink.read, held)
        for chunk in transfer(http, product.url, product.name, held):
            sink.write(chunk)
            told.received(product, len(chunk))
            yield chunk

    expected = Expected(product.name, product.size, product.checksum)
    for _ in verified(pieces(), expected):
        pass
    sink.flush()
    os.fsync(sink.fileno())


def _blocks(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (block := read(min(_BLOCK_BYTES, size))):
        size -= len(block)
        yield block


def _agrees(product: Listed, path: Path) -> bool:
    if product.size is not None and path.stat().st_size != product.size:
        return False
    algorithm, _, announced = (product.checksum or "").partition(":")
    if not announced:
        return product.size is not None
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return digest.hexdigest() == announced.lower()
