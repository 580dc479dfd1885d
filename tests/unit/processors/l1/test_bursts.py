"""TOPS packets find their swaths, bursts and lines by the PRI count, whatever is lost or wrong around them."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from s1pdgs.formats.isp import baq
from s1pdgs.formats.isp.codes import BaqMode, SignalType, number_of_samples, packet_time_codes
from s1pdgs.formats.isp.header import new_headers
from s1pdgs.formats.isp.packets import build_packets
from s1pdgs.formats.isp.tables import timeline
from s1pdgs.model.time import gps_minus_utc_s
from s1pdgs.processors.l1.bursts import BurstEchoes, SwathEchoes, gather_swaths
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.geometry import RawGrid
from s1pdgs.processors.l1.packets import open_packets
from s1pdgs.processors.l1.tops import focus_burst
from s1pdgs.processors.l1.tops_plan import Burst
from s1pdgs.sar.constants import REFERENCE_FREQUENCY_HZ
from s1pdgs.sar.timing import DELTA_TX_LATCH_S, first_sample_delay_s

from .tops_acquisition import RCS_M2, acquire_burst, measure_burst

START = datetime(2024, 1, 5, 10, 10, 0, 123_456, tzinfo=UTC)
GPS_START = (START - datetime(1980, 1, 6, tzinfo=UTC)) // timedelta(seconds=1) + gps_minus_utc_s(START)
QUADS, FIRST_PRI = 24, 3461
SETTINGS = {  # swath number, PRI, rank, range decimation
    "IW1": (10, 21859, 9, 8), "IW2": (11, 25857, 8, 11), "IW3": (12, 22265, 10, 9),
    "EW1": (20, 22777, 8, 7), "EW2": (21, 21424, 9, 10), "EW3": (22, 20556, 10, 10), "EW4": (23, 21734, 10, 10),
    "EW5": (24, 20948, 11, 10),
}  # fmt: skip


class Slice:
    """The headers of a data take's imaging phase from a PRI of its cycles on; edited, then written."""

    def __init__(self, ecc: int, first: int, count: int) -> None:
        pris = [
            (entry, line)
            for _ in range(3)
            for entry in timeline(ecc, "Image Acquisition")
            for line in range(entry.pri_count)
        ]
        codes = np.cumsum([0] + [SETTINGS[entry.swath][1] for entry, _ in pris])[:-1]
        chosen = range(first, first + count)
        self.headers = headers = new_headers(count)
        self.latch_s = START.microsecond * 1e-6 + codes[first : first + count] / REFERENCE_FREQUENCY_HZ
        headers["coarse_time"], headers["fine_time"] = packet_time_codes(GPS_START, self.latch_s)
        headers["ecc_number"], headers["data_take_id"], headers["polarisation"] = ecc, 99, 7
        headers["number_of_quads"], headers["baq_mode"], headers["swl"] = QUADS, BaqMode.BAQ5, 300
        headers["tx_ramp_rate"], headers["tx_start_frequency"], headers["tx_pulse_length"] = 34373, 12335, 200
        headers["pri_count"] = FIRST_PRI + first + np.arange(count)
        headers["space_packet_count"] = np.arange(count)
        headers["swst"] = 4000
        for row, at in enumerate(chosen):
            entry, line = pris[at]
            number, pri, rank, decimation = SETTINGS[entry.swath]
            headers["swath_number"][row], headers["pri"][row], headers["rank"][row] = number, pri, rank
            headers["range_decimation"][row] = decimation
            headers["azimuth_beam"][row] = line // 2
            headers["signal_type"][row] = SignalType.ECHO if entry.signal == "Echo" else SignalType.TX_CAL

    def write(self, path: Path, drop: np.ndarray | None = None, power: np.ndarray | float = 20.0) -> Path:
        """Noise of a power by packet; `drop` packets are left out."""
        count = self.headers.size
        generator = np.random.default_rng(2)
        samples = generator.standard_normal((count, 4 * QUADS), dtype=np.float32).view(np.complex64)
        samples *= np.broadcast_to(np.asarray(power, np.float32), count)[:, None]
        return self.write_samples(path, samples, drop)

    def write_samples(self, path: Path, samples: np.ndarray, drop: np.ndarray | None = None) -> Path:
        count = self.headers.size
        user_data, bounds = baq.encode_lines(samples, 5)
        data, offsets = build_packets(self.headers, user_data, bounds)
        keep = np.ones(count, bool) if drop is None else ~drop
        path.write_bytes(b"".join(data[offsets[i] : offsets[i + 1]].tobytes() for i in np.flatnonzero(keep)))
        return path


