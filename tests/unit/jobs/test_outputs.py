"""What a processor names in its LIST file: valid products are taken, the rest is told, nothing hostile is followed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.query import find
from s1pdgs.formats.listfile import MAX_BYTES, MAX_ENTRIES
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.execute import Outcome
from s1pdgs.jobs.joblog import JobLog
from s1pdgs.jobs.listing import read_log
from s1pdgs.jobs.outputs import Harvest, collect
from s1pdgs.jobs.spec import InputFile, JobSpec, SpecInput, SpecOutput
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from tests.unit.jobs.conftest import SPEC, Watch, spec
from tests.unit.jobs.test_execute import GOOD, PRODUCT, Bench

OTHER = PRODUCT.replace("__0SVV", "__0SVH").replace("1A2B", "3C4D")
CALIBRATION = PRODUCT.replace("__0SVV", "__0CVV")
MANIFEST = (
    "<XFDU version='1'><startTime>2024-01-05T10:10:30.25</startTime><stopTime>2024-01-05T10:11:02.5</stopTime></XFDU>"
)
REPORT = """<Earth_Explorer_File><Earth_Explorer_Header><Fixed_Header>
<File_Name>S1A_OPER_REP_L0PSA__SGS__20240105T120000_V20240105T101030_20240105T101102</File_Name>
<File_Type>REP_L0PSA_</File_Type><Mission>Sentinel-1A</Mission>
<Validity_Period><Validity_Start>UTC=2024-01-05T10:10:30</Validity_Start>
<Validity_Stop>UTC=2024-01-05T10:11:02</Validity_Stop></Validity_Period>
<Source><System>PDGS</System><Creator>s1pdgs</Creator><Creator_Version>1</Creator_Version><Creation_Date>UTC=2024-01-05T12:00:00</Creation_Date></Source>
<File_Version>0001</File_Version></Fixed_Header></Earth_Explorer_Header></Earth_Explorer_File>"""
TWO = (
    SpecOutput("SM_RAW__0S", "^.*S[1-6]_RAW__0S.*$", mandatory=True),
    SpecOutput("SM_RAW__0C", "^.*S[1-6]_RAW__0C.*$", mandatory=True),
)


class Folder:
    """A working directory, as a processor left it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = JobLog(path / "log", Watch())

    def product(self, name: str = PRODUCT) -> Path:
        folder = self.path / name
        (folder / "measurement").mkdir(parents=True)
        (folder / "manifest.safe").write_text(MANIFEST)
        (folder / "measurement" / "a.dat").write_bytes(b"abc")
        return folder

    def collect(self, *lines: str, wanted: JobSpec = SPEC) -> Harvest:
        (self.path / f"{self.path.name}.LIST").write_text("\n".join(lines))
        return collect(wanted, self.path, self.log)

    def names(self, *lines: str, wanted: JobSpec = SPEC) -> list[str]:
        return [output.path.name for output in self.collect(*lines, wanted=wanted).outputs]

    def refused(self, *lines: str, wanted: JobSpec = SPEC) -> AttemptFailed:
        with pytest.raises(AttemptFailed) as refusal:
            self.collect(*lines, wanted=wanted)
        return refusal.value


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    path = tmp_path / "work" / "7"
    path.mkdir(parents=True)
    opened = Folder(path)
    yield opened
    opened.log.close()


def test_a_product_with_its_files(folder: Folder) -> None:
    folder.product()
    (output,) = folder.collect(PRODUCT).outputs
    assert output.files == ("manifest.safe", "measurement/a.dat")
    assert (output.description.type, output.path) == ("S3_RAW__0S", folder.path / PRODUCT)


@pytest.mark.parametrize(
    "lines",
    [
        (PRODUCT, PRODUCT),
        (f"./{PRODUCT}", PRODUCT),
        (f"{PRODUCT}/", "", "  "),
        (f"{PRODUCT}\r", PRODUCT),
    ],
    ids=["doubled", "dotted", "slash", "carriage return"],
)
def test_one_product_however_it_is_written(folder: Folder, lines: tuple[str, ...]) -> None:
    folder.product()
    assert folder.names(*lines) == [PRODUCT]


