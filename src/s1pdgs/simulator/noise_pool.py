"""A small stock of user data for each kind of packet of a data take: noise that is encoded once and sent many times."""

from collections.abc import Callable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import baq, bypass, codes, fdbaq
from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.header import HEADER_SIZE
from s1pdgs.simulator.auxiliary.instrument import SWST_BIAS_S, TIME_DELAY_S
from s1pdgs.simulator.commanding import SwathSettings
from s1pdgs.simulator.distributed import fill_white_noise
from s1pdgs.simulator.packets import (
    ALTERNATING,
    BRC_STEPS,
    CALIBRATION_COUNTS,
    CALIBRATION_MARGIN_CODES,
    CALIBRATION_NOISE,
    NOISE_BITS,
    full_bandwidth_settings,
)
from s1pdgs.simulator.program import Program

ECHO_COUNTS = (9.0, 22.0)
"""Deviation of the parts of echoes, in counts: least and most along the window."""

NOISE_COUNTS = 3.4
_ECHOES, _QUIET, _NOISES, _PULSES = 24, 6, 6, 4
_SPAWN_POOL = 5
_Encoded = tuple[NDArray[np.uint8], NDArray[np.int64]]


def build_pool(program: Program, polarisation: str, seed: int, *, bypass_echoes: bool = False) -> "NoisePool":
    """The stock for one receive channel of a data take; with `bypass_echoes` echoes are not quantised."""
    entropy = np.random.SeedSequence(seed, spawn_key=(_SPAWN_POOL, *polarisation.encode()))
    stock = _Stock(entropy)
    runs = program.swath.size
    first, size = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    quiet, ranks = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    kinds = np.stack([program.swath, program.signal, program.full_bandwidth], axis=1)
    for kind in np.unique(kinds, axis=0):
        chosen = (kinds == kind).all(axis=1)
        settings, signal = program.swaths[kind[0]], SignalType(int(kind[1]))
        if signal == SignalType.ECHO:
            encode = bypass.encode_lines if bypass_echoes else _encode_echo
            quiet[chosen] = stock.add(_noise(settings, NOISE_COUNTS, NOISE_COUNTS), _QUIET, encode)
            levels = ECHO_COUNTS if settings.pulsed else (NOISE_COUNTS, NOISE_COUNTS)
            first[chosen] = stock.add(_noise(settings, *levels), _ECHOES, encode)
            size[chosen], ranks[chosen] = _ECHOES, settings.rank
        elif signal == SignalType.NOISE:
            first[chosen] = stock.add(_noise(settings, NOISE_COUNTS, NOISE_COUNTS), _NOISES, _encode_noise)
            size[chosen] = _NOISES
        else:
            pulses = _pulses(settings, polarisation, signal, full_bandwidth=bool(kind[2]))
            first[chosen] = stock.add(pulses, _PULSES, bypass.encode_lines)
            size[chosen] = -_PULSES if signal in ALTERNATING else _PULSES
    return stock.pool(first, size, quiet, ranks, mean_bytes=_mean_bytes(program, stock, first))


def _encode_echo(samples: NDArray[np.complex64]) -> _Encoded:
    return fdbaq.encode_lines(samples, fdbaq.monotone_policy(BRC_STEPS))


def _encode_noise(samples: NDArray[np.complex64]) -> _Encoded:
    return baq.encode_lines(samples, NOISE_BITS)


def _noise(settings: SwathSettings, least: float, most: float) -> NDArray[np.float32]:
    """Deviations along the window: a smooth beam between the least and the most counts."""
    across = np.linspace(0.0, np.pi, settings.samples)
    return (least + (most - least) * np.sin(across)).astype(np.float32)[None]


