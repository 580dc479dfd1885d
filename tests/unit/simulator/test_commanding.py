"""The commanded codes: real ones where they are known, and windows that fit between pulses everywhere."""

from itertools import pairwise

import numpy as np
import pytest

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.header import MAX_DATA_LENGTH
from s1pdgs.formats.isp.tables import document
from s1pdgs.simulator.commanding import adjoining, ecc_number, mode_swaths, swath_settings
from s1pdgs.simulator.errors import SimulatorError

ALL_MODES = tuple(int(number) for number in document()["timelines"]) + tuple(range(37, 47))


@pytest.mark.parametrize("ecc", ALL_MODES)
@pytest.mark.parametrize("samples", [None, 256])
def test_every_swath_of_every_mode_is_commanded_and_its_window_lies_between_two_pulses(
    ecc: int, samples: int | None
) -> None:
    for name in mode_swaths(ecc):
        radar = swath_settings(ecc, name, samples)
        assert radar.tx_pulse_length < radar.swst
        assert radar.swst + radar.swl < radar.pri
        assert samples is None or samples <= radar.samples < samples + 32
        number, full = codes.swath(radar.swath_number), codes.swath(radar.calibration_swath_number)
        assert name in {number.name, number.notch_name}
        assert name in {full.name, full.notch_name}
        assert (number.full_bandwidth, full.full_bandwidth) == (False, True)
        assert 10 * 4 * radar.samples // 16 < 2 * MAX_DATA_LENGTH


def test_codes_of_iw_are_those_of_a_real_annotation(testdata) -> None:
    from lxml import etree  # noqa: PLC0415

    folder = next((testdata / "l1_annotations").glob("S1B_IW_GRDH*/annotation"))
    document = etree.parse(next(folder.glob("s1b-iw-grd-vv-*.xml")))
    found = document.findall(".//downlinkInformation")
    assert len(found) == 3
    for each in found:
        values = each.find("downlinkValues")
        radar = swath_settings(8, each.findtext("swath"))
        assert radar.pri_s == pytest.approx(float(values.findtext("pri")), rel=1e-12)
        assert radar.rank == int(values.findtext("rank"))
        assert radar.swath_number == int(values.findtext("swathNumber"))
        assert radar.chirp.length_s == pytest.approx(float(values.findtext("txPulseLength")), rel=1e-12)
        assert radar.chirp.rate_hz_s == pytest.approx(float(values.findtext("txPulseRampRate")), rel=1e-12)
        assert radar.chirp.start_hz == pytest.approx(float(values.findtext("txPulseStartFrequency")), abs=1200.0)
        assert codes.rx_gain_db(radar.rx_gain) == float(values.findtext("rxGain"))
        swst = float(values.findtext("swstList/swst/value"))
        assert codes.swst_s(radar.swst) + codes.ECHO_START_DELAY_S == pytest.approx(swst, abs=1e-9)
        assert codes.swl_s(radar.swl) == pytest.approx(float(values.findtext("swlList/swl/value")), rel=1e-12)


def test_stripmap_calibrates_once_a_second() -> None:
    for number, ecc in enumerate((1, 2, 3, 4, 5, 6), 1):
        echoes = document()["timelines"][str(ecc)]["Image Acquisition"][0][3]
        assert (echoes + 20) * swath_settings(ecc, f"S{number}").pri_s == pytest.approx(1.0, abs=1e-4)


def test_a_short_pulse_keeps_its_bandwidth() -> None:
    full, short = swath_settings(8, "IW2"), swath_settings(8, "IW2", 128)
    bandwidths = [radar.chirp.rate_hz_s * radar.chirp.length_s for radar in (full, short)]
    assert bandwidths[1] == pytest.approx(bandwidths[0], rel=1e-3)
    assert short.tx_pulse_length < full.tx_pulse_length


def test_noise_modes_send_no_pulses() -> None:
    assert not swath_settings(18, "N1").pulsed
    assert not swath_settings(45, "IW1").pulsed
    assert swath_settings(8, "IW1").pulsed


def test_modes_have_names_and_numbers() -> None:
    names = ("S1", "s5n", "S5S", "IW", "EW", "WV", "RFC", "EN", "N6", "ZI", "13")
    assert [ecc_number(name) for name in names] == [1, 5, 10, 8, 32, 9, 15, 17, 24, 45, 13]
    for wrong in ("IW4", "99", ""):
        with pytest.raises(SimulatorError, match="is unknown; choose"):
            ecc_number(wrong)
    with pytest.raises(SimulatorError, match="ECC number 16 has no timeline"):
        mode_swaths(16)
    with pytest.raises(SimulatorError, match="IW9"):
        swath_settings(8, "IW9")
    with pytest.raises(SimulatorError, match="does not fit a PRI of EW3"):
        swath_settings(32, "EW3", 29000)


def test_cycles_of_bursts_last_as_long_as_real_ones() -> None:
    """2.758273 s in IW and 3.038376 s in EW, by which bursts are numbered over the Earth."""
    for ecc, cycles, expected in ((8, 2, 2.758273), (32, 1, 3.038376)):
        steps = document()["timelines"][str(ecc)]["Image Acquisition"]
        length = np.sum([count * swath_settings(ecc, name).pri_s for name, _, _, count in steps])
        assert length / cycles == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("mode", "samples"), [("IW", 1100), ("IW", 3000), ("EW", 700), ("EW", 1100)])
def test_small_windows_of_tops_are_drawn_together(mode: str, samples: int) -> None:
    """What neighbours see of the ground overlaps, and all windows lie between two pulses."""
    number = ecc_number(mode)
    drawn = adjoining([swath_settings(number, name, samples) for name in mode_swaths(number)])
    for near, far in pairwise(drawn):
        first, after = (one.rank * one.pri + one.swst for one in (near, far))
        assert first < after < first + near.swl - near.tx_pulse_length
    assert all(one.tx_pulse_length < one.swst < one.pri - one.swl for one in drawn)


def test_windows_shorter_than_their_pulses_stay_where_they_are() -> None:
    apart = tuple(swath_settings(8, name, 64) for name in mode_swaths(8))
    assert adjoining(apart) == apart
