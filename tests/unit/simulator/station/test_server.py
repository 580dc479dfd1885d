import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from s1pdgs.simulator.station import (
    Account,
    Faults,
    FileFault,
    Quirks,
    RunningStation,
    read_content,
)

MakePass = Callable[..., Path]
SESSION = "S1A_20260105072204051312"
BLOCK_1 = f"DCS_02_{SESSION}_ch1_DSDB_00001.raw"


def get(station: RunningStation, path: str, **options: Any) -> httpx2.Response:
    return httpx2.get(station.odata_url + path, **options)


def values(station: RunningStation, path: str, **parameters: str) -> list[dict[str, Any]]:
    answer = get(station, path, params={f"${name}": value for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    records: list[dict[str, Any]] = answer.json()["value"]
    return records


def test_blocks_appear_as_the_pass_goes_on(make_pass: MakePass, start: Any, clock: Any) -> None:
    station = start(read_content(make_pass(blocks={1: 3, 2: 2})), speedup=10)  # 120 s of downlink in 12 s
    seen = []
    for _ in range(4):
        seen.append({(file["Channel"], file["BlockNumber"]) for file in values(station, "/Files")})
        clock.advance(4)
    assert seen == [
        set(),
        {(1, 1)},
        {(1, 1), (1, 2), (2, 1)},
        {(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)},
    ]
    final = values(station, "/Files", filter="FinalBlock eq true", orderby="Channel asc")
    assert [file["Name"][-9:] for file in final] == ["00003.raw", "00002.raw"]


def test_a_later_pass_is_announced_later(make_pass: MakePass, start: Any, clock: Any) -> None:
    first, second = make_pass(), make_pass("S1C_20260105090000003312")
    record = (second / "session.json").read_text().replace("T07:2", "T09:0")
    (second / "session.json").write_text(record)
    station = start(read_content(first, second), speedup=100)
    assert [entry["Satellite"] for entry in values(station, "/Sessions")] == ["S1A"]
    clock.advance(75)
    found = values(station, "/Sessions", filter="Satellite in ('S1A','S1C')", orderby="PublicationDate desc")
    assert [entry["Satellite"] for entry in found] == ["S1C", "S1A"]


def test_sessions_can_be_expanded_and_their_quality_read_when_delivered(
    make_pass: MakePass, start: Any, clock: Any
) -> None:
    station = start(read_content(make_pass()), speedup=120)
    [session] = values(station, "/Sessions", expand="Files,QualityInfo")
    assert session["Files"] == []
    assert session["QualityInfo"] == []
    assert session["NumChannels"] == 2
    clock.advance(1)
    answer = get(station, f"/Sessions({session['Id']})", params={"$expand": "QualityInfo"}).json()
    assert [quality["AcquiredTFs"] for quality in answer["QualityInfo"]] == [500, 1000]
    quality = values(station, f"/Sessions({session['Id']})/QualityInfo")
    assert [(entry["TotalChunks"], entry["TotalVolume"]) for entry in quality] == [(3, 3003), (3, 3006)]
    assert len(values(station, f"/Sessions({session['Id']})/Files")) == 6


def test_pages_are_linked_and_counted(make_pass: MakePass, start: Any) -> None:
    station = start(read_content(make_pass(blocks={1: 5})), page_size=2)
    first = get(station, "/Files", params={"$count": "true", "$orderby": "BlockNumber asc"}).json()
    assert first["@odata.count"] == 5
    numbers, page = [], first
    while True:
        numbers += [file["BlockNumber"] for file in page["value"]]
        if "@odata.nextLink" not in page:
            break
        page = httpx2.get(page["@odata.nextLink"]).json()
    assert numbers == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("header", "part", "content_range"),
    [
        (None, slice(0, 1001), None),
        ("bytes=0-9", slice(0, 10), "bytes 0-9/1001"),
        ("bytes=990-", slice(990, 1001), "bytes 990-1000/1001"),
        ("bytes=-5", slice(996, 1001), "bytes 996-1000/1001"),
        ("bytes=1001-", slice(0, 0), "bytes */1001"),
    ],
)
def test_bytes_are_served_by_range(
    make_pass: MakePass, start: Any, header: str | None, part: slice, content_range: str | None
) -> None:
    folder = make_pass()
    station = start(read_content(folder))
    [file] = values(station, "/Files", filter=f"Name eq '{BLOCK_1}'")
    answer = get(station, f"/Files({file['Id']})/$value", headers={} if header is None else {"Range": header})
    data = (folder / "session" / "ch_1" / BLOCK_1).read_bytes()
    status = 200 if header is None else 206 if data[part] else 416
    assert (answer.status_code, answer.content) == (status, data[part])
    assert answer.headers.get("content-range") == content_range
    assert answer.headers["etag"].strip('"') == hashlib.md5(data).hexdigest()


def test_auxiliary_folders_are_served_as_zip_and_files_as_they_are(tmp_path: Path, start: Any) -> None:
    auxiliary = tmp_path / "auxiliary"
    safe = auxiliary / "S1A_AUX_INS_V20190228T092500_G20211103T111906.SAFE"
    (safe / "data").mkdir(parents=True)
    (safe / "manifest.safe").write_text("<manifest/>")
    (safe / "data" / "x.xml").write_text("<x/>")
    orbit = "S1A_OPER_AUX_RESORB_OPOD_20260105T110702_V20260105T071044_20260105T102814.EOF"
    (auxiliary / orbit).write_text("<orbit/>")
    station = start(read_content(tmp_path))
    products = {entry["Name"]: entry for entry in values(station, "/Products")}
    assert set(products) == {f"{safe.name}.zip", orbit}
    assert products[orbit]["ContentDate"]["Start"] == "2026-01-05T07:10:44.000Z"
    for entry in products.values():
        data = get(station, f"/Products({entry['Id']})/$value").content
        assert len(data) == entry["ContentLength"]
        assert entry["Checksum"][0]["Value"] == hashlib.md5(data).hexdigest()
    data = get(station, f"/Products({products[f'{safe.name}.zip']['Id']})/$value").content
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == [f"{safe.name}/data/x.xml", f"{safe.name}/manifest.safe"]
    selected = values(
        station,
        "/Products",
        filter="Attributes/OData.CSC.StringAttribute/any(att:att/Name eq 'productType' and "
        "att/OData.CSC.StringAttribute/Value eq 'AUX_INS')",
    )
    assert [entry["Name"] for entry in selected] == [f"{safe.name}.zip"]


def test_tokens_are_asked_for_and_expire(make_pass: MakePass, start: Any, clock: Any) -> None:
    account = Account()
    station = start(read_content(make_pass()), account=account, faults=Faults(token_lifetime_s=60))
    assert get(station, "/Sessions").status_code == 401
    form = {"client_id": account.client_id, "client_secret": account.client_secret}
    user = {"username": account.username, "password": account.password}
    assert httpx2.post(station.token_url, data={**form, "grant_type": "magic"}).status_code == 400
    assert httpx2.post(station.token_url, data={**form, "client_secret": "x"}).status_code == 401
    for grant in ({"grant_type": "client_credentials"}, {"grant_type": "password", **user}):
        reply = httpx2.post(station.token_url, data={**form, **grant}).json()
        assert reply["expires_in"] == 60
        bearer = {"Authorization": f"Bearer {reply['access_token']}"}
        assert get(station, "/Sessions", headers=bearer).status_code == 200
        clock.advance(61)
        assert get(station, "/Sessions", headers=bearer).status_code == 401


def test_faults_hit_the_first_downloads_only(make_pass: MakePass, start: Any) -> None:
    folder = make_pass()
    fault = FileFault(unavailable=1, dropped=1, duplicate=True)
    station = start(read_content(folder), faults=Faults({BLOCK_1: fault}))
    listed = values(station, "/Files", filter=f"Name eq '{BLOCK_1}'")
    assert len({file["Id"] for file in listed}) == 2
    url = f"{station.odata_url}/Files({listed[0]['Id']})/$value"
    assert httpx2.get(url).status_code == 503
    with pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(url)
    assert httpx2.get(url).content == (folder / "session" / "ch_1" / BLOCK_1).read_bytes()


def test_a_late_file_keeps_its_old_publication_date(make_pass: MakePass, start: Any, clock: Any) -> None:
    station = start(read_content(make_pass()), faults=Faults({BLOCK_1: FileFault(late_s=100)}))
    assert len(values(station, "/Files")) == 5
    clock.advance(100)
    assert len({file["PublicationDate"] for file in values(station, "/Files")}) == 1
    assert len(values(station, "/Files")) == 6


def test_errors_are_odata_errors(make_pass: MakePass, start: Any) -> None:
    station = start(read_content(make_pass()), faults=Faults(quirks=Quirks(refuses_ge_le=True)))
    for path, status in (
        ("/Sessions?$filter=Colour eq 'red'", 400),
        ("/Sessions?$filter=PublicationDate ge 2020-01-01T00:00:00Z", 400),
        ("/Sessions(00000000-0000-0000-0000-000000000000)", 404),
        ("/Files(00000000-0000-0000-0000-000000000000)/$value", 404),
    ):
        answer = get(station, path)
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
