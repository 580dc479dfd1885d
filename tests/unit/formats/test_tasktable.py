"""Task tables are read as they are in the field, and their faults are named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.tasktable import Destination, Origin, TaskTable, TaskTableError, parse_task_table, read_task_table
from s1pdgs.formats.xml import FormatError

ALTERNATIVE = """<Alternative><Order>{order}</Order><Origin>DB</Origin><Retrieval_Mode>LatestValCover</Retrieval_Mode>
<T0>{t0}</T0><T1>360.0</T1><File_Type>{type}</File_Type><File_Name_Type>Physical</File_Name_Type></Alternative>"""

TABLE = f"""<?xml version="1.0"?>
<Ipf_Task_Table><Processor_Name>DEMO</Processor_Name><Version>1.0</Version><Test>No</Test>
<Min_Disk_Space units="MB">5000</Min_Disk_Space><Max_Time>0</Max_Time><List_of_Cfg_Files/>
<List_of_Dyn_ProcParam count="9"><Dyn_ProcParam><Param_Name>DownlinkTime</Param_Name><Param_Type>String</Param_Type>
<Param_Default/></Dyn_ProcParam></List_of_Dyn_ProcParam>
<List_of_Pools count="7"><Pool><Detached>false</Detached><Killing_Signal>15</Killing_Signal><List_of_Tasks>
<Task><Number_of_CPUs>2</Number_of_CPUs><Name>PSC</Name><Version>1.0</Version><Critical>true</Critical>
<Criticality_Level>2</Criticality_Level><File_Name>/opt/psc</File_Name><List_of_Inputs>
<Input id="Orbit"><Mode>ALWAYS</Mode><Mandatory>No</Mandatory><List_of_Alternatives>
{ALTERNATIVE.format(order=2, t0="0.5", type="AUX_RES")}{ALTERNATIVE.format(order=1, t0="0", type="AUX_POE")}
</List_of_Alternatives></Input></List_of_Inputs><List_of_Outputs><Output><Destination>DB</Destination>
<Mandatory>Yes</Mandatory><Type>SM_SLC__1S</Type><File_Name_Type>Regexp</File_Name_Type></Output></List_of_Outputs>
</Task></List_of_Tasks></Pool><Pool><List_of_Tasks><Task><Name>END</Name><Version>1.0</Version>
<File_Name>end</File_Name><List_of_Inputs><Input ref="Orbit"/></List_of_Inputs></Task></List_of_Tasks></Pool>
</List_of_Pools></Ipf_Task_Table>"""


def table(text: str = TABLE) -> TaskTable:
    return parse_task_table(text.encode(), "demo.xml")


def test_counts_are_not_trusted_and_missing_units_are_no_fault() -> None:
    demo = table()
    assert (len(demo.pools), demo.min_disk_mb, demo.max_time_s, demo.test) == (2, 5000, None, False)
    assert [task.name for task in demo.tasks] == ["PSC", "END"]
    assert [task.cpus for task in demo.tasks] == [2, 1]
    assert demo.parameters[0].default == ""


def test_alternatives_are_in_their_order_and_references_resolve() -> None:
    first, last = table().tasks
    orbit = first.inputs[0]
    assert [entry.file_type for entry in orbit.alternatives] == ["AUX_POE", "AUX_RES"]
    assert (orbit.alternatives[1].t0_s, orbit.alternatives[1].t1_s) == (0.5, 360.0)
    assert orbit.alternatives[0].origin is Origin.CATALOGUE
    assert last.inputs == (orbit,)
    assert first.outputs[0].destination is Destination.CATALOGUE


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('ref="Orbit"', 'ref="Orbits"', r"line 1\d, Input: Input refers to 'Orbits'"),
        ("<Origin>DB</Origin>", "<Origin>CD</Origin>", "Origin is 'CD'"),
        ("<T0>0.5</T0>", "<T0>NaN</T0>", "T0 is 'NaN'"),
        ("<T0>0.5</T0>", "<T0>soon</T0>", "T0 is 'soon'"),
        ("<Max_Time>0</Max_Time>", "<Max_Time>-1</Max_Time>", "Max_Time is '-1'"),
        ("<Test>No</Test>", "<Test>Maybe</Test>", "Test is 'Maybe'"),
        ("<Name>PSC</Name>", "", "Task: Name is missing"),
        ("<File_Name>/opt/psc</File_Name>", "<File_Name/>", "File_Name is empty"),
        ('units="MB"', 'units="acres"', "'acres'"),
        ("<Destination>DB</Destination>", "<Destination>TAPE</Destination>", "'TAPE'"),
        ("Ipf_Task_Table", "Task_Table", "root element is Task_Table"),
    ],
)
def test_faults_are_named_with_file_line_and_element(old: str, new: str, complaint: str) -> None:
    assert old in TABLE
    with pytest.raises(TaskTableError, match=complaint) as caught:
        table(TABLE.replace(old, new))
    assert "demo.xml" in str(caught.value)


@given(st.data())
def test_a_damaged_table_is_read_or_refused_but_never_crashes(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TABLE)))
    stop = data.draw(st.integers(start, len(TABLE)))
    try:
        table(TABLE[:start] + TABLE[stop:])
    except FormatError as error:
        assert "demo.xml" in str(error)  # noqa: PT017


def test_every_real_task_table_is_read(testdata: Path) -> None:
    paths = sorted((testdata / "tasktables").rglob("*.xml"))
    tables = {path.name: read_task_table(path) for path in paths}
    assert len(tables) == 36
    assert sum(len(entry.tasks) for entry in tables.values()) == 161
    assert sum(len(task.inputs) for entry in tables.values() for task in entry.tasks) == 1024
    assert len(tables["WV_RAW__0_OCN__2.xml"].pools) == 5
    aio = tables["TaskTable.AIOP.xml"]
    assert [len(pool.tasks) for pool in aio.pools] == [1, 3, 1]
    assert {entry.name: entry.alternatives[0].t0_s for entry in aio.tasks[1].inputs}["MPL_ORBPRE"] == 345_600
    stripmap = tables["SM_RAW__0_SLC__1_GRDH_1.xml"]
    assert stripmap.sensing_time
    assert {entry.id for entry in stripmap.tasks[1].inputs} == {"AUX_PP1", "AUX_CAL", "AUX_INS", "Orbit", "AUX_ATT"}
