"""What became of an expected product, as values."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from s1pdgs.catalogue.takes import Standing, Take
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import AttributeValue
from s1pdgs.model.timeliness import Timeliness


class State(StrEnum):
    """What became of it. What a gate refused is not counted as expected; what was removed later was made."""

    MADE = "made"
    PENDING = "pending"
    MISSING = "missing"
    REFUSED = "refused"
    EVICTED = "evicted"


class Cause(StrEnum):
    """Why a product is missing."""

    NEVER_ACQUIRED = "never acquired"
    GAP = "gap"
    EXPIRED = "order expired"
    DROPPED = "dropped"
    PARKED = "job parked"
    NOT_MADE = "not made"
    NO_ORDER = "no order"
    SUPERSEDED = "superseded"


@frozen
class Made:
    """A product that was made. `attributes` are told of measurements of Level-0 and of what chains take."""

    id: int
    name: str
    type: str
    interval: Interval
    generated: datetime
    catalogued_at: datetime
    evicted_at: datetime | None
    t0: datetime
    timeliness: Timeliness | None
    attributes: Mapping[str, AttributeValue]


@frozen
class Steps:
    """When an order and its job went on: the order was placed, got its job, began and ended."""

    ordered: datetime
    planned: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None


@frozen
class Fate:
    """A state with its reason; `cause` is told of what is missing. `inherited`: the reason is that of an input."""

    state: State
    why: str = ""
    cause: Cause | None = None
    inherited: bool = False


@frozen
class Expected:
    """A product that a chain makes of something: of a data take, or of the product or type `of`.

    `slice` is its place on the grid, 0 for the whole data take; `level` is 0, 1 or 2.
    """

    chain: str
    type: str
    of: str
    slice: int
    fate: Fate
    made: Made | None = None
    order: int | None = None
    job: int | None = None
    steps: Steps | None = None

    @property
    def level(self) -> int:
        return int(self.type[-2])

    @property
    def state(self) -> State:
        return self.fate.state


@frozen
class Place:
    """A place on the grid of slices; its time is None where it is not known yet. `product` is what a report names.
    `is_beyond`: it is planned after the last second that came.
    """

    number: int
    interval: Interval | None
    product: str | None = None
    is_reported: bool = False
    is_beyond: bool = False


@frozen
class Expectations:
    """A data take, the segments that are here, and all products expected of it: a slice and what is made of it after
    each other. `notes` tell how what came differs from what was planned.
    """

    take: Take
    standing: Standing
    segments: tuple[Made, ...]
    places: tuple[Place, ...]
    expected: tuple[Expected, ...]
    notes: tuple[str, ...]

    def counts(self) -> Counter[State]:
        """How many products are in each state."""
        return Counter(each.state for each in self.expected)
