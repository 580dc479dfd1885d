"""What the receiver adds to echoes and takes from them: its gain over the window, and the drift of the whole chain.

Receiver gain: AUX_INS tells it in dB over microseconds. Its trend counts from the end of the last pulse, a rational
polynomial with ascending coefficients (p0 to p4 over q0 to q2); its overshoot from the begin of the window,
a e^(-b t) sin(d t + phi) + c. Internal calibration: the PG product, measured or of the model, multiplies every line.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.ins import ChannelParameters, RxVariation
from s1pdgs.processors.l1.calibration_pulses import ReplicaMeasurement

Array = NDArray[np.float64]

NOMINAL, EXTRACTED, MODEL = "Nominal", "Extracted", "Model"
"""Where the pulse (nominal, extracted) and the PG product (extracted, model) come from."""


def receiver_gain(variation: RxVariation, since_pulse_s: Array, in_window_s: Array) -> Array:
    """Amplitude gains at times (n,) since the end of the last pulse and since the window opened."""
    numerator, denominator = variation.gain_trend[:5], variation.gain_trend[5:]
    a, b, c, d, phase = variation.gain_overshoot
    late, inside = since_pulse_s * 1e6, in_window_s * 1e6
    trend_db = np.polynomial.polynomial.polyval(late, numerator) / np.polynomial.polynomial.polyval(late, denominator)
    overshoot_db = a * np.exp(-b * inside) * np.sin(d * inside + phase) + c
    return np.asarray(10.0 ** ((trend_db + overshoot_db) / 20.0))


@frozen(eq=False)
class InternalCalibration:
    """The PG product at times (n,): complex factors of echoes, and whether they were measured or are of the model."""

    source: str
    times: tuple[datetime, ...]
    pg: NDArray[np.complex128]

    def along(self, origin: datetime, seconds: Array) -> NDArray[np.complex128]:
        """The PG at seconds (m,) after a time, interpolated, constant beyond both ends."""
        knots = np.array([(time - origin).total_seconds() for time in self.times])
        return np.asarray(np.interp(seconds, knots, self.pg.real) + 1j * np.interp(seconds, knots, self.pg.imag))


def internal_calibration(
    replicas: Sequence[ReplicaMeasurement],
    channel: ChannelParameters,
    *,
    source: str,
    max_invalid: float,
    node: datetime,
    moment: datetime,
) -> InternalCalibration:
    """The PG that AUX_PP1 asks for; that of the model where no calibration pulses came, or more than a share of them
    is invalid. `moment` tells where in the model, which counts from the ascending `node`, the echoes are.
    """
    valid = [replica for replica in replicas if replica.valid]
    if source == EXTRACTED and valid and 1.0 - len(valid) / len(replicas) <= max_invalid:
        return InternalCalibration(
            EXTRACTED, tuple(one.time for one in valid), np.array([one.pg * channel.pg_reference for one in valid])
        )
    return InternalCalibration(MODEL, (moment,), np.array([model_pg(channel, (moment - node).total_seconds())]))


def model_pg(channel: ChannelParameters, since_node_s: float) -> complex:
    """The PG of AUX_INS some seconds after the ascending node."""
    values = np.array(channel.pg_model)
    at = since_node_s / channel.pg_model_interval_s
    index = np.arange(values.size)
    return complex(np.interp(at, index, values.real), np.interp(at, index, values.imag))


@frozen(eq=False)
class Receiver:
    """What is taken off the lines of one channel: the gain over the window, where it is known, and the PG."""

    calibration: InternalCalibration
    variation: RxVariation | None
    pulse_s: float

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return self.variation is None and bool(np.all(self.calibration.pg == 1.0))

    @property
    def noise_factor(self) -> float:
        """What the PG makes of the power of noise. The gain over the window is about one in the mean."""
        return float(np.mean(np.abs(self.calibration.pg) ** 2))

    def gain(self, opened_s: float, count: int, sampling_hz: float) -> Array:
        """Of the samples of a window that opens some seconds after the rising edge of the last pulse."""
        inside = np.arange(count) / sampling_hz
        if self.variation is None:
            return np.ones(count)
        return receiver_gain(self.variation, opened_s - self.pulse_s + inside, inside)

    def correct(
        self, data: NDArray[np.complex64], pg: NDArray[np.complex128], opened_s: float, sampling_hz: float
    ) -> None:
        """Lines (n, samples) of one window by their PG (n,), in place."""
        data *= pg.astype(np.complex64)[:, None]
        if self.variation is not None:
            data /= self.gain(opened_s, data.shape[1], sampling_hz).astype(np.float32)
