"""The footprint and the flight direction against the orbit that the packets relay."""

import numpy as np

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.l0.manifest import L0Manifest
from s1pdgs.sar.earth import geodetic_to_ecef
from s1pdgs.sar.orbit import Array, Orbit, OrbitError
from s1pdgs.tools.l0.orbit import outline, relayed_orbit
from s1pdgs.tools.l0.packets import Packets
from s1pdgs.tools.l0.subcom import relayed_states
from s1pdgs.tools.l0.verify.findings import Findings

_LINE_MODES = ("WV", "RF")
_NEAR_M, _FAR_M = 25e3, 100e3
_TRACK_M = 1_000e3
_PLACE = "footPrint"


def check_footprint(manifest: L0Manifest, packets: Packets, findings: Findings) -> None:
    """The rule `footprint.place`, and `manifest.orbit` for the pass direction."""
    points = np.array(manifest.footprint)
    if not np.all(np.isfinite(points)) or np.any(np.abs(points) > [90.0, 180.0]):
        findings.error("footprint.place", _PLACE, "a point is outside latitude +-90, longitude +-180 degrees")
        return
    try:
        orbit = relayed_orbit(relayed_states(packets.headers), manifest.start, manifest.stop)
    except OrbitError as error:
        findings.note("footprint.place", _PLACE, f"{error}: not checked")
        return
    _check_direction(manifest, orbit, findings)
    claimed = geodetic_to_ecef(points[:, 0], points[:, 1])
    line = manifest.mode in _LINE_MODES
    if (line and len(points) != 2) or (not line and len(points) not in (2, 4, 5)):
        findings.error("footprint.place", _PLACE, f"{len(points)} points are no outline of mode {manifest.mode}")
        return
    if manifest.product_class in "CN" or not packets.kind(SignalType.ECHO).any():
        _check_track(claimed, orbit, findings)
        return
    try:
        wanted = outline(packets, orbit, manifest.start, manifest.stop, line=line)
    except OrbitError as error:
        findings.error("footprint.place", _PLACE, f"echoes do not reach the ground: {error}")
        return
    off_m = _distance_m(claimed, wanted)
    text = f"lies {off_m / 1000:.0f} km from where the relayed orbit and the sampling window look"
    if off_m > _FAR_M:
        findings.error("footprint.place", _PLACE, text, "orbit prediction or corners were wrong: make it again")
    elif off_m > _NEAR_M:
        findings.warn("footprint.place", _PLACE, text, "usual for footprints from an old orbit prediction")


def _check_direction(manifest: L0Manifest, orbit: Orbit, findings: Findings) -> None:
    upwards = bool(orbit.velocity(orbit.seconds(manifest.start))[2] > 0)
    found = "ASCENDING" if upwards else "DESCENDING"
    if found != manifest.orbit.pass_direction.upper():
        text = f"{manifest.orbit.pass_direction}, but the relayed velocity is {found.lower()}"
        findings.error("manifest.orbit", "pass", text)


def _check_track(claimed: Array, orbit: Orbit, findings: Findings) -> None:
    """Products without echoes: the outline is near the track at least."""
    times = np.linspace(orbit.start_s, orbit.stop_s, 50)
    position = orbit.position(times)
    below = position * (6.37e6 / np.linalg.norm(position, axis=-1, keepdims=True))
    off_m = float(np.linalg.norm(claimed[:, None] - below[None], axis=-1).min(axis=1).max())
    if off_m > _TRACK_M:
        text = f"lies {off_m / 1000:.0f} km from the track of the relayed orbit"
        findings.error("footprint.place", _PLACE, text, "make the product again")


def _distance_m(claimed: Array, wanted: Array) -> float:
    """The greatest distance of a corner from the nearest of the others."""
    apart = np.linalg.norm(claimed[:, None] - wanted[None], axis=-1)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))
