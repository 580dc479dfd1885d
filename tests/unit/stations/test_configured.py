"""What settings say of a source is what its requests do: profile, certificates of an own authority, proxies."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from s1pdgs.ground import station_profile
from s1pdgs.settings import Settings, SettingsError, load_settings
from s1pdgs.stations.errors import StationUnreachable
from s1pdgs.stations.http import open_http
from s1pdgs.stations.profile import Credentials, Integrity, Profile

SOURCE = """
[[sources]]
name = "svalbard"
kind = "auxip"
url = "https://station.example/odata/v1/"
"""


def profile_of(folder: Path, *lines: str, url: str | None = None) -> Profile:
    path = folder / "s1pdgs.toml"
    text = SOURCE if url is None else SOURCE.replace("https://station.example/odata/v1/", url)
    path.write_text("\n".join([text, *lines]))
    settings: Settings = load_settings(path, {})
    return station_profile(settings.sources[0], settings)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that only itself vouches for: `own.pem` with its `own.key`."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl program here to make a certificate with")
    folder = tmp_path_factory.mktemp("authority")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=station "
        "-addext subjectAltName=IP:127.0.0.1 -keyout own.key -out own.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


class Answering(BaseHTTPRequestHandler):
    """Answers with what it was asked for."""

    def do_GET(self) -> None:
        body = b'{"value": []}'
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as opened:
        opened.asked = []  # type: ignore[attr-defined]
        worker = threading.Thread(target=opened.serve_forever, args=(0.01,))
        worker.start()
        yield opened
        opened.shutdown()
        worker.join()


def test_everything_that_a_station_needs_can_be_set(tmp_path: Path, authority: Path) -> None:
    profile = profile_of(
        tmp_path,
        'token_url = "https://station.example/token"',
        'client_id = "us"',
        'client_secret = "hush"',
        'scope = "openid"',
        'token_header = "OAUTH2-ACCESS-TOKEN"',
        'trusted_hosts = ["files.station.example"]',
        f"ca_file = '{authority / 'own.pem'}'",
        "timeout_s = 7",
        "start = 2026-01-05T00:00:00Z",
        "match = '.*_AUX_.*'",
        'integrity = "warn"',
        "publication_filter = false",
        "asks_count = false",
    )
    assert profile == Profile(
        "svalbard", "auxip", "https://station.example/odata/v1", trusted_hosts=["files.station.example"], timeout_s=7.0,
        credentials=Credentials(
            "https://station.example/token", client_id="us", client_secret="hush", scope="openid",
            header="OAUTH2-ACCESS-TOKEN",
        ),
        ca_file=authority / "own.pem", start=datetime(2026, 1, 5, tzinfo=UTC), match=".*_AUX_.*",
        integrity=Integrity.WARN, publication_filter=False, asks_count=False, give_up_after_s=profile.give_up_after_s,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("match = '['", "sources.0.match: .*not a regular expression"),
        ("ca_file = 'nowhere.pem'", "sources.0.ca_file: .*does not point to a file"),
        ("start = 2026-01-05T00:00:00", "sources.0.start: .*timezone"),
        ("integrity = 'lax'", "sources.0.integrity: .*'strict', 'warn' or 'off'"),
    ],
)
def test_what_a_station_cannot_be_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        profile_of(tmp_path, line)


def test_a_certificate_of_an_own_authority_is_verified(
    tmp_path: Path, authority: Path, server: ThreadingHTTPServer, clock: Any
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "own.pem", authority / "own.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://127.0.0.1:{server.server_address[1]}"
    known = open_http(profile_of(tmp_path, f"ca_file = '{authority / 'own.pem'}'", url=url), clock)
    assert known.get_json(f"{url}/Products") == {"value": []}
    known.client.close()
    stranger = open_http(profile_of(tmp_path, url=url), clock)
    with pytest.raises(StationUnreachable, match="certificate verify failed"), stranger.open(f"{url}/Products"):
        pass
    stranger.client.close()


def test_requests_go_by_the_proxy_of_the_environment(
    tmp_path: Path, server: ThreadingHTTPServer, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_address[1]}")
    http = open_http(profile_of(tmp_path, url="http://station.example/odata/v1"), clock)
    assert http.get_json("http://station.example/odata/v1/Products") == {"value": []}
    assert server.asked == ["http://station.example/odata/v1/Products"]  # type: ignore[attr-defined]
    http.client.close()
