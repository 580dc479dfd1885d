import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s1pdgs.formats.dsib import SessionInformation, write_dsib
from s1pdgs.formats.xml import FormatError
from s1pdgs.inbox.errors import InboxError
from s1pdgs.model.time import parse_utc
from s1pdgs.stations.errors import WrongBytes
from s1pdgs.stations.folder import ingest
from s1pdgs.stations.poller import open_source, poll
from s1pdgs.stations.profile import Profile

MakePass = Callable[..., Path]
SESSION = "S1A_20260105072204051312"
ORBIT = "S1A_OPER_AUX_RESORB_OPOD_20171213T143838_V20171213T102737_20171213T134507.EOF"


def take_in(bench: Any, path: Path) -> str:
    return ingest(path, bench.database, bench.objects, bench.outbox, bench.work)


def test_a_simulated_session_folder_becomes_a_session(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass(blocks={1: 3, 2: 2})
    assert take_in(bench, folder) == SESSION
    product = bench.product(SESSION)
    assert product.attributes["incomplete"] is False
    assert product.attributes["orbitNumber"] == 51312
    assert product.validity.duration.total_seconds() == 120
    assert sum(file.path.endswith(".raw") for file in product.files) == 5
    assert take_in(bench, folder) == SESSION
    assert bench.product(f"{SESSION}_R1") is None


def test_a_session_with_its_dsibs_is_complete_when_they_say_so(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass(blocks={1: 3, 2: 2})
    (folder / "session.json").unlink()
    for channel, count in ((1, 3), (2, 3)):  # the DSIB of channel 2 names a block that is not there
        names = tuple(f"DCS_02_{SESSION}_ch{channel}_DSDB_{number:05d}.raw" for number in range(1, count + 1))
        start, stop = parse_utc("2026-01-05T07:22:00Z"), parse_utc("2026-01-05T07:24:30Z")
        information = SessionInformation(SESSION, start, stop, start, stop, 1, names)
        path = folder / "session" / f"ch_{channel}" / f"DCS_02_{SESSION}_ch{channel}_DSIB.xml"
        path.write_bytes(write_dsib(information))
    assert take_in(bench, folder) == SESSION
    product = bench.product(SESSION)
    assert product.attributes["missing"] == "channel 2: final block not announced (last block seen is 2)"
    assert product.validity.duration.total_seconds() == 150


def test_a_bare_session_folder_is_taken_as_it_is(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass(blocks={2: 2})
    (folder / "session.json").unlink()
    assert take_in(bench, folder) == SESSION
    assert bench.product(SESSION).attributes["incomplete"] is False


def test_a_block_that_differs_from_its_record_is_refused(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass()
    record = json.loads((folder / "session.json").read_text())
    record["files"][0]["md5"] = hashlib.md5(b"other").hexdigest()
    (folder / "session.json").write_text(json.dumps(record))
    with pytest.raises(WrongBytes, match=record["files"][0]["name"]):
        take_in(bench, folder)
    assert bench.product(SESSION) is None


def test_blocks_of_two_sessions_in_one_folder_are_refused(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass(folder="mixed")
    make_pass("S1C_20260105072204003312", folder="mixed")
    with pytest.raises(FormatError, match="2 sessions"):
        take_in(bench, folder)


def test_real_products_come_in_from_files_folders_and_zips(bench: Any, testdata: Path, tmp_path: Path) -> None:
    orbit, safe = testdata / "aux" / ORBIT, next((testdata / "aux").glob("S1A_AUX_PP2_*.SAFE"))
    archive = tmp_path / f"{safe.name}.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in safe.rglob("*"):
            opened.write(path, path.relative_to(safe.parent))
    assert take_in(bench, orbit) == ORBIT
    assert take_in(bench, archive) == safe.name
    assert take_in(bench, safe) == safe.name
    assert bench.product(ORBIT).location == f"ingested/{ORBIT}"
    assert bench.product(safe.name).type == "AUX_PP2"


def test_what_is_no_product_is_refused_by_name(bench: Any, tmp_path: Path) -> None:
    with pytest.raises(InboxError, match="nowhere does not exist"):
        take_in(bench, tmp_path / "nowhere")
    (tmp_path / "holiday.jpg").write_text("x")
    with pytest.raises(FormatError, match=r"holiday\.jpg"):
        take_in(bench, tmp_path / "holiday.jpg")


def test_what_is_dropped_into_a_folder_is_taken_in_or_refused_with_a_reason(
    bench: Any, make_pass: MakePass, tmp_path: Path, testdata: Path
) -> None:
    box = tmp_path / "box"
    box.mkdir()
    make_pass().rename(box / "pass")
    (box / ORBIT).write_bytes((testdata / "aux" / ORBIT).read_bytes())
    (box / "holiday.jpg").write_text("x")
    (box / "fresh.jpg").write_text("still being written")
    now = bench.clock.now().timestamp()
    for path in box.rglob("*"):
        os.utime(path, (now - 60, now - 60))
    os.utime(box / "fresh.jpg", (now, now))
    profile = Profile("box", "folder", str(box))
    source = open_source(profile, bench.database, bench.objects, bench.outbox, bench.work)
    assert poll(source)
    assert bench.product(SESSION) is not None
    assert bench.product(ORBIT) is not None
    assert sorted(path.name for path in (box / ".done").iterdir()) == [ORBIT, "pass"]
    [row] = bench.quarantined()
    assert (row.source, row.name) == ("box", "holiday.jpg")
    assert str(box / ".refused" / "holiday.jpg") in row.reason
    assert (box / "fresh.jpg").exists()
    bench.clock.advance(60)
    assert poll(source)
    assert not (box / "fresh.jpg").exists()


def test_a_session_whose_files_went_is_taken_in_when_it_is_dropped_again(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass(blocks={1: 2, 2: 1})
    assert take_in(bench, folder) == SESSION
    before = bench.product(SESSION)
    bench.let_go(SESSION)
    assert take_in(bench, folder) == SESSION
    after = bench.product(SESSION)
    assert after.location != before.location
    assert after.files == before.files
    assert all(bench.objects.size(f"{after.location}/{file.path}") == file.size for file in after.files)
    assert take_in(bench, folder) == SESSION
    assert bench.product(SESSION) == after
