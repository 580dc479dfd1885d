"""No document, however damaged, does more to its reader than be refused by name."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.documents import TARGETS
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target

from s1pdgs.formats.dsib import DsibError, parse_dsib, read_dsib
from s1pdgs.formats.earth_explorer import EarthExplorerError
from s1pdgs.formats.eof import read_orbit, read_scenario
from s1pdgs.formats.ipflog import LogLine
from s1pdgs.formats.joborder import JobOrderError, parse_job_order, read_job_order
from s1pdgs.formats.l0 import manifest_reader as level0
from s1pdgs.formats.l0.acquisition_report import read_acquisition_report
from s1pdgs.formats.l0.datatake_report import read_datatake_report
from s1pdgs.formats.listfile import ListFileError, read_list
from s1pdgs.formats.manifest import read_manifest
from s1pdgs.formats.names import AuxiliaryName, NamingError, ProductName, SessionFileName
from s1pdgs.formats.obmemc import MemoryConfigurationError, read_obmemc
from s1pdgs.formats.tasktable import read_task_table
from s1pdgs.formats.xml import MAX_DOCUMENT_BYTES, FormatError
from s1pdgs.model.time import parse_compact, parse_utc

SEEDS = {target.name: list(target.seeds()) for target in TARGETS}
NAMED = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@NAMED
@settings(max_examples=60)
@given(random=st.integers(0, 2**32).map(Random))
def test_damaged_documents_are_read_or_refused(target: Target, random: Random) -> None:
    seeds = SEEDS[target.name]
    target.run(mutated(random.choice(seeds), random.choice(seeds), random, target.largest))


@NAMED
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"<" * 1000,
        b"<a>" * 5000,
        b"<a" + b" b='c'" * 5000 + b"/>",
        b"<!DOCTYPE a [<!ENTITY b 'cccccccc'><!ENTITY d '&b;&b;&b;&b;'>]><a>&d;&d;</a>",
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"\xff\xfe<\0a\0/\0>\0",
    ],
    ids=["nothing", "zeros", "brackets", "nesting", "attributes", "expansion", "inclusion", "utf-16"],
)
def test_documents_of_another_world_are_refused(target: Target, data: bytes) -> None:
    target.run(data)


@pytest.mark.parametrize("name", ["dsib", "obmemc", "eof", "manifest", "manifest-l0", "joborder", "tasktable"])
def test_what_our_writers_wrote_is_not_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the other tests here would exercise refusals alone."""
    refusals = []
    target = next(target for target in TARGETS if target.name == name)
    original = FormatError.__init__
    monkeypatch.setattr(FormatError, "__init__", lambda self, *args: (refusals.append(args), original(self, *args))[1])
    for seed in SEEDS[name]:
        target.run(seed)
    expected = 3 if name == "eof" else 0  # an orbit file is no scenario, a scenario no orbit file
    assert len(refusals) == expected


@pytest.mark.parametrize(
    "read",
    [read_dsib, read_obmemc, read_orbit, read_scenario, read_manifest, level0.read_manifest, read_job_order,
     read_task_table, read_list, read_acquisition_report, read_datatake_report],
    ids=lambda read: f"{read.__module__.rpartition('.')[2]}.{read.__name__}",
)  # fmt: skip
def test_a_document_too_large_for_its_kind_is_not_even_read(read: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(MAX_DOCUMENT_BYTES + 1)  # a hole: no disk is used
    with pytest.raises(FormatError, match=rf"^{re.escape(str(path))}: .*(larger|more) than"):
        read(path)


def test_a_size_of_thousands_of_digits_is_refused() -> None:
    data = SEEDS["dsib"][0].replace(b"<data_size>36014<", b"<data_size>" + b"9" * 5000 + b"<")
    with pytest.raises(DsibError, match=r"^here: data_size '9{40}' is not a number of bytes"):
        parse_dsib(data, "here")


def test_a_configuration_that_ends_before_it_starts_is_refused(tmp_path) -> None:
    path = tmp_path / "memory.xml"
    path.write_bytes(SEEDS["obmemc"][0].replace(b"<Validity_Stop>UTC=2026", b"<Validity_Stop>UTC=2016"))
    with pytest.raises(MemoryConfigurationError, match=r"memory\.xml: Validity_Stop 2016.* is before Validity_Start"):
        read_obmemc(path)


@pytest.mark.parametrize("text", [b"UTC=9999-12-31T23:59:59", b"UTC=0000-00-00T00:00:00"])
def test_the_ends_of_time_are_no_times_of_a_state_vector(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "orbit.EOF"
    path.write_bytes(SEEDS["eof"][0].replace(b"UTC=2026-03-01T05:10:01.123456", text))
    with pytest.raises(EarthExplorerError, match=r"orbit\.EOF: OSV 2: UTC is 'UTC=.* not a time"):
        read_orbit(path)


def test_a_path_is_the_same_however_often_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.LIST"
    path.write_text("././a.SAFE/\n./b\n")
    assert read_list(path) == ["a.SAFE", "b"]
    path.write_text("./ a.SAFE\n")
    with pytest.raises(ListFileError, match=r"x\.LIST, line 1: .* white space"):
        read_list(path)


def test_digits_of_other_scripts_are_no_numbers(tmp_path) -> None:
    path = tmp_path / "memory.xml"
    path.write_bytes(SEEDS["obmemc"][0].replace(b"VC-24", "VC-٢٤".encode()))
    with pytest.raises(MemoryConfigurationError, match="VirtualChannelId 'VC-٢٤'"):
        read_obmemc(path)


@pytest.mark.parametrize(
    ("kind", "name", "problem"),
    [
        (ProductName, "S1A_IW_RAW__0SDV_20171313T121623_20171213T121656_019684_021735_C6DB.SAFE", "20171313T121623 is"),
        (AuxiliaryName, "S1A_AUX_CAL_V20171017T080000_G20171013T251200.SAFE", "20171013T251200 is not a time"),
        (AuxiliaryName, "S1A_OPER_MPL_ORBPRE_20171208T200309_20161215T200309_0001.EOF", "ends before it starts"),
        (SessionFileName, "DCS_01_S1A_20260301054000063412_ch1_DSDB_00001.raw\n", "is not a session file name"),
        (ProductName, "S1A_IW_RAW__0SDV_20171213T121623_20171213T121656_٠19684_021735_C6DB.SAFE", "is not a"),
    ],
)
def test_a_name_that_only_looks_like_one_is_refused(kind, name: str, problem: str) -> None:
    with pytest.raises(NamingError, match=problem):
        kind.parse(name)


def test_a_log_line_of_a_process_with_thousands_of_digits_is_plain_text() -> None:
    line = "2026-11-25T22:05:55.182817 vm AIO 0.1.0 [{}]: [I] done"
    assert LogLine.parse(line.format("19797")) is not None
    assert LogLine.parse(line.format("9" * 5000)) is None


def test_years_that_four_digits_cannot_write_are_refused() -> None:
    assert parse_utc("1000-01-01T00:00:00") == datetime(1000, 1, 1, tzinfo=UTC)
    for text in ("0226-03-01T05:10:32Z", "0001-01-01T00:00:00+05:00"):
        with pytest.raises(ValueError, match="before the year 1000"):
            parse_utc(text)
    with pytest.raises(ValueError, match="before the year 1000"):
        parse_compact("09991231T235959")
    order = SEEDS["joborder"][0].replace(b"<Start>2026", b"<Start>0026")
    with pytest.raises(JobOrderError, match=r"^here, line \d+: Start '0026"):
        parse_job_order(order, "here")
