"""The transmitted pulse as calibration pulses tell it: the nominal one through the transfer of the instrument.

The spectrum of a replica is Tx Rx TA / (EPDN APDN) (DAD, internal calibration). Its delay and its mean factor are those
of the instrument and of the PG product, which are taken off elsewhere; what stays is the shape.
"""

from collections.abc import Collection
from datetime import datetime

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.processors.l1.calibration_pulses import DENOMINATOR, NUMERATOR, MeanPulses, nearest_pulse

Pulse = NDArray[np.complex128]

_IN_BAND = 0.1
_OVERSAMPLING = 64


def extracted_chirp(pulses: MeanPulses, nominal: Pulse, times: Collection[datetime]) -> Pulse | None:
    """The mean replica, as long as the nominal pulse and like it in the mean, of the calibration sequences that began
    at some times; None where there is none of them.
    """
    chosen = [time for time, _ in pulses.get(SignalType.TX_CAL, ()) if time in times]
    if not chosen:
        return None
    longest = max(pulse.size for kind in pulses.values() for _, pulse in kind)
    bins = scipy.fft.next_fast_len(nominal.size + longest)
    spectrum = scipy.fft.fft(nominal, bins)
    power = np.abs(spectrum) ** 2
    inside = power > _IN_BAND * np.median(power[power > _IN_BAND * power.max()])
    shape = np.mean([_transfer(pulses, time, spectrum, inside) for time in chosen], axis=0)
    transfer = np.ones(bins, np.complex128)
    transfer[inside] = shape
    return np.asarray(scipy.fft.ifft(spectrum * transfer)[: nominal.size])


def _transfer(pulses: MeanPulses, time: datetime, spectrum: Pulse, inside: NDArray[np.bool_]) -> Pulse:
    """The transfer of one sequence in the band of the pulse, of mean 1 and without delay."""
    found = np.ones(int(np.count_nonzero(inside)), np.complex128)
    for kind in (*NUMERATOR, *DENOMINATOR):
        pulse = nearest_pulse(pulses, kind, time)
        if pulse is not None:
            part = scipy.fft.fft(pulse, spectrum.size)[inside] / spectrum[inside]
            found = found * part if kind in NUMERATOR else found / part
    weight = np.zeros(spectrum.size, np.complex128)
    weight[inside] = found * np.abs(spectrum[inside]) ** 2
    frequency = scipy.fft.fftfreq(spectrum.size)[inside]
    found = found * np.exp(2j * np.pi * frequency * _delay(weight))
    return np.asarray(found / np.average(found, weights=np.abs(spectrum[inside]) ** 2))


def _delay(spectrum: Pulse) -> float:
    """Where the response peaks, in samples: to the sample, then by a fine transform around it."""
    peak = int(np.argmax(np.abs(scipy.fft.ifft(spectrum))))
    offset = peak + np.arange(-_OVERSAMPLING, _OVERSAMPLING + 1) / _OVERSAMPLING
    frequency = scipy.fft.fftfreq(spectrum.size)
    response = np.abs(np.exp(2j * np.pi * offset[:, None] * frequency) @ spectrum)
    best = int(np.clip(np.argmax(response), 1, response.size - 2))
    before, at, after = response[best - 1 : best + 2]
    bend = before - 2.0 * at + after
    fine = offset[best] + (0.5 * (before - after) / bend if bend else 0.0) / _OVERSAMPLING
    return float(fine if fine < spectrum.size / 2 else fine - spectrum.size)
