"""What a processor made: read from its LIST file, compared with what its task table declares, stored."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from attrs import frozen

from s1pdgs.catalogue.metadata import Description, describe
from s1pdgs.formats.listfile import list_file_name, read_list
from s1pdgs.formats.xml import FormatError
from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.joblog import JobLog
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import JobSpec, SpecOutput
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.objects import ObjectStore, put_file

_PARALLEL_TRANSFERS = 4
_REPORT = "REP_"


@frozen
class Output:
    """A product in the working directory: its description and its files relative to it."""

    path: Path
    description: Description
    files: tuple[str, ...]


def prefix(claim: Claim) -> str:
    """Where the objects of an attempt lie."""
    return f"jobs/{claim.job}/{claim.fence}"


def ghost_prefix(claim: Claim) -> str:
    """Where the ghosts of an attempt are kept."""
    return f"ghosts/{claim.job}/{claim.fence}"


def collect(spec: JobSpec, workdir: Path, log: JobLog) -> list[Output]:
    """The declared outputs that the LIST file names.

    Entries of no declared type, and reports that are not ours to read, are noted and left. Raises `AttemptFailed` for
    a missing or hostile LIST file, a listed output that is not there or not what its name says, and a mandatory output
    that is not listed.
    """
    list_file = workdir / (spec.list_file or list_file_name(workdir))
    outputs: dict[str, Output] = {}
    made: set[str] = set()
    for entry in _entries(list_file):
        name = PurePosixPath(entry).name
        declared = _declared(spec, name)
        if declared is None:
            log.note(f"{list_file.name}: {entry} is of no declared output type; it is left")
        elif name in outputs:
            log.note(f"{list_file.name}: {entry} is listed a second time; it is left")
        elif (output := _output_or_note(workdir, entry, declared, list_file.name, log)) is not None:
            outputs[output.path.name] = output
            made.add(declared.type)
    for wanted in spec.outputs:
        if wanted.mandatory and wanted.type not in made:
            raise AttemptFailed(f"mandatory output {wanted.type} is not in {list_file.name}")
    return list(outputs.values())


def _entries(list_file: Path) -> list[str]:
    try:
        return read_list(list_file)
    except FileNotFoundError:
        raise AttemptFailed(f"{list_file.name} is missing: the processor named no outputs") from None
    except FormatError as error:
        raise AttemptFailed(str(error), lasting=True) from error


def _declared(spec: JobSpec, name: str) -> SpecOutput | None:
    return next((output for output in spec.outputs if re.search(output.pattern, name)), None)


def _output_or_note(workdir: Path, entry: str, declared: SpecOutput, source: str, log: JobLog) -> Output | None:
    """Reports of other processors follow no format that we know."""
    try:
        return _output(workdir, entry, source)
    except AttemptFailed as failure:
        if not declared.type.startswith(_REPORT) or failure.lasting or declared.mandatory:
            raise
        log.note(f"{failure.reason}; it is left")
        return None


def _output(workdir: Path, entry: str, source: str) -> Output:
    path = workdir / entry
    if path.suffix == ".ISIP":
        path /= f"{path.stem}.SAFE"
    if not path.exists():
        raise AttemptFailed(f"{source} names {entry}, which is not in the working directory")
    if not path.resolve().is_relative_to(workdir.resolve()):
        raise AttemptFailed(f"{source} names {entry}, which leads outside the working directory", lasting=True)
    try:
        description = describe(path)
    except FormatError as error:
        raise AttemptFailed(f"output {entry} is not a valid product: {error}") from error
    return Output(path, description, _files(path, entry))


def _files(path: Path, entry: str) -> tuple[str, ...]:
    if path.is_file():
        return (path.name,)
    found = sorted(path.rglob("*"))
    link = next((file for file in found if file.is_symlink()), None)
    if link is not None:
        raise AttemptFailed(f"output {entry} holds a symbolic link {link.relative_to(path)}; products hold files only")
    return tuple(file.relative_to(path).as_posix() for file in found if file.is_file())


def store_outputs(store: ObjectStore, spec: JobSpec, claim: Claim, outputs: Sequence[Output]) -> list[Product]:
    """Store all outputs under the attempt; the products as the catalogue shall know them."""
    with ThreadPoolExecutor(_PARALLEL_TRANSFERS, thread_name_prefix="store") as pool:
        transfers = [
            [(name, pool.submit(_store_file, store, prefix(claim), output, name)) for name in output.files]
            for output in outputs
        ]
        return [
            _product(spec, claim, output, tuple(future.result() for _, future in files))
            for output, files in zip(outputs, transfers, strict=True)
        ]


def store_ghosts(store: ObjectStore, claim: Claim, ghosts: Sequence[Output]) -> None:
    """Keep what is not catalogued under `ghosts/<job>/<fence>/<name>/`."""
    for ghost in ghosts:
        for name in ghost.files:
            _store_file(store, ghost_prefix(claim), ghost, name)


def _store_file(store: ObjectStore, place: str, output: Output, name: str) -> StoredFile:
    path = output.path / name if output.path.is_dir() else output.path
    sums = put_file(store, path, f"{place}/{output.path.name}/{name}")
    return StoredFile(name, sums.size, sums.md5, sums.sha256)


def _product(spec: JobSpec, claim: Claim, output: Output, files: tuple[StoredFile, ...]) -> Product:
    described = output.description
    return Product(
        name=described.name,
        type=described.type,
        satellite=described.satellite,
        validity=described.validity,
        generation_time=described.generation_time,
        location=f"{prefix(claim)}/{output.path.name}",
        files=files,
        t0=spec.t0,
        timeliness=_timeliness(spec, described),
        footprint=described.footprint,
        attributes=described.attributes,
    )


def _timeliness(spec: JobSpec, described: Description) -> Timeliness:
    if spec.timeliness_of_content and described.timeliness is not None:
        return described.timeliness
    return spec.timeliness
