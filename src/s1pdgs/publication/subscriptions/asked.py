"""What a request says of a subscription, checked as far as it can be without the database."""

import json
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Checked

from s1pdgs.bus.courier import Courier, Login, NoticeError, check_url
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.predicate import (
    ALWAYS,
    Comparison,
    Every,
    Field,
    Operator,
    Predicate,
    Value,
    checked_text,
    nearest,
)
from s1pdgs.publication.search import count
from s1pdgs.publication.subscriptions.model import Happening, Status, SubscriptionError, Type

GIVEN_BY_SERVICE = ("Id", "SubmissionDate", "LastNotificationDate", "CurrentQueueLength", "MaxQueueLength")


class _Body(BaseModel):
    """The properties of a subscription that users write."""

    model_config = ConfigDict(extra="forbid", strict=True)

    FilterParam: str | None = None
    StageOrder: bool = True
    Priority: int = Checked(1, ge=0, le=100)
    NotificationEndpoint: str | None = None
    NotificationEpUsername: str | None = None
    NotificationEpPassword: str | None = None
    Status: str = str(Status.RUNNING)
    SubscriptionEvent: list[str] = Checked([str(Happening.CREATED)], min_length=1, max_length=len(Happening))
    SubscriptionType: str | None = None


@frozen
class Asked:
    """A subscription as it is to be. `login` is what the endpoint asks for, where it does."""

    type: Type
    filter: str | None
    events: tuple[Happening, ...]
    status: Status = Status.RUNNING
    stage_order: bool = True
    priority: int = 1
    endpoint: str | None = None
    login: Login | None = None


def predicate_of(text: str | None) -> Predicate:
    """The question of a `FilterParam`, whose grammar is that of `$filter`; raises `SubscriptionError`.

    It is read anew each time: in it, `now()` is the moment of the news.
    """
    if text is None:
        return ALWAYS
    try:
        return compile_filter(text)
    except QueryError as error:
        raise SubscriptionError(str(error).replace("$filter", "FilterParam")) from None


def holds(connection: sa.Connection, product: str, text: str | None) -> bool:
    """Whether a `FilterParam` holds for a published product (by its uuid): the database is asked, as for `$filter`."""
    if text is None:
        return True
    this = Comparison(Operator.EQ, Field("Id"), Value(product))
    return count(connection, Every((this, predicate_of(text)))) == 1


def asked_of(text: bytes, courier: Courier) -> Asked:
    """The subscription that a body asks for; raises `SubscriptionError`."""
    body = _read(text)
    if body.SubscriptionType is None:
        raise SubscriptionError("SubscriptionType is missing; it is push or pull")
    empty = Asked(_member("SubscriptionType", Type, body.SubscriptionType), None, ())
    return _checked(_amended(empty, body, set(_Body.model_fields)), courier)


def amended(before: Asked, text: bytes, courier: Courier) -> Asked:
    """A subscription with the properties that a body changes; raises `SubscriptionError`."""
    body = _read(text)
    if body.SubscriptionType not in (None, before.type):
        raise SubscriptionError("SubscriptionType cannot be changed; make another subscription")
    return _checked(_amended(before, body, body.model_fields_set), courier)


def _read(text: bytes) -> _Body:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SubscriptionError(f"the body is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise SubscriptionError("the body is no JSON object of the properties of a subscription")
    told = {name: value for name, value in values.items() if not name.startswith("@") and name not in GIVEN_BY_SERVICE}
    try:
        return _Body.model_validate(told)
    except ValidationError as error:
        raise SubscriptionError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"a subscription has no property {name[:60]!r}; {nearest(name, list(_Body.model_fields))}"
    return f"{name}: {first['msg']}"


def _amended(before: Asked, body: _Body, given: set[str]) -> Asked:
    changes: dict[str, Any] = {}
    if "FilterParam" in given:
        changes["filter"] = body.FilterParam
    if "StageOrder" in given:
        changes["stage_order"] = body.StageOrder
    if "Priority" in given:
        changes["priority"] = body.Priority
    if "NotificationEndpoint" in given:
        changes["endpoint"] = body.NotificationEndpoint or None
    if "Status" in given:
        changes["status"] = _member("Status", Status, body.Status)
    if "SubscriptionEvent" in given:
        events = [_member("SubscriptionEvent", Happening, name) for name in body.SubscriptionEvent]
        changes["events"] = tuple(dict.fromkeys(events))
    if given & {"NotificationEpUsername", "NotificationEpPassword"}:
        changes["login"] = _login(body)
    return evolve(before, **changes)


def _login(body: _Body) -> Login | None:
    username, password = body.NotificationEpUsername, body.NotificationEpPassword
    if not username and not password:
        return None
    if not username or password is None:
        raise SubscriptionError("NotificationEpUsername and NotificationEpPassword are given together, or neither")
    try:
        return Login(username, password)
    except NoticeError as error:
        raise SubscriptionError(f"NotificationEpUsername and NotificationEpPassword: {error}") from None


def _member(name: str, kind: Any, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise SubscriptionError(f"{name} is never {text[:60]!r}; it is {' or '.join(kind)}") from None


def _checked(asked: Asked, courier: Courier) -> Asked:
    for name, text in (("FilterParam", asked.filter), ("NotificationEndpoint", asked.endpoint)):
        try:
            checked_text(text or "")
        except QueryError as error:
            raise SubscriptionError(f"{name}: {error}") from None
    predicate_of(asked.filter)
    if asked.type is Type.PULL and (asked.endpoint is not None or asked.login is not None):
        raise SubscriptionError("NotificationEndpoint and its user are of push subscriptions; a pull one is read")
    if asked.type is Type.PUSH:
        if asked.endpoint is None:
            raise SubscriptionError("NotificationEndpoint is missing: the URL that a push subscription tells")
        try:
            check_url(courier, asked.endpoint)
        except NoticeError as error:
            raise SubscriptionError(f"NotificationEndpoint: {error}") from None
    return asked
