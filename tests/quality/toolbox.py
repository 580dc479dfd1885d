"""Point targets in whole products, by our own analysis and by the SAR Calibration Toolbox.

Data takes of each mode with targets along their bursts are written as Level-0 and processed by `s1pdgs-l1`: first
without noise and compression (10 bits), then with thermal noise and FDBAQ. The Toolbox reads the products as they are.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import bypass
from s1pdgs.formats.isp.codes import BaqMode, SignalType
from s1pdgs.formats.isp.header import gather_headers, index_packets
from s1pdgs.formats.isp.packets import build_packets
from s1pdgs.formats.l1.annotation import read_product
from s1pdgs.processors.analysis.point_target import Measurement, Target, analyse_product
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.simulator.instrument import read_channels
from s1pdgs.simulator.mode_scene import ModeScene
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.scenario import Scenario, Scene
from s1pdgs.simulator.scene_take import SceneTake, scene_take
from s1pdgs.simulator.session import raw_image
from s1pdgs.simulator.targets import Target as Scatterer
from s1pdgs.simulator.targets import place_targets
from tests.journey.acceptance.toolbox import measure_targets
from tests.quality.check import Check, Limits, mean_checks, widening
from tests.quality.products import process
from tests.unit.processors.l1.slices import Slice, noise_of_plan, scene_of_plan, write_slice

TAKES = {
    "SM": ("S3", 1.6, 4200, 3),
    "IW": ("IW", 5.4, 1500, 18),
    "EW": ("EW", 6.1, None, 30),
    "WV": ("WV", 15.0, 1700, 6),
}
"""Swath or mode, seconds, samples and targets of the take of each mode."""
RCS_DBM2 = {"SM": 55.0, "IW": 56.0, "EW": 59.0, "WV": 55.0}
"""Well above noise, and not so bright that FDBAQ clips them for want of ground around."""
_CLEAN = Limits(lobes_db=0.5, rcs_db=0.2)
"""Over black ground the Doppler centroid rests on a few targets; a window off the middle of the beam by hertz shows."""
_NOISY = Limits(lobes_db=0.3, range_cm=2.0, rcs_db=0.2)
"""Noise scatters the mean of six targets of a swath."""
_THEIRS = {"range_cm": 2.0, "resolution_pct": 1.5}
"""The Toolbox tells places and widths by 16 samples a pixel: of EW pixels one is 3 % of a width."""

Raw = NDArray[np.complex64]


def checks(mode: str, folder: Path) -> list[Check]:
    """Resolutions, side lobes, places and cross sections of every swath, by both analyses, without and with noise."""
    found = []
    for noisy in (False, True):
        made, targets = _slice(mode, folder / ("noisy" if noisy else "clean"), noisy=noisy)
        (product,) = process(made, made.folder / "work", [f"{mode}_SLC__1S"])
        own: dict[str, dict[str, Measurement]] = defaultdict(dict)
        for each in analyse_product(product, [Target(one.name, one.position_m, one.rcs_m2) for one in targets]):
            own[each.channel.split("-")[1]].setdefault(each.name, each)
        records = [
            {"name": one.name, "position_m": one.position_m, "rcs_dbm2": 10.0 * np.log10(one.rcs_m2)} for one in targets
        ]
        theirs = measure_targets(product, records)
        theirs = theirs.dropna()  # a vignette has a row of every target, empty where it does not see it
        theirs = theirs[~theirs.index.duplicated()]
        for swath, measured in sorted(own.items()):
            rows = theirs.loc[[(name, "VV") for name in measured]]
            judged = [
                _as_toolbox(each, row, targets[0].rcs_m2)
                for each, (_, row) in zip(measured.values(), rows.iterrows(), strict=True)
            ]
            windows = _windows(product, swath, rows["ground_speed_m_s"].to_numpy())
            name, rcs_m2 = f"{swath.upper()} product", targets[0].rcs_m2
            allowed, noise = (_NOISY, " with noise and FDBAQ,") if noisy else (_CLEAN, ",")
            own_checks = _channel_checks(f"{name}{noise}", list(measured.values()), windows, rcs_m2, allowed)
            theirs_allowed = evolve(allowed, **_THEIRS)
            by_toolbox = _channel_checks(f"{name} by the Toolbox{noise}", judged, windows, rcs_m2, theirs_allowed)
            # phases are those of the pass pairs: here the Doppler centroid of a few targets turns them
            found += [check for check in (*own_checks, *by_toolbox) if not check.name.endswith("phase")]
    return found


@frozen
class _Windows:
    """Resolutions of each target in range and azimuth (m) that the windows give, and the coefficients of these."""

    widths: list[tuple[float, float]]
    coefficients: tuple[float, float]


def _windows(product: Path, swath: str, ground_speed_m_s: NDArray[np.float64]) -> _Windows:
    path = min((product / "annotation").glob(f"*-{swath}-*.xml"))
    (one,) = read_product(path).image_annotation.processing_information.swath_proc_params_list
    across, along = (
        widening(axis.window_coefficient) / axis.processing_bandwidth
        for axis in (one.range_processing, one.azimuth_processing)
    )
    return _Windows(
        [(0.5 * SPEED_OF_LIGHT_M_S * across, float(speed) * along) for speed in ground_speed_m_s],
        (one.range_processing.window_coefficient, one.azimuth_processing.window_coefficient),
    )


def _channel_checks(
    name: str, found: list[Measurement], windows: _Windows, rcs_m2: float, allowed: Limits
) -> list[Check]:
    """Of the mean of all targets: each by itself scatters by the grid of the Toolbox, and by noise."""
    return mean_checks(name, found, windows.widths, windows.coefficients, rcs_m2, allowed=allowed)


def _as_toolbox(own: Measurement, row, rcs_m2: float) -> Measurement:  # type: ignore[no-untyped-def]
    """What the Toolbox measured, as our analysis would tell it."""
    names = ("range_resolution_m", "azimuth_resolution_m", "range_pslr_db", "azimuth_pslr_db", "range_islr_db")
    measured = {name: float(row[name]) for name in (*names, "azimuth_islr_db", "range_error_m", "azimuth_error_m")}
    return evolve(own, **measured, rcs_m2=rcs_m2 * 10.0 ** (0.1 * float(row["rcs_error_db"])))


def _slice(mode: str, folder: Path, *, noisy: bool) -> tuple[Slice, list[Scatterer]]:
    name, duration_s, samples, count = TAKES[mode]
    level = None if mode == "SM" else 0.0  # of a ground that is taken away again: its scene lies at no place
    take = TakePlan(
        mode=name,
        duration_s=duration_s,
        samples=samples,
        polarisation="SV",
        echoes="scene",
        targets=count,
        sigma0_db=level,
    )
    plan = Plan(takes=(take,), telemetry=None)
    folder.mkdir()
    source: SceneTake | ModeScene
    if mode == "SM":
        trajectory, _ = noise_of_plan(plan)
        planned = scene_take(plan, take, 0x1234, trajectory, folder / "auxiliary")
        source = evolve(planned, take=evolve(planned.take, scenario=_black(planned.take.scenario, mode)))
        targets = list(place_targets(source.take))
    else:
        trajectory, scene = scene_of_plan(plan, folder)
        source = evolve(scene, scenario=_black(scene.scenario, mode))
        targets = [one for run in source.targets for one in run]
    made = write_slice(folder, trajectory, source, mode, swath=name if mode == "SM" else None)
    if not noisy:
        _free_from_noise(made, source)
    return made, targets


def _black(scenario: Scenario, mode: str) -> Scenario:
    """Targets on black ground."""
    return evolve(scenario, scene=Scene(distributed=False), target_rcs_m2=10.0 ** (0.1 * RCS_DBM2[mode]))


def _free_from_noise(made: Slice, source: SceneTake | ModeScene) -> None:
    """Put echoes without noise, uncompressed, into all echo packets."""
    (stream,) = [path for path in (made.folder / made.name).glob("*.dat") if not path.stem.endswith(("annot", "index"))]
    data = np.fromfile(stream, np.uint8)
    offsets, lengths = index_packets(data)
    headers = gather_headers(data, offsets)
    packets = [data[begin : begin + length] for begin, length in zip(offsets, lengths, strict=True)]
    for at, raw in _echoes(made, source):
        chosen = headers[at]
        chosen["baq_mode"] = BaqMode.BYPASS
        built, starts = build_packets(chosen, *bypass.encode_lines(raw))
        for packet, begin, end in zip(at, starts[:-1], starts[1:], strict=True):
            packets[packet] = built[begin:end]
    stream.write_bytes(np.concatenate(packets).tobytes())


def _echoes(made: Slice, source: SceneTake | ModeScene) -> Iterator[tuple[NDArray[np.int64], Raw]]:
    """Packets of echoes and what they hold; those at the beginning of a burst hold nothing."""
    if isinstance(source, SceneTake):
        take = source.take
        channel = read_channels(made.folder / "auxiliary", take.scenario.radar.swath, ("VV",))["VV"]
        raw = np.concatenate([raw_image(take, channel, place_targets(take)), np.zeros((1, take.samples), np.complex64)])
        at = np.flatnonzero(take.schedule.signal == SignalType.ECHO)
        yield at, raw[np.where(take.schedule.has_echo[at], take.schedule.line[at], -1)]
        return
    for number, run in enumerate(source.runs):
        raw = source.raw(number, read_channels(made.folder / "auxiliary", run.swath, ("VV",))["VV"])
        quiet = np.zeros((run.packets - len(raw), raw.shape[1]), np.complex64)
        yield run.first_packet + np.arange(run.packets), np.concatenate([quiet, raw])
