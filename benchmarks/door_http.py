"""The doors over HTTP, in a process of their own: requests a second of many clients, and downloads beside nginx."""

import http.client
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.harness import PEERS, ROOT, Result, scratch
from s1pdgs.storage.database import Database

AskedFor = Callable[[random.Random], str]
"""The path of a request, another one every time."""
CLIENTS = 32
SECONDS = 5.0
DOWNLOADERS = 16
FILE_BYTES = 256 << 20
_NGINX = """daemon off; worker_processes {cores}; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{ listen 127.0.0.1:{port}; location / {{ root {folder}; }} }}
}}
"""


@contextmanager
def served(database: Database, folder: Path) -> Iterator[str]:
    """The address of the doors of a database, whose objects lie in a folder."""
    url = database.engine.url
    sqlite = database.engine.dialect.name == "sqlite"
    where = str(url.database) if sqlite else url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = [sys.executable, "-m", "benchmarks.door_server", where, str(folder)]
    server = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait()
        server.stdout.close()


def requests_a_second(address: str, path: AskedFor) -> float:
    """How many requests 32 clients together had answered, each on a connection of its own and at once again."""
    place = urlsplit(address).netloc
    end = time.perf_counter() + SECONDS

    def ask(seed: int) -> int:
        dice, client, answered = random.Random(seed), http.client.HTTPConnection(place), 0
        while time.perf_counter() < end:
            client.request("GET", path(dice))
            answer = client.getresponse()
            told = answer.read()
            assert answer.status == 200, (answer.status, told[:500])
            answered += 1
        client.close()
        return answered

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(ask, range(CLIENTS))) / SECONDS


def downloads(database: Database, identifier: str, command: str, rounds: int) -> list[Result]:
    """MB/s of one client and of 16 at a time, ours and nginx's in turns, of a file that is in memory."""
    folder = scratch() / "served"
    folder.mkdir(exist_ok=True)
    try:
        with (folder / "x").open("wb") as stream:
            for _ in range(FILE_BYTES >> 20):
                stream.write(os.urandom(1 << 20))
        with served(database, folder) as address, _nginx(folder) as peer:
            places = {"s1pdgs": f"{address}/odata/v1/Products({identifier})/$value"}
            if peer is not None:
                places["nginx"] = f"{peer}/x"
            return [_compared(places, clients, command, rounds) for clients in (1, DOWNLOADERS)]
    finally:
        shutil.rmtree(folder)


def _compared(places: dict[str, str], clients: int, command: str, rounds: int) -> Result:
    rates: dict[str, list[float]] = {name: [] for name in places}
    for _ in range(rounds + 1):
        for name, url in places.items():
            rates[name].append(_rate(url, clients))
    medians = {name: statistics.median(found[1:]) for name, found in rates.items()}
    name = f"Download, {clients} client{'s' * (clients > 1)}"
    return Result(name, medians.pop("s1pdgs"), "MB/s", command, medians)


def _rate(url: str, clients: int) -> float:
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        received = sum(pool.map(_download, [url] * clients))
    assert received >= clients * FILE_BYTES, received
    return received / 1e6 / (time.perf_counter() - begun)


def _download(url: str) -> int:
    """Read an answer to its end, by the fewest steps that Python can; how many bytes it had."""
    parts, buffer, received = urlsplit(url), bytearray(1 << 20), 0
    with socket.create_connection((str(parts.hostname), int(parts.port or 80))) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        while count := connection.recv_into(buffer):
            received += count
    return received


@contextmanager
def _nginx(folder: Path) -> Iterator[str | None]:
    program = _nginx_program()
    if program is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    user = "user root;" if os.getuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port, user=user, cores=os.cpu_count()))
    server = subprocess.Popen([program, "-p", folder, "-c", configuration])
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _nginx_program() -> Path | None:
    """nginx of this machine, or that of Debian unpacked beside the other peers; None with the reason printed."""
    found = shutil.which("nginx")
    if found is not None:
        return Path(found)
    place = PEERS / "nginx"
    program = place / "usr" / "sbin" / "nginx"
    if not program.exists():
        place.mkdir(parents=True, exist_ok=True)
        fetch = "apt-get download nginx && dpkg -x nginx_*.deb ."
        done = subprocess.run(["sh", "-c", fetch], cwd=place, check=False, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["there is no apt-get"])[-1]
            print(f"peer nginx cannot be had here, measured without it: {last}")
            return None
    return program