CYCLE, HALF = 8854, 4427


def gathered(path: Path) -> dict[str, SwathEchoes]:
    return {found.name: found for found in gather_swaths(open_packets(path))}


def test_a_slice_becomes_bursts_of_swaths_and_cut_ones_are_left_out(tmp_path: Path) -> None:
    found = gathered(Slice(8, 700, 9000).write(tmp_path / "a.dat"))
    assert {name: (len(swath.bursts), swath.cut, swath.lost) for name, swath in found.items()} == {
        "IW1": (1, 2, 0),
        "IW2": (2, 0, 0),
        "IW3": (2, 0, 0),
    }
    assert [burst.number for burst in found["IW2"].bursts] == [0, 1]
    assert [burst.echoes.lines for burst in found["IW3"].bursts] == [1400, 1400]
    assert found["IW1"].bursts[0].number == 1
    assert all(swath.missing == 0 for swath in found.values())


def test_every_swath_of_ew_has_its_bursts(tmp_path: Path) -> None:
    found = gathered(Slice(32, 0, 5294).write(tmp_path / "a.dat"))
    lines = {name: [burst.echoes.lines for burst in swath.bursts] for name, swath in found.items()}
    assert lines == {"EW1": [1097], "EW2": [1051], "EW3": [979], "EW4": [1040], "EW5": [979]}


def test_lines_count_from_the_first_echo_of_the_burst_after_the_rank(tmp_path: Path) -> None:
    made = Slice(8, 0, HALF)
    burst = gathered(made.write(tmp_path / "a.dat"))["IW2"].bursts[0]
    first = 1409 + 20 + 8
    latch = START.replace(microsecond=0) + timedelta(seconds=float(made.latch_s[first]))
    assert abs((burst.echoes.first_latch - latch).total_seconds() + burst.echoes.first_latch_fraction_s) < 1e-6
    assert burst.quiet.count == 8
    assert burst.echoes.packets.headers["pri_count"][0] == FIRST_PRI + first


def test_the_beam_is_not_steered_half_way_between_the_pulse_and_the_echo_of_the_middle_pri(
    tmp_path: Path, orbit
) -> None:
    made = Slice(8, 0, HALF)
    burst: BurstEchoes = gathered(made.write(tmp_path / "a.dat"))["IW3"].bursts[0]
    acquired = burst.acquisition(orbit, 0.0)
    pri_s, rank = 22265 / REFERENCE_FREQUENCY_HZ, 10
    delay_s = first_sample_delay_s(rank, pri_s, 4000 / REFERENCE_FREQUENCY_HZ)
    assert acquired.raw.first_delay_s == pytest.approx(delay_s, abs=1e-12)
    # the middle of 1410 PRIs lies between two; the pulse that leaves then is seen by the beam of `rank` PRIs later
    begin = orbit.seconds(START.replace(microsecond=0)) + float(made.latch_s[1409 + 20 + 1548 + 20])
    middle = begin + 704.5 * pri_s + DELTA_TX_LATCH_S
    half = 0.5 * (delay_s + 0.5 * acquired.raw.samples / acquired.raw.sampling_hz)
    assert acquired.steering_zero_s == pytest.approx(middle - 0.5 * rank * pri_s + half, abs=1e-6)


