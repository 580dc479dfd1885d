"""A connection of pg8000 on which each statement is one journey to the server.

pg8000 (1.31) waits three times at each statement with parameters, and once more at the first of a transaction. Here a
statement goes out whole, behind those that only prepare for it.
"""

from collections.abc import Sequence
from typing import Any

from pg8000 import core, legacy
from pg8000.converters import make_params

_BEGIN = "begin transaction"
_OPEN = {core.IN_TRANSACTION, core.IN_FAILED_TRANSACTION}
_BUFFER_BYTES = 1 << 18  # with pg8000's 8 kB a large answer comes in many reads


class Connection(legacy.Connection):  # type: ignore[misc]  # pg8000 has no types
    """A connection that waits once for the answer to a statement; `ahead` are those that go out with the next."""

    def __init__(self, *words: Any, **options: Any) -> None:
        self.ahead: list[str] = []
        super().__init__(*words, **options)
        self._sock: Any
        self._sock.close()
        self._sock = self._usock.makefile("rwb", _BUFFER_BYTES)

    @property
    def _in_transaction(self) -> bool:
        return bool(self.ahead) or self._transaction_status in _OPEN

    def ping(self) -> None:
        """Hear from the server outside any transaction; raises `InterfaceError` or `OSError` when it is gone."""
        super().execute_simple("")

    def rollback(self) -> None:
        if self.ahead:
            self.ahead.clear()
            if self._transaction_status not in _OPEN:
                return
        super().rollback()

    def execute_simple(self, statement: str) -> Any:
        if statement == _BEGIN:
            self.ahead.append(statement)
            return core.Context(statement)
        context = core.Context(statement)
        said = statement.encode(self._client_encoding) + b"\0"
        ahead = self._send_ahead()
        self._send_message(core.QUERY, said)
        return self._answered([*ahead, context])

    def execute_unnamed(
        self, statement: str, vals: Sequence[Any] = (), oids: Sequence[int] = (), stream: Any = None
    ) -> Any:
        context = core.Context(statement, stream=stream)
        types = b"".join(core.i_pack(max(oid, 0)) for oid in oids)
        parsed = b"\0" + statement.encode(self._client_encoding) + b"\0" + core.H_pack(len(oids)) + types
        bound = self._bound(make_params(self.py_types, vals))  # what cannot be encoded fails here, before a word is out
        ahead = self._send_ahead()
        self._send_message(core.PARSE, parsed)
        self._send_message(core.DESCRIBE, core.STATEMENT + b"\0")
        self._send_message(core.BIND, bound)
        self._sock.write(core.EXECUTE_MSG)
        self._sock.write(core.SYNC_MSG)
        return self._answered([*ahead, context])

    def _bound(self, values: Sequence[str | None]) -> bytes:
        """The unnamed statement with its values as texts, as is the answer."""
        parts = [b"\0\0", core.H_pack(0), core.H_pack(len(values))]
        for value in values:
            encoded = None if value is None else value.encode(self._client_encoding)
            parts += [core.i_pack(-1)] if encoded is None else [core.i_pack(len(encoded)), encoded]
        return b"".join((*parts, core.H_pack(0)))

    def _send_ahead(self) -> list[Any]:
        """Put out what waits, as one statement each: they end like those that are waited for."""
        if self._sock is None:
            raise core.InterfaceError("connection is closed")
        statements, self.ahead = self.ahead, []
        for statement in statements:
            self.send_QUERY(statement)
        return [core.Context(statement) for statement in statements]

    def _answered(self, contexts: Sequence[Any]) -> Any:
        """The last context, all of them answered; raises what was wrong first."""
        self._sock.flush()
        errors = []
        for context in contexts:
            try:
                self.handle_messages(context)
            except core.DatabaseError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return contexts[-1]
