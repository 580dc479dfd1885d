"""Pages from templates: escaped everywhere, with the headers of a page that loads nothing from elsewhere."""

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from s1pdgs.catalogue.door import product_uuid
from s1pdgs.console import present

STATIC = Path(__file__).parent / "static"
TAG_HEADER = "HX-PTag"

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def environment() -> Environment:
    """The templates with the filters that they use."""
    made = Environment(
        loader=PackageLoader("s1pdgs.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "utc": present.utc,
        "iso": present.iso,
        "exact": present.exact,
        "size": present.size,
        "span": present.span,
        "sensing": present.sensing,
        "percent": present.percent,
        "map_json": present.map_json,
        "product_uuid": product_uuid,
    }
    made.globals |= {"asset": asset}
    return made


@cache
def asset(name: str) -> str:
    """The address of a static file, which changes with its bytes: browsers may keep what they have."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/console/static/{name}?v={digest[:12]}"


def render(templates: Environment, name: str, **values: Any) -> Markup:
    """A part of a page."""
    return Markup(templates.get_template(name).render(**values))  # noqa: S704  rendered with autoescape


def page(templates: Environment, name: str, now: datetime, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page."""
    text = templates.get_template(name).render(now=now, **values)
    return HTMLResponse(text, status, PAGE_HEADERS)


def tag_of(fragment: str) -> str:
    """What a page names the state that it shows by."""
    return hashlib.sha256(fragment.encode()).hexdigest()[:20]


def fragment(request: Request, text: str) -> Response:
    """The live part of a page; 304 when the page that asks shows this state already."""
    tag = tag_of(text)
    headers = {**PAGE_HEADERS, TAG_HEADER: tag}
    if request.headers.get(TAG_HEADER) == tag:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(text, headers=headers)
