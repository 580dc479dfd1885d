"""A span of time."""

from datetime import datetime, timedelta

from attrs import field, frozen


@frozen(order=True)
class Interval:
    """A span of UTC time from `start` to `stop`, both included; `stop` is not before `start`."""

    start: datetime
    stop: datetime = field()

    @stop.validator
    def _stop_not_before_start(self, _attribute: object, stop: datetime) -> None:
        if stop < self.start:
            raise ValueError(f"interval stops at {stop.isoformat()}, before its start {self.start.isoformat()}")

    @property
    def duration(self) -> timedelta:
        return self.stop - self.start

    @property
    def centre(self) -> datetime:
        return self.start + self.duration / 2

    def covers(self, other: "Interval") -> bool:
        return self.start <= other.start and self.stop >= other.stop

    def intersects(self, other: "Interval") -> bool:
        """True when the open spans share time: touching ends do not count."""
        return self.start < other.stop and self.stop > other.start

    def widened(self, before: timedelta, after: timedelta) -> "Interval":
        return Interval(self.start - before, self.stop + after)
