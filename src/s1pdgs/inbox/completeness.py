"""When a session is complete: of each channel, every block up to the final one is stored."""

from collections.abc import Iterable
from itertools import groupby, islice

from attrs import frozen

_LISTED = 5


@frozen
class BlockState:
    """What is known of one block of a channel; `trouble` says why it is not stored and will not be soon."""

    channel: int
    number: int
    final: bool
    stored: bool
    trouble: str | None = None


@frozen
class Completeness:
    """Whether a session is complete, and what it waits for when it is not."""

    complete: bool
    reason: str = ""


def assess(expected_channels: int, blocks: Iterable[BlockState]) -> Completeness:
    """Judge a session by the blocks announced and stored, in whatever order they came.

    Blocks count from 1, or from 0 where the station has a block 0. Every channel that is seen must be complete, and
    at least `expected_channels` of them (the station's NumChannels) must be seen.
    """
    ordered = sorted(blocks, key=lambda block: (block.channel, block.number))
    channels = {channel: list(members) for channel, members in groupby(ordered, key=lambda block: block.channel)}
    reasons = [reason for channel, members in channels.items() if (reason := _lack(channel, members)) is not None]
    if len(channels) < expected_channels:
        seen = ", ".join(str(channel) for channel in channels) or "none"
        reasons.append(f"{len(channels)} of {expected_channels} channels seen ({seen})")
    return Completeness(complete=not reasons and bool(channels), reason="; ".join(reasons))


def _lack(channel: int, blocks: list[BlockState]) -> str | None:
    """What one channel lacks; None when it is complete."""
    stored = {block.number for block in blocks if block.stored}
    final = max((block.number for block in blocks if block.final), default=None)
    last = max(block.number for block in blocks) if final is None else final
    troubles = {block.number: block.trouble for block in blocks if block.trouble and block.number not in stored}
    first = min(1, blocks[0].number)
    missing = last + 1 - first - sum(first <= number <= last for number in stored)
    reasons = []
    if missing > 0:  # a station may write any number: never count up to it
        gone = (number for number in range(first, last + 1) if number not in stored)
        listed = ", ".join(str(number) for number in islice(gone, _LISTED))
        more = f" and {missing - _LISTED} more" if missing > _LISTED else ""
        total = "" if final is None else f" of {final}"
        reasons.append(f"channel {channel}: block {listed}{more}{total} not stored")
        reasons += [
            f"block {number} is in quarantine ({why})" for number, why in sorted(troubles.items()) if number <= last
        ]
    if final is None:
        reasons.append(f"channel {channel}: final block not announced (last block seen is {last})")
    return "; ".join(reasons) or None
