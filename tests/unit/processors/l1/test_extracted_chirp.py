"""The pulse that range compression takes may be the one that calibration pulses tell."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.processors.l1.calibration_pulses import MeanPulses
from s1pdgs.processors.l1.extracted_chirp import extracted_chirp
from s1pdgs.sar.chirp import Chirp

SAMPLING_HZ = 66.7e6
CHIRP = Chirp(1.3449e12, -0.5 * 1.3449e12 * 44e-6, 44e-6)
NOMINAL = CHIRP.replica(SAMPLING_HZ)
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
LEVELS = {
    SignalType.TX_CAL: 120.0,
    SignalType.RX_CAL: 110.0 * np.exp(0.4j),
    SignalType.EPDN_CAL: 120.0,
    SignalType.TA_CAL: 100.0,
    SignalType.APDN_CAL: 110.0,
}


def through(pulse: np.ndarray, level: complex, delay: float, ripple: float = 0.0, bend: float = 0.0) -> np.ndarray:
    """A pulse through an instrument: delayed by samples, its amplitude rippled, its phase bent by a cubic (rad)."""
    bins = 2 * pulse.size
    frequency = scipy.fft.fftfreq(bins)
    share = frequency * SAMPLING_HZ / (0.5 * CHIRP.bandwidth_hz)
    transfer = (1.0 + ripple * np.cos(2.5 * np.pi * share)) * np.exp(1j * bend * share**3)
    transfer = np.where(np.abs(share) <= 1.0, transfer, 1.0) * np.exp(-2j * np.pi * frequency * delay)
    return level * scipy.fft.ifft(scipy.fft.fft(pulse, bins) * transfer)


def sequences(count: int, noise: float = 0.0, **distortion: float) -> MeanPulses:
    """Calibration sequences whose transmitter alone distorts the pulse."""
    random = np.random.default_rng(3)
    found: dict[SignalType, list[tuple[datetime, np.ndarray]]] = {}
    for number in range(count):
        for kind, level in LEVELS.items():
            own = distortion if kind is SignalType.TX_CAL else {}
            pulse = through(NOMINAL, level, 28.9, **own)
            pulse += noise * (random.standard_normal(pulse.size) + 1j * random.standard_normal(pulse.size))
            found.setdefault(kind, []).append((START + timedelta(seconds=number, microseconds=int(kind)), pulse))
    return found


def times(pulses: MeanPulses) -> set[datetime]:
    return {time for time, _ in pulses[SignalType.TX_CAL]}


@given(delay=st.floats(0.0, 60.0), turn=st.floats(-3.0, 3.0))
def test_an_instrument_that_only_delays_and_turns_leaves_the_nominal_chirp(delay: float, turn: float) -> None:
    pulses = {SignalType.TX_CAL: [(START, through(NOMINAL, 70.0 * np.exp(1j * turn), delay))]}
    found = extracted_chirp(pulses, NOMINAL, {START})
    assert found is not None
    agreement = np.vdot(NOMINAL, found) / np.linalg.norm(NOMINAL) / np.linalg.norm(found)
    assert abs(agreement) == pytest.approx(1.0, abs=2e-3)
    assert np.angle(agreement) == pytest.approx(0.0, abs=1e-2)


def unevenness(echo: np.ndarray, replica: np.ndarray) -> tuple[float, float]:
    """What range compression leaves in the middle nine tenths of the band: scatter of amplitude (relative) and of phase
    about a delay (rad).
    """
    bins = scipy.fft.next_fast_len(2 * NOMINAL.size)
    share = scipy.fft.fftshift(scipy.fft.fftfreq(bins, 1.0 / SAMPLING_HZ)) / (0.5 * CHIRP.bandwidth_hz)
    left = scipy.fft.fftshift(scipy.fft.fft(echo, bins) / scipy.fft.fft(replica, bins))[np.abs(share) < 0.9]
    phase = np.unwrap(np.angle(left))
    place = np.arange(phase.size)
    return float(np.std(np.abs(left)) / np.mean(np.abs(left))), float(
        np.std(phase - np.polyval(np.polyfit(place, phase, 1), place))
    )


def test_a_distorted_pulse_is_compressed_evenly_by_the_extracted_chirp_only() -> None:
    distortion = {"ripple": 0.15, "bend": 2.0}
    pulses = sequences(3, noise=0.5, **distortion)
    found = extracted_chirp(pulses, NOMINAL, times(pulses))
    assert found is not None
    echo = through(NOMINAL, 1.0, 0.0, **distortion)
    by_nominal, by_found = unevenness(echo, NOMINAL), unevenness(echo, found)
    assert min(by_nominal) > 0.08
    assert max(by_found) < 0.04


def test_sequences_that_are_not_valid_do_not_count() -> None:
    pulses = sequences(2)
    assert extracted_chirp(pulses, NOMINAL, set()) is None
    assert extracted_chirp({}, NOMINAL, {START}) is None
    good = next(iter(sorted(times(pulses))))
    spoiled = {kind: [entries[0], (entries[1][0], np.ones(64, complex))] for kind, entries in pulses.items()}
    both = [extracted_chirp(each, NOMINAL, {good}) for each in (pulses, spoiled)]
    assert both[0] == pytest.approx(both[1], abs=1e-6)
