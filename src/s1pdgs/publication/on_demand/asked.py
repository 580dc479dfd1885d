"""What somebody orders, in the words of a production order (ODPRIP) and as a value that both doors make."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from attrs import field, frozen
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from s1pdgs.bus.courier import Login, NoticeError
from s1pdgs.model.interval import Interval
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.on_demand.workflows import Workflow, workflow_of
from s1pdgs.triggers.wanted.asked import Time

PRIORITY = 50
_ENDED = ("completed", "failed", "cancelled")
Model = TypeVar("Model", bound=BaseModel)
Text = Annotated[str, Field(min_length=1, max_length=200)]


@frozen
class Listener:
    """Who is told: the URL for each status, in the form of the door at which the order was placed. `base` is the
    address of the OGC processes as the one who ordered knows it, `raw` how he wants their results.
    """

    form: Literal["odata", "ogc"] = "odata"
    urls: Mapping[str, str] = field(factory=dict)
    base: str = ""
    raw: bool = False
    login: Login | None = None

    def to_json(self) -> dict[str, Any]:
        """All but the login."""
        return {"form": self.form, "urls": dict(self.urls), "base": self.base, "raw": self.raw}


@frozen
class Demand:
    """What is wanted of a product (by its name), of what was sensed within a time, or of both.

    `options` are those that were told, `parameters` those of them that differ from their defaults.
    """

    workflow: Workflow
    reference: str | None
    time: Interval | None
    options: Mapping[str, str]
    parameters: Mapping[str, str]
    priority: int = PRIORITY
    listener: Listener = Listener()


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TimeRange(_Words):
    """From when to when."""

    Start: Time
    End: Time


class InputProductReference(_Words):
    """What to make it of."""

    Reference: Text | None = None
    ContentDate: TimeRange | None = None


class WorkflowOption(_Words):
    """The value of an option."""

    Name: Text
    Value: bool | int | float | str


class ProductionOrder(_Words):
    """The body of a new production order."""

    InputProductReference: InputProductReference
    WorkflowId: Text | None = None
    WorkflowName: Text | None = None
    WorkflowOptions: Annotated[list[WorkflowOption], Field(max_length=100)] = []
    Priority: Annotated[int, Field(ge=1, le=100, strict=True)] = PRIORITY
    NotificationEndpoint: Annotated[str, Field(max_length=2000)] | None = None
    NotificationEpUsername: Annotated[str, Field(max_length=200)] | None = Field(None, repr=False)
    NotificationEpPassword: Annotated[str, Field(max_length=200)] | None = Field(None, repr=False)

    def demand(self, workflows: Iterable[Workflow]) -> Demand:
        """Raises `QueryError` and `UnknownProductError`."""
        workflow = workflow_of(workflows, self.WorkflowId and self.WorkflowId.lower(), self.WorkflowName)
        options = workflow.chosen((option.Name, option.Value) for option in self.WorkflowOptions)
        wanted = self.InputProductReference
        urls = {} if self.NotificationEndpoint is None else dict.fromkeys(_ENDED, self.NotificationEndpoint)
        return Demand(
            workflow=workflow,
            reference=wanted.Reference,
            time=None if wanted.ContentDate is None else interval(wanted.ContentDate.Start, wanted.ContentDate.End),
            options=options,
            parameters=workflow.departures(options),
            priority=self.Priority,
            listener=Listener(urls=urls, login=self._login()),
        )

    def _login(self) -> Login | None:
        user, password = self.NotificationEpUsername, self.NotificationEpPassword
        if user is None and password is None:
            return None
        if user is None or password is None or self.NotificationEndpoint is None:
            raise QueryError("NotificationEpUsername and NotificationEpPassword go together, with NotificationEndpoint")
        try:
            return Login(user, password)
        except NoticeError as error:
            raise QueryError(f"NotificationEpUsername, NotificationEpPassword: {error}") from None


def interval(start: Any, stop: Any) -> Interval:
    """A time of sensing; `QueryError` when it ends before it begins."""
    if stop < start:
        raise QueryError("the time ends before it begins")
    return Interval(start, stop)


def read(model: type[Model], body: bytes) -> Model:
    """A body by its model; `QueryError` that names the property and what is wrong, never a value."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = "/".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise QueryError(f"{where}: there is no such property to give") from None
        told = first["msg"].removeprefix("Value error, ")
        raise QueryError(f"{where}: {told}" if where else f"the body is no JSON object: {told}") from None
