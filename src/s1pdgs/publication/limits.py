"""Bounds of what a request may bring and of what a query may ask."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import Membership, Predicate, terms

MAX_BODY_BYTES = 1024 * 1024
MAX_TERMS = 5000


class BodyLimit:
    """Middleware that ends requests with bodies of more than `MAX_BODY_BYTES` (413), announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise HTTPException(413, f"the body of a search is longer than {MAX_BODY_BYTES} bytes")
            return message

        await self.app(scope, counted, send)


def check_size(predicate: Predicate) -> None:
    """`QueryError` for a predicate of more terms than databases take in one query."""
    size = sum(1 + (len(term.options) if isinstance(term, Membership) else 0) for term in terms(predicate))
    if size > MAX_TERMS:
        raise QueryError(f"the query has {size} conditions and values; at most {MAX_TERMS} are accepted")