def test_a_target_in_the_packets_is_focused_where_it_stands(tmp_path: Path, orbit) -> None:
    """Pulses leave at their latch times; `rank` packets later their echoes are packed; the rest is the processor's."""
    scale, window, pris = np.float32(100.0), 2760, 1409
    samples = number_of_samples(window, 8)
    made = Slice(8, 0, pris)
    made.headers["number_of_quads"], made.headers["swst"], made.headers["swl"] = samples // 2, 3681, window
    pri_s, rank = 21859 / REFERENCE_FREQUENCY_HZ, 9
    delay_s = first_sample_delay_s(rank, pri_s, 3681 / REFERENCE_FREQUENCY_HZ)
    empty = acquire_burst(orbit, "IW1", samples)
    first_s = orbit.seconds(START) + DELTA_TX_LATCH_S
    raw = RawGrid(pris - rank, samples, first_s, pri_s, delay_s, empty.swath.sampling_hz)
    middle_s = 0.5 * (delay_s + 0.5 * samples / raw.sampling_hz - rank * pri_s)
    truth = evolve(empty, burst=Burst(raw, first_s + 0.5 * (pris - 1) * pri_s + middle_s))
    truth = truth.with_targets([truth.place(0.9, 0.4)])
    lines = np.zeros((pris, samples), np.complex64)
    lines[rank:] = scale * truth.raw
    burst = gathered(made.write_samples(tmp_path / "a.dat", lines))["IW1"].bursts[0]
    plan = evolve(truth, burst=burst.acquisition(orbit, 0.0)).plan()
    (found,) = measure_burst(truth, plan, focus_burst(plan, burst.echoes.read) / scale)
    assert abs(found.range_error_m) < 0.01
    assert abs(found.azimuth_error_m) < 0.05
    assert 10.0 * math.log10(found.rcs_m2 / RCS_M2) == pytest.approx(0.0, abs=0.1)


def test_lost_packets_leave_lines_out_and_nothing_else_moves(tmp_path: Path) -> None:
    made = Slice(8, 0, CYCLE)
    drop = np.zeros(CYCLE, bool)
    drop[1409:1600] = True  # the calibration before IW2 and its first lines
    drop[3500:3510] = True
    found = gathered(made.write(tmp_path / "a.dat", drop))
    first = found["IW2"].bursts[0].echoes
    assert (first.lines, first.missing, first.longest_gap) == (1540, 1600 - 1409 - 20 - 8, 1600 - 1409 - 20 - 8)
    assert found["IW3"].bursts[0].echoes.missing == 10
    whole = gathered(made.write(tmp_path / "b.dat"))["IW2"].bursts[0].echoes
    moved = (first.first_latch - whole.first_latch).total_seconds()
    assert abs(moved + first.first_latch_fraction_s - whole.first_latch_fraction_s) < 1e-6


def test_a_burst_that_misses_most_of_its_lines_is_lost(tmp_path: Path) -> None:
    drop = np.zeros(CYCLE, bool)
    drop[3100:4000] = True
    found = gathered(Slice(8, 0, CYCLE).write(tmp_path / "a.dat", drop))
    assert (len(found["IW3"].bursts), found["IW3"].lost, found["IW3"].cut) == (1, 1, 0)


def test_a_burst_that_is_not_there_at_all_is_lost(tmp_path: Path) -> None:
    drop = np.zeros(CYCLE + 1500, bool)
    drop[HALF : HALF + 1409] = True
    found = gathered(Slice(8, 0, drop.size).write(tmp_path / "a.dat", drop))
    assert ([burst.number for burst in found["IW1"].bursts], found["IW1"].lost) == ([0, 2], 1)


def test_a_wrong_swath_number_is_outvoted_and_counted(tmp_path: Path) -> None:
    made = Slice(8, 0, HALF)
    made.headers["swath_number"][[300, 301, 2000]] = (12, 60, 77)
    made.headers["rank"][500] = 3
    found = gathered(made.write(tmp_path / "a.dat"))
    assert [found[name].errors["swath_number"] for name in ("IW1", "IW2", "IW3")] == [2, 1, 0]
    assert found["IW1"].errors["rank"] == 1
    assert found["IW1"].bursts[0].echoes.missing == 0


def test_the_quiet_packets_measure_the_noise(tmp_path: Path) -> None:
    made = Slice(8, 0, HALF)
    quiet = np.arange(HALF) < 9
    burst = gathered(made.write(tmp_path / "a.dat", power=np.where(quiet, 5.0, 50.0)))["IW1"].bursts[0]
    noise = burst.noise()
    assert noise is not None
    assert noise.lines == 9
    assert noise.power == pytest.approx(50.0, rel=0.15)


def test_stripmap_is_refused(tmp_path: Path) -> None:
    made = Slice(8, 0, 300)
    made.headers["swath_number"] = 2
    with pytest.raises(ProcessingError, match="0 of 300 echoes follow the timeline of IW1, IW2, IW3"):
        gathered(made.write(tmp_path / "a.dat"))


def test_a_slice_without_echoes_is_refused(tmp_path: Path) -> None:
    made = Slice(8, 0, 50)
    made.headers["signal_type"] = SignalType.NOISE
    with pytest.raises(ProcessingError, match="no echo packets"):
        gathered(made.write(tmp_path / "a.dat"))
