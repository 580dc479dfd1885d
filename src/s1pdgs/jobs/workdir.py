"""The working directory of an attempt: made, filled with verified inputs, and removed."""

import errno
import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import InputFile, JobSpec, SpecInput
from s1pdgs.storage.objects import MissingObject, ObjectStore, StorageError

_MB = 1024 * 1024
_PARALLEL_TRANSFERS = 4


def make_workdir(root: Path, claim: Claim) -> Path:
    """An empty directory `<root>/<job>/<fence>`, absolute."""
    workdir = (root / str(claim.job) / str(claim.fence)).absolute()
    if workdir.exists():
        shutil.rmtree(workdir)
    workdir.mkdir(parents=True)
    return workdir


def remove_workdir(workdir: Path) -> None:
    """Remove an attempt's directory, and its job's when that is empty then."""
    shutil.rmtree(workdir, ignore_errors=True)
    try:
        workdir.parent.rmdir()
    except OSError:
        return


def needed_bytes(spec: JobSpec) -> int:
    """What must be free on the disk: room for the inputs, or what the task table says."""
    inputs = sum(file.size for entry in spec.inputs for file in entry.files)
    return max(inputs, (spec.limits.free_mb or 0) * _MB)


def check_room(workdir: Path, spec: JobSpec) -> None:
    """Raises `AttemptFailed` telling folder, need and free room when the job does not fit on the disk."""
    need = needed_bytes(spec)
    free = shutil.disk_usage(workdir).free
    if free < need:
        raise AttemptFailed(
            f"disk full: {workdir.parent.parent} has {free // _MB} MB free, the job needs {-(-need // _MB)} MB; "
            "free some room or move the work directory"
        )


def fetch_inputs(store: ObjectStore, spec: JobSpec, workdir: Path) -> None:
    """Copy every input file to its place and compare size and SHA-256 on the way.

    Raises `AttemptFailed` naming product and object when one is missing or damaged, or the disk is full.
    """
    wanted = [(entry, file) for entry in spec.inputs for file in entry.files]
    with ThreadPoolExecutor(_PARALLEL_TRANSFERS, thread_name_prefix="fetch") as pool:
        for transfer in [pool.submit(_fetch, store, entry, file, workdir) for entry, file in wanted]:
            transfer.result()


def _fetch(store: ObjectStore, entry: SpecInput, file: InputFile, workdir: Path) -> None:
    path = workdir / _checked_place(entry, file)
    digest, size = hashlib.sha256(), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            for chunk in store.read(file.key):
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
    except MissingObject:
        raise AttemptFailed(
            f"input {entry.product}: object {file.key} is not in the store; restore the product, then retry the job",
            lasting=True,
        ) from None
    except FileExistsError:
        raise AttemptFailed(f"input {entry.product}: two inputs want the place {file.place}", lasting=True) from None
    except StorageError as error:
        raise AttemptFailed(f"input {entry.product}: {error}") from error
    except OSError as error:
        raise disk_failure(error, workdir) from error
    if (size, digest.hexdigest()) != (file.size, file.sha256):
        raise AttemptFailed(
            f"input {entry.product}: object {file.key} is damaged: {size} bytes with SHA-256 {digest.hexdigest()} "
            f"instead of {file.size} bytes with {file.sha256}"
        )


def _checked_place(entry: SpecInput, file: InputFile) -> PurePosixPath:
    place = PurePosixPath(file.place)
    if place.is_absolute() or ".." in place.parts or not place.parts or "\0" in file.place:
        raise AttemptFailed(
            f"input {entry.product}: the place {file.place!r} is outside the work directory", lasting=True
        )
    return place


def disk_failure(error: OSError, workdir: Path) -> AttemptFailed:
    """The failure of an attempt that could not read or write its files."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(workdir.parent).free // _MB
        return AttemptFailed(
            f"disk full: {workdir} could not be written ({free} MB free); free some room or move the work directory"
        )
    if isinstance(error, StorageError):
        return AttemptFailed(str(error))
    return AttemptFailed(f"{error.filename or workdir}: {error.strerror or error}")
