"""A product on disk tells what it is by its manifest, its header and its name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from s1pdgs.catalogue.metadata import describe
from s1pdgs.formats.manifest import read_manifest
from s1pdgs.formats.xml import FormatError
from s1pdgs.model.time import FAR_FUTURE
from s1pdgs.model.timeliness import Timeliness

SLICE = "S1A_IW_RAW__0SDV_20171213T121623_20171213T121656_019684_021735_C6DB.SAFE"


def test_a_real_slice_is_described_from_its_manifest(testdata: Path) -> None:
    found = describe(testdata / "products" / SLICE)
    assert (found.type, found.satellite, found.timeliness) == ("IW_RAW__0S", "S1A", Timeliness.FAST24)
    assert found.validity.start == datetime(2017, 12, 13, 12, 16, 23, 685188, tzinfo=UTC)
    assert found.footprint is not None
    assert found.footprint.ring[0] == (86.8273, 36.7787)
    expected = {
        "datatakeID": 137013, "sliceNumber": 13, "instrumentConfigurationID": 6, "orbitNumber": 19684,
        "relativeOrbitNumber": 12, "orbitDirection": "ASCENDING", "polarisationChannels": "VH&VV",
        "sliceProductFlag": True, "productConsolidation": "SLICE", "packetStoreID": "25 24",
    }  # fmt: skip
    assert {key: found.attributes.get(key) for key in expected} == expected


def test_a_real_level_1_product_is_described(testdata: Path) -> None:
    found = describe(next((testdata / "l1_annotations").glob("S1A_S3_SLC__1SDV*")))
    assert (found.type, found.timeliness) == ("S3_SLC__1S", Timeliness.FAST24)
    assert found.attributes["processorName"] == "Sentinel-1 IPF"
    assert found.attributes["operationalMode"] == "SM"
    assert found.attributes["swathIdentifier"] == "S3"
    assert found.footprint is not None
    assert len(found.footprint.ring) == 5


def test_auxiliary_files_tell_validity_generation_and_configuration(testdata: Path) -> None:
    calibration = describe(next((testdata / "aux_processing").glob("S1A_AUX_CAL*")))
    assert calibration.validity.stop == FAR_FUTURE
    assert calibration.attributes["instrumentConfigurationID"] == 3
    orbit = describe(next((testdata / "aux").glob("*RESORB*")))
    assert (orbit.type, orbit.satellite) == ("AUX_RESORB", "S1A")
    assert orbit.validity.start == datetime(2017, 12, 13, 10, 27, 37, tzinfo=UTC)
    assert orbit.generation_time == datetime(2017, 12, 13, 14, 38, 38, tzinfo=UTC)
    memory = describe(next((testdata / "aux").glob("*OBMEMC*")))
    assert memory.validity.start == datetime(2014, 2, 1, tzinfo=UTC)


def test_every_real_file_is_described(testdata: Path) -> None:
    paths = [path for folder in ("aux", "aux_processing", "products", "l1_annotations") for path in
             sorted((testdata / folder).iterdir()) if path.suffix != ".txt"]  # fmt: skip
    assert [describe(path).name for path in paths] == [path.name for path in paths]


def product_with(tmp_path: Path, manifest: str) -> Path:
    folder = tmp_path / SLICE
    folder.mkdir()
    (folder / "manifest.safe").write_text(manifest)
    return folder


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("<XFDU/>", "acquisitionPeriod has no startTime"),
        ("<notXFDU/>", "root element notXFDU is not XFDU"),
        ("<XFDU><startTime>yesterday</startTime></XFDU>", "yesterday"),
        ("<XFDU><coordinates>95.0,10.0</coordinates></XFDU>", r"'95.0,10.0' are outside"),
        ("<XFDU>", "not well-formed"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><XFDU>&a;</XFDU>', "document type declaration"),
    ],
)
def test_a_broken_manifest_is_refused_with_file_and_field(tmp_path: Path, manifest: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as refusal:
        describe(product_with(tmp_path, manifest))
    assert "manifest.safe" in str(refusal.value)


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / SLICE).mkdir()
    with pytest.raises(FormatError, match=r"no manifest\.safe"):
        describe(tmp_path / SLICE)


def test_texts_and_numbers_of_a_manifest_are_typed(tmp_path: Path) -> None:
    path = product_with(
        tmp_path,
        "<XFDU><standAloneProductInformation><sliceNumber>x</sliceNumber></standAloneProductInformation></XFDU>",
    )
    manifest = read_manifest(path / "manifest.safe")
    assert manifest.text("sliceNumber") == "x"
    with pytest.raises(FormatError, match="sliceNumber is 'x', not a whole number"):
        manifest.number("sliceNumber")
