import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s1pdgs.simulator.station.content import ContentError, read_content

MakePass = Callable[..., Path]


def change(folder: Path, **fields: Any) -> None:
    record = json.loads((folder / "session.json").read_text())
    for name, value in fields.items():
        if value is None:
            del record[name]
        else:
            record[name] = value
    (folder / "session.json").write_text(json.dumps(record))


def test_reads_the_folder_that_the_simulator_writes(make_pass: MakePass) -> None:
    folder = make_pass(blocks={1: 2, 2: 3})
    (folder / "auxiliary").mkdir()
    (folder / "auxiliary" / "a.EOF").write_text("x")
    content = read_content(folder)
    [session] = content.sessions
    assert (session.id, session.satellite, session.channels) == ("S1A_20260105072204051312", "S1A", (1, 2))
    assert [block.number for block in session.blocks if block.final] == [2, 3]
    assert all(block.path.stat().st_size == block.size for block in session.blocks)
    assert session.quality[2]["acquired_tfs"] == 1000
    assert [path.name for path in content.auxiliary] == ["a.EOF"]


def test_an_empty_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=str(tmp_path)):
        read_content(tmp_path)


@pytest.mark.parametrize("field", ["session_id", "orbit", "downlink_start", "files"])
def test_a_missing_field_is_named(make_pass: MakePass, field: str) -> None:
    folder = make_pass()
    change(folder, **{field: None})
    with pytest.raises(ContentError, match=f"session.json: field '{field}' is missing"):
        read_content(folder)


def test_paths_may_not_leave_the_folder(make_pass: MakePass) -> None:
    folder = make_pass()
    files = json.loads((folder / "session.json").read_text())["files"]
    files[0]["path"] = "../../etc/passwd"
    change(folder, files=files)
    with pytest.raises(ContentError, match="leaves the folder"):
        read_content(folder)
