"""The dialect of PostgreSQL, by pg8000, that knows every way in which a connection ends.

pg8000 (1.31) tells most of them as an `InterfaceError`, but a connection that was reset before its next read as a bare
`OSError`. SQLAlchemy would take that for anything but a lost connection: dead ones would stay in the pool after a
restart of the server, and callers who try again after an error of the database would not.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

DRIVER = "postgresql+s1pdgs"


def send_ahead(connection: sa.Connection, statement: str) -> None:
    """Let a statement that tells nothing (BEGIN, SET LOCAL) go out together with the next one, which fails if it does.

    Outside a transaction, the first has to begin one.
    """
    driver: Any = connection.connection.driver_connection
    driver.ahead.append(statement)


@lru_cache(maxsize=1000)
def _numbered(statement: str, style: str) -> str:
    from pg8000.dbapi import convert_paramstyle  # noqa: PLC0415

    converted: str = convert_paramstyle(style, statement, ())[0]
    return converted


def _with_numbers(style: str, statement: str, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """A statement with `$1` for its first `%s` and so on (style `format`, the only one in use). pg8000 looks for them
    letter by letter at every execution, which takes longer than all else that it does; here once for each statement.
    """
    return _numbered(statement, style), values


class Dialect(PGDialect_pg8000):
    """Every `OSError` of the connection is the `InterfaceError` that pg8000 itself raises for a broken one."""

    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        from pg8000 import legacy  # noqa: PLC0415  of an extra

        legacy.convert_paramstyle = _with_numbers
        return super().import_dbapi()

    def connect(self, *words: Any, **options: Any) -> Any:
        with self._heard():
            from s1pdgs.storage.journeys import Connection  # noqa: PLC0415  of an extra

            return Connection(*words, **options)

    def do_ping(self, dbapi_connection: Any) -> bool:
        with self._heard():
            dbapi_connection.ping()
        return True

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        with self._heard():
            super().do_execute(cursor, statement, parameters, context)

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        with self._heard():
            super().do_executemany(cursor, statement, parameters, context)

    def do_commit(self, dbapi_connection: Any) -> None:
        with self._heard():
            super().do_commit(dbapi_connection)

    def do_rollback(self, dbapi_connection: Any) -> None:
        with self._heard():
            super().do_rollback(dbapi_connection)

    def do_close(self, dbapi_connection: Any) -> None:
        """To say goodbye to a server that is gone is no error."""
        with suppress(self.loaded_dbapi.InterfaceError), self._heard():
            super().do_close(dbapi_connection)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self.loaded_dbapi.InterfaceError("network error") from error


registry.register(DRIVER.replace("+", "."), __name__, Dialect.__name__)
