"""The dialect of PostgreSQL, by pg8000, that knows every way in which a connection ends.

pg8000 (1.31) tells most of them as an `InterfaceError`, but a connection that was reset before its next read as a bare
`OSError`. SQLAlchemy would take that for anything but a lost connection: dead ones would stay in the pool after a
restart of the server, and callers who try again after an error of the database would not.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

DRIVER = "postgresql+s1pdgs"


class Dialect(PGDialect_pg8000):
    """Every `OSError` of the connection is the `InterfaceError` that pg8000 itself raises for a broken one."""

    supports_statement_cache = True

    def connect(self, *words: Any, **options: Any) -> Any:
        with self._heard():
            return super().connect(*words, **options)

    def do_ping(self, dbapi_connection: Any) -> bool:
        with self._heard():
            return super().do_ping(dbapi_connection)

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
