"""Products come as folders, zips and bare files; hostile ones are refused before they do harm."""

import contextlib
import io
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.isp.header import index_packets
from s1pdgs.tools.l0.archive import unpack
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.packets import read_packets
from s1pdgs.tools.l0.product import Component, open_product
from s1pdgs.tools.l0.verify.audit import audit
from tests.unit.tools.l0.conftest import Made
from tests.unit.tools.l0.editing import Editable


def zipped(product: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(product.rglob("*")):
            archive.write(path, f"{product.name}/{path.relative_to(product)}")
    return target


def archive_of(target: Path, *entries: tuple[str, bytes], mode: int = 0o644) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return target


def test_a_zip_is_audited_like_its_folder(made: Made, tmp_path: Path) -> None:
    product = made.products["S"]
    report = audit(zipped(product, tmp_path / "product.zip"))
    assert report == audit(product)
    assert report.passed(strict=True)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("../evil.dat", "outside its folder"),
        ("/etc/evil.dat", "outside its folder"),
        ("X.SAFE/../../evil.dat", "outside its folder"),
        ("X.SAFE\\..\\evil.dat", "outside its folder"),
        ("C:/evil.dat", "outside its folder"),
        ("loose.dat", "holds one .SAFE folder"),
    ],
)
def test_entries_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, complaint: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(ToolError, match=complaint):
        unpack(archive_of(tmp_path / "evil.zip", (name, b"x")), tmp_path / "in")
    assert [path.name for path in tmp_path.rglob("evil.dat")] == []


def test_links_bombs_and_two_products_are_refused(tmp_path: Path) -> None:
    link = archive_of(tmp_path / "link.zip", ("X.SAFE/a.dat", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777)
    bomb = archive_of(tmp_path / "bomb.zip", ("X.SAFE/a.dat", bytes(64 << 20)))
    two = archive_of(tmp_path / "two.zip", ("X.SAFE/a.dat", b""), ("Y.SAFE/a.dat", b""))
    for path, complaint in ((link, "is a link"), (bomb, "would grow from"), (two, "holds X.SAFE, Y.SAFE")):
        with pytest.raises(ToolError, match=complaint):
            unpack(path, tmp_path / "in")
        report = audit(path)
        assert [finding.rule for finding in report.findings] == ["product.readable"]
        assert not report.passed()


def test_an_archive_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "liar.zip", ("X.SAFE/a.dat", os.urandom(5000)))
    data = bytearray(path.read_bytes())
    size = (5000).to_bytes(4, "little")
    place = data.rindex(size)
    data[place : place + 4] = (100).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(ToolError, match=r"cannot be read|holds more than it announces"):
        unpack(path, tmp_path / "in")


@settings(max_examples=40)
@given(cut=st.floats(0.0, 1.0, exclude_max=True), flipped=st.integers(0, 400), wrong=st.integers(1, 255))
def test_a_damaged_zip_is_refused_or_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: float, flipped: int, wrong: int
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.SAFE/manifest.safe", b"<xfdu/>" * 40)
    data = bytearray(stream.getvalue())
    if cut < 0.5:
        data = data[: int(2 * cut * len(data))]
    elif flipped < len(data):
        data[flipped] ^= wrong
    (folder / "x.zip").write_bytes(bytes(data))
    with contextlib.suppress(ToolError, OSError):
        unpack(folder / "x.zip", folder / "in")
    assert {path.name for path in folder.iterdir()} <= {"x.zip", "in"}


def test_what_is_no_product_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "nothing.dat").touch()
    for name, complaint in (
        ("absent", "no such product"),
        ("empty", "no Level-0 product"),
        ("text.zip", "not a zip archive"),
        ("nothing.dat", "empty"),
    ):
        with pytest.raises(ToolError, match=complaint), open_product(tmp_path / name):
            pass


def test_without_a_manifest_file_names_tell_the_components(edit: Callable[[], Editable]) -> None:
    product = edit()
    (product.path / "manifest.safe").unlink()
    with open_product(product.path) as opened:
        assert opened.manifest_fault == "manifest.safe is missing"
        assert [component.polarisation for component in opened.components] == ["VH", "VV"]
        assert all(component.annotation and component.index for component in opened.components)


def test_kinds_of_components_are_told_by_their_octets(made: Made, testdata: Path) -> None:
    for kind, headers_only in (("S", False), ("A", True)):
        with open_product(made.products[kind]) as opened:
            assert {component.headers_only for component in opened.components} == {headers_only}
            assert not opened.telemetry
    with open_product(testdata / "isp" / "000408-echo.dat") as opened:
        (component,) = opened.components
        assert read_packets(component).polarisation == "VV"


@settings(max_examples=30)
@given(data=st.data())
def test_every_octet_belongs_to_a_packet_or_is_told_as_damage(
    made: Made, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    (source,) = made.products["VV"].glob("*1a.dat")
    octets = np.fromfile(source, np.uint8)
    offsets, lengths = index_packets(octets)
    pieces, expected, position = [], [], 0
    for number in range(8):
        junk = data.draw(st.binary(max_size=100)).replace(b"\x0c\x1c", b"")
        packet = octets[offsets[number] : offsets[number] + lengths[number]].tobytes()
        pieces += [junk, packet]
        expected.append(position + len(junk))
        position = expected[-1] + len(packet)
    cut = data.draw(st.integers(0, 60))
    pieces.append(packet[:cut])
    path = tmp_path_factory.mktemp("damage") / "x.dat"
    path.write_bytes(b"".join(pieces))
    packets = read_packets(Component("VV", path))
    assert packets.offsets.tolist() == expected
    covered = np.zeros(position + cut, np.int64)
    for start, size in zip(packets.offsets.tolist(), packets.lengths.tolist(), strict=True):
        covered[start : start + size] += 1
    for damage in packets.damage:
        covered[damage.start : damage.stop] += 1
        assert damage.reason
    assert (covered == 1).all()