def _pulses(
    settings: SwathSettings, polarisation: str, signal: SignalType, *, full_bandwidth: bool
) -> NDArray[np.complex64]:
    """The mean of `_PULSES` pulses: the first half of odd, the second of even ones (their sign may differ)."""
    radar = full_bandwidth_settings(settings) if full_bandwidth else settings
    samples = codes.number_of_samples(radar.tx_pulse_length + CALIBRATION_MARGIN_CODES, radar.range_decimation)
    pulse = np.zeros(samples, np.complex128)
    replica = radar.chirp.replica(radar.sampling_hz, TIME_DELAY_S[polarisation] + SWST_BIAS_S)[:samples]
    pulse[: replica.size] = replica * CALIBRATION_COUNTS[signal]
    sign = np.ones(_PULSES)
    if signal in ALTERNATING:
        sign[: _PULSES // 2] = -1.0
    return (sign[:, None] * pulse).astype(np.complex64)


def _mean_bytes(program: Program, stock: "_Stock", first: NDArray[np.int64]) -> float:
    sizes = stock.sizes()[first] + HEADER_SIZE
    return float(np.sum(sizes * program.packets) / program.packet_count)


class _Stock:
    """User data being collected."""

    def __init__(self, entropy: np.random.SeedSequence) -> None:
        self._entropy = entropy
        self._parts: list[NDArray[np.uint8]] = []
        self._sizes: list[NDArray[np.int64]] = []
        self._count = 0

    def add(
        self, shape: NDArray[np.float32] | NDArray[np.complex64], count: int, encode: Callable[..., _Encoded]
    ) -> int:
        """Encode `count` lines and return the place of the first: white noise of real deviations (1, samples), or
        noisy complex pulses (count, samples).
        """
        samples = np.empty((count, shape.shape[1]), np.complex64)
        fill_white_noise(samples, self._entropy.spawn(1)[0])
        if np.iscomplexobj(shape):
            samples = samples * np.float32(CALIBRATION_NOISE) + shape
        else:
            samples *= shape
        octets, bounds = encode(samples)
        sizes = np.diff(bounds)
        if np.any(sizes % 4):
            octets, sizes = _padded(octets, bounds)
        self._parts.append(octets)
        self._sizes.append(sizes)
        self._count += count
        return self._count - count

    def sizes(self) -> NDArray[np.int64]:
        return np.concatenate(self._sizes)

    def pool(
        self,
        first: NDArray[np.int64],
        size: NDArray[np.int64],
        quiet: NDArray[np.int64],
        ranks: NDArray[np.int64],
        *,
        mean_bytes: float,
    ) -> "NoisePool":
        sizes = self.sizes()
        octets = np.concatenate(self._parts)
        return NoisePool(octets, np.cumsum(sizes) - sizes, sizes, first, size, quiet, ranks, mean_bytes)


def _padded(octets: NDArray[np.uint8], bounds: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """User data filled with zeros to whole groups of 4 octets."""
    sizes = np.diff(bounds)
    whole = -(-sizes // 4) * 4
    padded = np.zeros(int(whole.sum()), np.uint8)
    places = np.cumsum(whole) - whole
    for place, start, size in zip(places.tolist(), bounds[:-1].tolist(), sizes.tolist(), strict=True):
        padded[place : place + size] = octets[start : start + size]
    return padded, whole


@frozen(eq=False)
class NoisePool:
    """User data back to back, where each begins and how long it is, and which of them each run takes.

    Run r takes those from `first[r]` on, `size[r]` many; a negative size says that odd pulses take the first half and
    even ones the second. The first `ranks[r]` packets of an echo run see no pulse yet: they take those from `quiet[r]`.
    """

    octets: NDArray[np.uint8]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    first: NDArray[np.int64]
    size: NDArray[np.int64]
    quiet: NDArray[np.int64]
    ranks: NDArray[np.int64]
    mean_bytes: float

    def choose(
        self, packet: NDArray[np.int64], run: NDArray[np.int64], ordinal: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The user data of packets, given their run and their place in it from 0 on; a function of the packet count."""
        drawn = (packet.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
        size = self.size[run]
        half = np.abs(size) // 2
        loose = drawn.astype(np.int64)
        choice = self.first[run] + np.where(size > 0, loose % np.abs(size), loose % half + half * (ordinal % 2))
        unseen = ordinal < self.ranks[run]
        return np.where(unseen, self.quiet[run] + loose % _QUIET, choice)
