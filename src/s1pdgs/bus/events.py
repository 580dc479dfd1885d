"""What can happen. Each event is a frozen value whose fields are JSON; its class name is its type on every bus."""

from typing import Any, Protocol

from attrs import asdict, frozen


class Event(Protocol):
    """News of a fact that is already in the database."""

    @property
    def key(self) -> str:
        """Events of one key are delivered in order."""


@frozen
class FileArrived:
    """A file of a session is stored and verified."""

    session: str
    file: str

    @property
    def key(self) -> str:
        return self.session


@frozen
class SessionComplete:
    """Every block of every channel of a session has arrived; the session is in the catalogue as `product`."""

    session: str
    product: str

    @property
    def key(self) -> str:
        return self.session


@frozen
class ProductCatalogued:
    """A product entered the catalogue."""

    product: str
    type: str

    @property
    def key(self) -> str:
        return self.product


@frozen
class OrderReady:
    """All needs of an order are met; `job` exists."""

    order: int
    job: int

    @property
    def key(self) -> str:
        return f"order-{self.order}"


@frozen
class JobStarted:
    job: int
    fence: int

    @property
    def key(self) -> str:
        return f"job-{self.job}"


@frozen
class JobFinished:
    job: int
    fence: int
    products: list[str]

    @property
    def key(self) -> str:
        return f"job-{self.job}"


@frozen
class JobParked:
    """A job used up its attempts, or met an error that a repetition cannot mend; an operator decides."""

    job: int
    fence: int
    reason: str

    @property
    def key(self) -> str:
        return f"job-{self.job}"


@frozen
class JobDropped:
    """An operator gave a job up."""

    job: int
    reason: str

    @property
    def key(self) -> str:
        return f"job-{self.job}"


@frozen
class FileQuarantined:
    """A received file failed its checks and was set aside with a reason."""

    source: str
    file: str
    reason: str

    @property
    def key(self) -> str:
        return self.file


@frozen
class ProductPublished:
    """A product can be downloaded by users."""

    product: str

    @property
    def key(self) -> str:
        return self.product


@frozen
class ProductEvicted:
    """A product cannot be had any more unless it is ordered: its zip went, or its files when it was not published."""

    product: str

    @property
    def key(self) -> str:
        return self.product


@frozen
class FilesEvicted:
    """The files of a published product went: it is no input any more; its zip has a life of its own."""

    product: str

    @property
    def key(self) -> str:
        return self.product


@frozen
class ProductRestored:
    """The zip and the files of a product are here again."""

    product: str

    @property
    def key(self) -> str:
        return self.product


AnyEvent = (
    FileArrived
    | FileQuarantined
    | SessionComplete
    | ProductCatalogued
    | OrderReady
    | JobStarted
    | JobFinished
    | JobParked
    | JobDropped
    | ProductPublished
    | ProductEvicted
    | FilesEvicted
    | ProductRestored
)

_TYPES: dict[str, Any] = {kind.__name__: kind for kind in AnyEvent.__args__}


def type_name(event: AnyEvent) -> str:
    """The event's type on the bus."""
    return type(event).__name__


def to_payload(event: AnyEvent) -> dict[str, Any]:
    """The event's fields as JSON values."""
    return asdict(event)


def from_payload(name: str, payload: dict[str, Any]) -> AnyEvent:
    """The event of a type name and its fields; KeyError for an unknown type."""
    event: AnyEvent = _TYPES[name](**payload)
    return event
