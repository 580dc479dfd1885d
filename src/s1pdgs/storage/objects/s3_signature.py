"""Requests to S3 are signed: AWS Signature Version 4, in headers or in an address that others may use for a while.

Source: AWS, "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from attrs import evolve, field, frozen

UNSIGNED = "UNSIGNED-PAYLOAD"
LONGEST_LIFETIME_S = 7 * 86_400
_ALGORITHM = "AWS4-HMAC-SHA256"


@frozen
class Keys:
    """Who asks: an access key with its secret, and the token of a session where keys are lent."""

    access: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@frozen
class Target:
    """What is asked for: the path is percent-encoded, the query is not."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(factory=dict)


def path_of(key: str) -> str:
    """A key in the form that paths of addresses and signatures have."""
    return quote(key, safe="/~")


def query_of(query: Mapping[str, str]) -> str:
    """A query in the order and form that is signed."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items()))


@frozen
class Signer:
    """Signs requests to the S3 servers of a region."""

    keys: Keys
    region: str

    def headers(self, target: Target, headers: Mapping[str, str], payload: bytes, now: datetime) -> dict[str, str]:
        """The headers of a request with those that sign it and the SHA-256 of its payload, which the server checks."""
        digest = hashlib.sha256(payload).hexdigest()
        every = {"host": target.host, "x-amz-content-sha256": digest, "x-amz-date": _stamp(now)}
        every |= {name.lower(): value for name, value in headers.items()}
        if self.keys.token is not None:
            every["x-amz-security-token"] = self.keys.token
        names, signature = ";".join(sorted(every)), self._signature(target, every, digest, now)
        credential = f"Credential={self.keys.access}/{self._scope(now)}"
        every["authorization"] = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
        return every

    def query(self, target: Target, lifetime_s: int, now: datetime) -> str:
        """The query that lets anyone make this request for `lifetime_s` from now on, at most `LONGEST_LIFETIME_S`."""
        query = {
            **target.query,
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.keys.access}/{self._scope(now)}",
            "X-Amz-Date": _stamp(now),
            "X-Amz-Expires": str(min(lifetime_s, LONGEST_LIFETIME_S)),
            "X-Amz-SignedHeaders": "host",
        }
        if self.keys.token is not None:
            query["X-Amz-Security-Token"] = self.keys.token
        signature = self._signature(evolve(target, query=query), {"host": target.host}, UNSIGNED, now)
        return f"{query_of(query)}&X-Amz-Signature={signature}"

    def _signature(self, target: Target, headers: Mapping[str, str], digest: str, now: datetime) -> str:
        lines = [f"{name}:{' '.join(value.split())}\n" for name, value in sorted(headers.items())]
        told = [target.method, target.path, query_of(target.query), "".join(lines), ";".join(sorted(headers)), digest]
        request = hashlib.sha256("\n".join(told).encode()).hexdigest()
        key = f"AWS4{self.keys.secret}".encode()
        for part in self._scope(now).split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join([_ALGORITHM, _stamp(now), self._scope(now), request])
        return hmac.digest(key, text.encode(), "sha256").hex()

    def _scope(self, now: datetime) -> str:
        return f"{_stamp(now)[:8]}/{self.region}/s3/aws4_request"


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
