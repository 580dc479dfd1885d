"""The interference in the lines of an acquisition, and the same lines without it.

Lines are looked through twice, chunk by chunk, before they are focused: for what persists in the mean spectrum of a
block, and for pulses and isolated tones. What was found is taken off when lines are read.
"""

from collections.abc import Iterator

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.pp1 import RfiFrequencyDomain, RfiParameters, RfiTimeDomain
from s1pdgs.processors.l1.focus_plan import LineSource
from s1pdgs.processors.l1.rfi.pulses import find_pulses
from s1pdgs.processors.l1.rfi.tones import Band, isolated_bins, persistent_bins, piece_size, widen_to

TIME, FREQUENCY = "Time", "Frequency"
_CHUNK_BYTES = 32_000_000
_LEAST_CHUNK = 64


@frozen
class Extent:
    """How much of a number of lines is touched: of the lines, and of the samples or bins of touched lines."""

    lines: int = 0
    mean_share: float = 0.0
    max_share: float = 0.0


@frozen(eq=False)
class BlockInterference:
    """What was found in `lines` lines from `first_line` on.

    `runs` (k, 3) are pulses: line, first sample, the one after the last. `isolated_lines` (m,) have tones of their own
    in `isolated` (m, size), bins of short spectra; `persistent` (bins,) are those of all lines. Bins are in FFT order.
    """

    first_line: int
    lines: int
    runs: NDArray[np.int64]
    isolated_lines: NDArray[np.int64]
    isolated: NDArray[np.bool_]
    persistent: NDArray[np.bool_]

    def only(self, first: int, lines: int) -> "BlockInterference":
        """The same in some of its lines."""
        runs, isolated = (_within(touched, first, lines) for touched in (self.runs[:, 0], self.isolated_lines))
        return BlockInterference(
            first, lines, self.runs[runs], self.isolated_lines[isolated], self.isolated[isolated], self.persistent
        )

    def pulses(self, samples: int) -> Extent:
        """How many lines have pulses, and the share of their samples."""
        touched, inverse = np.unique(self.runs[:, 0], return_inverse=True)
        if not touched.size:
            return Extent()
        share = np.bincount(inverse, weights=self.runs[:, 2] - self.runs[:, 1]) / samples
        return Extent(int(touched.size), float(share.mean()), float(share.max()))

    def tones(self, band: Band) -> Extent:
        """How many lines have tones of their own, and the share of the processing bandwidth."""
        if not self.isolated_lines.size:
            return Extent()
        share = self.isolated[:, band.inside(self.isolated.shape[1])].mean(axis=1)
        return Extent(int(self.isolated_lines.size), float(share.mean()), float(share.max()))

    def persistent_share(self, band: Band) -> float:
        """The share of the processing bandwidth that persistent interference touches."""
        return float(self.persistent[band.inside(self.persistent.size)].mean())


@frozen(eq=False)
class Mitigation:
    """The interference of an acquisition of `samples` samples a line, by blocks, and how it is taken off.

    `domains` are those that were looked at: `Time`, `Frequency`. Pulses are replaced by the nearest line that has
    none there, or by zero; bins of tones are zero.
    """

    blocks: tuple[BlockInterference, ...]
    samples: int
    band: Band
    domains: tuple[str, ...]
    nearest: bool

    def clean(self, first: int, out: NDArray[np.complex64], read: LineSource) -> None:
        """Take what was found off the lines (n, samples) from `first` on; `read` gives lines as they were received."""
        for block in self.blocks:
            begin, end = max(first, block.first_line), min(first + len(out), block.first_line + block.lines)
            if begin < end:
                self._blank(block, begin, out[begin - first : end - first], read)
                self._notch(block, begin, out[begin - first : end - first])

    def _blank(self, block: BlockInterference, first: int, out: NDArray[np.complex64], read: LineSource) -> None:
        other = np.empty((1, self.samples), np.complex64)
        for line, start, stop in block.runs[_within(block.runs[:, 0], first, len(out))].tolist():
            source = _nearest_free(block, line, start, stop) if self.nearest else None
            if source is None:
                out[line - first, start:stop] = 0.0
            else:
                read(source, other)
                out[line - first, start:stop] = other[0, start:stop]

    def _notch(self, block: BlockInterference, first: int, out: NDArray[np.complex64]) -> None:
        touched = _within(block.isolated_lines, first, len(out))
        rows = np.arange(len(out)) if block.persistent.any() else block.isolated_lines[touched] - first
        if not rows.size:
            return
        bins = block.persistent.size
        spectra = scipy.fft.fft(out[rows], bins, axis=1)
        spectra[:, block.persistent] = 0.0
        own = np.searchsorted(rows, block.isolated_lines[touched] - first)
        spectra[own] *= ~widen_to(block.isolated[touched], bins)
        out[rows] = scipy.fft.ifft(spectra, axis=1, overwrite_x=True)[:, : self.samples]