def test_a_mode_before_the_name_and_the_folder_of_a_directory_product(folder: Folder) -> None:
    (folder.path / "NRT").mkdir()
    folder.product(f"NRT/{PRODUCT.removesuffix('.SAFE')}.ISIP/{PRODUCT}")
    assert folder.names(f"NRT/{PRODUCT.removesuffix('.SAFE')}.ISIP") == [PRODUCT]


def test_the_same_name_in_two_folders_is_taken_once(folder: Folder) -> None:
    folder.product()
    folder.product(f"NRT/{PRODUCT}")
    assert folder.names(PRODUCT, f"NRT/{PRODUCT}") == [PRODUCT]
    assert f"NRT/{PRODUCT} is listed a second time; it is left" in folder.log.tail


def test_a_list_that_is_missing_or_empty(folder: Folder) -> None:
    with pytest.raises(AttemptFailed, match=r"7\.LIST is missing: the processor named no outputs"):
        collect(SPEC, folder.path, folder.log)
    assert folder.refused("").reason == "mandatory output SM_RAW__0S is not in 7.LIST"
    optional = spec(outputs=(SpecOutput("SM_RAW__0S", "RAW__0S", mandatory=False),))
    assert folder.collect("", wanted=optional) == Harvest(())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"/tmp/{PRODUCT}", "line 1: '/tmp/{PRODUCT}' is not relative to the working directory"),
        (f"../8/{PRODUCT}", "leaves the working directory"),
        (f"NRT/../../8/{PRODUCT}", "leaves the working directory"),
        (f"C:\\{PRODUCT}", "is not relative to the working directory"),
        ("a\x00b", "holds control characters"),
        ("x" * 300, "has a name of more than 255 bytes"),
        ("x/" * 600, "is too long"),
    ],
)
def test_a_hostile_list_parks_the_job(folder: Folder, line: str, told: str) -> None:
    refusal = folder.refused(line)
    assert told.replace("{PRODUCT}", PRODUCT) in refusal.reason
    assert refusal.lasting


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff\xfe", "not UTF-8 text"),
        (b"a\n" * (MAX_ENTRIES + 1), "lines are more than"),
        (b" " * (MAX_BYTES + 1), "bytes are more than"),
    ],
)
def test_a_list_that_is_no_list_parks_the_job(folder: Folder, data: bytes, told: str) -> None:
    (folder.path / "7.LIST").write_bytes(data)
    with pytest.raises(AttemptFailed, match=told) as refusal:
        collect(SPEC, folder.path, folder.log)
    assert refusal.value.lasting


def test_a_list_that_is_a_link_is_not_read(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(PRODUCT)
    (folder.path / "7.LIST").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AttemptFailed, match=r"7\.LIST is a symbolic link; the processor writes a file"):
        collect(SPEC, folder.path, folder.log)


def _remove_manifest(product: Path) -> None:
    (product / "manifest.safe").unlink()


def _empty(product: Path) -> None:
    (product / "measurement" / "a.dat").write_bytes(b"")


def _link_file(product: Path) -> None:
    (product / "measurement" / "b.dat").symlink_to("a.dat")


def _link_folder(product: Path) -> None:
    (product / "annotation").symlink_to("measurement", target_is_directory=True)


def _pipe(product: Path) -> None:
    os.mkfifo(product / "pipe")


def _link_whole(product: Path) -> None:
    product.rename(product.parent / "hidden")
    product.symlink_to("hidden", target_is_directory=True)


def _loop(product: Path) -> None:
    product.rename(product.parent / "hidden")
    product.symlink_to(product.name, target_is_directory=True)


def _file(product: Path) -> None:
    product.rename(product.parent / "hidden")
    product.write_text("not a folder")


def _gone(product: Path) -> None:
    product.rename(product.parent / "hidden")


