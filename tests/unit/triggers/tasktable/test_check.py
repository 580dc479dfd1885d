"""`s1pdgs tasktable`: what is wrong with a table is told with its line; real tables are good but for their quirks."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from s1pdgs.triggers.chains import SHIPPED
from s1pdgs.triggers.tasktable.check import Severity, check_task_table
from s1pdgs.triggers.tasktable.command import command

OURS = sorted((SHIPPED.parent / "tasktables").glob("*.xml"))
AIO = (SHIPPED.parent / "tasktables" / "TaskTable.AIOP.xml").read_text(encoding="utf-8")


def findings(text: str, *, programs: bool = False) -> list[tuple[str, str]]:
    _, found = check_task_table(text.encode(), "table.xml", programs=programs)
    assert all(each.line > 0 for each in found)
    return [(each.severity, each.text) for each in found]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_the_tables_that_we_ship_have_no_fault(path: Path) -> None:
    assert findings(path.read_text(encoding="utf-8")) == []


def test_real_tables_have_no_error(testdata: Path) -> None:
    for path in sorted(testdata.glob("tasktables/*/*.xml")):
        table, found = check_task_table(path.read_bytes(), path.name)
        assert table is not None
        assert Severity.ERROR not in {each.severity for each in found}, path
    table, found = check_task_table((testdata / "tasktables/l2/WV_RAW__0_OCN__2.xml").read_bytes(), "l2")
    assert "count is 4, but there are 5; it is not trusted" in {each.text for each in found}


@pytest.mark.parametrize(
    ("old", "new", "severity", "complaint"),
    [
        ("LatestValCover", "LatestCover", Severity.ERROR, "Retrieval_Mode 'LatestCover' is unknown; known are"),
        ("<Mode>ALWAYS<", "<Mode>NEVER<", Severity.WARNING, "Mode 'NEVER' is unknown"),
        ("<Origin>DB<", "<Origin>PROC<", Severity.WARNING, "no task up to this pool makes SESSION for others"),
        ('List_of_Tasks count="1"', 'List_of_Tasks count="3"', Severity.NOTE, "count is 3, but there are 1"),
        ("<Killing_Signal>15<", "<Killing_Signal>99<", Severity.WARNING, "Killing_Signal 99 is no signal"),
        ("<T0>345600<", "<T0>-60<", Severity.NOTE, "T0 is negative"),
        ("<Param_Name>PT_Assembly<", "<Param_Name>Timeout<", Severity.WARNING, "parameter Timeout is given twice"),
        ('id="MPL_ORBPRE"', 'id="AUX_OBMEMC"', Severity.WARNING, "id 'AUX_OBMEMC' was given in line"),
        (">Physical<", ">Phisical<", Severity.WARNING, "File_Name_Type 'Phisical' is unknown"),
    ],
)
def test_each_fault_is_told(old: str, new: str, severity: Severity, complaint: str) -> None:
    assert old in AIO
    found = findings(AIO.replace(old, new, 1))
    assert any(told == severity and complaint in text for told, text in found), found


def test_programs_are_looked_for_on_demand() -> None:
    text = AIO.replace("s1pdgs-aio", "/nowhere/aio")
    assert findings(text) == []
    assert findings(text, programs=True) == [(Severity.WARNING, "program /nowhere/aio is not on this host")]


def test_a_table_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_text(AIO.replace("<Origin>DB<", "<Origin>XY<", 1))
    told = CliRunner().invoke(command, ["check", "--json", str(broken), str(OURS[0])])
    assert told.exit_code == 1
    found = json.loads(told.output)
    assert found[str(OURS[0])] == []
    assert "Origin is 'XY'; DB, PROC, LOG are known" in found[str(broken)][0]["text"]
    assert CliRunner().invoke(command, ["check", str(OURS[0])]).exit_code == 0


def test_a_table_is_shown_with_its_pools_inputs_and_alternatives() -> None:
    told = CliRunner().invoke(command, ["show", str(SHIPPED.parent / "tasktables" / "SM_RAW__0_SLC__1_GRDH_1.xml")])
    assert told.exit_code == 0
    for part in ("pool 1", "AUX_POE by LatestValCover", " or ", "→ SM_SLC__1S to DB"):
        assert part in told.output
    shown = json.loads(CliRunner().invoke(command, ["show", "--json", str(OURS[0])]).output)
    assert shown["pools"][0]["tasks"][0]["inputs"]
