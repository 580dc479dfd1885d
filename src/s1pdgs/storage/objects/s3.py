"""Objects in a bucket of an S3 server."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from attrs import frozen
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from s1pdgs.storage.objects.obstores import ObstoreReader
from s1pdgs.storage.objects.protocol import Checksums, Proof, StorageError, Tally, refuse_other, safe_key, unproven
from s1pdgs.storage.objects.s3_bucket import Bucket, Place

if TYPE_CHECKING:
    from obstore.store import S3Config

PART_BYTES = 16 * 1024 * 1024
"""With the 10000 parts that S3 takes, objects have up to 156 GiB."""
_READ_BYTES = 16 * 1024 * 1024
_PARTS_AT_ONCE = 3
_AS_LONG_AS_PATIENCE_LASTS = 1_000_000
ABANDONED_AFTER = timedelta(days=1)


@frozen
class S3Objects:
    """`ObjectStore` in a bucket. A put holds at most five parts in memory. Addresses last as long as `signed_for`.

    That a key is written once is told by the server (If-None-Match); one that does not know the condition is asked
    whether the object exists before it is written.
    """

    bucket: Bucket
    reader: ObstoreReader
    signed_for: timedelta | None = None
    part_bytes: int = PART_BYTES
    abandoned_after: timedelta = ABANDONED_AFTER

    def put(self, key: str, chunks: Iterator[bytes], prove: Proof = unproven) -> Checksums:
        tally = Tally()
        parts = blocks(tally.over(chunks, prove), self.part_bytes)
        if self.size(key) is not None:
            for _ in parts:
                pass
            is_new = False
        else:
            first = next(parts, b"")
            is_small = len(first) < self.part_bytes
            is_new = self.bucket.put(key, first) if is_small else self._put_parts(key, chain([first], parts))
        if not is_new:
            refuse_other(self, key, tally.sums)
        return tally.sums

    def _put_parts(self, key: str, parts: Iterable[bytes]) -> bool:
        upload = self.bucket.begin(key)
        is_new = False
        try:
            tags = self._send_parts(key, upload, parts)
            is_new = self.size(key) is None and self.bucket.complete(key, upload, tags)
        finally:
            if not is_new:
                with suppress(StorageError):  # else housekeeping does it
                    self.bucket.abort(key, upload)
        return is_new

    def _send_parts(self, key: str, upload: str, parts: Iterable[bytes]) -> list[str]:
        tags: list[str] = []
        under_way: deque[Future[str]] = deque()
        with ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="s3") as pool:
            for number, part in enumerate(parts, start=1):
                if len(under_way) == _PARTS_AT_ONCE:
                    tags.append(under_way.popleft().result())
                under_way.append(pool.submit(self.bucket.send_part, key, upload, number, part))
            return [*tags, *(sent.result() for sent in under_way)]

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with self._explained(key):
            yield from self.reader.read(key, start, stop)

    def size(self, key: str) -> int | None:
        with self._explained(key):
            return self.reader.size(key)

    def list(self, prefix: str) -> list[str]:
        with self._explained(prefix):
            return self.reader.list(prefix)

    def delete(self, prefix: str) -> int:
        with self._explained(prefix):
            return self.reader.delete(prefix)

    def sign(self, key: str, filename: str, media_type: str) -> str | None:
        if self.signed_for is None:
            return None
        return self.bucket.signed_address(safe_key(key), self.signed_for, filename, media_type)

    def remove_abandoned(self) -> int:
        long_ago = datetime.now(UTC) - self.abandoned_after
        abandoned = [upload for upload in self.bucket.uploads() if upload.begun <= long_ago]
        for upload in abandoned:
            self.bucket.abort(upload.key, upload.id)
        return len(abandoned)

    def check(self) -> None:
        self.bucket.check()

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except BaseError as error:
            refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
            raise self.bucket.place.trouble(key, str(error), refused=refused) from error


def s3_objects(place: Place, signed_for: timedelta | None = None) -> S3Objects:
    """Objects in a bucket, which is not asked for before it is used."""
    config: S3Config = {
        "region": place.region,
        "access_key_id": place.keys.access,
        "secret_access_key": place.keys.secret,
    }
    if place.keys.token is not None:
        config["session_token"] = place.keys.token
    store = S3Store(
        place.bucket,
        prefix=place.prefix.rstrip("/") or None,
        endpoint=place.root(place.endpoint) if place.virtual_host else place.endpoint,
        virtual_hosted_style_request=place.virtual_host,
        config=config,
        client_options={"allow_http": True, "timeout": timedelta(seconds=place.timeout_s), "user_agent": "s1pdgs"},
        retry_config={
            "max_retries": _AS_LONG_AS_PATIENCE_LASTS,
            "retry_timeout": timedelta(seconds=place.patience_s),
            "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=10), "base": 2},
        },
    )
    return S3Objects(Bucket.open(place), ObstoreReader(store, _READ_BYTES), signed_for)


def blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of a size, the last one shorter or absent."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= size:
            with memoryview(held) as view:
                block = bytes(view[:size])
            del held[:size]
            yield block
    if held:
        yield bytes(held)
