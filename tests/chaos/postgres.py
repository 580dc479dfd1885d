"""A PostgreSQL of its own, which may be restarted without asking anybody."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from s1pdgs.storage.database import DatabaseError, open_postgres


class NoPostgres(RuntimeError):  # noqa: N818
    """PostgreSQL is not installed here; the message says how to get it."""


@frozen
class OwnPostgres:
    """A cluster in a folder of its own, on loopback."""

    folder: Path
    binaries: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://s1pdgs@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        options += " -c fsync=off -c max_connections=300"  # the machine itself does not fail
        self.call("pg_ctl", "start", "-w", "-t", "60", "-s", "-l", str(self.folder / "log"), "-o", options)

    def crash(self) -> None:
        """End all its processes at once, with no clean shutdown: the next start recovers from the log of changes."""
        self.call("pg_ctl", "stop", "-m", "immediate", "-w", "-s")

    def call(self, program: str, *words: str) -> None:
        """Run one of its programs on its data, as a user that it accepts."""
        command = [str(self.binaries / program), "-D", str(self.folder / "data"), *words]
        user = "postgres" if os.getuid() == 0 else None
        group = None if user is None else pwd.getpwnam(user).pw_gid
        done = subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=self.folder,
            user=user, group=group,
        )  # fmt: skip
        if done.returncode:
            raise NoPostgres(f"{' '.join(command)}: {done.stderr.strip()}")


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A new cluster, which is gone at the end of the block. Raises `NoPostgres`."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not found:
        raise NoPostgres("no PostgreSQL below /usr/lib/postgresql; scripts/services installs one")
    folder = Path(tempfile.mkdtemp(prefix="s1pdgs-chaos-", dir="/var/tmp"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    cluster = OwnPostgres(folder, found[-1], free_port())
    try:
        cluster.call("initdb", "-U", "s1pdgs", "-A", "trust", "--locale=C", "-E", "UTF8", "--no-sync")
        cluster.start()
        try:
            open_postgres(cluster.url).close()
            yield cluster
        finally:
            cluster.crash()
    except DatabaseError as error:
        raise NoPostgres(str(error)) from error
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
