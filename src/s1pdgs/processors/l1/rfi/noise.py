"""Interference in packets that hold no echo: what is heard there came from somebody else.

Short spectra of white noise are exponentially distributed and alike in every bin. Two statistics tell what is not
(Monti-Guarnieri, Giudici and Recchia, Remote Sensing 9, 1183, 2017): Fisher's Z, how far the mean of a bin lies above
its neighbours', and the Kullback-Leibler divergence of a bin's values from the distribution that fits them.
"""

from collections.abc import Sequence

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.special import chdtri, gammainccinv

Array = NDArray[np.float64]

_BINS, _FEWEST_BINS = 512, 64
_NEIGHBOURS = 33
_LOBE_BINS = 2.0
_CLASSES = 8
_LEAST_SPECTRA = 64
_FALSE_ALARM = 1e-9


@frozen
class NoiseStatistics:
    """The largest statistics over the bins of the band, and the power density of the strongest bin with interference:
    squared raw counts per bin of white noise; 0 where none is found.
    """

    kl_divergence: float = 0.0
    fisher_z: float = 0.0
    rfi_psd: float = 0.0
    detected: bool = False


def noise_statistics(
    lines: NDArray[np.complex64], sampling_hz: float, bandwidth_hz: float, own_hz: Sequence[float] = ()
) -> NoiseStatistics:
    """Of lines (n, samples) of noise within the pass band of the receiver, but for its centre, where the bias is, and
    frequencies that the instrument disturbs itself.

    Chance finds interference in one of 10^9 bins. Little noise makes fewer bins, or tells nothing.
    """
    lines = lines[np.any(lines != 0.0, axis=1)]
    size = _BINS
    while len(lines) * (lines.shape[1] // size) < _LEAST_SPECTRA:
        size //= 2
        if size < _FEWEST_BINS:
            return NoiseStatistics()
    spectra = short_spectra(lines, size)
    count = len(spectra)
    frequency = scipy.fft.fftfreq(size, 1.0 / sampling_hz)
    inside = np.abs(frequency) <= 0.5 * bandwidth_hz
    for own in (0.0, *own_hz):
        inside &= np.abs(frequency - own) > _LOBE_BINS * sampling_hz / size
    mean = spectra.mean(axis=0)
    level = median_filter(mean, _NEIGHBOURS, mode="wrap")
    z = (mean / level - 1.0) * np.sqrt(count)
    divergence = _divergence(spectra / mean)
    loud = z > (float(gammainccinv(count, _FALSE_ALARM)) / count - 1.0) * np.sqrt(count)
    odd = divergence > float(chdtri(_CLASSES - 1, _FALSE_ALARM)) / (2.0 * count)
    found = inside & (loud | odd)
    return NoiseStatistics(
        kl_divergence=float(divergence[inside].max()),
        fisher_z=float(z[inside].max()),
        rfi_psd=float(mean[found].max(initial=0.0)),
        detected=bool(found.any()),
    )


def short_spectra(lines: NDArray[np.complex64], size: int) -> Array:
    """Power spectra (m, size), in FFT order, of Hann-weighted pieces of lines that do not overlap; 1 for unit power."""
    pieces = lines[:, : lines.shape[1] // size * size].reshape(-1, size)
    weights = np.hanning(size).astype(np.float32)
    spectra = np.abs(scipy.fft.fft(pieces * weights, axis=1)) ** 2
    return np.asarray(spectra / np.sum(weights**2), np.float64)


def _divergence(relative: Array) -> Array:
    """Of values (m, bins) over their means from the exponential distribution, in nats, by classes of equal chance."""
    kind = np.minimum((_CLASSES * -np.expm1(-relative)).astype(np.int64), _CLASSES - 1)
    shares = np.stack([np.mean(kind == each, axis=0) for each in range(_CLASSES)])
    return np.asarray(
        np.sum(np.where(shares > 0.0, shares * np.log(np.maximum(shares, 1e-30) * _CLASSES), 0.0), axis=0)
    )
