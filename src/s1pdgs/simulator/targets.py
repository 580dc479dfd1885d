"""Point targets: where they stand, and their echoes with exact bistatic delays (sar.md, section 6.3)."""

import math
from datetime import datetime

import numba
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.sar.antenna import elevation_angle_rad, squint_angle_rad
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ, REFERENCE_RANGE_M, SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.sar.orbit import Array, Orbit, ground_point, zero_doppler_time
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument import Channel

_ROUNDS = 4
_JITTER_LINES, _JITTER_SAMPLES = 60.0, 40.0
_SHORTEST_RUN_S = 0.62
_FAINTEST = 2e-4


def place_targets(take: DataTake) -> "tuple[Target, ...]":
    """The scenario's targets on a grid of thirds of the focused range and, where there are so many, of the azimuth.

    They stand away from interleaved calibration, whose missing lines would spoil their impulse responses, on the
    ellipsoid at fractions of lines and samples drawn from the seed.
    """
    scenario = take.scenario
    if not scenario.targets:
        return ()
    if not take.focused_samples:
        raise SimulatorError("the window is shorter than the pulse, so that no target is focused; ask for more samples")
    lines = _target_lines(take)
    rng = np.random.default_rng(np.random.SeedSequence(scenario.seed, spawn_key=(2,)))
    found = []
    for number in range(scenario.targets):
        row, column = divmod(number, 3)
        jitter = rng.uniform(-1.0, 1.0, 2)
        line = lines[row % len(lines)] + jitter[0] * _JITTER_LINES
        sample = (2 * column + 1) / 6 * take.focused_samples + jitter[1] * _JITTER_SAMPLES
        time = float(take.zero_doppler_s(line, sample))
        point = ground_point(take.orbit, time, float(take.slant_range_m(sample)))
        found.append(target_at(take.orbit, f"T{number + 1}", point, scenario.target_rcs_m2, time))
    return tuple(found)


def add_echoes(raw: NDArray[np.complex64], take: DataTake, channel: Channel, targets: "tuple[Target, ...]") -> None:
    """Add the echoes of targets to raw counts (lines, samples) in place."""
    if not targets:
        return
    line = np.arange(take.lines)
    transmit = take.transmit_s(line)
    radar = take.scenario.radar
    chirp = radar.chirp
    delay = np.stack([bistatic_delay_s(take.orbit, target.position_m, transmit) for target in targets])
    amplitude = np.stack(
        [_amplitude(take, channel, target, transmit, tau) for target, tau in zip(targets, delay, strict=True)]
    )
    amplitude[amplitude < _FAINTEST * amplitude.max()] = 0.0
    _add_chirps(
        raw,
        delay,
        amplitude,
        take.first_delay_s - channel.delay_s,
        radar.sampling_hz,
        chirp.start_hz,
        chirp.rate_hz_s,
        chirp.length_s,
        RADAR_FREQUENCY_HZ,
    )


def bistatic_delay_s(orbit: Orbit, point_m: Array, transmit_s: Array) -> Array:
    """Delays (n,) from emissions at `transmit_s` to the return: the satellite moves on while the pulse travels."""
    start = orbit.position(transmit_s)
    outward = np.linalg.norm(start - point_m, axis=-1)
    delay = 2.0 * outward / SPEED_OF_LIGHT_M_S
    for _ in range(_ROUNDS):
        back = np.linalg.norm(orbit.position(transmit_s + delay) - point_m, axis=-1)
        delay = (outward + back) / SPEED_OF_LIGHT_M_S
    return np.asarray(delay)


