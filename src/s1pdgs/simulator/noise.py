"""Thermal noise: white complex Gaussian counts whose power gives the scenario's noise-equivalent sigma nought."""

import numpy as np

from s1pdgs.sar.constants import WAVELENGTH_M
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.distributed import echo_amplitude
from s1pdgs.simulator.instrument import Channel
from s1pdgs.simulator.scene import power

_AZIMUTH_BANDWIDTH_HZ = 1399.0
_HAMMING = 0.75
"""Processing of S3 in AUX_PP1; range windows cancel out because the chirp's spectrum is flat."""


def noise_deviation(take: DataTake, channel: Channel) -> float:
    """Standard deviation in counts of the real and of the imaginary part of thermal noise in one channel.

    A matched filter that flattens the chirp and the azimuth pattern and is scaled so that a point target keeps its
    energy (docs/joints.md) turns white raw noise of power N into beta nought
    N PRI^2 ka rate / (fs^2 gain^2 dR dx) <W^2/AAP^2> / <W^2>; here at the middle of the focused range.
    """
    radar = take.scenario.radar
    geometry = take.range_geometry([0.5 * (take.focused_samples or take.samples)])
    slant, speed = geometry.slant_range_m[0], geometry.effective_m_s[0]
    azimuth_rate = 2.0 * speed**2 / (WAVELENGTH_M * slant)
    doppler = np.linspace(-0.5, 0.5, 257) * _AZIMUTH_BANDWIDTH_HZ
    window = _HAMMING + (1.0 - _HAMMING) * np.cos(2.0 * np.pi * doppler / _AZIMUTH_BANDWIDTH_HZ)
    pattern = channel.azimuth.at_doppler(doppler, geometry.satellite_m_s)
    loss = np.mean((window / pattern) ** 2) / np.mean(window**2)
    cell = take.spacing_m * geometry.ground_m_s[0] * radar.pri_s
    compression = radar.sampling_hz**2 / abs(radar.chirp.rate_hz_s) / (radar.pri_s**2 * azimuth_rate)
    beta = power(take.scenario.scene.noise_equivalent_db) / np.sin(geometry.incidence_rad[0])
    variance = beta * echo_amplitude(channel, geometry)[0] ** 2 * cell * compression / loss
    return float(np.sqrt(0.5 * variance))
