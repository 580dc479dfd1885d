"""Range compression and migration by arrays, for all modes: rows of one azimuth frequency each, in batches.

As in the compiled kernels, phases and shifts are evaluated in float64 once per run of samples and linear within it.
"""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.arrays import Arrays, DeviceArray, Namespace, circular, laid_out, ramp
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ

Array = NDArray[np.float64]

ROW_COPIES = 16
"""Arrays of the size of a batch of rows that `RangeStep` has at a time, indices and taps included."""
RUN = 64
"""Samples or bins between those at which phases and shifts are exact."""
_STEP = 16


@frozen(eq=False)
class BulkCorrection:
    """`kernels.couple_range_azimuth`: the compression filter, and the migration and coupling of one reference range.

    `compression`: complex64 (2 occupied,) from the lowest frequency on.
    """

    arrays: Arrays
    compression: DeviceArray
    step_hz: float
    delay_s: float
    coupling: float

    @classmethod
    def of(
        cls,
        arrays: Arrays,
        compression: NDArray[np.complex64],
        occupied: int,
        *,
        step_hz: float,
        delay_s: float,
        coupling: float,
    ) -> "BulkCorrection":
        """`compression` has all bins in FFT order, `occupied` of them on both sides of zero."""
        around = np.roll(compression, occupied)[: 2 * occupied]
        return cls(arrays, arrays.put(around), step_hz, delay_s, coupling)

    def __call__(self, panel: DeviceArray, doppler_hz: DeviceArray) -> DeviceArray:
        """Spectra over the occupied bins, complex64 (n, 2 occupied), of azimuth frequencies float64 (n,)."""
        xp, device, (rows, count) = self.arrays.xp, self.arrays.device, panel.shape
        runs = -(-count // RUN)
        squint = ((self.coupling * doppler_hz) ** 2)[:, None]
        centre = xp.sqrt(RADAR_FREQUENCY_HZ**2 - squint)
        middle = xp.arange(runs, dtype=xp.float64, device=device) * RUN + (RUN // 2 - count // 2)
        offset = middle * self.step_hz
        root = xp.sqrt((RADAR_FREQUENCY_HZ + offset) ** 2 - squint)
        cycles = self.delay_s * (root - centre - offset)
        slope = self.delay_s * self.step_hz * ((RADAR_FREQUENCY_HZ + offset) / root - 1.0)
        numbers = xp.arange(RUN, dtype=xp.float32, device=device) - float(RUN // 2)
        factor = xp.reshape(ramp(xp, cycles, slope, numbers), (rows, runs * RUN))
        return panel * factor[:, :count] * self.compression


@frozen(eq=False)
class ResidualMigration:
    """`tops_kernels.match_rows`: what is left of the migration at every range, and the azimuth matched filter.

    `near`, `far`: slant range, V_r and time shift at both ends of the runs of samples, float64 (3, runs); `pace` one
    over the samples between them (runs,). `middles` (runs, steps) and `firsts` (runs x steps,) place the steps within
    which the shift is one. `table` has the kernels of the interpolation by fraction of a sample.
    """

    arrays: Arrays
    samples: int
    near: DeviceArray
    far: DeviceArray
    pace: DeviceArray
    middles: DeviceArray
    firsts: DeviceArray
    reference: tuple[float, float, float, float, float]
    gain: DeviceArray
    table: DeviceArray

    @classmethod
    def of(
        cls,
        arrays: Arrays,
        geometry: Array,
        reference: tuple[float, float, float, float, float],
        gain: NDArray[np.float32],
        table: NDArray[np.float32],
    ) -> "ResidualMigration":
        """`geometry` (3, samples); the rest is as the compiled kernel takes it."""
        samples = geometry.shape[1]
        start = np.arange(0, samples, RUN)
        stop = np.minimum(start + RUN, samples)
        within = np.arange(0, RUN, _STEP)
        count = np.clip((stop - start)[:, None] - within, 1, _STEP)
        return cls(
            arrays=arrays,
            samples=samples,
            near=arrays.put(geometry[:, start]),
            far=arrays.put(geometry[:, stop - 1]),
            pace=arrays.put(1.0 / np.maximum(stop - start - 1, 1)),
            middles=arrays.put(within + 0.5 * (count - 1)),
            firsts=arrays.put((start[:, None] + within).reshape(-1) - (table.shape[1] // 2 - 1)),
            reference=reference,
            gain=arrays.put(gain),
            table=arrays.put(table),
        )

    def __call__(self, rows: DeviceArray, doppler_hz: DeviceArray, levels: DeviceArray | None) -> DeviceArray:
        """Samples, complex64 (n, samples), of range lines (n, bins), circular, at azimuth frequencies float64 (n,).

        `levels`: weights of the runs of samples, float32 (n, runs).
        """
        xp, count = self.arrays.xp, rows.shape[0]
        shift, cycles = self._shift_and_cycles(self.near, doppler_hz)
        shift_end, cycles_end = self._shift_and_cycles(self.far, doppler_hz)
        numbers = xp.arange(RUN, dtype=xp.float32, device=self.arrays.device)
        factor = ramp(xp, cycles, (cycles_end - cycles) * self.pace, numbers)
        if levels is not None:
            factor = factor * levels[:, :, None]
        slope = (shift_end - shift) * self.pace
        position = xp.reshape(shift[:, :, None] + slope[:, :, None] * self.middles, (count, -1))
        whole = xp.floor(position)
        fraction = xp.astype(xp.floor((position - whole) * (self.table.shape[0] - 1) + 0.5), xp.int64)
        left = xp.astype(whole, xp.int64) + self.firsts
        taps = xp.reshape(xp.take(self.table, xp.reshape(fraction, (-1,)), axis=0), (*left.shape, -1))
        lines = interpolated(xp, rows, left, taps, _STEP)
        return lines[:, : self.samples] * xp.reshape(factor, (count, -1))[:, : self.samples] * self.gain

    def _shift_and_cycles(self, place: DeviceArray, doppler_hz: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        """Migration in samples beyond that of the reference, and cycles of the matched filter, float64 (n, runs)."""
        xp, (reference_m, reference_m_s, spacing_m, wavelength_m, lead) = self.arrays.xp, self.reference
        half = (0.5 * wavelength_m * doppler_hz)[:, None]
        contraction = xp.sqrt(1.0 - (half / place[1, :]) ** 2)
        bulk = reference_m * (1.0 / xp.sqrt(1.0 - (half / reference_m_s) ** 2) - 1.0)
        shift = lead + (place[0, :] * (1.0 / contraction - 1.0) - bulk) / spacing_m
        return shift, 2.0 / wavelength_m * place[0, :] * (contraction - 1.0) + doppler_hz[:, None] * place[2, :]


@frozen(eq=False)
class RangeStep:
    """Everything that happens to rows in range: from spectra over the occupied bins to filtered samples.

    `bins` of the inverse transform.
    """

    bulk: BulkCorrection
    migration: ResidualMigration
    bins: int

    def __call__(self, panel: DeviceArray, doppler_hz: Array, levels: NDArray[np.float32] | None = None) -> DeviceArray:
        """Samples (n, samples) of spectra from the lowest occupied frequency on, (n, 2 occupied)."""
        arrays = self.bulk.arrays
        frequency, weights = arrays.put(doppler_hz), None if levels is None else arrays.put(levels)
        panel = self.bulk(panel, frequency)
        lines = laid_out(arrays.xp, panel, -(panel.shape[1] // 2), self.bins, axis=1)
        return self.migration(arrays.xp.fft.ifft(lines, axis=1), frequency, weights)


def occupied_spectra(xp: Namespace, rows: DeviceArray, bins: int, occupied: int) -> DeviceArray:
    """Spectra of range lines (n, samples) over the occupied bins from the lowest frequency on, (n, 2 occupied)."""
    spectra = xp.fft.fft(rows, n=bins, axis=1)
    return circular(xp, spectra, -occupied, 2 * occupied, axis=1)


def interpolated(xp: Namespace, rows: DeviceArray, left: DeviceArray, taps: DeviceArray, step: int) -> DeviceArray:
    """Rows (n, bins), circular in range, filtered: complex64 (n, steps x step).

    A step of `step` samples has the taps (n, steps, T), float32, of which the first lies on bin `left` (n, steps),
    int64, for its first sample.
    """
    (count, steps, width), bins = taps.shape, rows.shape[1]
    reach = xp.arange(step + width - 1, dtype=xp.int64, device=rows.device)
    index = xp.reshape(xp.remainder(left[:, :, None] + reach, bins), (count, -1))
    parts = xp.reshape(xp.take_along_axis(rows, index, axis=1), (count, steps, step + width - 1))
    total = taps[:, :, :1] * parts[:, :, :step]
    for tap in range(1, width):
        total += taps[:, :, tap : tap + 1] * parts[:, :, tap : tap + step]
    return xp.reshape(total, (count, steps * step))
