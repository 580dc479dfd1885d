"""What a processor received and could not use: kept outside of its working directory, which does not live long."""

from pathlib import Path

from attrs import frozen

from s1pdgs.inbox.quarantine import keep_bytes
from s1pdgs.jobs.joblog import JobLog
from s1pdgs.jobs.outputs import Output, ghost_prefix
from s1pdgs.jobs.queue import Claim
from s1pdgs.storage.objects import ObjectStore, file_chunks

FOLDER = "received"
"""Where in its working directory a processor leaves such files, each named in its log (docs/joints.md, section 2)."""
TELEMETRY = "telemetry-"
"""Names of files that are kept without alarm: packets that another chain will process."""


@frozen
class SetAside:
    """A kept file: its object, and why an operator should look at it (None: no need)."""

    name: str
    key: str
    reason: str | None


def keep_received(store: ObjectStore, claim: Claim, workdir: Path, log: JobLog) -> list[SetAside]:
    """Store what the processor left in its `received` folder under `quarantine/job-<job>-<fence>/`; links are left."""
    folder = workdir / FOLDER
    found = [] if folder.is_symlink() else sorted(folder.glob("*"))
    files = [path for path in found if path.is_file() and not path.is_symlink()]
    return [_keep(store, claim, path, log) for path in files]


def _keep(store: ObjectStore, claim: Claim, path: Path, log: JobLog) -> SetAside:
    key = keep_bytes(store, f"job-{claim.job}-{claim.fence}", path.name, lambda: file_chunks(path))
    if path.name.startswith(TELEMETRY):
        return SetAside(path.name, key, None)
    told = [line for line in log.tail.splitlines() if path.name in line]
    return SetAside(path.name, key, told[-1] if told else f"set aside by job {claim.job}; its log tells why")


def ghost_aside(claim: Claim, ghost: Output) -> SetAside:
    """A measurement too short to be real, whose files are kept."""
    lasts_s = ghost.description.validity.duration.total_seconds()
    reason = (
        f"a ghost: it lasts {lasts_s:.3f} s, less than the chain's threshold for its mode; "
        "lower `ghosts` in the chain and run the job again if it is real"
    )
    return SetAside(ghost.path.name, f"{ghost_prefix(claim)}/{ghost.path.name}", reason)
