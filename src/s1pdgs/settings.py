"""Typed configuration: one TOML file, overridden by the environment; unknown keys are refused with the nearest name.

`S1PDGS_SERVE__PORT=8080` overrides key `port` of table `[serve]`; values are read as TOML where they parse as such.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    model_validator,
)

PREFIX = "S1PDGS_"


def _database(secret: SecretStr) -> SecretStr:
    """`sqlite`, or the URL of a PostgreSQL database; it may hold a password, so it is not shown."""
    if not re.match(r"^(sqlite$|postgres(ql)?://.)", secret.get_secret_value()):
        raise ValueError("'sqlite' or 'postgresql://user:password@host:port/name' is wanted")
    return secret


def _bucket(url: str) -> str:
    """A bucket's name (3 to 63 small letters, digits, dots and hyphens) and a prefix of keys in it."""
    if not re.match(r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.-]+)*/?$", url):
        raise ValueError(
            "'s3://bucket' or 's3://bucket/prefix' is wanted; buckets have small letters, digits, '.' and '-'"
        )
    return url


Seconds = Annotated[float, Field(gt=0)]


class SettingsError(ValueError):
    """The configuration cannot be used; the message names the file or variable, the key and the remedy."""


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
Patterns = list[Pattern]


class Table(BaseModel):
    """A table of settings; it refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Table):
    """An outside source that is polled for sessions or auxiliary files."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", description="unique; part of object keys")
    kind: Literal["cadip", "auxip"]
    url: str = Field(pattern=r"^https?://", description="OData service root")
    station: str = Field("SIM_", description="station code in names and job orders")
    satellites: list[str] = Field(["S1A", "S1B", "S1C", "S1D"], description="satellites asked for")
    token_url: str | None = Field(None, description="OAuth2 token endpoint; none is Basic with username and password")
    username: str | None = None
    password: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    scope: str | None = Field(None, description="of the token, where the endpoint asks for one")
    token_header: str = Field("Authorization", pattern=r"^[A-Za-z0-9-]+$", description="header that carries the token")
    trusted_hosts: list[str] = Field([], description="other hosts that get the credentials when sent there")
    ca_file: FilePath | None = Field(
        None, description="certificates (PEM) that its own is verified by; none is the host's"
    )
    timeout_s: Seconds = Field(60.0, description="how long an answer is waited for")
    poll_s: Seconds = Field(20.0, description="time between polls")
    parallel_downloads: int = Field(2, ge=1, le=64)
    page_size: int = Field(200, ge=1, le=1000)
    overlap_s: Seconds = Field(3600.0, description="how far behind the newest publication a poll looks again")
    start: AwareDatetime | None = Field(None, description="where the first poll begins; none is overlap_s ago")
    match: Pattern = Field(".*", description="AUXIP: names begin with what this regular expression matches")
    max_attempts: int = Field(5, ge=1, description="downloads of a file before it is set aside")
    integrity: Literal["strict", "warn", "off"] = Field(
        "strict", description="where sizes or checksums are not those announced: refuse, tell, or do not look"
    )
    publication_filter: bool = Field(True, description="false where filters on PublicationDate are answered wrongly")
    asks_count: bool = Field(True, description="false where $count is answered wrongly")


class Store(Table):
    """Where objects rest."""

    url: Annotated[str, AfterValidator(_bucket)] | None = Field(
        None, description="s3://bucket or s3://bucket/prefix; none keeps objects as files in data_dir"
    )
    endpoint: str | None = Field(
        None, pattern=r"^https?://", description="address of the S3 server; none is that of AWS in the region"
    )
    public_endpoint: str | None = Field(
        None, pattern=r"^https?://", description="address by which users reach it, for presigned addresses"
    )
    region: str = "us-east-1"
    virtual_host: bool = Field(False, description="name the bucket in the host, bucket.host, and not in the path")
    access_key: SecretStr | None = Field(
        None, description="none takes AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment"
    )
    secret_key: SecretStr | None = None
    timeout_s: Seconds = Field(60.0, description="how long an answer is waited for")
    patience_s: Seconds = Field(300.0, description="how long a request that fails for the moment is repeated")
    patrol_days: float = Field(
        0.0, ge=0, description="every product is read and compared with the catalogue once in so many days; 0 is never"
    )
    patrol_mb_s: Seconds = Field(50.0, description="and no more megabytes a second than these, on average")

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key go together; set both or neither")
        return self


