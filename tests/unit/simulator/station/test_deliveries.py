"""Several deliveries of a pass at one station: retransfers, other stations, late ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from s1pdgs.simulator.station import ContentError, Faults, FileFault, RunningStation, read_content

MakePass = Callable[..., Path]
SESSION = "S1A_20260105072204051312"
BLOCK_1 = f"DCS_02_{SESSION}_ch1_DSDB_00001.raw"


def change(folder: Path, **fields: Any) -> Path:
    record = json.loads((folder / "session.json").read_text())
    (folder / "session.json").write_text(json.dumps({**record, **fields}))
    return folder


def values(station: RunningStation, path: str, unit: str | None = None, **parameters: str) -> list[dict[str, Any]]:
    url = station.odata_url if unit is None else station.unit_url(unit)
    answer = httpx2.get(url + path, params={f"${name}": value for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    records: list[dict[str, Any]] = answer.json()["value"]
    return records


@pytest.fixture
def nominal(make_pass: MakePass) -> Path:
    return make_pass(blocks={1: 2})


@pytest.fixture
def retransfer(make_pass: MakePass) -> Path:
    return change(make_pass(blocks={1: 2}, size=1500, retransfer=True, folder="again"), delay_s=3600.0)


def test_a_retransfer_is_another_session_of_the_same_identifier_that_comes_later(
    nominal: Path, retransfer: Path, start: Any, clock: Any
) -> None:
    station = start(read_content(nominal, retransfer), speedup=60)
    clock.advance(59)
    assert [entry["Retransfer"] for entry in values(station, "/Sessions")] == [False]
    clock.advance(1)
    first, second = values(station, "/Sessions", orderby="PublicationDate asc")
    assert (first["SessionId"], second["SessionId"]) == (SESSION, SESSION)
    assert (first["Retransfer"], second["Retransfer"]) == (False, True)
    assert first["Id"] != second["Id"]
    assert first["PublicationDate"] < second["PublicationDate"]
    clock.advance(2)
    both = values(station, "/Files", filter=f"SessionId eq '{SESSION}'")
    assert [file["Size"] for file in both] == [1001, 1001, 1501, 1501]
    assert len({file["Id"] for file in both}) == 4
    again = values(station, "/Files", filter=f"SessionId eq '{SESSION}' and Retransfer eq true")
    assert [(file["Name"][-9:], file["FinalBlock"]) for file in again] == [("00001.raw", False), ("00002.raw", True)]
    served = httpx2.get(f"{station.odata_url}/Files({again[0]['Id']})/$value").content
    assert served == (retransfer / "session" / "ch_1" / BLOCK_1).read_bytes()
    [quality] = values(station, f"/Sessions({second['Id']})/QualityInfo")
    assert quality["TotalVolume"] == 3002


def test_several_retransfers_of_a_session_are_told_apart(nominal: Path, retransfer: Path, start: Any) -> None:
    station = start(read_content(nominal, retransfer, retransfer))
    assert len({entry["Id"] for entry in values(station, "/Sessions")}) == 3
    assert len({file["Id"] for file in values(station, "/Files")}) == 6
    assert [session.label for session in station.station.content.sessions] == ["SGS", "SGS_R1", "SGS_R2"]


def test_stations_are_served_together_and_each_alone(nominal: Path, make_pass: MakePass, start: Any) -> None:
    other = change(make_pass(blocks={1: 3}, folder="other"), station="NSG")
    station = start(read_content(nominal, other))
    assert sorted(entry["StationUnitId"] for entry in values(station, "/Sessions")) == ["NSG", "SGS"]
    assert [entry["StationUnitId"] for entry in values(station, "/Sessions", "NSG")] == ["NSG"]
    assert len(values(station, "/Files", "NSG")) == 3
    assert len(values(station, "/Files", "SGS")) == 2
    assert [entry["TotalChunks"] for entry in values(station, "/QualityInfo", "NSG")] == [3]
    answer = httpx2.get(f"{station.unit_url('MTI')}/Sessions")
    assert answer.status_code == 404
    assert "MTI" in answer.json()["error"]["message"]


def test_a_delivery_can_be_offered_while_the_station_serves(
    nominal: Path, retransfer: Path, start: Any, clock: Any, tmp_path: Path
) -> None:
    (retransfer / "auxiliary").mkdir()
    (retransfer / "auxiliary" / "late.EOF").write_text("<late/>")
    station = start(read_content(nominal), speedup=3600)
    clock.advance(10)
    assert values(station, "/Products") == []
    station.offer(retransfer)
    assert len(values(station, "/Sessions")) == 1
    clock.advance(1)
    _, second = values(station, "/Sessions")
    assert second["PublicationDate"] == "2026-01-05T08:00:11.000Z"
    assert [entry["Name"] for entry in values(station, "/Products")] == ["late.EOF"]
    clock.advance(1)
    assert len(values(station, "/Files", filter="Retransfer eq true")) == 2
    with pytest.raises(ContentError, match=r"neither session\.json nor auxiliary"):
        station.offer(tmp_path / "nothing")
    assert len(values(station, "/Sessions")) == 2


def test_faults_hit_one_delivery_or_all_of_them(nominal: Path, retransfer: Path, start: Any) -> None:
    faults = Faults({f"SGS_R1/{BLOCK_1}": FileFault(unavailable=1, status=429), "also.raw": FileFault(missing=True)})
    station = start(read_content(nominal, retransfer), faults=faults)
    files = values(station, "/Files", filter=f"Name eq '{BLOCK_1}'", orderby="Retransfer asc")
    status = [httpx2.get(f"{station.odata_url}/Files({file['Id']})/$value").status_code for file in files * 2]
    assert status == [200, 429, 200, 200]


def test_a_station_may_announce_a_channel_that_never_comes(nominal: Path, start: Any) -> None:
    station = start(read_content(change(nominal, channels=2)))
    assert [entry["NumChannels"] for entry in values(station, "/Sessions")] == [2]
    assert {file["Channel"] for file in values(station, "/Files")} == {1}


def test_listings_can_be_refused_as_too_many(nominal: Path, start: Any) -> None:
    station = start(read_content(nominal), faults=Faults(unavailable_listings=1, listing_status=429))
    status = [httpx2.get(f"{station.odata_url}/Sessions").status_code for _ in range(2)]
    assert status == [429, 200]
