"""What a processor made: read from its LIST file, compared with what its task table declares, stored."""

import os
import re
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from attrs import frozen

from s1pdgs.catalogue.metadata import Description, describe
from s1pdgs.formats.listfile import list_file_name, read_list
from s1pdgs.formats.xml import FormatError
from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.joblog import JobLog
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import OPTIONS, JobSpec, SpecOutput, told_options
from s1pdgs.model.product import AttributeValue, Product, StoredFile
from s1pdgs.model.timeliness import REPROCESSING, Timeliness
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


@frozen
class Harvest:
    """The valid outputs of an attempt, the mandatory types that it did not make, and all that is wrong."""

    outputs: tuple[Output, ...]
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def reserve(self) -> str | None:
        """What to tell of an attempt that made a part of its outputs, None when it made all."""
        return f"partial: {'; '.join(self.problems)}" if self.problems else None


def collect(spec: JobSpec, workdir: Path, log: JobLog) -> Harvest:
    """The declared outputs that the LIST file names: each that is a valid product, whatever is wrong with others.

    Entries of no declared type, reports that are not ours to read, and products that are not listed are noted and
    left. Raises `AttemptFailed` for a missing or hostile LIST file, and when nothing valid was made but reports though
    something mandatory is missing or an output is not valid.
    """
    list_file = workdir / (spec.list_file or list_file_name(workdir))
    outputs: dict[str, Output] = {}
    made: set[str] = set()
    problems: dict[str, list[str]] = {}
    entries = _entries(list_file)
    for entry in entries:
        declared = _declared(spec, PurePosixPath(entry).name)
        if declared is None:
            log.note(f"{list_file.name}: {entry} is of no declared output type; it is left")
            continue
        try:
            output = _output(spec, workdir, entry, list_file.name)
        except AttemptFailed as failure:
            if failure.lasting:
                raise
            log.note(f"{failure.reason}; it is left")
            if declared.mandatory or not declared.type.startswith(_REPORT):
                problems.setdefault(declared.type, []).append(failure.reason)
            continue
        made.add(declared.type)
        if outputs.setdefault(output.path.name, output) is not output:
            log.note(f"{list_file.name}: {entry} is listed a second time; it is left")
    _note_unlisted(spec, workdir, entries, log)
    missing = tuple(wanted.type for wanted in spec.outputs if wanted.mandatory and wanted.type not in made)
    for kind in missing:
        problems.setdefault(kind, [f"mandatory output {kind} is not in {list_file.name}"])
    told = tuple(problem for each in problems.values() for problem in each)
    if told and all(kind.startswith(_REPORT) for kind in made):
        raise AttemptFailed("; ".join(told))
    return Harvest(tuple(outputs.values()), missing, told)


def _entries(list_file: Path) -> list[str]:
    if list_file.is_symlink():
        raise AttemptFailed(f"{list_file.name} is a symbolic link; the processor writes a file", lasting=True)
    try:
        return read_list(list_file)
    except FileNotFoundError:
        raise AttemptFailed(f"{list_file.name} is missing: the processor named no outputs") from None
    except FormatError as error:
        raise AttemptFailed(str(error), lasting=True) from error


def _declared(spec: JobSpec, name: str) -> SpecOutput | None:
    return next((output for output in spec.outputs if re.search(output.pattern, name)), None)


def _note_unlisted(spec: JobSpec, workdir: Path, entries: Sequence[str], log: JobLog) -> None:
    """A product that the processor made and did not name may be half of one."""
    known = {_top(entry) for entry in entries} | _input_places(spec)
    for path in sorted(workdir.iterdir()):
        if path.name not in known and _declared(spec, path.name) is not None:
            log.note(f"{path.name} is of a declared output type, but the processor did not list it; it is left")


def _input_places(spec: JobSpec) -> set[str]:
    return {_top(file.place) for entry in spec.inputs for file in entry.files}


def _top(place: str) -> str:
    return PurePosixPath(place).parts[0]


def _output(spec: JobSpec, workdir: Path, entry: str, source: str) -> Output:
    """Raises `AttemptFailed` telling what is wrong with a listed output, a lasting one when it leads outside."""
    if _top(entry) in _input_places(spec):
        raise AttemptFailed(f"{source} names {entry}, which is an input of the job")
    path = workdir / entry
    if path.suffix == ".ISIP":
        path /= f"{path.stem}.SAFE"
    real, place = Path(os.path.realpath(path)), Path(os.path.realpath(workdir))
    if not real.is_relative_to(place):
        raise AttemptFailed(f"{source} names {entry}, which leads outside the working directory", lasting=True)
    if real != place / path.relative_to(workdir) or path.is_symlink():
        raise AttemptFailed(f"output {entry} is a symbolic link; products hold files only")
    if not path.exists():
        raise AttemptFailed(f"{source} names {entry}, which is not in the working directory")
    files = _files(path, entry)
    try:
        description = describe(path)
    except FormatError as error:
        raise AttemptFailed(f"output {entry} is not a valid product: {error}") from error
    return Output(path, description, files)


def _files(path: Path, entry: str) -> tuple[str, ...]:
    """The files of an output, which hold something and are no links, pipes or devices."""
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    files = []
    for file in found:
        name = path.name if file == path else file.relative_to(path).as_posix()
        mode = file.lstat()
        if stat.S_ISLNK(mode.st_mode):
            raise AttemptFailed(f"output {entry} holds a symbolic link {name}; products hold files only")
        if stat.S_ISDIR(mode.st_mode):
            continue
        if not stat.S_ISREG(mode.st_mode):
            raise AttemptFailed(f"output {entry} holds {name}, which is no file; products hold files only")
        if mode.st_size == 0:
            raise AttemptFailed(f"output {entry} holds an empty file {name}; it was not written to its end")
        files.append(name)
    return tuple(files)


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
        attributes=_attributes(spec, described),
    )


def _attributes(spec: JobSpec, described: Description) -> Mapping[str, AttributeValue]:
    """Those of the product; what a campaign makes or somebody wished tells so."""
    if spec.campaign is not None:
        return {**described.attributes, "campaign": spec.campaign, "timeliness": REPROCESSING}
    if spec.on_demand is None:
        return described.attributes
    kind = "on_demand_non_default" if spec.on_demand else "on_demand_default"
    apart = {OPTIONS: told_options(spec.on_demand)} if spec.apart else {}
    return {**described.attributes, "productionType": kind, **apart}


def _timeliness(spec: JobSpec, described: Description) -> Timeliness:
    if spec.campaign is None and spec.timeliness_of_content and described.timeliness is not None:
        return described.timeliness
    return spec.timeliness
