"""Targets of documents: what stations, flight dynamics, other processors and operators hand in."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from s1pdgs.catalogue.areas import AreaError, united
from s1pdgs.formats import earth_explorer, eof, manifest
from s1pdgs.formats.acquisition_plan import PlanName
from s1pdgs.formats.acquisition_reader import parse_plan
from s1pdgs.formats.dsib import SessionInformation, parse_dsib, write_dsib
from s1pdgs.formats.ipflog import LogLine
from s1pdgs.formats.joborder import (
    FileInterval,
    JobOrder,
    OrderInput,
    OrderOutput,
    OrderTask,
    ParameterStyle,
    format_job_order,
    parse_job_order,
)
from s1pdgs.formats.l0 import manifest as l0
from s1pdgs.formats.l0.acquisition_report import read_acquisition_report, write_acquisition_report
from s1pdgs.formats.l0.datatake_report import read_datatake_report, write_datatake_report
from s1pdgs.formats.l0.manifest_reader import parse_manifest
from s1pdgs.formats.l0.manifest_writer import write_manifest
from s1pdgs.formats.l0.report import (
    AcquisitionReport,
    DataTakeReport,
    Gap,
    GapCause,
    ReceptionAccount,
    SliceAccount,
    StationCount,
    StreamAccount,
    VirtualChannelAccount,
)
from s1pdgs.formats.listfile import read_list, write_list
from s1pdgs.formats.masks import parse_mask
from s1pdgs.formats.names import AuxiliaryName, ProductName, SessionFileName
from s1pdgs.formats.obmemc import MemoryConfiguration, PacketStore, read_obmemc, write_obmemc
from s1pdgs.formats.tasktable import parse_task_table
from s1pdgs.model.interval import Interval
from tests.fuzz.target import Target, answer_or_refusal, file_of
from tests.unit.formats import plan_files
from tests.unit.formats.mask_files import geojson, gml, kml, mask_file, rectangle

START = datetime(2026, 3, 1, 5, 10, 0, 123456, tzinfo=UTC)
SPAN = Interval(START, START + timedelta(seconds=32.4))
_SOURCE = "hostile.xml"


def dsib(data: bytes) -> None:
    """What is read can be written, and is then read as the same."""
    found = answer_or_refusal(lambda: parse_dsib(data, _SOURCE), _SOURCE)
    if found is not None:
        written = write_dsib(found)
        assert write_dsib(parse_dsib(written, _SOURCE)) == written


def obmemc(data: bytes) -> None:
    path = file_of(data, "obmemc.xml")
    found = answer_or_refusal(lambda: read_obmemc(path), str(path))
    if found is not None:
        assert len(found.by_vcid()) == len(found.stores)
        written = write_obmemc(found)
        assert write_obmemc(read_obmemc(file_of(written, "again.xml"))) == written


def orbit(data: bytes) -> None:
    """An Earth Explorer file, read as every kind that there is."""
    path = file_of(data, "orbit.EOF")
    answer_or_refusal(lambda: earth_explorer.read_header(path), str(path))
    found = answer_or_refusal(lambda: eof.read_orbit(path), str(path))
    if found is not None:
        assert found.covers(Interval(found.vectors[0].time, found.vectors[-1].time))
        assert eof.orbit_document(found)
    scenario = answer_or_refusal(lambda: eof.read_scenario(path), str(path))
    if scenario is not None:
        answer_or_refusal(lambda: scenario.locate(99_999))
        assert eof.scenario_document(scenario)


def reports(data: bytes) -> None:
    """What the Level-0 processors report, read by the engine: what is read is written and read as the same."""
    path = file_of(data, "report.EOF")
    for read, write in (
        (read_datatake_report, write_datatake_report),
        (read_acquisition_report, write_acquisition_report),
    ):
        found = answer_or_refusal(lambda read=read: read(path), str(path))
        if found is not None:
            name = write(path.parent, found, site="MTI_", created=START, creator="fuzz", version="1")
            again = path.with_name(name)
            assert read(again) == found
            again.unlink()


def safe_manifest(data: bytes) -> None:
    """The facts that the catalogue takes from a manifest of any level."""
    path = file_of(data, "manifest.safe")
    found = answer_or_refusal(lambda: manifest.read_manifest(path), str(path))
    if found is not None:
        answer_or_refusal(lambda: found.number("sliceNumber"))


def level0_manifest(data: bytes) -> None:
    found = answer_or_refusal(lambda: parse_manifest(data, _SOURCE), _SOURCE)
    if found is not None:
        written = write_manifest(found)
        assert write_manifest(parse_manifest(written, _SOURCE)) == written


def job_order(data: bytes) -> None:
    """Reading and writing are inverse."""
    found = answer_or_refusal(lambda: parse_job_order(data, _SOURCE), _SOURCE)
    if found is not None:
        assert parse_job_order(format_job_order(found), _SOURCE) == found


def task_table(data: bytes) -> None:
    found = answer_or_refusal(lambda: parse_task_table(data, _SOURCE), _SOURCE)
    assert found is None or found.tasks


def mask(data: bytes) -> None:
    """Polygons that are read lie on the globe, whatever they enclose."""
    found = answer_or_refusal(lambda: parse_mask(data, _SOURCE), _SOURCE)
    if found is not None:
        with suppress(AreaError):
            west, south, east, north = united(found).bounds or (0.0, 0.0, 0.0, 0.0)
            assert not any(abs(edge) > 180.0 for edge in (west, east))
            assert not any(abs(edge) > 57.3 for edge in (south, north))


def acquisition_plan(data: bytes) -> None:
    """In whatever form they are read, data takes begin within the time of the plan and end after they began."""
    for form in ("kml", "csv", "toml"):
        name = PlanName.parse(f"S1A_OPER_MPL_ACQPLN_S1PD_20260104T180000_V20260105T000000_20260107T000000.{form}")
        found = answer_or_refusal(lambda named=name: parse_plan(data, named, _SOURCE), _SOURCE)  # type: ignore[misc]
        for take in () if found is None else found.takes:
            assert name.validity.start <= take.interval.start <= name.validity.stop
            assert take.interval.start < take.interval.stop


def list_file(data: bytes) -> None:
    """No entry leaves the working directory, and what is read can be written."""
    path = file_of(data, "hostile.LIST")
    entries = answer_or_refusal(lambda: read_list(path), str(path))
    if entries is not None:
        place = path.parent.resolve()
        assert all((place / entry).resolve().is_relative_to(place) for entry in entries)
        again = path.with_name("again.LIST")
        write_list(again, entries)
        assert read_list(again) == entries


def names(data: bytes) -> None:
    """File names and log lines from elsewhere: what is taken for a name is one to the last character."""
    text = data.decode("utf-8", "replace")
    for kind in (ProductName, AuxiliaryName, SessionFileName):
        found = answer_or_refusal(lambda kind=kind: kind.parse(text), repr(text))
        if found is not None:
            assert text.isascii()
            assert text.isprintable()
        if isinstance(found, ProductName | SessionFileName):
            assert type(found).parse(str(found)) == found
    line = LogLine.parse(text)
    assert line is None or (str(line) and line.percent in {None, *range(101)})


def _dsib_seeds() -> Iterator[bytes]:
    files = ("DCS_01_S1A_20260301054000063412_ch1_DSDB_00001.raw",)
    yield write_dsib(SessionInformation("S1A_20260301054000063412", START, SPAN.stop, START, SPAN.stop, 36014, files))


def _obmemc_seeds() -> Iterator[bytes]:
    stores = (
        PacketStore(24, 24, "NRT", "V"),
        PacketStore(36, 5, "Standard", "H", "Local"),
        PacketStore(50, 63, "Filler"),
    )
    yield write_obmemc(MemoryConfiguration(START, SPAN, stores))


def _eof_header(file_type: str) -> eof.EarthExplorerHeader:
    return eof.EarthExplorerHeader(
        file_name=f"S1A_OPER_{file_type}", mission="SENTINEL 1A", file_type=file_type, validity=SPAN, system="FOS",
        created=START, reference_frame="EARTH_FIXED", time_reference="UTC",
    )  # fmt: skip


def _orbit_seeds() -> Iterator[bytes]:
    vectors = tuple(
        eof.OrbitRecord(time=START + timedelta(seconds=k), absolute_orbit=63411, position_m=(7e6, 1.0, -2.5),
                        velocity_m_s=(0.0, -1585.0, 7430.0), ut1_minus_utc_s=0.25)
        for k in range(2)
    )  # fmt: skip
    change = eof.OrbitChange(
        absolute_orbit=73, relative_orbit=1, cycle=15, phase=1, repeat_cycle_days=12, cycle_length_orbits=175,
        anx_longitude_deg=0.0, mean_local_solar_time="18:00:00", solar_time_drift_s_day=0.0, anx_time=START,
    )  # fmt: skip
    yield eof.orbit_document(eof.OrbitFile(_eof_header("MPL_ORBPRE"), vectors))
    yield eof.orbit_document(eof.OrbitFile(_eof_header("AUX_RESORB"), vectors))
    yield eof.scenario_document(eof.OrbitScenario(_eof_header("MPL_ORBSCT"), (change,)))


def _report_seeds() -> Iterator[bytes]:
    gap = Gap(START, SPAN.stop, 3, GapCause.DOWNLINK)
    stream = StreamAccount("VV", (24, 8), 4600, 0, 4604, True, False, 600, 1, 3, 2, 2591, (gap,))
    places = (
        SliceAccount(1, START, SPAN.stop, "S1A_b.SAFE", (4600,), (5,)),
        SliceAccount(2, START, START, None, (0,), (0,)),
    )
    take = DataTakeReport("S1A", 7, "SM", START, SPAN.stop, START, 25.0, 7.7, ("S1A_a.SAFE",), (), (stream,), places)
    counts = (StationCount("AcquiredTFs", 8, 9), StationCount("ErrorTFs", None, 0))
    heard = ReceptionAccount("S1A_1", 1, 1, START, SPAN.stop, *range(12), station_counts=counts)
    channel = VirtualChannelAccount(24, None, *range(7))
    reception = AcquisitionReport("S1A", START, SPAN.stop, (heard,), (channel,), ("S1A_a.SAFE",), ("lost frames",))
    with TemporaryDirectory() as folder:
        for write, report in ((write_datatake_report, take), (write_acquisition_report, reception)):
            name = write(Path(folder), report, site="MTI", created=START, creator="s1pdgs", version="1")
            yield (Path(folder) / name).read_bytes()


def _manifest_seeds() -> Iterator[bytes]:
    facility = l0.Facility("Italy", "Core", "ESA", "Wild", "AIO", "1.0")
    raw = l0.Processing("Raw Data Downlink Channel1 1", START, SPAN.stop, facility)
    step = l0.Processing("Generation", START, SPAN.stop, facility, (l0.Resource("x", "Raw Data", "1", raw),))
    files = [l0.DataObject(f"s1a-iw-raw-s-vv{end}.dat", 100, "0" * 32) for end in ("", "-annot", "-index")]
    unit = l0.MeasurementUnit("VV", 24, 1000, l0.MeasurementQuality(52053, 1, 2, 3, 4, 5), *files)
    yield write_manifest(
        l0.L0Manifest(
            satellite="S1A",
            mode="IW",
            swath=None,
            start=START,
            stop=SPAN.stop,
            start_anx_ms=1.5,
            stop_anx_ms=2.5,
            product_class="S",
            consolidation="SLICE",
            calibration_present=True,
            noise_present=False,
            instrument_configuration_id=7,
            data_take_id=0x7B1C2,
            units=(unit,),
            processing=step,
            compression=l0.CompressionTypes("FDBAQ_0", "BAQ_5_BIT", "BYPASS"),
            sensing_consolidation="BEGIN",
            orbit=l0.OrbitReference(63411, 63411, 112, 112, 376, 1, "ASCENDING", START),
            footprint=((34.0, 5.0), (35.0, 5.0), (35.0, 8.0), (34.0, 8.0), (34.0, 5.0)),
            slice=l0.SliceInformation(1, 25.0, 7.4, 3, START),
        )
    )


def _job_order_seeds() -> Iterator[bytes]:
    task = OrderTask(
        "FOCUS",
        "1.1",
        (OrderInput("S3_RAW__0S", "Physical", ("raw.SAFE",), (FileInterval(SPAN, "raw.SAFE"),)),),
        (OrderOutput("SM_SLC__1S", "Regexp", "^S[1-6]_SLC.*$", mandatory=True),),
    )
    for style in ParameterStyle:
        yield format_job_order(JobOrder("DEMO", "1.0", (task,), (("Mission_Id", "S1C"),), SPAN, parameter_style=style))


def _task_table_seeds() -> Iterator[bytes]:
    for path in sorted(Path(__file__).parents[2].glob("src/**/*askTable*.xml"))[:3]:
        yield path.read_bytes()
    yield (
        b'<Ipf_Task_Table><Processor_Name>D</Processor_Name><Version>1</Version><Min_Disk_Space units="GB">5'
        b"</Min_Disk_Space><Max_Time>0</Max_Time><List_of_Pools><Pool><Detached>false</Detached><List_of_Tasks><Task>"
        b"<Number_of_CPUs>2</Number_of_CPUs><Name>P</Name><Version>1.0</Version><Critical>true</Critical><File_Name>/p"
        b'</File_Name><List_of_Inputs><Input id="O"><Mode>ALWAYS</Mode><Mandatory>No</Mandatory><List_of_Alternatives>'
        b"<Alternative><Order>2</Order><Origin>DB</Origin><T0>0.5</T0><T1>1</T1><File_Type>AUX_RES</File_Type>"
        b'</Alternative></List_of_Alternatives></Input><Input ref="O"/></List_of_Inputs><List_of_Outputs><Output>'
        b"<Destination>DB</Destination><Mandatory>Yes</Mandatory><Type>SLC</Type></Output></List_of_Outputs></Task>"
        b"</List_of_Tasks></Pool></List_of_Pools></Ipf_Task_Table>"
    )


def _mask_seeds() -> Iterator[bytes]:
    for write in (geojson, kml, gml):
        yield mask_file(write(rectangle(0, 75, 40, 82), rectangle(170, -20, 190, 10)))


def _list_seeds() -> Iterator[bytes]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.LIST"
        write_list(path, ["S1A_a.SAFE", "sub/S1A_b.SAFE"])
        yield path.read_bytes()


def _name_seeds() -> Iterator[bytes]:
    yield b"S1A_IW_RAW__0SDV_20171213T121623_20171213T121656_019684_021735_C6DB.SAFE"
    yield b"S1A_OPER_MPL_ORBPRE_20171208T200309_20171215T200309_0001.EOF"
    yield b"S1A_AUX_CAL_V20171017T080000_G20171013T101200.SAFE"
    yield b"DCS_01_S1A_20260301054000063412_ch1_DSDB_00001.raw"
    yield b"2026-11-25T22:05:55.182817 vm AIO_PROCESSOR 0.1.0 [0000019797]: [I] (12) progress"


def _document(name: str, run: Callable[[bytes], None], seeds: Callable[[], Iterator[bytes]]) -> Target:
    return Target(name, run, seeds, largest=1 << 15)


def _plan_seeds() -> Iterator[bytes]:
    yield plan_files.kml([plan_files.placemark(), plan_files.placemark(DatatakeId="1", Mode="SM", Swath="3")])
    yield b"datatake,mode,start,stop\n053C1A,IW,2026-01-05T06:00:00Z,2026-01-05T06:01:08Z\n"
    yield b"start = 2026-01-05T06:00:00Z\n[[takes]]\nmode = 'S3'\nstart_s = 9.5\nduration_s = 20\n"


TARGETS = (
    _document("dsib", dsib, _dsib_seeds),
    _document("obmemc", obmemc, _obmemc_seeds),
    _document("eof", orbit, _orbit_seeds),
    _document("report", reports, _report_seeds),
    _document("manifest", safe_manifest, _manifest_seeds),
    _document("manifest-l0", level0_manifest, _manifest_seeds),
    _document("joborder", job_order, _job_order_seeds),
    _document("tasktable", task_table, _task_table_seeds),
    _document("mask", mask, _mask_seeds),
    _document("plan", acquisition_plan, _plan_seeds),
    _document("listfile", list_file, _list_seeds),
    Target("names", names, _name_seeds, largest=200),
)
