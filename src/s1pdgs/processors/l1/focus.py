"""StripMap focusing: range compression, range-azimuth coupling, range migration and azimuth compression by blocks.

The range-Doppler algorithm with the exact two-dimensional phase of one reference range, followed by the residual
migration of the other ranges (Cumming and Wong, chapters 5 and 6). One block of lines is held at a time, in one
array that every step reuses; steps work on bands of rows that threads share.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft
from attrs import field, frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.focus_factors import BlockFactors, range_filter
from s1pdgs.processors.l1.focus_plan import Array, FocusPlan, LineSource, Spectrum
from s1pdgs.processors.l1.geometry import RangeModel
from s1pdgs.processors.l1.kernels import (
    TABLE,
    as_floats,
    compress_azimuth,
    couple_range_azimuth,
)
from s1pdgs.processors.l1.scratch import Scratch
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ

_ROWS = 64


@frozen(eq=False)
class FocusedBlock:
    """Focused data of one block in the range-Doppler domain.

    `spectrum` complex64 (block lines, samples): the azimuth spectrum in FFT order, absolute frequencies `doppler_hz`.
    Its inverse transform has `valid` lines from `lead` on, the first of which is line `first_line` of the image.
    The memory is reused for the next block. `transform` makes these lines where a device holds the spectrum too.
    """

    first_line: int
    lead: int
    valid: int
    spectrum: Spectrum
    doppler_hz: Array
    centroid_hz: Array
    model: RangeModel
    threads: int
    transform: Callable[[], Spectrum] | None = None

    def image(self) -> Spectrum:
        """The valid lines, complex64 (valid, samples) in beta nought amplitude; destroys the spectrum."""
        if self.transform is not None:
            return self.transform()
        image = scipy.fft.ifft(self.spectrum, axis=0, overwrite_x=True, workers=self.threads)
        return np.asarray(image[self.lead : self.lead + self.valid])


def focus(plan: FocusPlan, source: LineSource) -> Iterator[FocusedBlock]:
    """Focus all blocks in order; their valid lines tile the image."""
    step = plan.valid_lines
    with ThreadPoolExecutor(plan.parameters.threads) as pool:
        bench = _Bench(plan, _aligned_block(plan.block_lines, plan.bins), range_filter(plan), pool)
        for first in range(0, plan.image.lines, step):
            _load(bench, source, first, min(plan.block_lines, plan.raw.lines - first))
            yield _focus_block(bench, first, min(step, plan.image.lines - first))


@frozen(eq=False)
class _Bench:
    """What the blocks share: the storage of one block, the range filter, the threads."""

    plan: FocusPlan
    store: Spectrum
    range_filter: Spectrum
    pool: ThreadPoolExecutor
    scratch: Scratch = field(factory=Scratch)


def _aligned_block(lines: int, bins: int) -> Spectrum:
    """Storage whose rows start 64 octets off multiples of a page, so that columns do not share cache sets."""
    stride = -(-bins * 8 // 4096) * 4096 + 64
    return np.empty((lines, stride // 8), np.complex64)


def _load(bench: _Bench, source: LineSource, first: int, count: int) -> None:
    """Decode the raw lines of a block and transform them over range; absent lines and padding are zero."""
    plan, store = bench.plan, bench.store
    samples, bins = plan.raw.samples, plan.bins

    def load(start: int) -> None:
        rows = store[start : start + _ROWS, :bins]
        present = min(max(count - start, 0), rows.shape[0])
        if present:
            lines = bench.scratch.take("lines", present, samples)
            source(first + start, lines)
            rows[:present, :samples] = lines
        rows[:present, samples:], rows[present:] = 0.0, 0.0
        rows[...] = scipy.fft.fft(rows, axis=1, overwrite_x=True)

    list(bench.pool.map(load, range(0, plan.block_lines, _ROWS)))


def _focus_block(bench: _Bench, first: int, valid: int) -> FocusedBlock:
    plan, factors = bench.plan, BlockFactors.of(bench.plan, first, valid)
    bins, threads, occupied = plan.bins, plan.parameters.threads, factors.occupied
    data, doppler, band = bench.store[:, :bins], factors.doppler_hz, factors.band
    for panel in (data[:, :occupied], data[:, bins - occupied :]):
        panel[...] = scipy.fft.fft(panel, axis=0, overwrite_x=True, workers=threads)
    compress = _compressor(bench, factors)
    list(bench.pool.map(lambda span: compress(data[span[0] : span[1]], doppler[span[0] : span[1]]), _bands(band)))
    data[~band] = 0.0
    return FocusedBlock(
        first_line=first,
        lead=plan.lead,
        valid=valid,
        spectrum=data[:, : plan.image.samples],
        doppler_hz=doppler,
        centroid_hz=factors.centroid_hz,
        model=factors.model,
        threads=threads,
    )


def _compressor(bench: _Bench, factors: BlockFactors) -> Callable[[Spectrum, Array], None]:
    """The compression, in range and in azimuth, of two-dimensional spectra given by rows and their frequencies."""
    step_hz, filtering = bench.plan.raw.sampling_hz / bench.plan.bins, bench.range_filter.view(np.float32)
    bulk = factors.occupied, RADAR_FREQUENCY_HZ, factors.delay_s, factors.coupling
    residual = factors.geometry, factors.reference, factors.centroid_hz, factors.weights, factors.weight_grid

    def compress(rows: Spectrum, doppler: Array) -> None:
        couple_range_azimuth(as_floats(rows), doppler, filtering, step_hz, *bulk)
        rows[...] = scipy.fft.ifft(rows, axis=1, overwrite_x=True)
        compress_azimuth(as_floats(rows), doppler, *residual, factors.gain, TABLE)

    return compress


def _bands(band: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of at most `_ROWS` rows that are all in the band."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], band.astype(np.int8), [0]])))
    return [
        (start, min(start + _ROWS, int(stop)))
        for first, stop in edges.reshape(-1, 2)
        for start in range(int(first), int(stop), _ROWS)
    ]
