"""LIST files name outputs inside the working directory and nothing else."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats import listfile
from s1pdgs.formats.listfile import ListFileError, list_file_name, read_list, write_list


def test_entries_come_back_in_order_each_once(tmp_path: Path) -> None:
    path = tmp_path / "AIOProc.LIST"
    path.write_text("NRT/a.SAFE\r\n\n./b.SAFE/\nNRT/a.SAFE\n")
    assert read_list(path) == ["NRT/a.SAFE", "b.SAFE"]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_list(tmp_path / "7.LIST", ["a.SAFE", "sub/b.SAFE"])
    assert read_list(tmp_path / "7.LIST") == ["a.SAFE", "sub/b.SAFE"]
    assert list_file_name(Path("/work/job/7")) == "7.LIST"


@pytest.mark.parametrize("entry", ["../x", "/etc/passwd", "a/../../b", "a\\..\\b", "a\x00b", "x" * 2000, "."])
def test_entries_outside_are_refused_with_their_line(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "bad.LIST"
    path.write_bytes(b"good.SAFE\n" + entry.encode() + b"\n")
    with pytest.raises(ListFileError, match=r"bad\.LIST, line 2"):
        read_list(path)
    with pytest.raises(ListFileError):
        write_list(path, [entry])


def test_files_beyond_the_bounds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.LIST"
    path.write_text("a\n" * 10)
    monkeypatch.setattr(listfile, "MAX_ENTRIES", 9)
    with pytest.raises(ListFileError, match="10 lines"):
        read_list(path)
    monkeypatch.setattr(listfile, "MAX_BYTES", 19)
    with pytest.raises(ListFileError, match="20 bytes"):
        read_list(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ListFileError, match="UTF-8"):
        read_list(path)


@given(st.binary(max_size=100))
def test_accepted_entries_always_stay_inside(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.LIST"
        path.write_bytes(data)
        try:
            entries = read_list(path)
        except ListFileError:
            return
        for entry in entries:
            assert not Path(entry).is_absolute()
            assert ".." not in Path(entry).parts
