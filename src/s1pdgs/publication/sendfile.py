"""Files over HTTP that the kernel copies from the disk to the network, past this process.

uvicorn has no way for that. The ASGI extension "zero copy send" is one: here a protocol for uvicorn that offers it, and
an answer that uses it where it is offered.
"""

import asyncio
import os
import select
from typing import Any, BinaryIO

import h11
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

ZERO_COPY = "http.response.zerocopysend"
_CHUNK_BYTES = 1024 * 1024
_SLICE_BYTES = 4 * _CHUNK_BYTES
_TURN_BYTES = 64 * _CHUNK_BYTES  # then others have their turn
_MOMENT_S = 0.005
_log = structlog.get_logger(__name__)


class SentFile(Response):
    """The bytes of an open file, from and up to; it closes the file."""

    def __init__(
        self, file: BinaryIO, span: tuple[int, int], status: int, headers: dict[str, str], media_type: str
    ) -> None:
        start, stop = span
        super().__init__(None, status, {**headers, "Content-Length": str(stop - start)}, media_type)
        self._file, self._start, self._count = file, start, stop - start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  as ASGI calls it
        with self._file as file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if ZERO_COPY in scope.get("extensions", {}):
                await send({"type": ZERO_COPY, "file": file, "offset": self._start, "count": self._count})
            else:
                await self._copy(file, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _copy(self, file: BinaryIO, send: Send) -> None:
        file.seek(self._start)
        left = self._count
        while left and (chunk := await run_in_threadpool(file.read, min(left, _CHUNK_BYTES))):
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


class SendfileProtocol(H11Protocol):
    """HTTP/1.1 that offers zero copy send. The size of such an answer is to be told by its Content-Length."""

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self.app = self._offering(self.app)

    def _offering(self, app: ASGIApp) -> ASGIApp:
        async def offered(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            cycle = self.cycle

            async def sending(message: Message) -> None:
                if message["type"] == ZERO_COPY:
                    await _send_file(cycle, message)
                else:
                    await send(message)

            await app({**scope, "extensions": {**scope.get("extensions", {}), ZERO_COPY: {}}}, receive, sending)

        return offered


class _Counted:
    """Stands for bytes that h11 counts and never sees."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count


async def _send_file(cycle: RequestResponseCycle, message: Message) -> None:
    """A client that leaves ends it; so does a file that turns out shorter, and then the client must not take it for
    whole.
    """
    if cycle.disconnected:
        return
    count = message["count"]
    cycle.conn.send_with_data_passthrough(h11.Data(data=_Counted(count)))  # type: ignore[arg-type]
    while cycle.transport.get_write_buffer_size():  # noqa: ASYNC110  the head goes first, and asyncio does not tell when
        await asyncio.sleep(_MOMENT_S)
    try:
        sent = await _send(cycle.transport, message["file"], message["offset"], count)
    except OSError:
        sent = count
        cycle.disconnected = True
    if sent != count:
        _log.error("file cut short", sent=sent, announced=count, file=str(message["file"].name))
        cycle.disconnected = True
    if cycle.disconnected:
        cycle.transport.abort()


async def _send(transport: asyncio.Transport, file: BinaryIO, offset: int, count: int) -> int:
    """Bytes that went. Threads copy, because a disk may let them wait; nobody waits in one for a slow client."""
    loop, sent = asyncio.get_running_loop(), 0
    connection = os.dup(transport.get_extra_info("socket").fileno())  # asyncio watches its own for nobody else
    try:
        while sent < count:
            went = await loop.run_in_executor(None, _push, connection, file.fileno(), offset + sent, count - sent)
            if went == 0:
                break
            sent += max(went, 0)
            if sent < count:
                await _writable(loop, connection)
    finally:
        os.close(connection)
    return sent


def _push(connection: int, file: int, offset: int, count: int) -> int:
    """Send until the client is too slow for a moment; how much, 0 at the end of the file, -1 for nothing yet."""
    sent = 0
    waiting = select.poll()
    waiting.register(connection, select.POLLOUT)
    while sent < count:
        try:
            went = os.sendfile(connection, file, offset + sent, min(count - sent, _SLICE_BYTES))
        except BlockingIOError:
            if sent >= _TURN_BYTES or not waiting.poll(1e3 * _MOMENT_S):
                return sent or -1
            continue
        if went == 0:
            break
        sent += went
    return sent


async def _writable(loop: asyncio.AbstractEventLoop, connection: int) -> None:
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(connection)
