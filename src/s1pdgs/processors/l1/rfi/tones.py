"""Interference in frequency: bins that stand out of the spectrum that echoes and noise have.

Persistent interference stays through a block of lines and is sought in the mean of their full spectra; isolated
interference is sought in the short spectra of each line. Spectra are judged within the band that focusing uses.
"""

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import gammainccinv

from s1pdgs.formats.aux.pp1 import RfiFrequencyDomain

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_DEGREE = 2
_FALSE_ALARM = 1e-9
_OVERLAP_LOSS = 0.94
"""Independent spectra a piece, of Hann-weighted pieces that overlap by half."""
_TINY = 1e-30


@frozen(eq=False)
class Band:
    """What of the spectrum is looked at: the processing bandwidth about zero, and the pulse, complex (length,)."""

    sampling_hz: float
    bandwidth_hz: float
    replica: NDArray[np.complex64]

    def inside(self, bins: int) -> Mask:
        """Which bins, in FFT order, lie in the processing bandwidth."""
        return np.asarray(np.abs(scipy.fft.fftfreq(bins, 1.0 / self.sampling_hz)) <= 0.5 * self.bandwidth_hz)

    def pulse_db(self, bins: int) -> Array:
        """The spectrum of the pulse, smoothed to the resolution of bins."""
        size = bins * max(-(-self.replica.size // bins), 1)
        fine = np.abs(scipy.fft.fft(self.replica, size)) ** 2
        power = np.maximum(fine.reshape(bins, -1).mean(axis=1), _TINY)
        return np.asarray(10.0 * np.log10(power / power.max()), np.float64)


def persistent_bins(mean_power: Array, band: Band, parameters: RfiFrequencyDomain) -> Mask:
    """Bins (bins,), in FFT order, of the mean spectrum of a block of lines that persistent interference touches."""
    inside = band.inside(mean_power.size)
    excess = _excess_db(mean_power[None, :], band, parameters)[0]
    return _widened(inside & (excess > parameters.persistent_threshold_db))


def isolated_bins(lines: NDArray[np.complex64], band: Band, parameters: RfiFrequencyDomain) -> Mask:
    """Bins (n, size), in FFT order, of the short spectra of lines (n, samples) that isolated interference touches.

    A bin stands out by more than the threshold of AUX_PP1, and by more than chance does in one of 10^9 bins. A line
    whose spectrum scatters by more than `threshold_std_db` is given up whole.
    """
    size = piece_size(lines.shape[1], parameters)
    spectra, pieces = _welch(lines, size)
    present = spectra.max(axis=1, initial=0.0) > 0.0
    mask = np.zeros(spectra.shape, np.bool_)
    if not present.any():
        return mask
    inside = band.inside(size)
    excess = _excess_db(spectra[present], band, parameters)
    shape = _OVERLAP_LOSS * pieces
    chance_db = 10.0 * np.log10(float(gammainccinv(shape, _FALSE_ALARM)) / shape)
    found = inside & (excess > max(parameters.isolated_threshold_db, chance_db))
    found[excess[:, inside].std(axis=1) > parameters.threshold_std_db] = True
    mask[present] = _widened(found)
    return mask


def piece_size(samples: int, parameters: RfiFrequencyDomain) -> int:
    """Samples of the pieces of a line that make its short spectra."""
    return int(min(max(parameters.periodogram_size, 8), 1 << (samples.bit_length() - 1)))


def widen_to(mask: Mask, bins: int) -> Mask:
    """A mask (..., size) in FFT order over the bins of a longer transform."""
    size = mask.shape[-1]
    at = np.rint(np.arange(bins) * (size / bins)).astype(np.int64) % size
    return np.asarray(mask[..., at])


def _welch(lines: NDArray[np.complex64], size: int) -> tuple[Array, int]:
    """Mean power spectra (n, size) of Hann-weighted pieces that overlap by half, and how many pieces there are."""
    step = size // 2
    starts = range(0, lines.shape[1] - size + 1, step)
    weights = np.hanning(size).astype(np.float32)
    total = np.zeros((len(lines), size))
    for start in starts:
        total += np.abs(scipy.fft.fft(lines[:, start : start + size] * weights, axis=1)) ** 2
    return total / (len(starts) * np.sum(weights**2)), len(starts)


def _excess_db(power: Array, band: Band, parameters: RfiFrequencyDomain) -> Array:
    """Spectra (n, bins) over what is expected: the pulse's, shaped by a polynomial that all share, at their own level.

    The polynomial is fitted to the bins of the mean spectrum whose values lie between the quantiles.
    """
    bins = power.shape[1]
    inside, pulse = band.inside(bins), band.pulse_db(bins)
    level = 10.0 * np.log10(np.maximum(power, _TINY)) - pulse
    frequency = scipy.fft.fftfreq(bins)
    mean = 10.0 * np.log10(np.maximum(power.mean(axis=0), _TINY)) - pulse
    low, high = np.quantile(mean[inside], [parameters.quantile_low, 1.0 - parameters.quantile_high])
    chosen = inside & (mean >= low) & (mean <= high)
    shape = np.zeros(bins)
    if np.count_nonzero(chosen) > _DEGREE:
        shape = np.polynomial.Polynomial.fit(frequency[chosen], mean[chosen], _DEGREE)(frequency)
    rest = level - shape
    return np.asarray(rest - np.median(rest[:, inside], axis=1, keepdims=True))


def _widened(mask: Mask) -> Mask:
    """With the bins beside those that are set."""
    return np.asarray(mask | np.roll(mask, 1, axis=-1) | np.roll(mask, -1, axis=-1))
