"""What an order waits for."""

from datetime import datetime

from attrs import frozen

from s1pdgs.model.interval import Interval
from s1pdgs.model.time import FAR_FUTURE, UNIX_EPOCH

ANY_TIME = Interval(UNIX_EPOCH, FAR_FUTURE)


@frozen
class Need:
    """An open need: what kind of product within which time would meet it.

    `types` are task-table types, most wanted first. `until` is when the order goes on without it, None when it must
    have it. `detail` tells further conditions.
    """

    input: str
    types: tuple[str, ...]
    window: Interval
    until: datetime | None = None
    detail: str = ""

    @property
    def mandatory(self) -> bool:
        return self.until is None

    def __str__(self) -> str:
        """What would meet the need, in words."""
        kinds = self.types[0] if len(self.types) == 1 else f"{', '.join(self.types[:-1])} or {self.types[-1]}"
        time = (
            ""
            if self.window == ANY_TIME
            else f" covering {clock_time(self.window.start)} to {clock_time(self.window.stop)}"
        )
        told = f"{kinds}{time}" + (f", {self.detail}" if self.detail else "")
        return told if self.until is None else f"{told} (goes on without it at {clock_time(self.until)})"


def clock_time(moment: datetime) -> str:
    """A time as operators read it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
