"""A bucket of an S3 server: where it is, and the requests to it that write objects once and tidy up.

obstore reads, lists and removes (`s3.py`); it offers no writing in parts that keeps an object which exists already, no
list of unfinished writes and no signed address with a file name.
"""

import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeVar
from urllib.parse import quote, urlsplit

import httpx2
import stamina
from attrs import evolve, field, frozen
from lxml import etree

from s1pdgs.formats.xml import find_all, parse_xml, text_of
from s1pdgs.storage.objects.protocol import StorageError
from s1pdgs.storage.objects.s3_signature import Keys, Signer, Target, path_of, query_of

Read = TypeVar("Read")
_BUSY = {408, 409, 425, 429}
HURRY_S = 5.0
_FIRST_REST_S, _LONGEST_REST_S = 0.1, 10.0
_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "InvalidClientTokenId"}
_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}


@frozen
class Place:
    """A bucket and the prefix of all keys in it (empty or ending in `/`), at an S3 server.

    `virtual_host` names the bucket in the host, else in the path. Users reach the server at `public_endpoint`.
    An answer is waited for `timeout_s`, and a request that fails for the moment is repeated for `patience_s`.
    """

    bucket: str
    endpoint: str
    keys: Keys
    region: str = "us-east-1"
    prefix: str = ""
    virtual_host: bool = False
    public_endpoint: str | None = None
    timeout_s: float = 60.0
    patience_s: float = 300.0

    @classmethod
    def of(cls, url: str, endpoint: str | None, keys: Keys, region: str) -> "Place":
        """The place that `s3://bucket/prefix` names; without an endpoint it is with AWS."""
        split = urlsplit(url)
        prefix = split.path.strip("/")
        endpoint = (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/")
        return cls(split.netloc, endpoint, keys, region, f"{prefix}/" if prefix else "")

    @property
    def signer(self) -> Signer:
        return Signer(self.keys, self.region)

    @property
    def hurried(self) -> "Place":
        """The same for what people wait for."""
        return evolve(self, patience_s=min(self.patience_s, HURRY_S))

    def root(self, endpoint: str) -> str:
        """The address of the bucket."""
        if not self.virtual_host:
            return f"{endpoint}/{self.bucket}"
        split = urlsplit(endpoint)
        return f"{split.scheme}://{self.bucket}.{split.netloc}{split.path}"

    def trouble(self, key: str | None, told: str, *, refused: bool) -> StorageError:
        """What was told of an object, or of the bucket, as an error that names the setting and the remedy; `refused`
        for 401 and 403, which come without words where the request was a HEAD.
        """
        code = next(iter(re.findall(r"<Code>(\w+)</Code>", told)), "")
        access, where = self.keys.access, f"bucket {self.bucket} at {self.endpoint}"
        if code in _KEYS:
            remedy = f"it does not know access key {access} with this secret; set [store] access_key and secret_key"
        elif code == "RequestTimeTooSkewed":
            remedy = "its clock and ours differ by minutes; set the time of this host"
        elif refused and code not in _REGION:
            remedy = (
                f"access key {access} may not do this; let it read, write, list and delete, or set [store] access_key"
            )
        elif code == "NoSuchBucket":
            remedy = "there is no such bucket; create it, or set [store] url"
        elif code in _REGION:
            remedy = f"it is not in region {self.region}; set [store] region, or endpoint"
        elif code:
            remedy = f"it answers {code}"
        else:
            remedy = f"no answer ({' '.join(told.split())[:200]}); see that the server runs, or set [store] endpoint"
        return StorageError(f"{where}: {remedy}" if key is None else f"object {key}: {where}: {remedy}")


@frozen
class Upload:
    """A write in parts that has not ended."""

    key: str
    id: str
    begun: datetime


class _BusyServer(Exception):  # noqa: N818
    """The server asks to come again, or cannot be reached; the message is its answer."""


@frozen
class Bucket:
    """Requests to a bucket. All raise `StorageError`; those that fail for the moment are repeated."""

    place: Place
    http: httpx2.Client = field(repr=False)

    @classmethod
    def open(cls, place: Place) -> "Bucket":
        limits = httpx2.Limits(max_connections=64, max_keepalive_connections=8)
        headers = {"User-Agent": "s1pdgs", "Accept-Encoding": "identity"}
        return cls(place, httpx2.Client(timeout=place.timeout_s, limits=limits, headers=headers, verify=_trust()))

    def put(self, key: str, payload: bytes) -> bool:
        """Write an object that does not exist; False when it does."""
        return self._send("PUT", key, {}, payload, {"If-None-Match": "*"}).status_code != 412

    def begin(self, key: str) -> str:
        """Begin a write in parts; its identifier."""
        return self._read(self._send("POST", key, {"uploads": ""}), lambda page: text_of(page, "UploadId", key))

    def send_part(self, key: str, upload: str, number: int, payload: bytes) -> str:
        """Send a part (counted from 1); its tag."""
        answer = self._send("PUT", key, {"partNumber": str(number), "uploadId": upload}, payload)
        return answer.headers.get("etag", "")

    def complete(self, key: str, upload: str, tags: Sequence[str]) -> bool:
        """Make an object of the parts; False when the object exists, or did before the answer was lost."""
        root = etree.Element("CompleteMultipartUpload")
        for number, tag in enumerate(tags, start=1):
            part = etree.SubElement(root, "Part")
            etree.SubElement(part, "PartNumber").text = str(number)
            etree.SubElement(part, "ETag").text = tag
        answer = self._send("POST", key, {"uploadId": upload}, etree.tostring(root), {"If-None-Match": "*"})
        return answer.status_code not in {404, 412}

    def abort(self, key: str, upload: str) -> None:
        """Forget the parts of a write that does not go on."""
        self._send("DELETE", key, {"uploadId": upload})

    def uploads(self) -> list[Upload]:
        """The writes in parts that have not ended, a thousand at most: what is behind them shows when they have ended,
        and servers differ in how they page.
        """
        return self._read(self._send("GET", None, {"uploads": "", "prefix": self.place.prefix}), self._page)

    def _page(self, page: etree._Element) -> list[Upload]:
        return [
            Upload(
                text_of(one, "Key", "Upload").removeprefix(self.place.prefix),
                text_of(one, "UploadId", "Upload"),
                datetime.fromisoformat(text_of(one, "Initiated", "Upload")),
            )
            for one in find_all(page, "Upload")
        ]

    def check(self) -> None:
        """`StorageError` when objects cannot be listed, told soon: somebody waits for it."""
        soon = evolve(self, place=self.place.hurried)
        soon._send("GET", None, {"list-type": "2", "max-keys": "1", "prefix": self.place.prefix})  # noqa: SLF001  ours

    def signed_address(self, key: str, lifetime: timedelta, filename: str, media_type: str) -> str:
        """An address of an object for users, who get it as a file of this name and type."""
        name = quote(filename)
        query = {
            "response-content-disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
            "response-content-type": media_type,
        }
        address, target = self._target("GET", key, query, self.place.public_endpoint or self.place.endpoint)
        return f"{address}?{self.place.signer.query(target, int(lifetime.total_seconds()), datetime.now(UTC))}"

    def _target(self, method: str, key: str | None, query: Mapping[str, str], endpoint: str) -> tuple[str, Target]:
        root = self.place.root(endpoint.rstrip("/"))
        address = root if key is None else f"{root}/{path_of(self.place.prefix + key)}"
        split = urlsplit(address)
        return address, Target(method, split.netloc, split.path or "/", query)

    def _send(
        self,
        method: str,
        key: str | None,
        query: Mapping[str, str],
        payload: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """A good answer, or one that says that the object exists (412) or that there is no such upload (404)."""
        address, target = self._target(method, key, query, self.place.endpoint)
        try:
            for attempt in stamina.retry_context(
                on=_BusyServer,
                attempts=None,
                timeout=self.place.patience_s,
                wait_initial=_FIRST_REST_S,
                wait_max=_LONGEST_REST_S,
                wait_jitter=_FIRST_REST_S,
            ):
                with attempt:
                    signed = self.place.signer.headers(target, headers or {}, payload, datetime.now(UTC))
                    answer = self._answer(method, f"{address}?{query_of(query)}" if query else address, payload, signed)
        except _BusyServer as error:
            raise self.place.trouble(key, str(error), refused=False) from error
        if answer.is_success or (answer.status_code == 412 and headers) or "NoSuchUpload" in answer.text:
            return answer
        refused = answer.status_code in {401, 403}
        raise self.place.trouble(key, f"{answer.status_code} {answer.text}", refused=refused)

    def _answer(self, method: str, address: str, payload: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        try:
            answer = self.http.request(method, address, content=payload, headers=headers)
        except httpx2.TransportError as error:
            raise _BusyServer(f"{type(error).__name__} {error}") from error
        failed_late = answer.status_code == 200 and b"<Error>" in answer.content[:1000]  # while it joined the parts
        if answer.status_code >= 500 or answer.status_code in _BUSY or failed_late:
            raise _BusyServer(f"{answer.status_code} {answer.text[:500]}")
        return answer

    def _read(self, answer: httpx2.Response, take: Callable[[etree._Element], Read]) -> Read:
        """What is taken from an answer; `StorageError` when it is not there."""
        try:
            return take(parse_xml(answer.content, "the answer"))
        except ValueError as error:
            raise StorageError(f"{self.place.endpoint}: {error}; see that [store] endpoint is an S3 server") from error


@cache
def _trust() -> ssl.SSLContext:
    """What certificates are verified by; to read them takes as long as hundreds of requests."""
    return httpx2.create_ssl_context()
