"""The transmitted chirp."""

import numpy as np
import pytest

from s1pdgs.sar.chirp import Chirp

S3 = Chirp(rate_hz_s=1.34493e12, start_hz=-29.7045e6, length_s=44.1725e-6)
SAMPLING_HZ = 66.728e6


def test_the_frequency_sweeps_from_the_start_over_the_bandwidth() -> None:
    u = np.arange(1000) * 1e-9
    slope = np.diff(np.unwrap(np.angle(S3.samples(u)))) / (2 * np.pi * 1e-9)
    np.testing.assert_allclose(slope, S3.start_hz + S3.rate_hz_s * (u[:-1] + 0.5e-9), rtol=1e-6)
    assert S3.bandwidth_hz == pytest.approx(59.41e6, rel=1e-4)


def test_it_has_unit_amplitude_within_its_length_and_is_silent_outside() -> None:
    np.testing.assert_allclose(np.abs(S3.samples([-1e-9, 0.0, 20e-6, 44.17e-6, 44.18e-6])), [0, 1, 1, 1, 0])


def test_a_delayed_replica_compresses_to_its_delay() -> None:
    delay_s = 12.25 / SAMPLING_HZ
    late, reference = S3.replica(SAMPLING_HZ, delay_s), S3.replica(SAMPLING_HZ)
    correlation = np.abs(np.correlate(late, reference[: late.size - 30], "valid"))
    assert correlation.argmax() in (12, 13)
    assert correlation[12] > correlation[13]
