"""A ground segment as real processes: started, watched through its database, killed and started again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from attrs import define, field

from s1pdgs.catalogue.tables import product, product_file
from s1pdgs.demo.standing import Standing, look
from s1pdgs.inbox.tables import received_file, session
from s1pdgs.jobs.tables import attempt, job
from s1pdgs.publication.tables import publication
from s1pdgs.roles import ROLES
from s1pdgs.simulator.station.content import read_content
from s1pdgs.simulator.station.faults import Account, Faults
from s1pdgs.simulator.station.server import RunningStation, serve
from s1pdgs.storage.database import Database, open_sqlite
from s1pdgs.storage.objects import LocalObjects, local_objects
from tests.databases import new_sqlite

LOOK_S = 0.1
PATIENCE_S = 240.0
GONE_S = 10.0


@contextmanager
def station(*folders: Path, interval_s: float = 0.05, faults: Faults | None = None) -> Iterator[RunningStation]:
    """The simulated station of some deliveries, whose pass begins now."""
    with serve(read_content(*folders), interval_s=interval_s, account=Account(), faults=faults) as running:
        yield running


def settings_text(
    data_dir: Path,
    source: RunningStation,
    settings: Mapping[str, Any],
    chains: Path | None,
    units: Sequence[str] = (),
) -> str:
    """A settings file for short journeys: short lease, short rests, quick polls; a source for each of the `units`."""
    account = Account()
    tables: dict[str, dict[str, Any]] = {
        "store": {},
        "serve": {"port": 0},
        "work": {"slots": 2, "lease_s": 5.0, "backoff_s": 0.5},
        "triggers": {} if chains is None else {"chains": str(chains)},
        "publication": {"lease_s": 5.0, "backoff_s": 0.5},
    }
    polled = {
        "token_url": source.token_url,
        "client_id": account.client_id,
        "client_secret": account.client_secret,
        "poll_s": 0.5,
        "overlap_s": 86400.0,
        "max_attempts": 2,
    }
    for dotted, value in settings.items():
        table, _, key = dotted.rpartition(".")
        (polled if table == "sources" else tables[table])[key] = value
    lines = [f"data_dir = {json.dumps(str(data_dir))}", 'log = "json"']
    for name, values in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    urls = {f"station-{unit.lower()}": source.unit_url(unit) for unit in units} or {"station": source.odata_url}
    for name, url in {**urls, "auxiliary": source.odata_url}.items():
        kind = "auxip" if name == "auxiliary" else "cadip"
        lines += ["[[sources]]", f'name = "{name}"', f'kind = "{kind}"', f"url = {json.dumps(url)}"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in polled.items()]
    return "\n".join(lines) + "\n"


@define
class Ground:
    """One ground segment below `folder`: its settings file, its data directory and, while it runs, its process."""

    folder: Path
    data_dir: Path
    database: Database
    process: "subprocess.Popen[bytes] | None" = None
    _seen: list[psutil.Process] = field(factory=list)

    @classmethod
    def prepare(
        cls,
        folder: Path,
        source: RunningStation,
        *,
        chains: Path | None = None,
        data_dir: Path | None = None,
        units: Sequence[str] = (),
        **settings: Any,
    ) -> "Ground":
        """Write the settings; keys such as `work__slots` override those of journeys."""
        folder.mkdir(parents=True, exist_ok=True)
        data_dir = data_dir or folder / "data"
        dotted = {key.replace("__", "."): value for key, value in settings.items()}
        (folder / "s1pdgs.toml").write_text(settings_text(data_dir, source, dotted, chains, units))
        made = (data_dir / "s1pdgs.db").exists()
        data_dir.mkdir(parents=True, exist_ok=True)
        return cls(folder, data_dir, open_sqlite(data_dir / "s1pdgs.db") if made else new_sqlite(data_dir))

    @classmethod
    def found(cls, folder: Path) -> "Ground":
        """One that was prepared here, and does not run."""
        return cls(folder, folder / "data", open_sqlite(folder / "data" / "s1pdgs.db"))

    @property
    def store(self) -> LocalObjects:
        return local_objects(self.data_dir / "objects")

    @property
    def output(self) -> str:
        """What the process printed, all starts after each other."""
        path = self.folder / "output.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, *without: str) -> None:
        """`s1pdgs run`, with all roles but those named, until its doors are open."""
        assert self.process is None
        roles = [word for role in ROLES if role not in without for word in ("--role", role)]
        opened = self.output.count("serving http")
        with (self.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                self.command("run", *roles), stdout=output, stderr=output, env=environment(), start_new_session=True
            )
        self.wait(lambda: self.output.count("serving http") > opened, "the doors open", 60.0)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "s1pdgs", "--config", str(self.folder / "s1pdgs.toml"), *arguments]

    def call(self, *arguments: str) -> str:
        """The output of a command of the command line that must succeed."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=environment(), timeout=120, check=False
        )
        assert done.returncode == 0, f"s1pdgs {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def url(self) -> str:
        """Where the doors of the last start are."""
        return self.output.rpartition("serving ")[2].split()[0]

    def processes(self) -> list[psutil.Process]:
        """All processes of the ground segment: the supervisor, executors and processors."""
        assert self.process is not None
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """SIGKILL to the supervisor alone; the kernel must take its executors and processors with it."""
        assert self.process is not None
        family = self.processes()
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(GONE_S)
        self.process = None
        _, alive = psutil.wait_procs(family, timeout=GONE_S)
        assert not alive, f"survived the supervisor: {[(one.pid, one.cmdline()) for one in alive]}"

    def stop(self) -> None:
        """SIGTERM: the ground segment hands back what it holds and ends by itself."""
        assert self.process is not None
        family = self.processes()
        self.process.terminate()
        code = self.process.wait(60.0)
        self.process = None
        _, alive = psutil.wait_procs(family, timeout=GONE_S)
        assert code == 0, self.output[-3000:]
        assert not alive, f"left running after SIGTERM: {[(one.pid, one.cmdline()) for one in alive]}"

    def clear(self) -> None:
        """Leave no process, however the test ended."""
        if self.process is not None:
            family = self.processes()
            for one in reversed(family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            self.process.wait(GONE_S)
            self.process = None
        self.database.close()

    def wait(
        self, condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S, look_s: float = LOOK_S
    ) -> Any:
        """Look until a condition holds, and give what it gave; fails with the standing when it does not in time.

        Rests are from `look_s` to ten times that: long looks are had more seldom, so that the ground segment has the
        processor.
        """
        deadline, began_s = time.monotonic() + patience_s, time.monotonic()
        while not (found := condition()):
            rest_s = min(max(look_s, 4.0 * (time.monotonic() - began_s)), 10.0 * look_s)
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the ground segment died with {self.process.returncode}:\n{self.output[-5000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"not in {patience_s:g} s: {what}\n{self.story()}")
            time.sleep(rest_s)
            began_s = time.monotonic()
        return found

    def story(self) -> str:
        """Where everything stands, for the message of a failure."""
        try:
            return f"{self.look()}\n{self.output[-5000:]}"
        except sa.exc.SQLAlchemyError as error:
            return f"{error}\n{self.output[-5000:]}"

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(query))

    def look(self) -> Standing:
        with self.database.read() as connection:
            return look(connection)

    def jobs(self) -> dict[str, Any]:
        """The rows of the jobs by chain; for chains with one job."""
        return {row.chain: row for row in self.rows(sa.select(job))}

    def attempts(self, chain: str) -> list[Any]:
        """The attempts at the job of a chain, first one first."""
        return self.rows(
            sa.select(attempt).join(job).where(job.c.chain == chain).order_by(attempt.c.fence)
        )  # fmt: skip

    def is_running(self, chain: str) -> bool:
        return self.jobs_state(chain) == "running"

    def jobs_state(self, chain: str) -> str | None:
        row = self.jobs().get(chain)
        return None if row is None else row.state

    def stored_blocks(self) -> int:
        query = sa.select(received_file).where(
            received_file.c.session_id.is_not(None), received_file.c.state == "stored"
        )
        return len(self.rows(query))

    def sessions(self) -> list[Any]:
        """The rows of all deliveries."""
        return self.rows(sa.select(session).order_by(session.c.id))

    def session(self) -> Any:
        """The row of the only session, None before it is announced."""
        found = self.rows(sa.select(session))
        return found[0] if found else None

    def products(self) -> list[Any]:
        return self.rows(sa.select(product).order_by(product.c.name))

    def files(self, name: str) -> list[Any]:
        """The catalogued files of a product."""
        query = sa.select(product_file).join(product).where(product.c.name == name).order_by(product_file.c.path)
        return self.rows(query)

    def publications(self) -> list[Any]:
        query = sa.select(product.c.name, publication).join(publication).order_by(product.c.name)
        return self.rows(query)

    def settled(self, *types: str) -> bool:
        """Nothing is on its way any more, and there is a product of each of these types."""
        return _is_settled(self.look(), types)

    def wait_settled(self, *types: str, patience_s: float = PATIENCE_S) -> Standing:
        def settled() -> Standing | None:
            standing = self.look()
            assert not standing.troubles, f"{standing.troubles}\n{self.output[-3000:]}"
            return standing if _is_settled(standing, types) else None

        told = f"all work done, with products of types {', '.join(types)}"
        settled_so: Standing = self.wait(settled, told, patience_s)
        return settled_so


def _is_settled(standing: Standing, types: Sequence[str]) -> bool:
    return standing.settled and all(standing.products.get(kind) for kind in types)


def environment() -> dict[str, str]:
    """This process's environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("S1PDGS_")}
