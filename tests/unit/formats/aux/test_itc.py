"""AUX_ITC: the timing of every channel, in seconds."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from s1pdgs.formats.aux.binding import AuxiliaryError
from s1pdgs.formats.aux.itc import read_timing
from s1pdgs.formats.aux.safe import AuxiliaryManifest, write_safe
from s1pdgs.formats.xml import FormatError

TEXT = """<auxiliarySetap schemaVersion="1.6"><instrumentTimingCalibrationReference>
<rangeCalibration unit="s">1.0e-09</rangeCalibration><azimuthCalibration unit="s">1.0e-05</azimuthCalibration>
</instrumentTimingCalibrationReference><instrumentTimingCalibrationOffsetList count="1">
<instrumentTimingCalibrationOffset><swath>IW1</swath><polarisation>VV</polarisation>
<rangeOffset unit="s">2.0e-09</rangeOffset><azimuthOffset unit="s">-3.0e-05</azimuthOffset>
</instrumentTimingCalibrationOffset></instrumentTimingCalibrationOffsetList></auxiliarySetap>"""


def written(folder: Path, text: str = TEXT) -> Path:
    moment = datetime(2024, 1, 5, tzinfo=UTC)
    manifest = AuxiliaryManifest(
        product_type="AUX_ITC",
        satellite="S1A",
        validity_start=moment,
        generation=moment,
        instrument_configuration_id=None,
    )
    return write_safe(folder, manifest, text.encode(), {"s1-aux-itc.xsd": b""})


def test_the_real_product_has_a_timing_of_every_channel(testdata: Path) -> None:
    (folder,) = (testdata / "aux_processing").glob("S1A_AUX_ITC*.SAFE")
    timing = read_timing(folder)
    assert len(timing.offsets) == 56
    across, along = timing.of("IW2", "VH")
    assert abs(across) < 1e-7
    assert 1e-6 < along < 1e-3


def test_offsets_of_channels_add_to_the_reference(tmp_path: Path) -> None:
    assert read_timing(written(tmp_path)).of("IW1", "VV") == pytest.approx((3e-9, -2e-5))


def test_a_channel_without_an_offset_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuxiliaryError, match="AUX_ITC has no timing of EW1 HH"):
        read_timing(written(tmp_path)).of("EW1", "HH")


def test_a_broken_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="rangeCalibration"):
        read_timing(written(tmp_path, TEXT.replace("1.0e-09", "soon")))
