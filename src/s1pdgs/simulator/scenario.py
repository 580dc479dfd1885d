"""What to simulate: place, time, radar settings, targets and the way down. Frozen, and reproducible from its seed."""

from datetime import UTC, datetime
from typing import Any, Self

import attrs
from attrs import field, frozen, validators

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import Polarisation
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.sar.attitude import Mispointing
from s1pdgs.sar.chirp import Chirp
from s1pdgs.simulator.errors import SimulatorError

MIB = 1 << 20
POLARISATIONS = (("VV", "VH"), ("VV",), ("VH",))
SIMULATED_SWATH = "S3"
MISPOINTING = Mispointing(roll_rad=2e-4, pitch_rad=1e-4, yaw_rad=3e-4)


@frozen(kw_only=True)
class RadarSettings:
    """The commanded codes of a swath (those of S3 are of real packets and annotations).

    `swath_number` marks image packets, `calibration_swath_number` full-bandwidth calibration; TxCal adds 50.
    `steering_rad_s` is how the azimuth beam turns in TOPS.
    """

    swath: str = SIMULATED_SWATH
    ecc_number: int = 3
    swath_number: int = 2
    calibration_swath_number: int = 38
    pri: int = 19499
    rank: int = 10
    tx_pulse_length: int = 1658
    tx_ramp_rate: int = 34770
    tx_start_frequency: int = 12970
    range_decimation: int = 4
    rx_gain: int = 12
    elevation_beam: int = 2
    tx_pulse_number: int = 2
    instrument_configuration_id: int = 6
    steering_rad_s: float = 0.0

    @property
    def pri_s(self) -> float:
        return float(codes.pri_s(self.pri))

    @property
    def sampling_hz(self) -> float:
        return codes.sampling_frequency_hz(self.range_decimation)

    @property
    def chirp(self) -> Chirp:
        """The pulse that the codes command."""
        return Chirp(
            rate_hz_s=float(codes.tx_ramp_rate_hz_per_s(self.tx_ramp_rate)),
            start_hz=float(codes.tx_start_frequency_hz(self.tx_start_frequency, self.tx_ramp_rate)),
            length_s=float(codes.tx_pulse_length_s(self.tx_pulse_length)),
        )


@frozen(kw_only=True)
class Scene:
    """Mean backscatter: land and sea in VV (sea at 30 degrees incidence), what VH is below, and noise; in dB."""

    distributed: bool = True
    land_db: float = -8.0
    sea_db: float = -20.0
    sea_slope_db_per_deg: float = -0.45
    cross_polarisation_db: float = -7.0
    texture_db: float = 1.2
    noise_equivalent_db: float = -27.0
    dark_db: float = -50.0
    dark_radius_m: float = 250.0

    @classmethod
    def uniform(cls, sigma0_db: float) -> Self:
        """A scene of one backscatter everywhere, in all polarisations."""
        return cls(
            land_db=sigma0_db, sea_db=sigma0_db, sea_slope_db_per_deg=0.0, cross_polarisation_db=0.0, texture_db=0.0
        )


@frozen(kw_only=True)
class Downlink:
    """How the session is named and cut: unit of the receiving station, delay after sensing and size of the blocks."""

    station: str = "SGS"
    unit: str = "02"
    delay_s: float = 600.0
    rate_bit_s: float = 260e6
    block_bytes: int = field(default=8 * MIB, validator=validators.gt(0))
    fill_frames_per_thousand: int = field(default=10, validator=validators.ge(0))
    link: LinkParameters = field(factory=LinkParameters)


@frozen(kw_only=True)
class Scenario:
    """One StripMap data take over a place and its downlink.

    `duration_s` is the image acquisition including interleaved calibration. `samples` is the least number of complex
    samples of the receive window. The data take is the first pass of the satellite over the place after `after`.
    `targets` point targets of `target_rcs_m2` are spread over the fully focused area, each in a dark patch.
    """

    place: str = "martinique"
    after: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    satellite: str = "S1A"
    data_take_id: int = field(default=0x053C1A, validator=validators.in_(range(1 << 24)))
    polarisations: tuple[str, ...] = field(default=("VV", "VH"), validator=validators.in_(POLARISATIONS))
    duration_s: float = field(default=3.4, validator=validators.gt(0.0))
    samples: int = field(default=9600, validator=validators.in_(range(64, 30000)))
    targets: int = field(default=9, validator=validators.in_(range(100)))
    target_rcs_m2: float = 10.0**5.5
    mispointing: Mispointing = MISPOINTING
    seed: int = 1
    radar: RadarSettings = RadarSettings()
    scene: Scene = Scene()
    downlink: Downlink = Downlink()

    def __attrs_post_init__(self) -> None:
        if self.after.tzinfo is None:
            raise SimulatorError(f"{self.after.isoformat()} has no time zone; give a UTC time")
        if self.window_stop_s > self.radar.pri_s:
            raise SimulatorError(f"a window of {self.window_samples} samples does not fit a PRI; ask for fewer")

    @classmethod
    def mini(cls, **changes: Any) -> Self:
        """A data take of a few hundred short lines of noise, made in a second: for tests of other rooms.

        The pulse is short as well, of the usual bandwidth, so that calibration packets are small.
        """
        small = cls(
            duration_s=0.2,
            samples=512,
            targets=0,
            radar=RadarSettings(tx_pulse_length=240, tx_ramp_rate=0x8000 | 13831),
            scene=Scene(distributed=False),
            downlink=Downlink(block_bytes=MIB),
        )
        return attrs.evolve(small, **changes)

    @property
    def imaging_pris(self) -> int:
        """Number of PRIs of the image acquisition."""
        return round(self.duration_s / self.radar.pri_s)

    @property
    def swl(self) -> int:
        """Code of the sampling window length."""
        return codes.swl_code_for_samples(self.samples, self.radar.range_decimation)

    @property
    def window_samples(self) -> int:
        """Complex samples of an echo packet."""
        return codes.number_of_samples(self.swl, self.radar.range_decimation)

    @property
    def window_stop_s(self) -> float:
        """The least end of the window after the latch of its PRI: it opens when the pulse has left."""
        return self.radar.chirp.length_s + float(codes.swl_s(self.swl))

    @property
    def polarisation_code(self) -> Polarisation:
        """The polarisation field of all packets."""
        received = {polarisation[1] for polarisation in self.polarisations}
        if received == {"V", "H"}:
            return Polarisation.V_HV
        return Polarisation.VV if received == {"V"} else Polarisation.VH
