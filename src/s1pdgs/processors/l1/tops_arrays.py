"""TOPS focusing of a burst by arrays: the chain of `tops` with its factors, on the library and device of `Arrays`.

Raw columns go to the device and columns of the image come back in batches; between them the spectrum of the burst stays
there.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from s1pdgs.processors.l1.arrays import Arrays, DeviceArray, batches, circular, laid_out
from s1pdgs.processors.l1.focus_plan import LineSource
from s1pdgs.processors.l1.range_arrays import ROW_COPIES, BulkCorrection, RangeStep, ResidualMigration, occupied_spectra
from s1pdgs.processors.l1.tops_factors import COLUMNS, DopplerFactors, RangeFactors, SpanFactors, TimeFactors, spans
from s1pdgs.processors.l1.tops_kernels import TABLE
from s1pdgs.processors.l1.tops_plan import BurstPlan

Spectrum = NDArray[np.complex64]

_COPIES = 6
"""Arrays of the size of a batch of columns that a step has at a time."""


def focus_burst(arrays: Arrays, plan: BurstPlan, source: LineSource) -> Spectrum:
    """Read and focus a burst: complex64 (lines, samples) of its image grid, in beta nought amplitude.

    Raises `ArrayError` when the memory of the device does not hold its spectrum.
    """
    raw = np.empty((plan.burst.raw.lines, plan.burst.raw.samples), np.complex64)
    source(0, raw)
    width = max(plan.burst.raw.samples, plan.image.samples)
    step_bytes = arrays.step_bytes(8 * plan.rows * width)
    spectrum = arrays.empty(plan.rows, width)
    unfold_doppler(arrays, plan, raw, spectrum, step_bytes)
    del raw
    compress(arrays, plan, spectrum, step_bytes)
    return unfold_time(arrays, plan, spectrum, step_bytes)


def unfold_doppler(arrays: Arrays, plan: BurstPlan, raw: Spectrum, spectrum: DeviceArray, step_bytes: int) -> None:
    """Fill the spectra in absolute Doppler of the raw samples (rows, samples), the chirp f^2 / k_s still on them."""
    xp, (forward, backward), factors = arrays.xp, plan.bins, DopplerFactors.of(plan)
    deramp = arrays.put(factors.deramp)[:, None]
    for first, alike in itertools.groupby(spans(raw.shape[1]), lambda span: factors.first_bin(*span)):
        dispersion = arrays.put(factors.dispersion_from(first))[:, None]
        for start, stop in _joined(alike, 8 * _COPIES * backward, step_bytes):
            lines = xp.fft.fft(arrays.put(raw[:, start:stop]) * deramp, n=forward, axis=0)
            lines = laid_out(xp, circular(xp, lines, first, forward) * dispersion, first, backward)
            lines = xp.fft.ifft(lines, axis=0)
            spectrum[:, start:stop] = circular(xp, lines, -(plan.rows // 2), plan.rows) * factors.scale


def compress(arrays: Arrays, plan: BurstPlan, spectrum: DeviceArray, step_bytes: int) -> None:
    """Range compression, migration on the common grid and the azimuth filter, in place."""
    factors, (bins, wide_bins) = RangeFactors.of(plan), plan.range_bins
    step = RangeStep(
        BulkCorrection.of(
            arrays,
            factors.compression,
            factors.occupied,
            step_hz=factors.step_hz,
            delay_s=factors.delay_s,
            coupling=factors.coupling,
        ),
        ResidualMigration.of(arrays, factors.geometry, factors.reference, factors.gain, TABLE),
        wide_bins,
    )
    doppler = plan.base_hz + plan.offsets_hz
    for rows in batches(plan.rows, 8 * ROW_COPIES * max(bins, wide_bins), step_bytes):
        panel = occupied_spectra(arrays.xp, spectrum[rows, : plan.burst.raw.samples], bins, factors.occupied)
        spectrum[rows, : plan.image.samples] = step(panel, doppler[rows])


def unfold_time(arrays: Arrays, plan: BurstPlan, spectrum: DeviceArray, step_bytes: int) -> Spectrum:
    """Window the apertures, weigh the antenna off and bring every column to its lines, on the host."""
    image, factors = plan.image, TimeFactors.of(plan)
    lines = np.empty((image.lines, image.samples), np.complex64)
    found = ((span, factors.span(*span)) for span in spans(image.samples))
    for lengths, alike in itertools.groupby(found, lambda one: one[1].lengths):
        most = max(step_bytes // (8 * _COPIES * COLUMNS * max(lengths)), 1)
        while batch := list(itertools.islice(alike, most)):
            start, stop = batch[0][0][0], batch[-1][0][1]
            unfolded = _unfold_spans(arrays, plan, spectrum[:, start:stop], [factors for _, factors in batch])
            lines[:, start:stop] = arrays.to_host(unfolded)
    return lines


def _unfold_spans(
    arrays: Arrays, plan: BurstPlan, spectrum: DeviceArray, factors: Sequence[SpanFactors]
) -> DeviceArray:
    """The lines (lines, n) of neighbouring spans whose transforms have the same lengths."""
    xp, (wide, narrow) = arrays.xp, factors[0].lengths
    span = arrays.put(np.arange(spectrum.shape[1]) // COLUMNS)
    half = max(one.window.size for one in factors) // 2

    def spread(columns: Sequence[Spectrum]) -> DeviceArray:
        return xp.take(arrays.put(np.stack(columns, axis=1)), span, axis=1)

    lines = spectrum * spread([one.matched for one in factors])
    lines = xp.fft.ifft(laid_out(xp, lines, -(plan.rows // 2), wide), axis=0)
    lines = circular(xp, lines, -half, 2 * half + 1) * spread([_centred(one.window, half) for one in factors])
    lines = xp.fft.fft(laid_out(xp, lines, -half, narrow), axis=0)
    first = plan.first_line - plan.centre_line
    return circular(xp, lines, first, plan.image.lines) * spread([one.reramp for one in factors])


def _centred(window: Spectrum, half: int) -> Spectrum:
    """A window of odd size with zeros around it, (2 half + 1,)."""
    return np.pad(window, half - window.size // 2)


def _joined(neighbours: Iterable[tuple[int, int]], column_bytes: int, step_bytes: int) -> Iterator[tuple[int, int]]:
    """Neighbouring spans joined as far as a step can hold them."""
    most = max(step_bytes // (column_bytes * COLUMNS), 1)
    while batch := list(itertools.islice(neighbours, most)):
        yield batch[0][0], batch[-1][1]
