"""How soon a product is due."""

from datetime import timedelta
from enum import StrEnum


class Timeliness(StrEnum):
    """Categories of delivery, most urgent first (coprs.md section 5.4)."""

    PT = "PT"
    NRT = "NRT"
    FAST24 = "FAST24"
    NTC = "NTC"

    @property
    def priority(self) -> int:
        """Higher runs first."""
        return {Timeliness.PT: 40, Timeliness.NRT: 30, Timeliness.FAST24: 20, Timeliness.NTC: 10}[self]

    @property
    def due_after(self) -> timedelta:
        """Time allowed from t0 to publication."""
        return {
            Timeliness.PT: timedelta(hours=3),
            Timeliness.NRT: timedelta(hours=3),
            Timeliness.FAST24: timedelta(hours=24),
            Timeliness.NTC: timedelta(days=7),
        }[self]


REPROCESSING = "Reprocessing"
"""What products of a campaign tell as their timeliness; their jobs are NTC."""

PACKET_STORE_TIMELINESS = {
    "Emergency": Timeliness.PT,
    "PassThrough": Timeliness.PT,
    "NRT": Timeliness.NRT,
    "HKTM": Timeliness.NRT,
    "GPS": Timeliness.NRT,
    "Standard": Timeliness.FAST24,
    "RFC": Timeliness.FAST24,
    "WV": Timeliness.FAST24,
    "Filler": Timeliness.FAST24,
    "Spare": Timeliness.FAST24,
}


def most_urgent(categories: list[Timeliness]) -> Timeliness:
    """The category with the highest priority; FAST24 of none."""
    return max(categories, key=lambda category: category.priority, default=Timeliness.FAST24)


def of_packet_store(identifier: int) -> Timeliness:
    """The category of an on-board packet store by the mission's numbering; ValueError for an unknown store."""
    for last, kind in ((1, "Emergency"), (5, "RFC"), (18, "NRT"), (20, "WV"), (36, "Standard"), (44, "PassThrough"),
                       (48, "HKTM"), (49, "GPS"), (50, "Filler")):  # fmt: skip
        if 0 <= identifier <= last:
            return PACKET_STORE_TIMELINESS[kind]
    raise ValueError(f"packet store {identifier} does not exist; stores are numbered 0 to 50")
