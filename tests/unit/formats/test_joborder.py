"""Job orders are values that XML carries without loss."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from s1pdgs.formats.joborder import (
    WORKDIR,
    BreakpointStyle,
    FileInterval,
    JobOrder,
    JobOrderError,
    OrderInput,
    OrderOutput,
    OrderTask,
    ParameterStyle,
    format_job_order,
    parse_job_order,
    read_job_order,
    write_job_order,
)
from s1pdgs.formats.xml import FormatError
from s1pdgs.model.interval import Interval

SPAN = Interval(datetime(2024, 1, 5, 10, 10, 30, 5, tzinfo=UTC), datetime(2024, 1, 5, 10, 11, 2, tzinfo=UTC))
ORDER = JobOrder(
    processor_name="DEMO",
    version="1.0",
    tasks=(
        OrderTask(
            "FOCUS",
            "1.1",
            inputs=(
                OrderInput("S3_RAW__0S", "Physical", ("raw.SAFE",), (FileInterval(SPAN, "raw.SAFE"),)),
                OrderInput("SignalData", "Regexp", ("^.*SignalData.*$",)),
            ),
            outputs=(
                OrderOutput("SM_SLC__1S", "Regexp", "^S[1-6]_SLC.*$", mandatory=True),
                OrderOutput("SM_GRDH_1S", "Directory", "", mandatory=False),
            ),
        ),
    ),
    parameters=(("Mission_Id", "S1C"), ("NRTOutputPath", f"{WORKDIR}/NRT"), ("DownlinkTime", "")),
    sensing=SPAN,
    config_files=("/etc/demo.xml",),
    processing_station="WILE",
)


def shape(element: etree._Element) -> tuple[object, ...]:
    """An element without the schema instance attributes that the reference serialiser leaves behind."""
    attributes = {key: value for key, value in element.attrib.items() if "XMLSchema-instance" not in key}
    return (element.tag, attributes, (element.text or "").strip(), [shape(child) for child in element])


@pytest.mark.parametrize("name", ["JobOrder_SPP_OBS_expected.xml", "jobOrder_SPP_MBU_expected.xml"])
def test_real_job_orders_are_reproduced_element_by_element(testdata: Path, name: str) -> None:
    path = testdata / "joborders" / name
    written = format_job_order(read_job_order(path))
    assert shape(etree.fromstring(written)) == shape(etree.fromstring(path.read_bytes()))


@pytest.mark.parametrize("parameters", list(ParameterStyle))
@pytest.mark.parametrize("breakpoints", list(BreakpointStyle))
def test_every_flavour_reads_back_as_it_was(
    tmp_path: Path, parameters: ParameterStyle, breakpoints: BreakpointStyle
) -> None:
    order = evolve(ORDER, parameter_style=parameters, breakpoint_style=breakpoints)
    write_job_order(tmp_path / "JobOrder.1.xml", order)
    assert read_job_order(tmp_path / "JobOrder.1.xml") == order


def test_the_level_0_flavour_has_an_empty_list_that_counts() -> None:
    root = etree.fromstring(format_job_order(evolve(ORDER, parameter_style=ParameterStyle.PLAIN)))
    assert len(root.findall("Ipf_Conf/Dynamic_Processing_Parameters/Processing_Parameter")) == 3
    listed = root.find("Ipf_Conf/List_of_Dynamic_Processing_Parameters")
    assert listed is not None
    assert (listed.get("count"), len(listed)) == ("3", 0)


def test_within_places_relative_names_below_the_working_directory() -> None:
    placed = ORDER.within("/work/7/1")
    task = placed.tasks[0]
    assert placed.files("S3_RAW__0S") == ["/work/7/1/raw.SAFE"]
    assert task.inputs[0].intervals[0].file_name == "/work/7/1/raw.SAFE"
    assert [output.file_name for output in task.outputs] == ["/work/7/1/^S[1-6]_SLC.*$", "/work/7/1"]
    assert placed.parameter("NRTOutputPath") == "/work/7/1/NRT"
    assert placed.within("/elsewhere") == placed


def test_missing_parameters_and_inputs_are_named() -> None:
    with pytest.raises(JobOrderError, match="dynamic parameter Dem is missing"):
        ORDER.parameter("Dem")
    assert ORDER.parameter("Dem", "coarse") == "coarse"
    with pytest.raises(JobOrderError, match="no input of type AUX_POE or AUX_RES"):
        ORDER.file("AUX_POE", "AUX_RES")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("<Test>false</Test>", "<Test>perhaps</Test>", "Test is 'perhaps'"),
        ("20240105_101030000005", "2024-01-05", "is not a time"),
        ("<Start>20240105_101030000005", "<Start>20250105_101030000005", "before its start"),
        ("<Processor_Name>DEMO</Processor_Name>", "", "Processor_Name is missing"),
        ("Ipf_Job_Order", "Ipf_Task_Table", "not Ipf_Job_Order"),
    ],
)
def test_faults_are_named_with_file_and_element(old: str, new: str, complaint: str) -> None:
    text = format_job_order(ORDER).decode().replace(old, new)
    with pytest.raises(FormatError, match=complaint) as caught:
        parse_job_order(text.encode(), "JobOrder.1.xml")
    assert "JobOrder.1.xml" in str(caught.value)


LETTERS = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("Cc", "Zs"))
TEXT = st.text(LETTERS, min_size=1, max_size=8)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=4), TEXT, st.lists(TEXT, max_size=3))
def test_any_texts_survive(parameters: list[tuple[str, str]], name: str, files: list[str]) -> None:
    entry = OrderInput(name, "Physical", tuple(files))
    order = JobOrder(name, "1", (OrderTask(name, "1", (entry,)),), tuple(parameters), config_files=tuple(files))
    assert parse_job_order(format_job_order(order), "order") == order
