"""When each file of a pass becomes visible: as the antenna fills it, faster by a factor."""

from datetime import datetime, timedelta

from attrs import frozen

from s1pdgs.simulator.station.content import Block, PassSession, StationContent


@frozen
class Timeline:
    """Publication times: passes follow each other as their downlinks did, from `start` on, `speedup` times faster.

    A delivery that was offered later begins when it was offered; each is announced its `delay_s` after the beginning.

    Block k of a channel of n appears k/n of the downlink after its pass began, or k times `interval_s` when given.
    Times are whole milliseconds, as stations write them.
    """

    start: datetime
    speedup: float = 1.0
    interval_s: float | None = None
    first_downlink: datetime | None = None

    @classmethod
    def of(cls, content: StationContent, start: datetime, speedup: float, interval_s: float | None) -> "Timeline":
        first = min((session.downlink_start for session in content.sessions), default=None)
        return cls(start, speedup, interval_s, first)

    def session(self, session: PassSession) -> datetime:
        """When a session is announced."""
        if session.offered is not None:
            return self._after(session.offered, session.delay_s)
        elapsed = session.downlink_start - (self.first_downlink or session.downlink_start)
        return self._after(self.start, elapsed.total_seconds() + session.delay_s)

    def block(self, session: PassSession, block: Block) -> datetime:
        """When a block is announced."""
        numbers = sorted(other.number for other in session.blocks if other.channel == block.channel)
        interval_s = self.interval_s
        if interval_s is None:
            interval_s = (session.downlink_stop - session.downlink_start).total_seconds() / len(numbers)
        return self._after(self.session(session), (numbers.index(block.number) + 1) * interval_s)

    def delivered(self, session: PassSession) -> datetime:
        """When the last block of a session is announced, and its QualityInfo."""
        return max((self.block(session, block) for block in session.blocks), default=self.session(session))

    def _after(self, moment: datetime, seconds: float) -> datetime:
        later = moment + timedelta(seconds=seconds / self.speedup)
        return later.replace(microsecond=later.microsecond // 1000 * 1000)
