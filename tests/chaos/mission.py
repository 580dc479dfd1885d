"""What the ground segment has to do: products to catalogue, each the cause of one job of a chain of its own."""

import random
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from s1pdgs.formats.names import ProductName

PROCESSOR = Path(__file__).with_name("processor.py")
CHAIN = "chaos"
CAUSE, RESULT = "S3_SLC__1S", "S3_GRDH_1S"
CONTENT_BYTES = 64 * 1024
_FIRST = datetime(2024, 1, 5, 10, tzinfo=UTC)
_SPACING = timedelta(seconds=25)
_CHAINS = """\
[[chain]]
name = "chaos"
unit = "slice"
types = ["S3_SLC__1S"]
task_table = "TaskTable.CHAOS.xml"
parameters = { Seconds = "SECONDS" }
max_attempts = 6
limits = { wall_s = 120 }
"""
_TASK_TABLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<Ipf_Task_Table>
  <Processor_Name>CHAOS</Processor_Name>
  <Version>1.0</Version>
  <Test>No</Test>
  <Min_Disk_Space units="MB">1</Min_Disk_Space>
  <Max_Time units="sec">120</Max_Time>
  <List_of_Cfg_Files/>
  <List_of_Dyn_ProcParam count="1">
    <Dyn_ProcParam>
      <Param_Name>Seconds</Param_Name>
      <Param_Type>Number</Param_Type>
      <Param_Default>1</Param_Default>
    </Dyn_ProcParam>
  </List_of_Dyn_ProcParam>
  <List_of_Pools count="1">
    <Pool>
      <Detached>false</Detached>
      <Killing_Signal>15</Killing_Signal>
      <List_of_Tasks count="1">
        <Task>
          <Name>CHAOS</Name>
          <Version>1.0</Version>
          <Critical>true</Critical>
          <Criticality_Level>2</Criticality_Level>
          <Number_of_CPUs>1</Number_of_CPUs>
          <File_Name>PROGRAM</File_Name>
          <List_of_Inputs count="1">
            <Input>
              <Mode>ALWAYS</Mode>
              <Mandatory>Yes</Mandatory>
              <List_of_Alternatives count="1">
                <Alternative>
                  <Order>1</Order>
                  <Origin>DB</Origin>
                  <Retrieval_Mode>LatestValCover</Retrieval_Mode>
                  <T0>0</T0>
                  <T1>0</T1>
                  <File_Type>SM_SLC__1S</File_Type>
                  <File_Name_Type>Physical</File_Name_Type>
                </Alternative>
              </List_of_Alternatives>
            </Input>
          </List_of_Inputs>
          <List_of_Outputs count="1">
            <Output>
              <Destination>DB</Destination>
              <Mandatory>Yes</Mandatory>
              <Type>SM_GRDH_1S</Type>
              <File_Name_Type>Directory</File_Name_Type>
            </Output>
          </List_of_Outputs>
          <List_of_Breakpoints count="0"/>
        </Task>
      </List_of_Tasks>
    </Pool>
  </List_of_Pools>
</Ipf_Task_Table>
"""


def write_chains(folder: Path, seconds: float) -> Path:
    """The chain with its task table and its program, which takes about `seconds`; the file for the settings."""
    program = folder / "chaos-processor"
    program.write_text(f"#!{sys.executable} -IS\n{PROCESSOR.read_text()}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    tables = folder / "tasktables"
    tables.mkdir()
    (tables / "TaskTable.CHAOS.xml").write_text(_TASK_TABLE.replace("PROGRAM", str(program)))
    chains = folder / "chains.toml"
    chains.write_text(_CHAINS.replace("SECONDS", f"{seconds:g}"))
    return chains


def write_cause(folder: Path, number: int) -> Path:
    """The product of slice `number` (from 0) as a SAFE folder, the same at every call."""
    start = _FIRST + number * _SPACING
    stop = start + _SPACING
    times = f"{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}"
    name = f"S1A_{CAUSE}DV_{times}_051999_064888_{number & 0xFFFF:04X}.SAFE"
    product = folder / name
    product.mkdir(exist_ok=True)
    (product / "measurement.tiff").write_bytes(random.Random(number).randbytes(CONTENT_BYTES))
    (product / "manifest.safe").write_text(
        f"<XFDU version='1'><startTime>{start:%Y-%m-%dT%H:%M:%S}</startTime>"
        f"<stopTime>{stop:%Y-%m-%dT%H:%M:%S}</stopTime></XFDU>"
    )
    return product


def number_of(name: str) -> int:
    """The slice of a cause or of what was made of it."""
    return (ProductName.parse(name).start - _FIRST) // _SPACING
