"""Raw packets become lines: smoothed times, counted gaps, one sampling window, no bias."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from s1pdgs.formats.isp import baq
from s1pdgs.formats.isp.codes import BaqMode, SignalType, number_of_samples, packet_time_codes
from s1pdgs.formats.isp.header import new_headers
from s1pdgs.formats.isp.packets import build_packets
from s1pdgs.model.time import gps_minus_utc_s
from s1pdgs.processors.l1.calibration_pulses import measure_noise, noise_power
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.packets import open_packets
from s1pdgs.processors.l1.preprocess import Echoes, InstrumentLoss, gather_echoes
from s1pdgs.sar.constants import REFERENCE_FREQUENCY_HZ

PRI, SWL, RANK = 19499, 1000, 10
SAMPLES = number_of_samples(SWL, 4)
START = datetime(2024, 1, 5, 10, 10, 0, 123_456, tzinfo=UTC)
GPS_START = (START - datetime(1980, 1, 6, tzinfo=UTC)) // timedelta(seconds=1) + gps_minus_utc_s(START)


def write_stream(path: Path, count: int, *, drop: tuple[int, ...] = (), bias: complex = 0.0, **changes: object) -> Path:
    """Echo packets of noise of 20 counts, BAQ 5; `changes` set header fields (arrays or values) before coding."""
    headers = new_headers(count)
    index = np.arange(count)
    latch = START.microsecond * 1e-6 + index * PRI / REFERENCE_FREQUENCY_HZ
    headers["coarse_time"], headers["fine_time"] = packet_time_codes(GPS_START, latch)
    fields = {
        "data_take_id": 99, "ecc_number": 3, "pri": PRI, "rank": RANK, "swst": 3000, "swl": SWL, "range_decimation": 4,
        "tx_ramp_rate": 34770, "tx_start_frequency": 12970, "tx_pulse_length": 1658, "swath_number": 2,
        "baq_mode": BaqMode.BAQ5, "number_of_quads": SAMPLES // 2, "pri_count": 3000 + index,
        "space_packet_count": index, "sequence_count": index, "signal_type": SignalType.ECHO, "polarisation": 7,
    }  # fmt: skip
    for name, value in (fields | changes).items():
        headers[name] = value
    generator = np.random.default_rng(2)
    samples = 20.0 * (generator.standard_normal((count, SAMPLES)) + 1j * generator.standard_normal((count, SAMPLES)))
    user_data, bounds = baq.encode_lines((samples + bias).astype(np.complex64), 5)
    data, offsets = build_packets(headers, user_data, bounds)
    kept = [data[offsets[i] : offsets[i + 1]] for i in range(count) if i not in drop]
    path.write_bytes(np.concatenate(kept).tobytes())
    return path


def echoes_of(tmp_path: Path, count: int = 300, **changes: object) -> Echoes:
    return gather_echoes(open_packets(write_stream(tmp_path / "a.dat", count, **changes)))


def test_line_times_are_far_finer_than_the_15_us_of_the_time_code(tmp_path: Path) -> None:
    echoes = echoes_of(tmp_path, 5000)
    late = (echoes.first_latch - START) / timedelta(microseconds=1) + echoes.first_latch_fraction_s * 1e6
    assert abs(late) < 0.2


def test_few_lines_keep_the_commanded_interval(tmp_path: Path) -> None:
    assert echoes_of(tmp_path, 100).pri_s == PRI / REFERENCE_FREQUENCY_HZ


def test_missing_lines_are_counted_and_zero(tmp_path: Path) -> None:
    echoes = echoes_of(tmp_path, 60, drop=(10, 11, 12, 40))
    assert (echoes.lines, echoes.missing, echoes.gaps, echoes.longest_gap) == (60, 4, 2, 3)
    out = np.full((6, echoes.samples), 7.0, np.complex64)
    echoes.read(8, out)
    assert not out[2:5].any()
    assert np.abs(out[[0, 1, 5]]).min(axis=1).max() > 0.0
    assert np.abs(out[0]).mean() > 10.0


def test_lines_that_never_left_the_instrument_are_told_apart(tmp_path: Path) -> None:
    sequence = np.arange(60)
    sequence[13:] -= 3  # lines 10 to 12 are lost in the instrument, line 40 in the downlink
    echoes = echoes_of(tmp_path, 60, drop=(10, 11, 12, 40), sequence_count=sequence)
    assert (echoes.missing, echoes.gaps) == (4, 2)
    assert echoes.instrument == InstrumentLoss(gaps=1, packets=3, longest=3)
    assert echoes_of(tmp_path, 60, drop=(10, 11, 12, 40)).instrument == InstrumentLoss()


def test_lines_given_to_calibration_are_not_missing(tmp_path: Path) -> None:
    signal = np.full(50, SignalType.ECHO)
    signal[20:24] = SignalType.NOISE
    echoes = echoes_of(tmp_path, 50, signal_type=signal)
    assert (echoes.calibration, echoes.missing, echoes.gaps) == (4, 0, 0)


def test_the_majority_settles_headers(tmp_path: Path) -> None:
    rank = np.full(50, RANK)
    rank[7] = 3
    echoes = echoes_of(tmp_path, 50, rank=rank)
    assert echoes.rank == RANK
    assert echoes.errors["rank"] == 1
    assert echoes.errors["pri"] == 0


def test_packets_with_the_error_flag_are_left_out(tmp_path: Path) -> None:
    flag = np.zeros(50, np.uint8)
    flag[5] = 1
    packets = open_packets(write_stream(tmp_path / "a.dat", 50, error_flag=flag))
    assert (packets.count, packets.damaged) == (49, 1)
    assert gather_echoes(packets).missing == 1


def test_a_later_window_is_put_where_it_belongs(tmp_path: Path) -> None:
    swst = np.full(40, 3000)
    swst[20:] += 90  # 90 / 37.5 MHz = 160 samples at 66.7 MHz
    echoes = echoes_of(tmp_path, 40, swst=swst)
    assert [(window.first_line, window.swst) for window in echoes.windows] == [(0, 3000), (20, 3090)]
    assert echoes.samples == SAMPLES + 160
    out = np.empty((2, echoes.samples), np.complex64)
    echoes.read(19, out)
    assert not out[0, SAMPLES:].any()
    assert not out[1, :160].any()
    assert np.abs(out[1, 160:]).mean() > 10.0


def test_a_significant_bias_is_taken_off(tmp_path: Path) -> None:
    echoes = echoes_of(tmp_path, 60, bias=3.0 - 2.0j)
    assert echoes.bias == pytest.approx(3.0 - 2.0j, abs=0.3)
    out = np.empty((60, echoes.samples), np.complex64)
    echoes.read(0, out)
    assert abs(out.mean()) < 0.2


def test_noise_power_is_that_of_the_noise_packets(tmp_path: Path) -> None:
    packets = open_packets(write_stream(tmp_path / "a.dat", 16, signal_type=SignalType.NOISE))
    found = measure_noise([packets, packets])
    assert [measurement.lines for measurement in found] == [16]
    assert noise_power(found) == pytest.approx(800.0, rel=0.05)


def test_a_file_without_packets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.dat").touch()
    with pytest.raises(ProcessingError, match="no packets"):
        open_packets(tmp_path / "empty.dat")


def test_a_cut_file_is_refused_with_the_offset(tmp_path: Path) -> None:
    path = write_stream(tmp_path / "a.dat", 5)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ProcessingError, match="the last packet is cut"):
        open_packets(path)


def test_noise_alone_cannot_be_focused(tmp_path: Path) -> None:
    with pytest.raises(ProcessingError, match="0 echo packets"):
        echoes_of(tmp_path, 10, signal_type=SignalType.NOISE)
