"""The transmitted pulse: a linear chirp of unit amplitude (S1-IF-ASD-PL-0007, TXPRR, TXPSF and TXPL)."""

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray


@frozen
class Chirp:
    """exp(2 pi i (start u + rate u^2 / 2)) for u in [0, length) seconds after the rising edge, at baseband.

    `rate_hz_s` and `start_hz` are the values of the codes in the packet header (`formats.isp.codes`), not those of
    AUX_INS: both differ by some hundred hertz in start frequency, which is centimetres in range.
    """

    rate_hz_s: float
    start_hz: float
    length_s: float

    @property
    def bandwidth_hz(self) -> float:
        return abs(self.rate_hz_s) * self.length_s

    def samples(self, time_s: ArrayLike) -> NDArray[np.complex128]:
        """The pulse at seconds after its rising edge, zero outside of it."""
        u = np.asarray(time_s, dtype=np.float64)
        cycles = self.start_hz * u + 0.5 * self.rate_hz_s * u * u
        inside = (u >= 0.0) & (u < self.length_s)
        return np.where(inside, np.exp(2j * np.pi * (cycles - np.rint(cycles))), 0.0)

    def replica(self, sampling_hz: float, delay_s: float = 0.0) -> NDArray[np.complex128]:
        """All samples i / sampling of a pulse that begins `delay_s` after sample 0."""
        count = int(np.ceil((delay_s + self.length_s) * sampling_hz))
        return self.samples(np.arange(count) / sampling_hz - delay_s)
