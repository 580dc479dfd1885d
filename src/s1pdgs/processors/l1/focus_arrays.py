"""StripMap focusing by arrays: the chain of `focus` with its factors, on the library and device of `Arrays`.

Raw lines go to the device once, where the bins that the range filter passes are kept; spectrum and image of a block
come back.
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.arrays import Arrays, DeviceArray, batches
from s1pdgs.processors.l1.focus import FocusedBlock
from s1pdgs.processors.l1.focus_factors import BlockFactors, occupied_bins_of, range_filter
from s1pdgs.processors.l1.focus_plan import Array, FocusPlan, LineSource
from s1pdgs.processors.l1.kernels import TABLE
from s1pdgs.processors.l1.range_arrays import (
    ROW_COPIES,
    RUN,
    BulkCorrection,
    RangeStep,
    ResidualMigration,
    occupied_spectra,
)

Spectrum = NDArray[np.complex64]

_COPIES = 4
"""Arrays of the size of a batch of columns that a transform over lines has at a time."""
_DECODED_LINES = 64


def focus(arrays: Arrays, plan: FocusPlan, source: LineSource) -> Iterator[FocusedBlock]:
    """Focus all blocks in order; their valid lines tile the image.

    Raises `ArrayError` when the memory of the device does not hold a block.
    """
    width = max(2 * occupied_bins_of(plan), plan.image.samples)
    step_bytes = arrays.step_bytes(8 * plan.block_lines * width)
    bench = _Bench(arrays, plan, arrays.empty(plan.block_lines, width), range_filter(plan), step_bytes)
    for first in range(0, plan.image.lines, plan.valid_lines):
        valid = min(plan.valid_lines, plan.image.lines - first)
        factors = BlockFactors.of(plan, first, valid)
        _load(bench, source, first, factors.occupied)
        _compress(bench, factors)
        yield FocusedBlock(
            first_line=first,
            lead=plan.lead,
            valid=valid,
            spectrum=arrays.to_host(bench.store[:, : plan.image.samples]),
            doppler_hz=factors.doppler_hz,
            centroid_hz=factors.centroid_hz,
            model=factors.model,
            threads=plan.parameters.threads,
            transform=partial(_image, bench, valid),
        )


@frozen(eq=False)
class _Bench:
    """What the blocks share: the storage of one on the device, complex64 (block lines, n), and the range filter."""

    arrays: Arrays
    plan: FocusPlan
    store: DeviceArray
    range_filter: Spectrum
    step_bytes: int


def _load(bench: _Bench, source: LineSource, first: int, occupied: int) -> None:
    """Decode the raw lines of a block and keep the occupied bins of their spectra; absent lines are zero."""
    plan, store = bench.plan, bench.store
    count = min(plan.block_lines, plan.raw.lines - first)
    with ThreadPoolExecutor(plan.parameters.threads) as pool:
        for rows in batches(count, 8 * _COPIES * plan.bins, bench.step_bytes):
            raw = np.empty((rows.stop - rows.start, plan.raw.samples), np.complex64)
            parts = np.split(raw, range(_DECODED_LINES, len(raw), _DECODED_LINES))
            starts = range(first + rows.start, first + rows.stop, _DECODED_LINES)
            list(pool.map(source, starts, parts))
            lines = bench.arrays.put(raw)
            store[rows, : 2 * occupied] = occupied_spectra(bench.arrays.xp, lines, plan.bins, occupied)
    store[count:, : 2 * occupied] = 0.0


def _compress(bench: _Bench, factors: BlockFactors) -> None:
    """From range spectra of lines to the focused azimuth spectrum, in place."""
    plan, store, filled = bench.plan, bench.store, 2 * factors.occupied
    for columns in batches(filled, 8 * _COPIES * plan.block_lines, bench.step_bytes):
        store[:, columns] = bench.arrays.xp.fft.fft(store[:, columns], axis=0)
    step = _range_step(bench, factors)
    for inside, band in _runs(factors.band):
        if not inside:
            store[band, :] = 0.0
            continue
        for batch in batches(band.stop - band.start, 8 * ROW_COPIES * plan.bins, bench.step_bytes):
            rows = slice(band.start + batch.start, band.start + batch.stop)
            doppler = factors.doppler_hz[rows]
            store[rows, : plan.image.samples] = step(store[rows, :filled], doppler, _levels(factors, doppler))


def _range_step(bench: _Bench, factors: BlockFactors) -> RangeStep:
    arrays, plan = bench.arrays, bench.plan
    bulk = BulkCorrection.of(
        arrays,
        bench.range_filter,
        factors.occupied,
        step_hz=plan.raw.sampling_hz / plan.bins,
        delay_s=factors.delay_s,
        coupling=factors.coupling,
    )
    migration = ResidualMigration.of(arrays, factors.geometry, factors.reference, factors.gain, TABLE)
    return RangeStep(bulk, migration, plan.bins)


def _levels(factors: BlockFactors, doppler_hz: Array) -> NDArray[np.float32]:
    """The azimuth weights of rows at the middle of every run of samples, (n, runs); zero beyond the bandwidth."""
    centroid = factors.centroid_hz
    middle = [(start + min(start + RUN, centroid.size)) // 2 for start in range(0, centroid.size, RUN)]
    first_hz, step_hz = factors.weight_grid
    grid = first_hz + step_hz * np.arange(factors.weights.size)
    offset = doppler_hz[:, None] - centroid[middle]
    return np.interp(offset, grid, factors.weights, left=0.0, right=0.0).astype(np.float32)


def _runs(inside: NDArray[np.bool_]) -> Iterator[tuple[bool, slice]]:
    """Runs of rows that are all in the band or all beyond it."""
    edges = [0, *(np.flatnonzero(np.diff(inside)) + 1).tolist(), inside.size]
    for start, stop in itertools.pairwise(edges):
        yield bool(inside[start]), slice(start, stop)


def _image(bench: _Bench, valid: int) -> Spectrum:
    """The valid lines of the block that is in store, complex64 (valid, samples)."""
    arrays, plan = bench.arrays, bench.plan
    image = np.empty((valid, plan.image.samples), np.complex64)
    for columns in batches(plan.image.samples, 8 * _COPIES * plan.block_lines, bench.step_bytes):
        lines = arrays.xp.fft.ifft(bench.store[:, columns], axis=0)
        image[:, columns] = arrays.to_host(lines[plan.lead : plan.lead + valid, :])
    return image
