"""A partner's server that is told of things by HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Taken = Callable[[str, dict[str, Any]], bool]


@contextmanager
def receiver(take: Taken) -> Iterator[str]:
    """A server whose POSTs are shown to `take`, by path and JSON body, before they are answered: 204 when it says so,
    else the connection is closed without an answer. Its address.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not take(self.path, body):
                self.close_connection = True
                return
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