def _target_lines(take: DataTake) -> list[float]:
    """Lines of target rows: the middles of the longest stretches between calibration, at most three, spread evenly."""
    pri = take.scenario.radar.pri_s
    shift = take.range_geometry([0.5 * take.samples])
    ahead = float(shift.doppler_hz[0]) * float(shift.slant_range_m[0]) * 0.5 / 7.1e3**2 * 0.0555 / pri
    runs = [run for run in take.schedule.echo_runs() if (run[1] - run[0]) * pri >= _SHORTEST_RUN_S]
    if len(runs) < 2:
        stretch = runs[0] if runs else (0, take.lines)
        count = 3 if (stretch[1] - stretch[0]) * pri > 2.0 else 1
        parts = np.linspace(stretch[0], stretch[1], 2 * count + 1)[1::2]
        return [float(line) - ahead for line in parts]
    chosen = runs if len(runs) <= 3 else [runs[0], runs[len(runs) // 2], runs[-1]]
    return [0.5 * (begin + end) - ahead for begin, end in chosen]


def target_at(orbit: Orbit, name: str, point_m: Array, rcs_m2: float, guess_s: float) -> "Target":
    """A target at a point, focused near a guessed time (seconds after the epoch)."""
    time, slant = zero_doppler_time(orbit, point_m, guess_s)
    return Target(name, point_m, rcs_m2, float(time), float(slant), orbit.utc(float(time)))


def _amplitude(take: DataTake, channel: Channel, target: "Target", transmit_s: Array, delay_s: Array) -> Array:
    middle = transmit_s + 0.5 * delay_s
    axes = take.body_axes(middle)
    elevation = elevation_angle_rad(take.orbit, axes, middle, target.position_m)
    squint = squint_angle_rad(take.orbit, axes, middle, target.position_m)
    loss = (REFERENCE_RANGE_M / (0.5 * SPEED_OF_LIGHT_M_S * delay_s)) ** 2
    steered = squint - take.scenario.radar.steering_rad_s * take.beam_s(np.arange(take.lines))
    pattern = channel.elevation.at(elevation) * channel.azimuth.at(steered) * channel.element.at(squint)
    return np.asarray(channel.gain * math.sqrt(target.rcs_m2) * pattern * loss)


@frozen(eq=False)
class Target:
    """A point target: Earth-fixed position, radar cross section, and where it is focused.

    `zero_doppler_s` is counted from the epoch of the acquisition's orbit; `zero_doppler_time` is the same in UTC.
    """

    name: str
    position_m: Array
    rcs_m2: float
    zero_doppler_s: float
    slant_range_m: float
    zero_doppler_time: datetime

    @property
    def geodetic(self) -> tuple[float, float, float]:
        """Latitude and longitude in degrees, height in metres."""
        latitude, longitude, height = ecef_to_geodetic(self.position_m)
        return float(latitude), float(longitude), float(height)


@numba.njit(cache=True, nogil=True, parallel=True)
def _add_chirps(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    raw, delay, amplitude, first_s, sampling_hz, start_hz, rate_hz_s, length_s, carrier_hz
):
    """Add amplitude chirp(t - delay) exp(-2 pi i carrier delay); sample i of a line is at t = first_s + i / sampling.

    The chirp's phasor is turned from sample to sample: its phase is quadratic, so its rotation turns steadily.
    """
    step = 1.0 / sampling_hz
    bend = 2.0 * math.pi * rate_hz_s * step * step
    bending = complex(math.cos(bend), math.sin(bend))
    for line in numba.prange(raw.shape[0]):
        for target in range(delay.shape[0]):
            gain = amplitude[target, line]
            if gain == 0.0:
                continue
            tau = delay[target, line]
            begin = max(0, math.ceil((tau - first_s) * sampling_hz))
            end = min(raw.shape[1], math.ceil((tau + length_s - first_s) * sampling_hz))
            u = first_s + begin * step - tau
            cycles = start_hz * u + 0.5 * rate_hz_s * u * u - carrier_hz * tau
            turn = 2.0 * math.pi * (cycles - math.floor(cycles))
            advance = 2.0 * math.pi * ((start_hz + rate_hz_s * u) * step + 0.5 * rate_hz_s * step * step)
            phasor = gain * complex(math.cos(turn), math.sin(turn))
            rotation = complex(math.cos(advance), math.sin(advance))
            for sample in range(begin, end):
                raw[line, sample] += np.complex64(phasor)
                phasor *= rotation
                rotation *= bending
