"""The accounts of receptions and data takes: of plans, and of the reports that the Level-0 processors make."""

import tempfile
from pathlib import Path

import sqlalchemy as sa
import structlog

from s1pdgs.bus.events import AnyEvent, ProductCatalogued
from s1pdgs.bus.outbox import Subscriber
from s1pdgs.catalogue import datatakes, plans, receptions
from s1pdgs.catalogue.query import Held, find
from s1pdgs.formats.acquisition_plan import TYPE as PLAN
from s1pdgs.formats.acquisition_reader import read_plan
from s1pdgs.formats.l0.acquisition_report import read_acquisition_report
from s1pdgs.formats.l0.datatake_report import read_datatake_report
from s1pdgs.formats.xml import FormatError
from s1pdgs.storage.objects import ObjectStore, StorageError, fetch_file

SUBSCRIBER = "accounts"
_DATA_TAKE, _RECEPTION = "REP_L0PSA", "REP_ACQNR"
_log = structlog.get_logger(__name__)


def subscriber(store: ObjectStore) -> Subscriber:
    """The consumer of `ProductCatalogued` that keeps the accounts. What cannot be read is told and left."""

    def handle(connection: sa.Connection, event: AnyEvent) -> None:
        assert isinstance(event, ProductCatalogued)  # noqa: S101  the only type subscribed to
        if event.type not in (_DATA_TAKE, _RECEPTION, PLAN):
            return
        held = find(connection, event.product)
        if held is None or "campaign" in held.product.attributes:
            return
        try:
            record(connection, store, held)
        except (FormatError, StorageError) as error:
            _log.error("a report is not in the accounts", report=held.name, why=str(error))

    return Subscriber(SUBSCRIBER, frozenset({ProductCatalogued.__name__}), handle)


def record(connection: sa.Connection, store: ObjectStore, held: Held) -> bool:
    """Take a report or a plan into the accounts; False when it, or a newer report, is there. Raises `FormatError` or
    `StorageError`.
    """
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        path = Path(folder) / held.name
        fetch_file(store, f"{held.product.location}/{held.product.files[0].path}", path)
        if held.product.type == PLAN:
            return plans.record(connection, read_plan(path))
        if held.product.type == _DATA_TAKE:
            return datatakes.record(connection, read_datatake_report(path), held.name, held.generation_time)
        return receptions.record(connection, read_acquisition_report(path), held.name, held.generation_time)
