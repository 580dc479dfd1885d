import contextlib
import stat
import struct
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.inbox.errors import UnsafeArchive
from s1pdgs.inbox.unpack import Limits, unpack_zip


def make(path: Path, *members: tuple[str, bytes] | tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def target(tmp_path: Path) -> Path:
    folder = tmp_path / "inside"
    folder.mkdir(exist_ok=True)
    return folder


def test_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", ("x.SAFE/", b""), ("x.SAFE/manifest.safe", b"m"), ("x.SAFE/data/d.xml", b"d"))
    unpack_zip(archive, target(tmp_path))
    assert (tmp_path / "inside/x.SAFE/data/d.xml").read_bytes() == b"d"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "C:evil", "a\nb"])
def test_paths_that_leave_are_refused_before_a_byte_is_written(tmp_path: Path, name: str) -> None:
    archive = make(tmp_path / "a.zip", ("good", b"1"), (name, b"2"))
    with pytest.raises(UnsafeArchive, match="would leave its place"):
        unpack_zip(archive, target(tmp_path))
    assert list(target(tmp_path).iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_symbolic_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(UnsafeArchive, match="link or a device"):
        unpack_zip(make(tmp_path / "a.zip", (link, b"/etc/passwd")), target(tmp_path))


def test_a_bomb_is_stopped_by_what_comes_out_of_it(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", ("bomb", bytes(20_000_000)))
    with pytest.raises(UnsafeArchive, match="more bytes than accepted"):
        unpack_zip(archive, target(tmp_path), Limits(max_ratio=100))


def test_the_declared_size_is_not_believed(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", ("bomb", bytes(5_000_000)))
    data = archive.read_bytes()
    archive.write_bytes(data.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 10)))
    with pytest.raises(UnsafeArchive):
        unpack_zip(archive, target(tmp_path), Limits(max_bytes=1_000_000))


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", *((str(number), b"") for number in range(11)))
    with pytest.raises(UnsafeArchive, match="11 entries"):
        unpack_zip(archive, target(tmp_path), Limits(max_files=10))


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = make(tmp_path / "a.zip", ("a", b"1"), ("a", b"2"))
    with pytest.raises(UnsafeArchive, match="twice"):
        unpack_zip(archive, target(tmp_path))


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchive, match="both a file and a folder"):
        unpack_zip(make(tmp_path / "a.zip", ("a", b"1"), ("a/b", b"2")), target(tmp_path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.integers(0, 200), st.integers(0, 255), st.integers(0, 200))
def test_a_spoiled_archive_is_refused_or_unpacked_but_never_another_error(
    tmp_path: Path, position: int, value: int, cut: int
) -> None:
    data = bytearray(make(tmp_path / "a.zip", ("x", b"hello " * 20), ("y/z", b"world")).read_bytes())
    data[position % len(data)] = value
    (tmp_path / "b.zip").write_bytes(data[: len(data) - cut] if value % 2 else data)
    inside = Path(tempfile.mkdtemp(dir=tmp_path))
    with contextlib.suppress(UnsafeArchive):
        unpack_zip(tmp_path / "b.zip", inside)
