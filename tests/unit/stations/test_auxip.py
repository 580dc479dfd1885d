import zipfile
from pathlib import Path
from typing import Any

import pytest

from s1pdgs.simulator.station import Faults, FileFault, StationContent
from s1pdgs.stations.poller import download, poll

ORBIT = "S1A_OPER_AUX_RESORB_OPOD_20260105T110702_V20260105T071044_20260105T102814.EOF"
HEADER = """<?xml version="1.0"?>
<Earth_Explorer_File><Earth_Explorer_Header><Fixed_Header>
<File_Name>{stem}</File_Name><File_Description>Restituted Orbit File</File_Description><Notes></Notes>
<Mission>Sentinel-1A</Mission><File_Class>OPER</File_Class><File_Type>AUX_RESORB</File_Type>
<Validity_Period><Validity_Start>UTC=2026-01-05T07:10:44</Validity_Start>
<Validity_Stop>UTC=2026-01-05T10:28:14</Validity_Stop></Validity_Period><File_Version>0001</File_Version>
<Source><System>OPOD</System><Creator>OPOD</Creator><Creator_Version>0.0</Creator_Version>
<Creation_Date>UTC=2026-01-05T11:07:02</Creation_Date></Source></Fixed_Header><Variable_Header/>
</Earth_Explorer_Header><Data_Block type="xml"/></Earth_Explorer_File>
"""


@pytest.fixture
def orbit(tmp_path: Path) -> Path:
    path = tmp_path / "auxiliary" / ORBIT
    path.parent.mkdir()
    path.write_text(HEADER.format(stem=ORBIT.removesuffix(".EOF")))
    return path


def auxip(bench: Any, station: Any, **options: Any) -> Any:
    return bench.source(station, kind="auxip", name="provider", **options)


def settle(bench: Any, source: Any) -> None:
    for _ in range(6):
        poll(source)
        download(source)
        bench.clock.advance(60)


@pytest.mark.parametrize("zip_files", [False, True])
def test_an_orbit_file_becomes_a_product_plain_or_zipped(bench: Any, orbit: Path, zip_files: bool) -> None:
    station = bench.station(StationContent(auxiliary=(orbit,)), zip_files=zip_files)
    source = auxip(bench, station)
    settle(bench, source)
    product = bench.product(ORBIT)
    assert (product.type, product.satellite, product.location) == ("AUX_RESORB", "S1A", f"auxiliary/{ORBIT}")
    assert [file.path for file in product.files] == [ORBIT]
    assert b"".join(bench.objects.read(f"{product.location}/{ORBIT}")) == orbit.read_bytes()
    assert product.t0 == station.station.timeline.start
    assert sum("$value" in request for request in station.station.requests) == 1


def test_a_product_that_is_held_already_is_not_registered_twice(bench: Any, orbit: Path) -> None:
    plain = bench.station(StationContent(auxiliary=(orbit,)))
    settle(bench, auxip(bench, plain))
    zipped = bench.station(StationContent(auxiliary=(orbit,)), zip_files=True)
    mirror = bench.source(zipped, kind="auxip", name="mirror")
    settle(bench, mirror)
    assert bench.files()[f"{ORBIT}.zip"].state == "stored"
    assert bench.objects.list("auxiliary") == [f"auxiliary/{ORBIT}/{ORBIT}"]


def test_a_wrong_checksum_is_retried_then_set_aside(bench: Any, orbit: Path) -> None:
    station = bench.station(StationContent(auxiliary=(orbit,)), faults=Faults({ORBIT: FileFault(corrupt=2)}))
    source = auxip(bench, station, max_attempts=3)
    poll(source)
    download(source)
    assert "its source announced MD5:" in bench.files()[ORBIT].reason
    assert bench.product(ORBIT) is None
    settle(bench, source)
    assert bench.product(ORBIT) is not None
    assert bench.files()[ORBIT].attempts == 2


def test_one_that_stays_wrong_is_set_aside_with_its_bytes(bench: Any, orbit: Path) -> None:
    station = bench.station(StationContent(auxiliary=(orbit,)), faults=Faults({ORBIT: FileFault(corrupt=99)}))
    settle(bench, auxip(bench, station, max_attempts=2))
    [row] = bench.quarantined()
    assert "Given up after 2 downloads from provider" in row.reason
    assert row.location == f"quarantine/provider/{ORBIT}"
    assert bench.objects.size(row.location) == orbit.stat().st_size
    assert bench.product(ORBIT) is None


@pytest.mark.parametrize(
    ("member", "reason"),
    [("../../evil.EOF", "would leave its place"), ("other.EOF", "holds other.EOF, not"), (ORBIT, "not well-formed")],
)
def test_an_archive_that_cannot_be_used_is_set_aside_at_once(
    bench: Any, tmp_path: Path, member: str, reason: str
) -> None:
    archive = tmp_path / f"{ORBIT}.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(member, "not an orbit")
    station = bench.station(StationContent(auxiliary=(archive,)))
    settle(bench, auxip(bench, station))
    [row] = bench.quarantined()
    assert reason in row.reason
    assert bench.objects.size(row.location) == archive.stat().st_size
    assert sum("$value" in request for request in station.station.requests) == 1
    assert list(bench.work.iterdir()) == []


def test_only_names_that_are_wanted_are_downloaded(bench: Any, orbit: Path) -> None:
    other = orbit.parent / ORBIT.replace("RESORB", "POEORB")
    other.write_text("x")
    station = bench.station(StationContent(auxiliary=(orbit, other)))
    settle(bench, auxip(bench, station, match=r".*_AUX_RESORB_.*"))
    assert set(bench.files()) == {ORBIT}


def test_many_products_come_page_by_page(bench: Any, tmp_path: Path) -> None:
    paths = []
    for number in range(23):
        paths.append(tmp_path / f"file-{number:02d}.EOF")
        paths[-1].write_text(str(number))
    station = bench.station(StationContent(auxiliary=tuple(paths)), page_size=4)
    poll(auxip(bench, station, page_size=7))
    assert set(bench.files()) == {path.name for path in paths}


def test_a_real_auxiliary_product_comes_in_as_a_folder(bench: Any, testdata: Path) -> None:
    folders = sorted((testdata / "aux").glob("S1?_AUX_CAL_*.SAFE"))
    station = bench.station(StationContent(auxiliary=(folders[0],)))
    settle(bench, auxip(bench, station))
    product = bench.product(folders[0].name)
    assert product.type == "AUX_CAL"
    assert {file.path for file in product.files} == {
        path.relative_to(folders[0]).as_posix() for path in folders[0].rglob("*") if path.is_file()
    }
