"""A TOPS raw-data simulator: exact bistatic delays of points under a beam that is steered along the track."""

import math

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import number_of_samples, sampling_frequency_hz
from s1pdgs.processors.analysis.point_target import ImageGeometry, Measurement, Ramp, Target, measure
from s1pdgs.processors.l1.backends import wanted_backend
from s1pdgs.processors.l1.focus_plan import Window
from s1pdgs.processors.l1.geometry import RawGrid
from s1pdgs.processors.l1.terrain import Terrain
from s1pdgs.processors.l1.tops_plan import (
    EW_LINE_INTERVAL_S,
    IW_LINE_INTERVAL_S,
    Burst,
    BurstPlan,
    CommonGrid,
    TopsParameters,
    plan_burst,
)
from s1pdgs.sar.chirp import Chirp
from s1pdgs.sar.constants import (
    RADAR_FREQUENCY_HZ,
    REFERENCE_FREQUENCY_HZ,
    REFERENCE_RANGE_M,
    WAVELENGTH_M,
)
from s1pdgs.sar.orbit import Orbit, ground_point, zero_doppler_time
from s1pdgs.sar.timing import first_sample_delay_s

from .conftest import RAW_GAIN, add_echoes, bistatic_delay_s

ANTENNA_M, ELEMENT_M = 12.3, 0.77
RCS_M2 = 1000.0


@frozen
class Swath:
    """Codes and facts of one swath (sar.md, sections 2.3 and 4.1; what is not published as `simulator.commanding`)."""

    pri: int
    decimation: int
    rate: float
    pulse: int
    rank: int
    window_start: int
    window_length: int
    steering_deg_s: float
    echoes: int
    range_window: Window
    azimuth_window: Window
    finest: int

    @property
    def pri_s(self) -> float:
        return self.pri / REFERENCE_FREQUENCY_HZ

    @property
    def sampling_hz(self) -> float:
        return sampling_frequency_hz(self.decimation)

    @property
    def samples(self) -> int:
        """The samples of a real window."""
        return number_of_samples(self.window_length, self.decimation)

    @property
    def interval_s(self) -> float:
        return IW_LINE_INTERVAL_S if self.finest == 8 else EW_LINE_INTERVAL_S

    @property
    def chirp(self) -> Chirp:
        length = self.pulse / REFERENCE_FREQUENCY_HZ
        return Chirp(self.rate, -0.5 * self.rate * length, length)


SWATHS = {
    "IW1": Swath(
        21859, 8, 1.0782e12, 1967, 9, 3681, 13951, 1.590368784, 1409,
        Window(0.75, 56.5e6), Window(0.70, 327.0), 8,
    ),
    "IW2": Swath(
        25857, 11, 0.7793e12, 2327, 8, 4400, 16620, 0.979863325, 1548,
        Window(0.75, 48.3e6), Window(0.75, 313.0), 8,
    ),
    "IW3": Swath(
        22264, 9, 0.8015e12, 2004, 10, 3700, 15852, 1.397440818, 1410,
        Window(0.75, 42.8e6), Window(0.75, 314.0), 8,
    ),
    "EW1": Swath(
        22777, 7, 0.7329e12, 1137, 8, 3452, 13415, 2.390895448, 1105,
        Window(0.60, 22.2e6), Window(0.50, 233.0), 7,
    ),
    "EW2": Swath(
        21424, 10, 0.5845e12, 970, 9, 5035, 10993, 2.811502724, 1060,
        Window(0.75, 15.1e6), Window(0.75, 159.0), 7,
    ),
    "EW3": Swath(
        20556, 10, 0.4252e12, 1139, 10, 2192, 13654, 2.366195855, 989,
        Window(0.75, 12.9e6), Window(0.75, 156.0), 7,
    ),
    "EW4": Swath(
        21734, 10, 0.4286e12, 990, 10, 2770, 13518, 2.512694636, 1050,
        Window(0.75, 11.3e6), Window(0.75, 154.0), 7,
    ),
    "EW5": Swath(
        20948, 10, 0.3393e12, 1150, 11, 2134, 11837, 2.122855427, 990,
        Window(0.75, 10.4e6), Window(0.75, 159.0), 7,
    ),
}  # fmt: skip


