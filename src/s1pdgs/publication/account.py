"""The whole account of a data take: what was planned and is expected of it, how that was delivered, and its packets."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue import telling
from s1pdgs.catalogue.datatakes import DataTakeAccount, account_numbered
from s1pdgs.publication.figures import Delivery, deliveries
from s1pdgs.publication.figures_text import delivery_text
from s1pdgs.triggers.expectations import text as expectation_text
from s1pdgs.triggers.expectations.fates import Expectations, Expected
from s1pdgs.triggers.expectations.text import Remark


def as_json(connection: sa.Connection, account: Expectations, now: datetime) -> dict[str, Any]:
    """The account as JSON values; what a report tells of packets and receptions is there where one does."""
    told = expectation_text.as_json(account, remarks(deliveries(connection, account.expected, now), now))
    report = report_of(connection, account)
    return told if report is None else {**telling.as_json(report), **told}


def as_lines(connection: sa.Connection, account: Expectations, now: datetime) -> Iterator[str]:
    """The account for people."""
    yield from expectation_text.as_lines(account, remarks(deliveries(connection, account.expected, now), now))
    report = report_of(connection, account)
    if report is not None:
        yield ""
        yield from telling.as_lines(report)


def report_of(connection: sa.Connection, account: Expectations) -> DataTakeAccount | None:
    """What a report tells of a data take; None while none does."""
    brief = account.take.account
    return None if brief is None else account_numbered(connection, brief.number)


def remarks(told: Mapping[str, Delivery], now: datetime) -> Remark:
    """What is told of the delivery of expected products."""

    def remark(each: Expected) -> str:
        delivery = None if each.made is None else told.get(each.made.name)
        return "" if delivery is None else delivery_text(delivery, now)

    return remark
