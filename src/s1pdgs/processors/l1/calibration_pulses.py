"""What the calibration and noise packets say: thermal noise, and the PG product of the internal calibration."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import scipy.fft
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.pp1 import ReplicaThresholds
from s1pdgs.formats.isp.codes import SignalType, packet_time, swath
from s1pdgs.model.time import gps_to_utc
from s1pdgs.processors.l1.packets import Packets, pick

_RUN_GAP_S = 0.5
_OVERSAMPLING = 8
_ROUNDING = 1e-9
_TINY = 1e-30
NUMERATOR = (SignalType.TX_CAL, SignalType.RX_CAL, SignalType.TA_CAL)
DENOMINATOR = (SignalType.EPDN_CAL, SignalType.APDN_CAL)
MeanPulses = Mapping[SignalType, Sequence[tuple[datetime, NDArray[np.complex128]]]]
"""By signal, when each calibration sequence began and the mean of its pulses."""


@frozen
class NoiseMeasurement:
    """The mean power of a run of noise packets, squared raw counts per sample."""

    time: datetime
    power: float
    lines: int


@frozen
class ReplicaMeasurement:
    """A reconstructed replica: its PG product, and its compression with the nominal chirp.

    The PG product is one over the peak in raw counts; times the reference of AUX_INS it is that of the model. Width of
    the response in samples of the Nyquist bandwidth, side lobe ratios in dB, peak location in samples. A judge tells
    whether the response is that of a chirp, and whether the PG agrees with the others and with the model.
    """

    time: datetime
    pg: complex
    width: float
    pslr_db: float
    islr_db: float
    location: float
    reconstructed: bool = True
    relative: bool = True
    absolute: bool = True

    @property
    def valid(self) -> bool:
        return self.reconstructed and self.relative and self.absolute


def noise_runs(sources: Sequence[Packets]) -> list[Packets]:
    """The runs of noise packets, each of one size."""
    return [run for packets in pick(sources, SignalType.NOISE) for run in _runs(packets)]


def measure_noise(sources: Sequence[Packets]) -> list[NoiseMeasurement]:
    """One measurement for each run of noise packets, in time order."""
    found = [measured for run in noise_runs(sources) if (measured := measure_noise_lines(run)) is not None]
    return sorted(found, key=lambda measurement: measurement.time)


def measure_noise_lines(packets: Packets) -> NoiseMeasurement | None:
    """The mean power of packets of one kind without echoes; None where none can be decoded."""
    if not packets.count:
        return None
    data, bad = packets.decode()
    data = np.delete(data, bad, axis=0)
    if not data.size:
        return None
    power = float(np.mean(np.abs(data.astype(np.complex128)) ** 2))
    return NoiseMeasurement(run_time(packets), power, int(data.shape[0]))


def noise_power(measurements: Sequence[NoiseMeasurement]) -> float:
    """The mean noise power of all measurements, weighted by their lines; 0 where nothing was measured."""
    lines = sum(measurement.lines for measurement in measurements)
    return sum(measurement.power * measurement.lines for measurement in measurements) / lines if lines else 0.0


def mean_pulses(sources: Sequence[Packets], decimation: int) -> MeanPulses:
    """The pulses of every calibration sequence by their signal, averaged; those of alternating sign (PCC-2) after their
    signs are taken off. Signals of another range decimation than the image's are left out.
    """
    groups: dict[SignalType, list[tuple[datetime, NDArray[np.complex128]]]] = {}
    for kind in (*NUMERATOR, *DENOMINATOR):
        for packets in pick(sources, kind):
            image = np.array([not swath(int(number)).full_bandwidth for number in packets.headers["swath_number"]])
            for run in _runs(packets.select(image & (packets.headers["range_decimation"] == decimation))):
                groups.setdefault(kind, []).append((run_time(run), _mean_pulse(run)))
    return groups


def nearest_pulse(pulses: MeanPulses, kind: SignalType, time: datetime) -> NDArray[np.complex128] | None:
    """The pulse of a signal that is nearest to a time; None where the instrument sends none."""
    if kind not in pulses:
        return None
    return min(pulses[kind], key=lambda entry: abs((entry[0] - time).total_seconds()))[1]


def measure_replicas(pulses: MeanPulses, replica: NDArray[np.complex128]) -> list[ReplicaMeasurement]:
    """The PG product of every calibration sequence whose signals are complete: one over (Tx Rx TA) / (EPDN APDN) of the
    peaks of the pulses compressed with the nominal chirp (DAD, internal calibration).

    S-1C and S-1D send no TA and APDN signals, which then count as one.
    """
    products = []
    for time, pulse in pulses.get(SignalType.TX_CAL, ()):
        shape = _compress(pulse, replica)
        product = shape[0]
        for kind in (*NUMERATOR[1:], *DENOMINATOR):
            near = nearest_pulse(pulses, kind, time)
            if near is not None:
                factor = _compress(near, replica)[0]
                product = product * factor if kind in NUMERATOR else product / factor if factor else product
        products.append((time, product, shape))
    return [
        ReplicaMeasurement(
            time=time,
            pg=complex(1.0 / product) if product else 0.0j,
            width=shape[1],
            pslr_db=shape[2],
            islr_db=shape[3],
            location=shape[4],
        )
        for time, product, shape in products
    ]


def judge_replicas(
    found: Sequence[ReplicaMeasurement],
    limits: ReplicaThresholds,
    *,
    nominal: NDArray[np.complex128],
    reference: complex,
    model: complex,
) -> tuple[ReplicaMeasurement, ...]:
    """Replicas that are judged by the limits of AUX_PP1: their response against that of the nominal chirp (broadening
    in %, side lobes in dB), their PG against the mean of all in standard deviations, and against the model (dB, rad).
    """
    if not found:
        return ()
    _, width, pslr_db, islr_db, _ = _compress(nominal, nominal)
    pg = np.array([one.pg for one in found]) * reference
    length, turn = float(np.abs(pg).mean()), np.angle(pg * np.conj(pg.mean()))
    length_std, turn_std = float(np.abs(pg).std()), float(turn.std())
    return tuple(
        evolve(
            one,
            reconstructed=bool(
                abs(one.pg) > 0.0
                and 100.0 * (one.width / width - 1.0) <= limits.max_irw
                and one.pslr_db - pslr_db <= limits.max_pslr
                and one.islr_db - islr_db <= limits.max_islr
            ),
            relative=bool(
                abs(abs(value) - length) <= limits.max_pg_amplitude_std * length_std + _ROUNDING * length
                and abs(angle) <= limits.max_pg_phase_std * turn_std + _ROUNDING
            ),
            absolute=bool(
                20.0 * abs(math.log10(max(abs(value), _TINY) / abs(model))) <= limits.max_pg_amplitude_error
                and abs(np.angle(value * np.conj(model))) <= limits.max_pg_phase_error
            ),
        )
        for one, value, angle in zip(found, pg.tolist(), turn.tolist(), strict=True)
    )


def _runs(packets: Packets) -> list[Packets]:
    """Packets of one size, split where more than `_RUN_GAP_S` passes."""
    if not packets.count:
        return []
    seconds, fraction = packet_time(packets.headers["coarse_time"], packets.headers["fine_time"])
    gap = np.diff((seconds - seconds[0]) + fraction) > _RUN_GAP_S
    change = np.diff(packets.headers["number_of_quads"].astype(np.int64)) != 0
    edges = np.concatenate([[0], np.flatnonzero(gap | change) + 1, [packets.count]])
    return [packets.select(np.arange(start, stop)) for start, stop in pairwise(edges.tolist())]


def run_time(run: Packets) -> datetime:
    """When the first packet was latched."""
    seconds, fraction = packet_time(run.headers["coarse_time"], run.headers["fine_time"])
    return gps_to_utc(int(seconds[0]), float(fraction[0]))


def _mean_pulse(run: Packets) -> NDArray[np.complex128]:
    """The mean of pulses whose signs may alternate."""
    data, bad = run.decode()
    pulses = np.delete(data, bad, axis=0).astype(np.complex128)
    if not pulses.size:
        return np.zeros(1, np.complex128)
    sign = np.sign(np.real(pulses @ np.conj(pulses[0])))
    return np.asarray(np.mean(pulses * np.where(sign == 0.0, 1.0, sign)[:, None], axis=0))


def _compress(
    pulse: NDArray[np.complex128], replica: NDArray[np.complex128]
) -> tuple[complex, float, float, float, float]:
    """Peak (per unit chirp), 3 dB width, PSLR, ISLR and location of a pulse compressed with the nominal chirp."""
    bins = scipy.fft.next_fast_len(pulse.size + replica.size)
    spectrum = scipy.fft.fft(pulse, bins) * np.conj(scipy.fft.fft(replica, bins)) / replica.size
    padded = np.zeros(bins * _OVERSAMPLING, np.complex128)
    half = bins // 2
    padded[:half], padded[-(bins - half) :] = spectrum[:half], spectrum[half:]
    response = scipy.fft.ifft(padded) * _OVERSAMPLING
    peak = int(np.argmax(np.abs(response)))
    power = np.abs(np.roll(response, response.size // 2 - peak)) ** 2
    centre, level = response.size // 2, float(power[response.size // 2])
    if not level:
        return 0.0j, 0.0, 0.0, 0.0, 0.0
    below = np.flatnonzero(power[centre:] < 0.5 * level)
    width = 2.0 * int(below[0]) if below.size else 0.0
    rising = np.flatnonzero(np.diff(power[centre:]) > 0.0)
    null = int(rising[0]) if rising.size else 1
    lobes = np.concatenate([power[: centre - null], power[centre + null + 1 :]])
    main = power[centre - null : centre + null + 1].sum()
    location = (peak if peak < response.size // 2 else peak - response.size) / _OVERSAMPLING
    tiny = np.finfo(np.float64).tiny
    return (
        complex(response[peak]),
        width / _OVERSAMPLING,
        float(10.0 * np.log10(max(lobes.max(), tiny) / level)),
        float(10.0 * np.log10(max(lobes.sum(), tiny) / main)),
        location,
    )
