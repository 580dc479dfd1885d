"""What an upgrade of the database does and how far it is: operators end what is silent for minutes."""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
import structlog
from attrs import define

TELL_EVERY_S = 10.0
_PROGRESS = "s1pdgs.upgrade"
_PART = 50_000
_NUMBERS = re.compile(r"\bBETWEEN \d+ AND \d+")
_SHOWN = 80
_SHARE = """
SELECT CASE WHEN tuples_total > 0 THEN tuples_done::float8 / tuples_total
 WHEN blocks_total > 0 THEN blocks_done::float8 / blocks_total END FROM pg_stat_progress_create_index WHERE pid = {}"""
log = structlog.get_logger(__name__)


@define
class Progress:
    """The step that an upgrade is in, the statement that it waits for, since when, and the share of it that is done."""

    step: str
    doing: str = ""
    since_s: float = 0.0
    share: float | None = None

    def begin(self, statement: str) -> None:
        """A statement begins; another part of the same one is no news."""
        doing = " ".join(_NUMBERS.sub("", statement).split())[:_SHOWN]
        if doing != self.doing:
            self.doing, self.since_s, self.share = doing, time.monotonic(), None

    def ended(self, step: str) -> None:
        """A step has ended, and the next one begins."""
        log.info("step of the upgrade ended", step=step)
        self.step = f"{int(step) + 1:04}"

    def tell(self) -> None:
        share = {} if self.share is None else {"done": f"{100 * self.share:.0f} %"}
        took = f"{time.monotonic() - self.since_s:.0f} s"
        log.info("the upgrade goes on", step=self.step, doing=self.doing, since=took, **share)


@contextmanager
def told(engine: sa.Engine, connection: sa.Connection, before: str, after: str) -> Iterator[Progress]:
    """The upgrade that runs on a connection is told from its begin to its end, and every few seconds between."""
    progress, over = Progress(f"{int(before) + 1:04}"), threading.Event()
    begun_s = time.monotonic()
    log.info("upgrade of the database begins; when it is ended early it begins again", before=before, after=after)
    connection.info[_PROGRESS] = progress

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        progress.begin(statement)

    sa.event.listen(connection, "before_cursor_execute", note)
    teller = threading.Thread(target=_tell, args=(engine, _backend(connection), progress, over), daemon=True)
    teller.start()
    try:
        yield progress
    finally:
        over.set()
        teller.join()
        sa.event.remove(connection, "before_cursor_execute", note)
        del connection.info[_PROGRESS]
    log.info("upgrade of the database ended", after=after, took=f"{time.monotonic() - begun_s:.0f} s")


def _backend(connection: sa.Connection) -> int | None:
    """The number by which PostgreSQL tells of the connection."""
    if connection.dialect.name == "sqlite":
        return None
    number: int = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    return number


def _tell(engine: sa.Engine, backend: int | None, progress: Progress, over: threading.Event) -> None:
    while not over.wait(TELL_EVERY_S):
        if backend is not None and progress.doing.startswith("CREATE"):
            with suppress(sa.exc.DBAPIError):  # it tells the upgrade itself, too
                progress.share = share_of_index(engine, backend)
        progress.tell()


def share_of_index(engine: sa.Engine, backend: int) -> float | None:
    """How far PostgreSQL is with the index that a connection makes, by its own count; None when it makes none."""
    with engine.connect() as connection:
        share: float | None = connection.exec_driver_sql(_SHARE.format(backend)).scalar()
    return share


def in_parts(connection: sa.Connection, change: str, table: str, key: str) -> None:
    """Run a change of a table part by part, and note how far it is: `{part}` in it stands behind each column that has
    the key's value, so that each part is read along indexes.
    """
    first, last = connection.exec_driver_sql(f"SELECT min({key}), max({key}) FROM {table}").one()  # noqa: S608  our words
    progress: Progress | None = connection.info.get(_PROGRESS)
    for begin in range(first or 0, (last or -1) + 1, _PART):
        end = begin + _PART - 1
        connection.exec_driver_sql(change.format(part=f"BETWEEN {begin} AND {end}"))
        if progress is not None:
            progress.share = min((end + 1 - first) / (last + 1 - first), 1.0)


@contextmanager
def without_indexes(connection: sa.Connection, table: str) -> Iterator[None]:
    """While most rows of a table are written anew PostgreSQL keeps no index of it but those of constraints: all others
    are made at the end, which is many times faster. SQLite writes those only whose columns change.
    """
    made: Sequence[Any] = ()
    if connection.dialect.name != "sqlite":
        of_constraints = f"SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass"  # noqa: S608
        query = (
            f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = '{table}'"  # noqa: S608
        )
        made = connection.exec_driver_sql(f"{query} AND indexname NOT IN ({of_constraints})").all()
    for name, _ in made:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    yield
    for _, definition in made:
        connection.exec_driver_sql(definition)
