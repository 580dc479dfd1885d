"""What settings mean: the adapters of a ground segment."""

import hashlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs.execute import Workshop
from s1pdgs.jobs.housekeeping import Keep
from s1pdgs.jobs.queue import BackOff, Claim
from s1pdgs.jobs.runners.local import LocalRunner
from s1pdgs.jobs.runners.runner import PYTHON, Runner
from s1pdgs.model.time import SystemClock
from s1pdgs.settings import Notices, Settings, Source, Subscriptions
from s1pdgs.stations.profile import Credentials, Profile
from s1pdgs.storage.database import Database, open_database
from s1pdgs.storage.objects import ObjectStore
from s1pdgs.storage.schema import migrate
from s1pdgs.store import open_store
from s1pdgs.watch.traces import nothing, print_trace

if TYPE_CHECKING:
    from s1pdgs.bus.courier import Courier
    from s1pdgs.publication.subscriptions.model import Limits


@frozen
class GroundSegment:
    """Everything a role needs. `config` is the settings file that child processes read again."""

    settings: Settings
    config: Path | None
    database: Database
    store: ObjectStore
    outbox: Outbox

    @property
    def work_root(self) -> Path:
        return self.settings.data_dir / "work"

    @property
    def identity(self) -> str:
        """The same for all processes on this database and folder, another for others: names tasks in clusters."""
        told = f"{self.settings.database.get_secret_value()} {self.settings.data_dir}"
        return f"s1pdgs-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def open_ground_segment(settings: Settings, config: Path | None = None) -> GroundSegment:
    """Open the database, brought to the current schema, and the object store. `SettingsError` for one without keys."""
    folder = settings.data_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(settings.database.get_secret_value(), folder)
    migrate(database)
    store = open_store(settings, folder)
    settings = settings.model_copy(update={"data_dir": folder})
    return GroundSegment(settings, config, database, store, Outbox(SystemClock()))


def station_profile(source: Source, settings: Settings) -> Profile:
    """A source's settings in the terms of the stations room."""
    secret = source.password.get_secret_value() if source.password else None
    client_secret = source.client_secret.get_secret_value() if source.client_secret else None
    return Profile(
        name=source.name,
        kind=source.kind,
        url=source.url,
        station=source.station,
        satellites=tuple(source.satellites),
        credentials=Credentials(
            token_url=source.token_url,
            username=source.username,
            password=secret,
            client_id=source.client_id,
            client_secret=client_secret,
            scope=source.scope,
            header=source.token_header,
        ),
        trusted_hosts=tuple(source.trusted_hosts),
        ca_file=source.ca_file,
        timeout_s=source.timeout_s,
        poll_s=source.poll_s,
        parallel_downloads=source.parallel_downloads,
        page_size=source.page_size,
        overlap_s=source.overlap_s,
        start=source.start,
        match=source.match,
        max_attempts=source.max_attempts,
        integrity=source.integrity,
        publication_filter=source.publication_filter,
        asks_count=source.asks_count,
        give_up_after_s=settings.triggers.session_timeout_s,
    )


def courier_of(notices: Notices) -> "Courier":
    """How and where the settings let notices go."""
    from s1pdgs.bus.courier import Courier  # noqa: PLC0415

    secret = None if notices.secret is None else notices.secret.get_secret_value().encode()
    backoff = timedelta(seconds=notices.backoff_s)
    return Courier(tuple(notices.hosts), notices.private_networks, secret, notices.max_attempts, backoff)


def limits_of(subscriptions: Subscriptions) -> "Limits":
    """The bounds of subscriptions that the settings want."""
    from s1pdgs.publication.subscriptions.model import Limits  # noqa: PLC0415

    return Limits(**subscriptions.model_dump())


def runner_of(ground: GroundSegment) -> Runner:
    """Where the settings want attempts to run."""
    work = ground.settings.work
    match work.runner:
        case "dask":
            from s1pdgs.jobs.runners.dask import DaskRunner  # noqa: PLC0415

            return DaskRunner(
                work.dask_scheduler or "", lambda claim: execute_command(ground, claim, PYTHON), ground.identity
            )
        case "slurm":
            from s1pdgs.jobs.runners.slurm import SlurmRunner  # noqa: PLC0415

            logs = ground.work_root / "slurm"
            logs.mkdir(parents=True, exist_ok=True)
            return SlurmRunner(
                lambda claim: execute_command(ground, claim), ground.identity, str(logs), tuple(work.slurm_options)
            )
        case _:
            return LocalRunner(lambda claim: execute_command(ground, claim), ground.database.bell.ring)


def execute_command(ground: GroundSegment, claim: Claim, python: str = sys.executable) -> list[str]:
    """The command line that executes an attempt in a process of its own."""
    config = [] if ground.config is None else ["--config", str(ground.config.resolve())]
    return [python, "-m", "s1pdgs", *config, "execute", str(claim.job), str(claim.fence)]


def workshop_of(ground: GroundSegment) -> Workshop:
    """Where attempts of this host are made."""
    work = ground.settings.work
    return Workshop(
        ground.database,
        ground.store,
        ground.outbox,
        ground.work_root / "jobs",
        timedelta(seconds=work.lease_s),
        BackOff(timedelta(seconds=work.backoff_s)),
        print_trace if ground.settings.log == "json" else nothing,
        ground.identity,
        tuple(work.container_command),
        keep_of(ground),
        work.pin_cores,
    )


def keep_of(ground: GroundSegment) -> Keep:
    """Which working directories of attempts are kept."""
    work = ground.settings.work
    return Keep(work.keep_failed, timedelta(seconds=work.keep_failed_s), work.keep_free_mb)