def find_interference(
    read: LineSource, shape: tuple[int, int], band: Band, parameters: RfiParameters, domains: tuple[str, ...]
) -> Mitigation:
    """Look through an acquisition of (lines, samples) by blocks of lines, as many as AUX_PP1 says.

    Neighbouring blocks are searched with as many lines in common as it says; what each found counts up to the middle.
    """
    lines, samples = shape
    size = -(-lines // max(parameters.frequency_domain.blocks, 1))
    before = parameters.frequency_domain.overlap_lines // 2
    after = parameters.frequency_domain.overlap_lines - before
    blocks = []
    for first in range(0, lines, size):
        begin, end = max(first - before, 0), min(first + size + after, lines)
        block = _search_block(read, (begin, end - begin, samples), band, parameters, domains)
        blocks.append(block.only(first, min(size, lines - first)))
    return Mitigation(tuple(blocks), samples, band, domains, parameters.time_domain.correction == "Nearest")


def _search_block(
    read: LineSource, span: tuple[int, int, int], band: Band, parameters: RfiParameters, domains: tuple[str, ...]
) -> BlockInterference:
    first, lines, samples = span
    bins = scipy.fft.next_fast_len(samples)
    time, frequency = parameters.time_domain, parameters.frequency_domain
    runs = [np.empty((0, 3), np.int64)]
    total = np.zeros(bins)
    for at, chunk in _chunks(read, span):
        if TIME in domains:
            runs.append(_pulses(at, chunk, time))
        if FREQUENCY in domains:
            total += np.sum(np.abs(scipy.fft.fft(chunk, bins, axis=1)) ** 2, axis=0, dtype=np.float64)
    block = BlockInterference(
        first_line=first,
        lines=lines,
        runs=np.concatenate(runs),
        isolated_lines=np.empty(0, np.int64),
        isolated=np.empty((0, piece_size(samples, frequency)), np.bool_),
        persistent=persistent_bins(total, band, frequency) if total.any() else np.zeros(bins, np.bool_),
    )
    return _with_isolated(block, read, (samples, band, frequency)) if FREQUENCY in domains else block


def _with_isolated(
    block: BlockInterference, read: LineSource, settings: tuple[int, Band, RfiFrequencyDomain]
) -> BlockInterference:
    """With the tones of single lines that are left when pulses and persistent tones are off."""
    samples, band, parameters = settings
    first_pass = Mitigation((block,), samples, band, (), nearest=True)
    found, masks = [block.isolated_lines], [block.isolated]
    for at, chunk in _chunks(read, (block.first_line, block.lines, samples)):
        first_pass.clean(at, chunk, read)
        mask = isolated_bins(chunk, band, parameters)
        touched = np.flatnonzero(mask.any(axis=1))
        found.append(at + touched)
        masks.append(mask[touched])
    return BlockInterference(
        block.first_line, block.lines, block.runs, np.concatenate(found), np.concatenate(masks), block.persistent
    )


def _pulses(first: int, chunk: NDArray[np.complex64], parameters: RfiTimeDomain) -> NDArray[np.int64]:
    return np.asarray(find_pulses(chunk, parameters) + np.array([first, 0, 0]))


def _chunks(read: LineSource, span: tuple[int, int, int]) -> Iterator[tuple[int, NDArray[np.complex64]]]:
    """The first line of each chunk, and its lines in memory that the next chunk reuses."""
    first, lines, samples = span
    step = min(max(_CHUNK_BYTES // (8 * samples), _LEAST_CHUNK), lines)
    memory = np.empty((step, samples), np.complex64)
    for at in range(first, first + lines, step):
        chunk = memory[: min(step, first + lines - at)]
        read(at, chunk)
        yield at, chunk


def _within(lines: NDArray[np.int64], first: int, count: int) -> slice:
    """The entries of sorted lines that are among `count` from `first` on."""
    begin, end = np.searchsorted(lines, [first, first + count])
    return slice(int(begin), int(end))


def _nearest_free(block: BlockInterference, line: int, start: int, stop: int) -> int | None:
    """The line of the block nearest to one that has no pulse between two samples; None where there is none."""
    overlap = (block.runs[:, 1] < stop) & (block.runs[:, 2] > start)
    free = np.ones(block.lines, np.bool_)
    free[block.runs[overlap, 0] - block.first_line] = False
    candidates = np.flatnonzero(free)
    if not candidates.size:
        return None
    return int(candidates[np.argmin(np.abs(candidates - (line - block.first_line)))]) + block.first_line
