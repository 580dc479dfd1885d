"""The receiver: its gain over the window, its drift by calibration pulses or by the model."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.aux.ins import RxVariation, read_instrument
from s1pdgs.processors.l1.calibration_pulses import ReplicaMeasurement, judge_replicas
from s1pdgs.processors.l1.inputs import ChannelInput
from s1pdgs.processors.l1.receiver import (
    EXTRACTED,
    MODEL,
    NOMINAL,
    InternalCalibration,
    Receiver,
    internal_calibration,
    model_pg,
    receiver_gain,
)
from s1pdgs.sar.chirp import Chirp
from s1pdgs.simulator.auxiliary.instrument import instrument_parameters
from s1pdgs.simulator.auxiliary.processing import processing_parameters

from .test_preprocess import echoes_of

START = datetime(2024, 1, 5, 10, 10, tzinfo=UTC)
NODE = START - timedelta(seconds=3250)
CHANNEL = evolve(
    instrument_parameters().channel("S3", "VV"), pg_reference=700.0 + 0.0j, pg_model=(0.6 + 0.0j, 0.8 + 0.0j)
)
PULSE = Chirp(1.0e12, -20e6, 40e-6).replica(66.7e6)
LIMITS = evolve(
    processing_parameters().product("SM_SLC__1").preprocessing.replica_thresholds,  # type: ignore[union-attr]
    max_pg_amplitude_std=2.0,
    max_pg_phase_std=2.0,
    max_pg_amplitude_error=1.0,
    max_pg_phase_error=0.5,
)


def replica(number: int, pg: complex, **changes: float) -> ReplicaMeasurement:
    made = ReplicaMeasurement(START + timedelta(seconds=10.0 * number), pg / 700.0, 1.5, -13.3, -9.8, 0.0)
    return evolve(made, **changes)


def judged(*found: ReplicaMeasurement) -> tuple[ReplicaMeasurement, ...]:
    return judge_replicas(found, LIMITS, nominal=PULSE, reference=700.0, model=0.7)


def calibration(*found: ReplicaMeasurement, source: str = EXTRACTED, share: float = 0.3) -> InternalCalibration:
    return internal_calibration(found, CHANNEL, source=source, max_invalid=share, node=NODE, moment=START)


def test_the_trend_is_a_rational_polynomial_and_the_overshoot_dies_away() -> None:
    trend = RxVariation(
        polarisation="V", gain_trend=(-1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.1, 0.0), gain_overshoot=(0.0,) * 5
    )
    late = np.array([0.0, 10e-6])
    assert 20.0 * np.log10(receiver_gain(trend, late, late)) == pytest.approx([-1.0, -0.5])
    ringing = evolve(trend, gain_trend=(0.0,) * 5 + (1.0, 0.0, 0.0), gain_overshoot=(2.0, 0.5, 0.1, 0.0, 0.5 * np.pi))
    gains = 20.0 * np.log10(receiver_gain(ringing, np.array([1e-4, 1e-3]), np.array([0.0, 1e-3])))
    assert gains == pytest.approx([2.1, 0.1])


def test_the_gain_of_the_real_receiver_is_that_of_a_receiver(testdata: Path) -> None:
    for folder in (testdata / "aux_processing").glob("*AUX_INS*.SAFE"):
        for swath in read_instrument(folder).swaths:
            for variation in swath.rx_variations:
                inside = np.linspace(0.0, 350e-6, 200)
                gain_db = 20.0 * np.log10(receiver_gain(variation, 60e-6 + inside, inside))
                assert np.abs(gain_db).max() < 2.0, (swath.swath, variation.polarisation)


def test_lines_are_divided_by_the_gain_and_multiplied_by_the_pg(tmp_path: Path) -> None:
    echoes = echoes_of(tmp_path, 20)
    raw = np.empty((20, echoes.samples), np.complex64)
    echoes.read(0, raw)
    variation = RxVariation(
        polarisation="V", gain_trend=(6.0,) + (0.0,) * 4 + (1.0, 0.0, 0.0), gain_overshoot=(0.0,) * 5
    )
    times = echoes.first_latch, echoes.first_latch + timedelta(seconds=19 * echoes.pri_s)
    drift = InternalCalibration(EXTRACTED, times, np.array([1.0 + 0.0j, 1.0j]))
    seen = np.empty_like(raw)
    evolve(echoes, receiver=Receiver(drift, variation, 44e-6)).read(0, seen)
    line = np.arange(20) / 19.0
    expected = raw * ((1.0 - line) + 1j * line)[:, None] / 10.0 ** (6.0 / 20.0)
    assert seen == pytest.approx(expected, abs=2e-3)
    evolve(echoes, receiver=Receiver(InternalCalibration(MODEL, times[:1], np.ones(1, complex)), None, 44e-6)).read(
        0, seen
    )
    assert np.array_equal(seen, raw)


def test_the_pulse_is_the_extracted_one_where_it_is_wanted_and_there_is_one(tmp_path: Path) -> None:
    echoes = echoes_of(tmp_path, 20)
    nominal = echoes.chirp.replica(echoes.sampling_hz)
    channel = ChannelInput(swath="S3", polarisation="VV", sources=(), echoes=echoes, chirp=EXTRACTED)
    assert channel.chirp_source == NOMINAL
    assert channel.replica == pytest.approx(nominal, abs=1e-6)
    told = evolve(channel, extracted=2.0 * nominal)
    assert told.chirp_source == EXTRACTED
    assert told.replica == pytest.approx(2.0 * nominal, abs=1e-6)
    assert evolve(told, chirp=NOMINAL).replica == pytest.approx(nominal, abs=1e-6)


def test_replicas_that_agree_with_each_other_and_the_model_are_valid() -> None:
    assert all(one.valid for one in judged(*(replica(at, 0.7 + 0.001 * (at % 2)) for at in range(6))))


def test_a_replica_that_is_no_chirp_is_invalid() -> None:
    good = [replica(at, 0.7 + 0.001 * (at % 2)) for at in range(6)]
    wide, lobes, empty = judged(*good, replica(7, 0.7, width=1.9), replica(8, 0.7, pslr_db=-3.0), replica(9, 0.0))[6:]
    assert [one.reconstructed for one in (wide, lobes, empty)] == [False] * 3


def test_a_replica_off_the_others_is_relatively_and_one_off_the_model_absolutely_invalid() -> None:
    *good, odd = judged(*(replica(at, 0.7 + 0.001 * (at % 2)) for at in range(12)), replica(12, 0.7 * np.exp(0.3j)))
    assert [one.relative for one in good] == [True] * 12
    assert (odd.relative, odd.absolute) == (False, True)
    (weak,) = judged(replica(0, 0.5))
    assert (weak.relative, weak.absolute) == (True, False)


def test_the_pg_is_that_of_the_pulses_where_few_are_invalid_and_of_the_model_else() -> None:
    good, bad = [replica(at, 0.7) for at in range(4)], replica(4, 0.7, absolute=False)
    found = calibration(*good, bad)
    assert (found.source, found.pg.size) == (EXTRACTED, 4)
    assert found.along(START, np.array([5.0])) == pytest.approx([0.7])
    for other in (calibration(*good, bad, share=0.1), calibration(), calibration(*good, source=MODEL)):
        assert other.source == MODEL
        assert other.pg == pytest.approx([0.7])


@given(st.floats(-1e4, 2e4))
def test_the_model_stays_between_its_values(since_s: float) -> None:
    assert 0.6 <= abs(model_pg(CHANNEL, since_s)) <= 0.8
