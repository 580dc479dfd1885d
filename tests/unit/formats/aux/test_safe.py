"""The SAFE directory of an auxiliary product."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from s1pdgs.formats.aux.ins import read_instrument
from s1pdgs.formats.aux.safe import AuxiliaryManifest, data_file, read_manifest, write_safe
from s1pdgs.formats.names import AuxiliaryName
from s1pdgs.formats.xml import FormatError

MANIFEST = AuxiliaryManifest(
    product_type="AUX_INS",
    satellite="S1A",
    validity_start=datetime(2025, 1, 10, tzinfo=UTC),
    generation=datetime(2025, 1, 6, 12, 30, tzinfo=UTC),
    instrument_configuration_id=6,
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return write_safe(tmp_path, MANIFEST, b"<auxiliaryInstrument/>", {"s1-aux-ins.xsd": b"<schema/>"})


def test_a_written_product_has_the_name_and_files_of_real_ones(written: Path) -> None:
    assert written.name == "S1A_AUX_INS_V20250110T000000_G20250106T123000.SAFE"
    assert AuxiliaryName.parse(written.name).product_type == "AUX_INS"
    files = {str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()}
    assert files == {"manifest.safe", "data/s1a-aux-ins.xml", "support/s1-aux-ins.xsd"}


def test_the_manifest_reads_back(written: Path) -> None:
    found = read_manifest(written)
    assert (found.product_type, found.satellite, found.instrument_configuration_id) == ("AUX_INS", "S1A", 6)
    assert (found.validity_start, found.generation) == (MANIFEST.validity_start, MANIFEST.generation)
    assert data_file(written).read_bytes() == b"<auxiliaryInstrument/>"


def test_real_manifests_of_sar_parameters_are_read(testdata: Path) -> None:
    found = {
        folder.name: read_manifest(folder)
        for folder in (*(testdata / "aux").glob("*.SAFE"), *(testdata / "aux_processing").glob("*.SAFE"))
        if "AUX_TEC" not in folder.name and "AUX_WND" not in folder.name
    }
    for name, manifest in found.items():
        told = AuxiliaryName.parse(name)
        assert manifest.product_type == told.product_type
        assert manifest.validity_start == told.validity.start
        if told.satellite != "S1_":
            assert manifest.satellite == told.satellite
    configurations = {name[:11]: manifest.instrument_configuration_id for name, manifest in found.items()}
    assert configurations["S1B_AUX_INS"] == 1
    assert configurations["S1__AUX_SCF"] == 0


def test_an_altered_data_file_is_refused(written: Path) -> None:
    path = written / "data" / "s1a-aux-ins.xml"
    path.write_bytes(b"<auxiliaryInstrumenT/>")
    with pytest.raises(FormatError, match=r"s1a-aux-ins\.xml: its MD5 is not"):
        data_file(written)
    path.write_bytes(b"<auxiliaryInstrument />")
    with pytest.raises(FormatError, match="23 bytes, the manifest says 22"):
        data_file(written)
    path.unlink()
    with pytest.raises(FormatError, match="not found, though the manifest names it"):
        data_file(written)


def test_a_data_file_outside_the_product_is_refused(written: Path) -> None:
    (written.parent / "secret.xml").write_bytes(b"x")
    manifest = written / "manifest.safe"
    manifest.write_text(manifest.read_text().replace("./data/s1a-aux-ins.xml", "../secret.xml"))
    with pytest.raises(FormatError, match="leads out of the product"):
        data_file(written)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("2025-01-10T00:00:00.000000", "tomorrow", r"manifest\.safe: "),
        ("auxProductType", "productType", "auxProductType is missing"),
        ('ID="platform"', 'ID="plate"', "platform are required"),
        ('size="22"', 'size="many"', "byteStream needs a size"),
        (">6<", ">six<", r"manifest\.safe: .*six"),
    ],
)
def test_a_wrong_manifest_is_refused(written: Path, old: str, new: str, complaint: str) -> None:
    manifest = written / "manifest.safe"
    manifest.write_text(manifest.read_text().replace(old, new))
    with pytest.raises(FormatError, match=complaint):
        data_file(written)


def test_the_wrong_kind_of_product_is_refused(tmp_path: Path) -> None:
    folder = write_safe(tmp_path, MANIFEST, b"<auxiliaryCalibration/>", {})
    with pytest.raises(FormatError, match="its root is auxiliaryCalibration, not auxiliaryInstrument"):
        read_instrument(folder)


def test_entity_bombs_are_refused_in_data_and_manifest(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><auxiliaryInstrument>&a;</auxiliaryInstrument>'
    folder = write_safe(tmp_path, MANIFEST, bomb, {})
    with pytest.raises(FormatError, match=r"s1a-aux-ins\.xml"):
        read_instrument(folder)
    (folder / "manifest.safe").write_bytes(bomb)
    with pytest.raises(FormatError, match=r"manifest\.safe"):
        read_instrument(folder)


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"manifest\.safe: not found"):
        read_manifest(tmp_path)
