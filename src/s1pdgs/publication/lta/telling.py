"""What is told of a product that is offline, and of one that will be."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue.lifecycle import holds_of
from s1pdgs.catalogue.query import Held
from s1pdgs.catalogue.retention import Due, Form
from s1pdgs.catalogue.values import to_json
from s1pdgs.model.time import format_iso
from s1pdgs.publication.lta.dating import Policy, plan_of
from s1pdgs.publication.lta.needs import needs
from s1pdgs.publication.lta.tables import archive_copy, lta_order, restore
from s1pdgs.publication.search import Published
from s1pdgs.publication.tables import damaged_object, publication


def why_gone(connection: sa.Connection, product: Published, service: str) -> str:
    """That a published product is offline, and how to get it; `service` is the address of the OData service."""
    gone = f"{product.archive_name} was evicted on {product.evicted_at:%Y-%m-%dT%H:%M:%SZ}"
    query = (
        sa.select(lta_order.c.uuid, lta_order.c.estimated_at)
        .join(restore, restore.c.id == lta_order.c.restore_id)
        .where(restore.c.product_id == product.id, restore.c.ended_at.is_(None))
        .where(lta_order.c.status.in_(["queued", "in_progress"]))
        .order_by(lta_order.c.id)
    )
    ordered = connection.execute(query).first()
    if ordered is not None:
        likely = f"likely until {ordered.estimated_at:%Y-%m-%dT%H:%M:%SZ}"
        return f"{gone}; it is being restored, {likely}: see {service}/Orders({ordered.uuid})"
    if product.is_orderable:
        return f"{gone}; order it by POST {service}/Products({product.uuid})/OData.CSC.Order, then it comes online"
    return f"{gone} and has no copy; it can be made again on demand: see {service}/Workflows"


def details(connection: sa.Connection, policy: Policy, held: Held) -> dict[str, Any]:
    """When and why the forms of a product go or went, as JSON values."""
    zipped = connection.execute(sa.select(publication).where(publication.c.product_id == held.id)).one_or_none()
    plan = plan_of(connection, policy, held.id)
    told: dict[str, Any] = {
        "name": held.name,
        "type": held.product.type,
        "size": held.product.size,
        "location": held.product.location,
        "catalogued_at": format_iso(held.catalogued_at),
        "files": _form(held.evicted_at, plan.files_at, plan.files, *_reasons(connection, policy, Form.FILES, held)),
        "zip": None,
        "holds": [to_json(one) for one in holds_of(connection, held.id)],
        "damaged": [dict(row) for row in connection.execute(_DAMAGED, {"product": held.id}).mappings()],
        "orders": [dict(row) for row in connection.execute(_ORDERS, {"product": held.id}).mappings()],
    }
    if zipped is not None:
        told["zip"] = {"publication": zipped.state, "reason": zipped.reason, "archived_at": _moment(zipped.archived_at)}
        copy = connection.execute(sa.select(archive_copy).where(archive_copy.c.product_id == held.id)).one_or_none()
        told["zip"] |= {"archive": None if copy is None else {"copy": copy.state, "reason": copy.reason}}
        if zipped.published_at is not None:
            reasons = _reasons(connection, policy, Form.ZIP, held)
            told["zip"] |= {"size": zipped.size, "location": zipped.location}
            told["zip"] |= _form(zipped.evicted_at, plan.zip_at, plan.zip, *reasons)
    return told


def as_lines(told: dict[str, Any]) -> Iterator[str]:
    """The details for people."""
    yield told["name"]
    yield f"type     {told['type']}"
    yield f"size     {told['size']} bytes at {told['location']}, catalogued {_short(told['catalogued_at'])}"
    yield from _form_lines("files", told["files"])
    packed = told["zip"]
    if packed is None or packed["publication"] != "published":
        yield f"zip      {'none: the product stays inside' if packed is None else _unpublished(packed)}"
    else:
        yield from _form_lines("zip", packed)
        if packed["archived_at"] is not None:
            yield f"archive  has a copy since {_short(packed['archived_at'])}"
        elif packed["archive"] is not None:
            reason = packed["archive"]["reason"]
            yield f"archive  copy is {packed['archive']['copy']}{'' if reason is None else ': ' + reason}"
    for one in told["damaged"]:
        yield f"{one['fault']:9}{one['place']}: {one['key']}: {one['reason']}"
    for hold in told["holds"]:
        end = (
            "" if hold["released_at"] is None else f", released {_short(hold['released_at'])} by {hold['released_by']}"
        )
        yield f"hold     {hold['reason']} ({_short(hold['held_at'])} by {hold['actor']}{end})"
    for order in told["orders"]:
        why = "" if order["message"] is None else f": {order['message']}"
        yield f"order    {order['id']} is {order['status']}{why}"


_DAMAGED = (
    sa.select(damaged_object.c.place, damaged_object.c.key, damaged_object.c.fault, damaged_object.c.reason)
    .where(damaged_object.c.product_id == sa.bindparam("product"))
    .order_by(damaged_object.c.place, damaged_object.c.key)
)
_ORDERS = (
    sa.select(lta_order.c.uuid.label("id"), lta_order.c.status, lta_order.c.message)
    .where(lta_order.c.product_id == sa.bindparam("product"))
    .order_by(lta_order.c.id.desc())
    .limit(10)
)


def _form(
    evicted_at: datetime | None, at: datetime | None, due: Due | None, rule: str | None, need: str | None
) -> dict[str, Any]:
    return {
        "evicted_at": _moment(evicted_at),
        "goes_at": _moment(at) if evicted_at is None else None,
        "rule": rule,
        "is_put_off": due is not None and at is not None and at > due.at,
        "stays_while": need if evicted_at is None else None,
    }


def _unpublished(packed: dict[str, Any]) -> str:
    return f"is {packed['publication']}{'' if packed['reason'] is None else ': ' + packed['reason']}"


def _form_lines(name: str, form: dict[str, Any]) -> Iterator[str]:
    if form["evicted_at"] is not None:
        yield f"{name:9}evicted {_short(form['evicted_at'])}"
        return
    rule = "no rule" if form["rule"] is None else form["rule"]
    until = "for ever" if form["goes_at"] is None else f"until {_short(form['goes_at'])}"
    yield f"{name:9}here {until} ({rule}{', put off' if form['is_put_off'] else ''})"
    if form["stays_while"] is not None:
        yield f"         at least while {form['stays_while']}"


def _reasons(connection: sa.Connection, policy: Policy, form: Form, held: Held) -> tuple[str | None, str | None]:
    """The rule that decides on a form of a product, and what needs it."""
    rule = policy.retention.rule(form, held.product.type, held.name)
    return None if rule is None else str(rule), needs(connection, policy.archive, form, [held.id]).get(held.id)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else format_iso(moment)


def _short(text: str) -> str:
    return text[:19].replace("T", " ")
