"""What users reach: the PRIP and the STAC API on one application."""

import logging
from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.params import Depends
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from s1pdgs.publication import prip
from s1pdgs.publication.limits import BodyLimit
from s1pdgs.publication.odata.route import Addition
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

STAC_PREFIX = "/stac"


def mount(
    app: FastAPI,
    database: Database,
    store: ObjectStore,
    *,
    base_url: str | None = None,
    access: Sequence[Depends] = (),
    additions: Sequence[Addition] = (),
) -> None:
    """Put the PRIP under `/odata/v1` and the STAC API under `/stac` of an application.

    `base_url` is how users reach the application (`https://host`); None takes the address that each request came to.
    `access` are dependencies that every request to either has to pass (`[Depends(check)]`); none leaves them open.
    `additions` widen the OData service. Bodies of requests to the application, whatever is on it, are bounded.
    """
    app.add_middleware(BodyLimit)
    logging.getLogger("stac_fastapi.types.config").setLevel(logging.ERROR)  # it warns of its own defaults when imported
    from s1pdgs.publication import stac  # noqa: PLC0415  its import takes 1.6 s, and only a serving role pays

    app.include_router(prip.router(prip.Prip(database, store, base_url), access, additions))
    app.router.routes.append(Route(STAC_PREFIX, _Slashed(app.router)))
    app.mount(STAC_PREFIX, stac.application(database, base_url, access))


class _Slashed:
    """The root of the STAC API without its slash: browsers follow no redirection to it from pages of other sites."""

    def __init__(self, router: ASGIApp) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = f"{scope['path']}/"
        await self._router({**scope, "path": path, "raw_path": path.encode()}, receive, send)
