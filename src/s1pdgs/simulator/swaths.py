"""What AUX_INS and AUX_CAL say of each swath: beam edges, nominal chirp and azimuth steering (facts of S1A and S1B)."""

from attrs import frozen

from s1pdgs.simulator.errors import SimulatorError

# near and far off-nadir angle of the beam (deg), chirp phase coefficients (cycles/s, cycles/s^2), steering (deg/s)
_FACTS = {
    "S1": (17.14, 22.70, -460.8722198978066, 963689343203.4979, 0.0),
    "S2": (20.21, 25.51, -71.59180115908384, 704040733131.59, 0.0),
    "S3": (25.38, 30.17, -26.84692543745041, 672466387275.4977, 0.0),
    "S4": (30.06, 34.35, -800.9332753382623, 491417744547.4791, 0.0),
    "S5": (34.25, 38.05, 948.5913652032614, 498471587770.6486, 0.0),
    "S6": (36.71, 40.21, 684.5965984724462, 412817777203.5898, 0.0),
    "IW1": (26.72, 31.67, 693.5455736145377, 539115160627.9589, 1.590368784),
    "IW2": (31.58, 36.15, 1109.67291778326, 389640863756.0327, 0.979863325),
    "IW3": (36.06, 39.60, 648.8006979040802, 400725474535.2991, 1.397440818),
    "EW1": (17.10, 25.24, -675.6476233303547, 366463950308.4755, 2.390895448),
    "EW2": (25.19, 29.82, 420.6018317406997, 292230647817.0245, 2.811502724),
    "EW3": (29.77, 34.27, -935.1679024891928, 212622988584.1109, 2.366195855),
    "EW4": (34.22, 37.82, 44.74487571697682, 214302475065.818, 2.512694636),
    "EW5": (37.80, 40.37, -1114.147405358963, 169628134652.4107, 2.122855427),
    "WV1": (20.18, 21.55, -604.0558221712708, 1861878713620.422, 0.0),
    "WV2": (31.71, 32.78, -295.3161797337234, 1204527704680.287, 0.0),
}
STRIPMAP = ("S1", "S2", "S3", "S4", "S5", "S6")


def swath(name: str) -> "Swath":
    """The facts of a swath. Raises `SimulatorError` for an unknown one."""
    if name not in _FACTS:
        raise SimulatorError(f"swath {name!r} is unknown; known are {', '.join(_FACTS)}")
    near, far, start, rate, steering = _FACTS[name]
    return Swath(name, near, far, (0.0, start, rate, 0.0), steering)


def all_swaths() -> "tuple[Swath, ...]":
    """Every swath of the StripMap, IW, EW and wave modes."""
    return tuple(swath(name) for name in _FACTS)


@frozen
class Swath:
    """A swath. Beam edges are off-nadir angles at the reference height, where the boresight is at 29.45 degrees."""

    name: str
    near_angle_deg: float
    far_angle_deg: float
    phase_coefficients: tuple[float, ...]
    steering_deg_s: float

    @property
    def polarisations(self) -> tuple[str, ...]:
        """Wave mode is acquired in one polarisation, all others in any."""
        return ("HH", "VV") if self.name.startswith("WV") else ("HH", "HV", "VV", "VH")
