"""What becomes of each output: news for the catalogue, a repetition of what is held, or a ghost that is kept aside."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import sqlalchemy as sa
from attrs import field, frozen

from s1pdgs.catalogue.query import Held, candidates
from s1pdgs.formats.names import task_table_type
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.outputs import Output
from s1pdgs.jobs.spec import JobSpec
from s1pdgs.storage.objects import file_chunks

_BESIDE = ("-annot.dat", "-index.dat")


@frozen
class Verdict:
    """The outputs of an attempt: `news`, those that equal a held product (`same`, by its name), and `ghosts`."""

    news: tuple[Output, ...]
    same: Mapping[Path, str] = field(factory=dict)
    ghosts: tuple[Output, ...] = ()


def judge(connection: sa.Connection, spec: JobSpec, outputs: Iterable[Output]) -> Verdict:
    """Look at outputs before they are stored."""
    news: list[Output] = []
    same: dict[Path, str] = {}
    ghosts: list[Output] = []
    for output in outputs:
        if is_ghost(spec, output):
            ghosts.append(output)
        elif spec.campaign is None and (held := equal_held(connection, spec.chain, output)) is not None:
            same[output.path] = held.name
        else:
            news.append(output)
    return Verdict(tuple(news), same, tuple(ghosts))


def is_ghost(spec: JobSpec, output: Output) -> bool:
    """A Level-0 measurement shorter than the chain's threshold for its mode (coprs.md section 5.6)."""
    described = output.description
    threshold_s = spec.ghosts.get(task_table_type(described.type)[:2])
    is_measurement = described.type.endswith("_RAW__0S")
    return is_measurement and threshold_s is not None and described.validity.duration.total_seconds() < threshold_s


def equal_held(connection: sa.Connection, chain: str, output: Output) -> Held | None:
    """A held product of the same type, data take and slice whose measurement files have the same MD5, or None.

    Only what the same chain made can be it: an assembled product is more than the only segment that it was made of.
    What a campaign made is beside what others make.
    Reads the output's files only when one of the held products has files of the same sizes.
    """
    described = output.description
    measurements = [name for name in output.files if is_measurement(name)]
    if not measurements:
        return None
    sizes = sorted((output.path / name).stat().st_size for name in measurements)
    found = candidates(connection, [described.type], described.satellite, described.validity)
    alike = [held for held in found if _place(held.product.attributes) == _place(described.attributes)]
    alike = [held for held in alike if sorted(size for size, _ in _measurements(held)) == sizes]
    if not alike:
        return None
    sums = sorted(_md5(output.path / name) for name in measurements)
    equal = [held for held in alike if sorted(md5 for _, md5 in _measurements(held)) == sums]
    equal = [held for held in equal if "campaign" not in held.product.attributes and _made_by(connection, chain, held)]
    return max(equal, key=lambda held: held.id, default=None)


def is_measurement(path: str) -> bool:
    """True for the file of a Level-0 product that holds packets (their annotation and index follow from it)."""
    return PurePosixPath(path).suffix == ".dat" and not path.endswith(_BESIDE)


def _made_by(connection: sa.Connection, chain: str, held: Held) -> bool:
    query = (
        sa.select(t.job.c.id)
        .join(t.job_output, t.job_output.c.job_id == t.job.c.id)
        .where(t.job_output.c.product == held.name, t.job.c.chain == chain)
    )
    return connection.scalar(query.limit(1)) is not None


def _place(attributes: Mapping[str, object]) -> Sequence[object]:
    return [attributes.get(name) for name in ("datatakeID", "sliceNumber", "productClass")]


def _measurements(held: Held) -> list[tuple[int, str]]:
    return [(file.size, file.md5) for file in held.product.files if is_measurement(file.path)]


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in file_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()
