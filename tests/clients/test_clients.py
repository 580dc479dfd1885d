"""Other people's clients are the judges of our doors: each searches, pages and downloads as its users do."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import httpx2
import pytest
from pystac_client import Client

from s1pdgs.publication.export import write_geoparquet
from s1pdgs.publication.predicate import ALWAYS
from tests.clients.conftest import REAL, Judge, client
from tests.databases import new_database
from tests.unit.publication.conftest import filled, new_segment

ITALY = [9, 44, 20, 48]
AROUND = {"type": "Polygon", "coordinates": [[[9, 44], [13, 44], [13, 48], [9, 48], [9, 44]]]}


def names(site: str, asked: str) -> list[str]:
    """What our own OData finds, as the clients should."""
    found = httpx2.get(f"{site}/odata/v1/Products", params={"$filter": asked, "$orderby": "PublicationDate"}).json()
    return [one["Name"].removesuffix(".SAFE.zip") for one in found["value"]]


def test_eodag_searches_pages_and_downloads_by_odata_and_by_stac(site: str, judge: Judge, tmp_path: Path) -> None:
    found = judge("eodag_judge.py", str(tmp_path))
    wanted = names(
        site,
        "startswith(Name,'S1') and contains(Name,'_IW_SLC__1S') and ContentDate/Start lt 2020-06-16 and "
        "OData.CSC.Intersects(area=geography'SRID=4326;POLYGON((9 44,20 44,20 48,9 48,9 44))')",
    )
    assert len(wanted) == 2
    odata, stac = found["odata"], found["stac"]
    assert odata["matched"] == stac["matched"] == 2
    assert odata["every"] == wanted
    assert [one.removesuffix(".SAFE") for one in stac["every"]] == wanted[::-1]
    assert f"{odata['folder']}.SAFE/manifest.safe" in odata["files"]
    assert f"{stac['folder']}.zip" in stac["files"]
    assert found["chosen"] == {"sat:orbit_state": 2, "sat:absolute_orbit": 1, "sar:polarizations": 4}


def test_cdsetool_finds_here_what_it_looks_for_at_copernicus(site: str, judge: Judge, tmp_path: Path) -> None:
    found = judge("cdsetool_judge.py", str(tmp_path))
    assert found["matched"] == len(found["names"]) == len(found["files"]) == 1
    assert [one.removesuffix(".SAFE.zip") for one in found["every"]] == names(site, "contains(Name,'_IW_SLC__1S')")[:4]
    with zipfile.ZipFile(tmp_path / found["files"][0]) as archive:
        assert archive.testzip() is None


def test_pystac_client_reads_real_products(site: str) -> None:
    if not REAL.is_dir():
        pytest.skip("real Sentinel-1 reference data is not present beside the checkout")
    catalogue = Client.open(f"{site}/stac")
    search = catalogue.search(filter="processing:level = 'L1' AND sar:instrument_mode = 'WV'", filter_lang="cql2-text")
    (item,) = search.items()
    assert item.id == "S1B_WV_SLC__1SDV_20181001T134431_20181001T135927_012959_017EF8_00EB.SAFE"
    assert item.properties["sat:absolute_orbit"] == 12959
    assert item.properties["platform"] == "sentinel-1b"
    area = catalogue.search(intersects=item.geometry, collections=["WV_SLC__1S"], max_items=5)
    assert [one.id for one in area.items()] == [item.id]


def test_stac_api_validator_finds_no_error(judge: Judge) -> None:
    told = judge("validator_judge.py", "IW_SLC__1S", json.dumps(AROUND))
    assert "Errors: none" in told, told[-5000:]


def test_cql2_holds_true_of_our_items_what_our_searches_find(judge: Judge) -> None:
    counts = judge("cql2_judge.py")
    assert counts["tried"] >= 60
    assert counts["telling"] >= 20


def test_rustac_reads_the_exported_catalogue(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "all.parquet"
    with new_database("sqlite", tmp_path) as database:
        filled(new_segment(database, tmp_path))
        with database.read() as connection:
            assert write_geoparquet(connection, path, ALWAYS, "https://pdgs.example") == 12
    items = judge("rustac_judge.py", str(path))["items"]
    assert len({one["id"] for one in items}) == 12
    (first,) = [one for one in items if one["properties"]["sat:absolute_orbit"] == 33000]
    assert first["collection"] == "IW_SLC__1S"
    assert first["bbox"] == [10.0, 45.0, 12.0, 47.0]
    assert first["properties"]["start_datetime"] == "2020-06-15T12:00:00Z"
    assert first["properties"]["sar:polarizations"] == ["VV", "VH"]
    assert first["properties"]["processing:software"] == {"s1pdgs-l1": "0.1.0"}
    assert first["assets"]["product"]["roles"] == ["data"]


def _curl(*arguments: str) -> str:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("there is no curl here")
    return subprocess.run([program, "-sS", *arguments], capture_output=True, text=True, check=True).stdout


def test_curl_finds_downloads_under_the_right_name_and_resumes(site: str, tmp_path: Path) -> None:
    prip = f"{site}/odata/v1"
    assert int(_curl(f"{prip}/Products/$count")) >= 12
    asked = ["-G", f"{prip}/Products", "--data-urlencode", "$filter=contains(Name,'SLC')", "--data-urlencode", "$top=1"]
    product = json.loads(_curl(*asked))["value"][0]
    address = f"{prip}/Products({product['Id']})/$value"
    _curl("-OJ", "--output-dir", str(tmp_path), "--globoff", address)
    whole = tmp_path / product["Name"]
    assert whole.stat().st_size == product["ContentLength"]
    part = tmp_path / "part.zip"
    part.write_bytes(whole.read_bytes()[:1000])
    _curl("-C", "-", "-o", str(part), "--globoff", address)
    assert part.read_bytes() == whole.read_bytes()
    told = _curl("-o", "/dev/null", "-w", "%{http_code} %{content_type}", f"{prip}/Products(none)")
    assert told.startswith("404 application/json")


@pytest.mark.parametrize("description", ["/stac/api", "/openapi.json"])
def test_schemathesis_breaks_nothing(site: str, description: str) -> None:
    done = subprocess.run(
        [client("schemathesis"), "run", f"{site}{description}", "--checks", "not_a_server_error", "--phases",
         "examples,fuzzing", "--max-examples", "8", "--seed", "7", "--workers", "2", "--no-color",
         "--suppress-health-check", "all"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