class Serve(Table):
    """The doors: OData, STAC and the console."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8100, ge=0, le=65535, description="0 takes a free one")
    base_url: str | None = Field(None, description="public root when behind a proxy")
    presign: bool = Field(
        False, description="send users to presigned addresses of the store, where it can sign, and do not stream"
    )
    presign_s: Seconds = Field(3600.0, le=604_800, description="how long such an address can be used")
    operator_key: SecretStr | None = Field(
        None, description="asked of operators for actions; without one, actions are taken from this host only"
    )
    cadip: bool = Field(False, description="be a CADIP station of the sessions that arrived, at /cadip/odata/v1")
    auxip: bool = Field(False, description="be an AUXIP station of auxiliary products, at /auxip/odata/v1")
    auxip_types: Patterns = Field(
        [r"(AUX|AMV|AMH|MSK|MPL)_.*"], description="patterns of the product types that AUXIP offers"
    )


class Work(Table):
    """Where and how jobs run."""

    runner: Literal["local", "dask", "slurm"] = Field("local", description="where jobs run: 'local' is this host")
    dask_scheduler: str | None = Field(
        None, pattern=r"^(tcp|tls|ws|wss)://.+:\d+$", description="scheduler of the Dask cluster, tcp://host:port"
    )
    slurm_options: list[str] = Field([], description="options of every sbatch, such as '--partition=sar'")
    slots: int = Field(1, ge=0, description="jobs at once, on this host or handed to the cluster")
    waiting: int = Field(
        1, ge=1, description="jobs at once that a cluster has taken and not begun; more urgent ones pass them"
    )
    drain_s: float = Field(
        20.0, ge=0, description="how long jobs of this host may go on when it is stopped; then they are handed back"
    )
    lease_s: Seconds = Field(15.0, description="a job whose process is silent for so long is given to another")
    max_attempts: int = Field(3, ge=1)
    backoff_s: Seconds = Field(10.0, description="wait after the first failed attempt; doubled after each")
    keep_failed: int = Field(3, ge=0, description="working directories of failed attempts kept for inspection")
    keep_failed_s: Seconds = Field(259_200.0, description="how long they are kept at most")
    keep_free_mb: int = Field(2048, ge=0, description="they go, the oldest first, when less than this is free")
    pin_cores: bool = Field(
        True, description="a program gets cores of its own, as many as its task table says, while some are free"
    )
    container_command: list[str] = Field(
        [], description="container engine with its options; none takes podman or docker, whichever is on the PATH"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.runner == "dask" and self.dask_scheduler is None:
            raise ValueError("runner 'dask' wants dask_scheduler, the address tcp://host:port of its scheduler")
        return self


class Triggers(Table):
    """Which chains run."""

    chains: Path | None = Field(None, description="chains.toml; none takes those shipped with s1pdgs")
    session_timeout_s: Seconds = Field(43_200.0, description="how long an incomplete session is waited for")
    keep_wishes_s: Seconds = Field(7_776_000.0, description="how long wishes are kept that have ended")


class Notices(Table):
    """Where callbacks of wishes, orders and subscriptions may go."""

    hosts: list[str] = Field(
        [], description="hosts that may be told besides this one, such as 'partner.example.org' or '*.example.org'"
    )
    private_networks: bool = Field(False, description="take listed hosts with addresses of a private network")
    secret: SecretStr | None = Field(None, description="key of the signature (HMAC-SHA256) that callbacks carry")
    parallel: int = Field(2, ge=1, le=32, description="notices under way at once: a slow receiver holds up one of them")
    max_attempts: int = Field(10, ge=1)
    backoff_s: Seconds = Field(10.0, description="wait after the first failed attempt; doubled after each")
    keep_s: Seconds = Field(2_592_000.0, description="how long those that were sent are kept")


class Subscriptions(Table):
    """Bounds of subscriptions; an owner is who the door can tell apart."""

    queue_length: int = Field(100_000, ge=1, description="notifications in a queue; a full one loses its oldest")
    keep_value_s: Seconds = Field(259_200.0, description="how long a notification holds the product itself")
    running: int = Field(2, ge=1, description="subscriptions of one owner that run")
    all: int = Field(10, ge=1, description="subscriptions of one owner that run or are paused")
    keep_s: Seconds = Field(
        604_800.0, description="how long is kept what was acknowledged, sent, given up, dropped or cancelled"
    )


class Publication(Table):
    """What goes out."""

    types: list[str] = Field(
        [r".*_RAW__0[SACN_]", r".*_(SLC|GRD|OCN)[FHM_]_[12][SA]"], description="patterns of published product types"
    )
    internal: list[str] = Field(
        [r"(?!RF).*_RAW__0S (HH|HV|VV|VH) .*", r"RF_RAW__0S .* .* s1pdgs L0 AIO"],
        description="patterns of `type polarisation consolidation processor` that stay inside: Level-0 segments, "
        "whose slices go out",
    )
    deflated: list[str] = Field(
        ["*.xml", "*.xsd", "*.safe", "*.html", "*.kml", "*.txt", "*.eof", "*.css"],
        description="patterns of files that are deflated in zips; all others are stored as they are",
    )
    max_attempts: int = Field(5, ge=1)
    backoff_s: Seconds = Field(10.0, description="wait after the first failed attempt; doubled after each")
    lease_s: Seconds = Field(120.0, description="a publisher that is silent for so long is taken for dead")


class OnDemand(Table):
    """What users may order."""

    types: list[str] = Field(
        [r".*_(SLC|GRD|OCN)[FHM_]_[12]S"],
        description="patterns of the types, as task tables name them, that are workflows when a chain makes them",
    )

    keep_s: Seconds = Field(7_776_000.0, description="how long orders are kept that have ended")

    @model_validator(mode="after")
    def _compile(self) -> Self:
        for pattern in self.types:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"types: {pattern!r} is not a regular expression: {error}") from None
        return self


class Retention(Table):
    """How long products are kept."""

    rules: Path | None = Field(
        None, description="retention.toml, days by family, type and name; none takes the one shipped with s1pdgs"
    )
    notice_s: float = Field(
        259_200.0, ge=0, description="after a change of the rules nothing that was there goes for so long"
    )
    grace_s: float = Field(
        3600.0, ge=0, description="objects of what was evicted stay for so long, for downloads that run"
    )


class Archive(Table):
    """Where published products are kept for ever, and how they come back."""

    folder: Path | None = Field(None, description="an existing folder, on another disk best; none keeps no archive")
    url: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w./-]*)?$",
        description="or a bucket, at the server and with the keys of [store]",
    )
    types: Patterns = Field([r".*_RAW__0[SACN_]"], description="patterns of archived product types")
    stay_s: Seconds = Field(604_800.0, description="how long what was ordered stays online at least")
    files_of: Patterns = Field(
        [r".*_RAW__0[SACN_]"], description="patterns of types whose files come back with the zip, for jobs to read"
    )
    max_attempts: int = Field(5, ge=1, description="tries of a copy or a restore")
    backoff_s: Seconds = Field(10.0, description="wait after the first failed attempt; doubled after each")
    lease_s: Seconds = Field(120.0, description="one that is silent for so long is taken for dead")
    keep_orders_s: Seconds = Field(
        7_776_000.0, description="how long orders of what was offline are kept that have ended"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.folder is not None and self.url is not None:
            raise ValueError("folder and url are two archives; set one of them")
        return self


class Settings(Table):
    """Everything that can be set."""

    data_dir: Path = Field(Path("s1pdgs-data"), description="database, objects and working directories")
    database: Annotated[SecretStr, AfterValidator(_database)] = Field(
        SecretStr("sqlite"),
        description="'sqlite' is a file in data_dir; or 'postgresql://user:password@host:port/name', with TLS where "
        "?sslmode=require or verify-full ends it",
    )
    facility: str = Field("s1pdgs", description="name of this processing centre in products")
    log: Literal["console", "json"] = "console"
    sources: list[Source] = Field([], description="stations and auxiliary providers")
    store: Store = Store()  # type: ignore[call-arg]
    serve: Serve = Serve()  # type: ignore[call-arg]
    work: Work = Work()  # type: ignore[call-arg]
    triggers: Triggers = Triggers()  # type: ignore[call-arg]
    notices: Notices = Notices()  # type: ignore[call-arg]
    subscriptions: Subscriptions = Subscriptions()  # type: ignore[call-arg]
    publication: Publication = Publication()  # type: ignore[call-arg]
    retention: Retention = Retention()  # type: ignore[call-arg]
    archive: Archive = Archive()  # type: ignore[call-arg]
    on_demand: OnDemand = OnDemand()  # type: ignore[call-arg]


def load_settings(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from a TOML file, when given, and the environment.

    Raises `SettingsError` for an absent or malformed file, an unknown key (with the nearest valid one) or a bad value.
    """
    values = {} if path is None else _read_toml(path)
    _overlay(values, environment)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(entry, path) for entry in error.errors())) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise SettingsError(f"settings file {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings file {path}: {error}") from None


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable == f"{PREFIX}CONFIG":
            continue
        *tables, key = variable.removeprefix(PREFIX).lower().split("__")
        target = values
        for table in tables:
            target = target.setdefault(table, {})
            if not isinstance(target, dict):
                raise SettingsError(f"environment variable {variable}: {table} is not a table")
        target[key] = _toml_value(environment[variable])


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(entry: Any, path: Path | None) -> str:
    place = ".".join(str(part) for part in entry["loc"])
    origin = "settings" if path is None else f"settings file {path}"
    if entry["type"] != "extra_forbidden":
        return f"{origin}: {place}: {entry['msg']} (found {_shown(entry)})"
    known = _known_keys(entry["loc"][:-1])
    near = difflib.get_close_matches(str(entry["loc"][-1]), known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"valid keys here are {', '.join(known)}"
    return f"{origin}: unknown key {place!r}; {hint}"


def _shown(entry: Any) -> str:
    secret = re.search(r"password|secret|key|database", str(entry["loc"][-1]))
    return "a secret" if secret else repr(entry.get("input"))


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = Source if part == "sources" else annotation  # type: ignore[assignment]
    return sorted(model.model_fields)