SPOILT: list[tuple[Callable[[Path], None], str]] = [
    (_remove_manifest, f"output {PRODUCT} is not a valid product: "),
    (_empty, f"output {PRODUCT} holds an empty file measurement/a.dat; it was not written to its end"),
    (_link_file, f"output {PRODUCT} holds a symbolic link measurement/b.dat; products hold files only"),
    (_link_folder, f"output {PRODUCT} holds a symbolic link annotation; products hold files only"),
    (_pipe, f"output {PRODUCT} holds pipe, which is no file; products hold files only"),
    (_link_whole, f"output {PRODUCT} is a symbolic link; products hold files only"),
    (_loop, f"output {PRODUCT} is a symbolic link; products hold files only"),
    (_file, f"output {PRODUCT} is not a valid product: "),
    (_gone, f"7.LIST names {PRODUCT}, which is not in the working directory"),
]


@pytest.mark.parametrize(("spoil", "told"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
class TestAnOutputThatIsNotValid:
    def test_fails_the_attempt_when_it_is_all_that_there_is(
        self, folder: Folder, spoil: Callable[[Path], None], told: str
    ) -> None:
        spoil(folder.product())
        refusal = folder.refused(PRODUCT)
        assert refusal.reason.startswith(told)
        assert not refusal.lasting

    def test_is_told_when_others_are_valid(self, folder: Folder, spoil: Callable[[Path], None], told: str) -> None:
        spoil(folder.product())
        folder.product(OTHER)
        harvest = folder.collect(PRODUCT, OTHER)
        assert [output.path.name for output in harvest.outputs] == [OTHER]
        assert harvest.missing == ()
        assert (harvest.reserve or "").startswith(f"partial: {told}")
        assert told in folder.log.tail


def test_links_that_lead_outside_park_the_job(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "NRT").mkdir()
    (folder.path / "NRT").symlink_to(tmp_path / "NRT", target_is_directory=True)
    folder.product(OTHER)
    refusal = folder.refused(f"NRT/{PRODUCT}", OTHER)
    assert refusal.reason == f"7.LIST names NRT/{PRODUCT}, which leads outside the working directory"
    assert refusal.lasting


def test_names_of_no_declared_type_are_noted(folder: Folder) -> None:
    folder.product()
    folder.product(CALIBRATION)
    assert folder.names(PRODUCT, CALIBRATION, "report.txt") == [PRODUCT]
    assert f"7.LIST: {CALIBRATION} is of no declared output type; it is left" in folder.log.tail
    assert "7.LIST: report.txt is of no declared output type; it is left" in folder.log.tail


def test_a_name_that_only_looks_like_the_type_is_not_valid(folder: Folder) -> None:
    name = "MY_S3_RAW__0S.SAFE"
    folder.product(name)
    assert folder.refused(name).reason.startswith(f"output {name} is not a valid product: ")


def test_products_that_are_not_listed_are_noted_and_left(folder: Folder) -> None:
    folder.product()
    folder.product(OTHER)
    assert folder.names(PRODUCT) == [PRODUCT]
    assert f"{OTHER} is of a declared output type, but the processor did not list it; it is left" in folder.log.tail


def test_an_input_is_never_an_output(folder: Folder) -> None:
    """Segments are of the same type as the slices that are made of them."""
    file = InputFile(f"jobs/1/1/{OTHER}/manifest.safe", f"{OTHER}/manifest.safe", 3, "")
    wanted = spec(inputs=(SpecInput(OTHER, "S3_RAW__0S", (file,)),))
    folder.product()
    folder.product(OTHER)
    assert folder.names(PRODUCT, wanted=wanted) == [PRODUCT]
    assert OTHER not in folder.log.tail
    assert folder.refused(OTHER, wanted=wanted).reason == f"7.LIST names {OTHER}, which is an input of the job"


def test_a_mandatory_output_that_is_missing_is_told_and_the_others_are_kept(folder: Folder) -> None:
    folder.product()
    harvest = folder.collect(PRODUCT, wanted=spec(outputs=TWO))
    assert [output.path.name for output in harvest.outputs] == [PRODUCT]
    assert harvest.missing == ("SM_RAW__0C",)
    assert harvest.reserve == "partial: mandatory output SM_RAW__0C is not in 7.LIST"


def test_a_report_alone_is_no_part_of_the_outputs(folder: Folder) -> None:
    name = "S1A_OPER_REP_L0PSA__SGS__20240105T120000_V20240105T101030_20240105T101102.EOF"
    (folder.path / name).write_text(REPORT)
    wanted = spec(outputs=(*SPEC.outputs, SpecOutput("REP_L0PSA", "REP_L0PSA", mandatory=False)))
    assert folder.refused(name, wanted=wanted).reason == "mandatory output SM_RAW__0S is not in 7.LIST"
    folder.product()
    assert folder.names(name, PRODUCT, wanted=wanted) == [name, PRODUCT]


@pytest.fixture
def bench(tmp_path: Path, outbox: Outbox) -> Iterator[Bench]:
    database = open_sqlite(tmp_path / "s1pdgs.db")
    migrate(database)
    yield Bench(tmp_path, database, outbox)
    database.close()


@pytest.mark.parametrize("code", [0, 127])
def test_a_part_of_the_outputs_is_published_and_the_rest_told(bench: Bench, code: int) -> None:
    assert bench.run(f"{GOOD}    sys.exit({code})\n", outputs=TWO) is Outcome.DONE
    with bench.database.read() as connection:
        assert find(connection, PRODUCT) is not None
        attempt = connection.execute(sa.select(t.attempt)).one()
    told = "partial: mandatory output SM_RAW__0C is not in 1.LIST"
    assert (bench.job.state, bench.job.reason) == ("done", told)
    assert (attempt.outcome, attempt.reason, attempt.exit_code) == ("done", told, code)
    assert told in bench.log()
    assert (bench.folder / "work" / "1" / "1" / "JobOrder.1.xml").exists()


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, {}),
        ({"on_demand": {}}, {"productionType": "on_demand_default"}),
        ({"on_demand": {"A": "1"}}, {"productionType": "on_demand_non_default"}),
        (
            {"on_demand": {"Dem": "fine", "A": "1"}, "apart": True},
            {"productionType": "on_demand_non_default", "productionOptions": "A=1; Dem=fine"},
        ),
    ],
)
def test_what_was_wished_tells_so(bench: Bench, facts: dict[str, Any], told: dict[str, str]) -> None:
    assert bench.run(f"{GOOD}    sys.exit(0)\n", outputs=TWO, **facts) is Outcome.DONE
    with bench.database.read() as connection:
        held = find(connection, PRODUCT)
    assert held is not None
    assert {name: value for name, value in held.product.attributes.items() if name.startswith("production")} == told


def test_a_failure_publishes_nothing_however_much_was_made(bench: Bench) -> None:
    assert bench.run(f"{GOOD}    sys.exit(128)\n", outputs=TWO) is Outcome.FAILED
    with bench.database.read() as connection:
        assert find(connection, PRODUCT) is None


def test_links_in_the_place_of_our_files_are_not_followed(bench: Bench) -> None:
    """In a container they would lead to files of the host that the program cannot read."""
    secret = bench.folder / "secrets" / "key"
    secret.parent.mkdir()
    secret.write_text("secret")
    links = f"""
    os.symlink("{secret.parent}", "received")
    os.unlink("s1pdgs-job.log")
    os.symlink("{secret}", "s1pdgs-job.log")
    """
    assert bench.run(GOOD + links) is Outcome.DONE
    assert bench.store.list("quarantine") == []
    assert [key for key in bench.store.list("jobs") if key.endswith("log.txt")] == []
    workdir = bench.folder / "work" / "1" / "1"
    workdir.mkdir(parents=True)
    (workdir / "s1pdgs-job.log").symlink_to(secret)
    with bench.database.read() as connection:
        assert "secret" not in read_log(connection, bench.store, bench.folder / "work", 1)
