"""The execution of a process, as a demand."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.on_demand.asked import PRIORITY, Demand, Listener, interval
from s1pdgs.publication.on_demand.fates import Status
from s1pdgs.publication.on_demand.workflows import PRODUCT_ORDER, Workflow
from s1pdgs.triggers.wanted.asked import Time

_OF_OURS = ("product", "start", "stop", "priority")
_OF_PRODUCT_ORDER = ("product", "priority")
_TIME: TypeAdapter[Any] = TypeAdapter(Time)
_Address = Annotated[str | None, Field(max_length=2000)]


class Subscriber(BaseModel):
    """Who is told of the states of a job."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    success: _Address = Field(None, alias="successUri")
    in_progress: _Address = Field(None, alias="inProgressUri")
    failed: _Address = Field(None, alias="failedUri")


class Execute(BaseModel):
    """The body of an execution."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, Any] = {}
    outputs: dict[str, dict[str, Any]] = {}
    response: Literal["raw", "document"] = "document"
    subscriber: Subscriber | None = None

    def demand(self, workflow: Workflow, base: str) -> Demand:
        """What is ordered at an address. Raises `QueryError`."""
        self._check_outputs()
        inputs = {name: _value(name, given) for name, given in self.inputs.items()}
        start, stop = (_time(name, inputs.get(name)) for name in ("start", "stop"))
        if (start is None) != (stop is None):
            raise QueryError("inputs: start and stop go together")
        ours = _OF_PRODUCT_ORDER if workflow is PRODUCT_ORDER else _OF_OURS
        known = {*ours, *(option.name for option in workflow.options)}
        if unknown := sorted(set(inputs) - known):
            raise QueryError(f"inputs: there is no {unknown[0][:100]!r}; the process has {', '.join(sorted(known))}")
        if workflow is PRODUCT_ORDER and "product" not in inputs:
            raise QueryError("inputs: product is missing; it names the product that is ordered")
        options = workflow.chosen((name, value) for name, value in inputs.items() if name not in _OF_OURS)
        return Demand(
            workflow=workflow,
            reference=_product(inputs.get("product")),
            time=None if start is None else interval(start, stop),
            options=options,
            parameters=workflow.departures(options),
            priority=_priority(inputs.get("priority", PRIORITY)),
            listener=self._listener(base),
        )

    def _check_outputs(self) -> None:
        for name, output in self.outputs.items():
            if name != "product":
                raise QueryError(f"outputs: there is no {name[:100]!r}; the process has product")
            if output.get("transmissionMode", "reference") != "reference":
                raise QueryError("outputs: product is given by reference only")

    def _listener(self, base: str) -> Listener:
        told = self.subscriber or Subscriber.model_validate({})
        urls = {
            Status.IN_PROGRESS: told.in_progress,
            Status.COMPLETED: told.success,
            Status.FAILED: told.failed,
            Status.CANCELLED: told.failed,
        }
        found = {str(status): url for status, url in urls.items() if url is not None}
        return Listener("ogc", found, base, raw=self.response == "raw")


def _value(name: str, given: Any) -> Any:
    """An input, told as it is or as a qualified value."""
    if isinstance(given, dict):
        if set(given) - {"value", "mediaType", "encoding", "schema"} or "value" not in given:
            raise QueryError(f"inputs: {name[:100]} is to be a value, not a link or another object")
        given = given["value"]
    if not isinstance(given, str | int | float | bool):
        raise QueryError(f"inputs: {name[:100]} is to be one text or number")
    return given


def _product(given: Any) -> str | None:
    if given is not None and not (isinstance(given, str) and 0 < len(given) <= 200):
        raise QueryError("inputs: product is to be the name of a product")
    return given


def _time(name: str, given: Any) -> Any:
    if given is None:
        return None
    try:
        return _TIME.validate_python(given)
    except ValidationError:
        raise QueryError(f"inputs: {name} is no time; write it like 2026-01-05T08:00:00Z") from None


def _priority(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 100:
        raise QueryError("inputs: priority is to be a whole number from 1 to 100")
    return given
