"""The S3 server of scripts/services: a bucket for this run of tests, a prefix for each who asks."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from attrs import evolve

from s1pdgs.storage.objects.s3 import S3Objects, s3_objects
from s1pdgs.storage.objects.s3_bucket import Place
from s1pdgs.storage.objects.s3_signature import Keys, Target

BUCKET = "s1pdgs-tests"
OPERATOR, READER = Keys("operator", "operators-secret"), Keys("reader", "readers-secret")
_SERVICE = Path(__file__).resolve().parents[1] / ".cache" / "services" / "s3"


def s3_place(**changes: Any) -> Place:
    """An empty place of its own; the test skips when there is no server, and says why."""
    return evolve(Place(_bucket(), endpoint(), OPERATOR, prefix=f"{uuid.uuid4().hex}/"), **changes)


@contextmanager
def s3_store(**changes: Any) -> Iterator[S3Objects]:
    """An empty store, whose objects are gone afterwards."""
    place = s3_place(**changes)
    store = s3_objects(place)
    try:
        yield store
    finally:
        store.bucket.http.close()
        empty(place)


def empty(place: Place) -> None:
    """Remove all objects of a place."""
    whole = s3_objects(evolve(place, prefix="", keys=OPERATOR))
    whole.delete(place.prefix.rstrip("/"))
    whole.bucket.http.close()


def endpoint() -> str:
    """The address of the server."""
    url, reason = _SERVICE / "url", _SERVICE / "reason"
    if not url.exists():
        told = reason.read_text().strip() if reason.exists() else "it was not started; run scripts/services"
        pytest.skip(f"no S3 server: {told}")
    return url.read_text().strip()


def settings_of(place: Place) -> dict[str, str]:
    """The table `[store]` that leads to a place."""
    return {
        "url": f"s3://{place.bucket}/{place.prefix.rstrip('/')}",
        "endpoint": place.endpoint,
        "access_key": place.keys.access,
        "secret_key": place.keys.secret,
    }


@cache
def _bucket() -> str:
    place = Place(BUCKET, endpoint(), OPERATOR)
    target = Target("PUT", urlsplit(place.endpoint).netloc, f"/{BUCKET}")
    headers = place.signer.headers(target, {}, b"", datetime.now(UTC))
    assert httpx2.put(place.root(place.endpoint), headers=headers).status_code in {200, 409}  # 409: it is there
    return BUCKET
