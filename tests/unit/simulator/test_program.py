"""Timelines of all modes, run by run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.isp.codes import F_REF_HZ, SignalType
from s1pdgs.formats.isp.tables import document, timeline
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.program import Program, build_program
from s1pdgs.simulator.timeline import IMAGING, POSTAMBLE, PREAMBLE, build_schedule

TIMELINES = tuple(int(number) for number in document()["timelines"])


def active(ecc: int, phase: str) -> int:
    return sum(entry.pri_count for entry in timeline(ecc, phase) if entry.signal != "Silent")


@pytest.mark.parametrize("ecc", TIMELINES)
def test_preamble_and_postamble_of_every_mode_are_complete(ecc: int) -> None:
    program = build_program(ecc, 1.0)
    around = program.packets[program.cycle == 0].sum()
    assert around == active(ecc, PREAMBLE) + active(ecc, POSTAMBLE)
    assert program.packet_count == program.packets.sum()
    np.testing.assert_array_equal(program.first_packet, np.cumsum(program.packets) - program.packets)
    assert (np.diff(program.first_pri) >= program.packets[:-1]).all()
    assert program.total_pris >= program.first_pri[-1] + program.packets[-1]
    silent = sum(entry.pri_count for entry in timeline(ecc, PREAMBLE) if entry.signal == "Silent")
    first_imaging = int(np.flatnonzero(program.cycle > 0)[0])
    within = sum(entry.pri_count for entry in timeline(ecc, IMAGING)[:1] if entry.signal == "Silent")
    assert program.first_pri[first_imaging] - program.first_packet[first_imaging] == silent + within


def test_iw_takes_the_bursts_of_three_swaths_in_turn_and_ends_with_a_whole_one() -> None:
    program = build_program(8, 5.0)
    bursts = [
        (program.swaths[swath].swath, int(packets))
        for swath, packets in zip(program.swath, program.packets, strict=True)
        if packets > 1000
    ]
    cycle = [("IW1", 1409), ("IW2", 1548), ("IW3", 1410)]
    assert bursts[:6] == cycle * 2
    echoes = program.packets[program.signal == SignalType.ECHO]
    assert set(echoes.tolist()) == {1409, 1548, 1410}
    assert program.bursts("IW2")[0][1] == 1548


def test_a_real_iw_packet_has_the_counts_that_the_timeline_gives() -> None:
    """An IW2 echo of S1A, 2021-01-12, with space packet count 441176 and PRI count 444027 (public header dump)."""
    program = build_program(8, 300.0)
    packet = np.array([441176])
    run = program.run_of(packet)[0]
    assert program.swaths[program.swath[run]].swath == "IW2"
    assert program.signal[run] == SignalType.ECHO
    assert program.first_pri[run] + packet[0] - program.first_packet[run] == 444027


def test_the_iw_preamble_lasts_as_long_as_the_real_one() -> None:
    """2.299849 s, by which bursts are numbered over the Earth."""
    program = build_program(8, 1.0)
    first = int(np.flatnonzero(program.cycle > 0)[0])
    assert program.first_code[first] / F_REF_HZ == pytest.approx(2.299849, abs=5e-6)


def test_time_runs_with_the_pri_of_each_swath() -> None:
    program = build_program(8, 4.0)
    packet = np.arange(program.packet_count)
    steps = np.diff(program.codes_at(packet))
    run = program.run_of(packet)
    same = run[1:] == run[:-1]
    np.testing.assert_array_equal(steps[same], program.pri[run[1:]][same])
    assert (steps > 0).all()
    assert {21859, 25857, 22265} == set(program.pri.tolist())


@settings(max_examples=20)
@given(duration_s=st.floats(0.01, 9.0), ecc=st.sampled_from([1, 3, 6, 13]))
def test_stripmap_agrees_with_the_schedule_of_scenes(duration_s: float, ecc: int) -> None:
    program = build_program(ecc, duration_s)
    pris = -(-round(duration_s * F_REF_HZ) // int(program.pri[0]))
    schedule = build_schedule(ecc, pris, program.swaths[0].rank)
    packet = np.arange(program.packet_count)
    run = program.run_of(packet)
    np.testing.assert_array_equal(program.first_pri[run] + packet - program.first_packet[run], schedule.pri_count)
    np.testing.assert_array_equal(program.signal[run], schedule.signal)
    np.testing.assert_array_equal(program.full_bandwidth[run], schedule.full_bandwidth)
    np.testing.assert_array_equal(program.cycle[run] > 0, schedule.interleaved)


def test_wave_mode_alternates_vignettes_with_long_silence() -> None:
    program = build_program(9, 60.0)
    starts = [(first, "WV1") for first, _ in program.bursts("WV1")] + [(f, "WV2") for f, _ in program.bursts("WV2")]
    assert [name for _, name in sorted(starts)] == ["WV1", "WV2", "WV1", "WV2", "WV1"]
    assert program.total_pris - program.packet_count > 4 * 16838


def test_rf_characterisation_carries_out_whole_cycles() -> None:
    program = build_program(15, 0.1)
    assert program.packets[program.cycle == 1].sum() == active(15, IMAGING)
    assert program.cycle.max() == 1
    assert SignalType.ECHO not in program.signal


def signals(program: Program) -> set[int]:
    return set(program.signal.tolist())


def test_newer_satellites_have_other_calibration_and_the_same_pris() -> None:
    older, newer = build_program(8, 2.0, "S1B"), build_program(8, 2.0, "S1D")
    assert signals(older) == {0, 1, 8, 9, 10, 11, 12, 15}
    assert signals(newer) == {0, 1, 8, 9, 10, 11}
    assert older.total_pris == newer.total_pris
    isolation = older.signal == SignalType.TX_H_CAL_ISO
    np.testing.assert_array_equal(older.first_pri[isolation], newer.first_pri[newer.signal == SignalType.TA_CAL])


def test_noise_characterisation_follows_the_mode_it_characterises() -> None:
    np.testing.assert_array_equal(build_program(45, 3.0).first_pri, build_program(8, 3.0).first_pri)


def test_a_data_take_needs_time() -> None:
    with pytest.raises(SimulatorError, match="no echoes"):
        build_program(8, 0.0)