@frozen(eq=False)
class Acquisition:
    """One simulated burst and the truth about it."""

    swath: Swath
    orbit: Orbit
    burst: Burst
    raw: NDArray[np.complex64]
    parameters: TopsParameters
    grid: CommonGrid
    targets: tuple[Target, ...] = ()

    def plan(self) -> BurstPlan:
        return plan_burst(self.burst, self.orbit, self.parameters, self.grid)

    def focus(self) -> tuple[BurstPlan, NDArray[np.complex64]]:
        plan = self.plan()

        def read(first: int, out: NDArray[np.complex64]) -> None:
            out[...] = self.raw[first : first + len(out)]

        return plan, wanted_backend().focus_burst(plan, read)

    def place(self, along: float, across: float) -> NDArray[np.float64]:
        """The ground at a share of the focused burst from its centre (-1 to 1) and a share of its samples (0 to 1)."""
        image = self.plan().image
        time = image.mid_line_s + along * (0.5 * image.lines - 50) * image.line_interval_s
        slant = image.ranges_m[0] + across * image.samples * image.range_spacing_m
        return ground_point(self.orbit, time, slant, self.parameters.terrain.mean(time))

    def with_targets(self, positions: list[NDArray[np.float64]]) -> "Acquisition":
        """Add the echoes of targets of `RCS_M2` at Earth-fixed positions."""
        grid, settings, chirp = self.burst.raw, self.parameters, self.swath.chirp
        transmit = grid.first_transmit_s + np.arange(grid.lines) * grid.pri_s
        steering = 2.0 * speed_m_s(self.orbit) * settings.steering_rad_s / WAVELENGTH_M
        delays, amplitudes = [], []
        for position in positions:
            delay = bistatic_delay_s(self.orbit, position, transmit)
            slant = float(zero_doppler_time(self.orbit, position)[1])
            offset = -np.gradient(delay, grid.pri_s) * RADAR_FREQUENCY_HZ - settings.doppler(0.0, delay)
            beam = offset - steering * (transmit + 0.5 * delay - self.burst.steering_zero_s)
            pattern = settings.azimuth_pattern(beam) * settings.element_pattern(offset)
            strength = settings.elevation_pattern(0.0, slant) * (REFERENCE_RANGE_M / slant) ** 2
            delays.append(delay)
            amplitudes.append(RAW_GAIN * math.sqrt(RCS_M2) * pattern * strength)
        raw = self.raw.copy()
        add_echoes(
            raw, np.array(delays), np.array(amplitudes), (grid.first_delay_s, grid.sampling_hz, RADAR_FREQUENCY_HZ),
            (chirp.rate_hz_s, chirp.start_hz, chirp.length_s),
        )  # fmt: skip
        targets = tuple(Target(f"T{number}", position, RCS_M2) for number, position in enumerate(positions))
        return evolve(self, raw=raw, targets=targets)


def speed_m_s(orbit: Orbit) -> float:
    return float(np.linalg.norm(orbit.velocity(0.0)))


def measure_burst(acquisition: Acquisition, plan: BurstPlan, pixels: NDArray[np.complex64]) -> list[Measurement]:
    """Every target of a focused burst, freed from the burst's Doppler ramp at its range."""
    image, found = plan.image, []
    geometry = ImageGeometry(
        plan.orbit, image.first_line_s, image.line_interval_s, image.first_delay_s, image.sampling_hz, image.lines,
        image.samples, WAVELENGTH_M,
    )  # fmt: skip
    for target in acquisition.targets:
        sample = round(geometry.locate(target.position_m)[1])
        ramp = Ramp(plan.centre_s, plan.base_hz, float(plan.burst_rate_hz_s[sample]))
        found.append(measure(geometry, lambda a, b, c, d: pixels[a : a + b, c : c + d], target, ramp=ramp))
    return found


def make_parameters(swath: Swath, orbit: Orbit, centroid_hz: float) -> TopsParameters:
    """The antenna is a uniform one, steered as a whole by uniform elements; the centroid drifts over range."""
    speed = speed_m_s(orbit)
    return TopsParameters(
        replica=swath.chirp.replica(swath.sampling_hz).astype(np.complex64),
        range_window=swath.range_window,
        azimuth_window=swath.azimuth_window,
        azimuth_pattern=lambda offset: np.sinc(ANTENNA_M * offset / (2.0 * speed)) ** 2,
        element_pattern=lambda offset: np.sinc(ELEMENT_M * offset / (2.0 * speed)) ** 2,
        elevation_pattern=lambda _time, ranges: 1.0 - 1e-11 * (ranges - 850e3) ** 2,
        doppler=lambda _time, delays: centroid_hz * (1.0 + 200.0 * (np.asarray(delays) - 5.5e-3)),
        raw_gain=RAW_GAIN,
        steering_rad_s=math.radians(swath.steering_deg_s),
    )


def acquire_burst(
    orbit: Orbit,
    of: str | Swath,
    samples: int,
    *,
    centroid_hz: float = 0.0,
    centre_s: float = 0.0,
    height_m: float = 0.0,
) -> Acquisition:
    """A burst without a target, the beam unsteered at `centre_s`, of all lines and of `samples` of the window; the
    ground is level at a height.
    """
    swath = SWATHS[of] if isinstance(of, str) else of
    lines = swath.echoes - swath.rank
    first_delay = first_sample_delay_s(swath.rank, swath.pri_s, swath.window_start / REFERENCE_FREQUENCY_HZ)
    middle_s = 0.5 * first_delay + 0.25 * samples / swath.sampling_hz
    first_s = centre_s - 0.5 * (lines - 1) * swath.pri_s - middle_s
    return Acquisition(
        swath=swath,
        orbit=orbit,
        burst=Burst(RawGrid(lines, samples, first_s, swath.pri_s, first_delay, swath.sampling_hz), centre_s),
        raw=np.zeros((lines, samples), np.complex64),
        parameters=evolve(
            make_parameters(swath, orbit, centroid_hz), terrain=Terrain(np.zeros(1), np.full(1, height_m))
        ),
        grid=CommonGrid(-7.3, swath.interval_s, sampling_frequency_hz(swath.finest)),
    )
