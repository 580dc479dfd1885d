"""`s1pdgs simulate`: make a downlink session to practise on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import click

from s1pdgs.simulator.mission import SimulatedMission, simulate_plan
from s1pdgs.simulator.mode_scene import MODES
from s1pdgs.simulator.places import place, place_names
from s1pdgs.simulator.plan import ECHOES, SATELLITES, Plan, TakePlan
from s1pdgs.simulator.plan_file import read_plan
from s1pdgs.simulator.revisit import Revisit
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.session import SimulatedSession
from s1pdgs.simulator.session import simulate as simulate_session

_DEFAULT = Scenario()
_LONGEST_SCENE_S = 60.0
_MINI_SAMPLES = 64
_MODE_POLARISATIONS = {"VV+VH": "DV", "VV": "SV", "VH": "SV", "HH+HV": "DH", "HH": "SH"}
_PLACES = "\b\nPLACES\n" + "\n".join(f"  {name:10} {place(name).title}" for name in place_names())


@click.command(
    "simulate",
    epilog=_PLACES,
    context_settings={"show_default": True, "help_option_names": ["-h", "--help"]},
)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--place", "place_name", type=click.Choice(place_names()), default=_DEFAULT.place, help="What to image.")
@click.option(
    "--after",
    type=click.DateTime(),
    default=_DEFAULT.after.strftime("%Y-%m-%d"),
    help="UTC time; the data take is the first StripMap S3 pass over the place after it.",
)
@click.option(
    "--duration",
    type=click.FloatRange(0.05, 1800.0),
    default=_DEFAULT.duration_s,
    metavar="SECONDS",
    help="Length of the image acquisition; of a scene at most 60 s, of which 0.6 s are not fully focused.",
)
@click.option(
    "--samples",
    type=click.IntRange(64, 29999),
    default=_DEFAULT.samples,
    help="Complex samples of the receive window; of a scene, at 66.7 MHz, the pulse takes 2948 of them. Noise has "
    "the real window of its mode unless this is given, then with a short pulse.",
)
@click.option(
    "--polarisations",
    type=click.Choice(tuple(_MODE_POLARISATIONS)),
    default="+".join(_DEFAULT.polarisations),
    help="What is sent and received; scenes are sent in V.",
)
@click.option("--targets", type=click.IntRange(0, 99), default=_DEFAULT.targets, help="Number of point targets.")
@click.option("--echoes", type=click.Choice(ECHOES), help="Cheap noise in any mode, or a scene in S3, IW, EW or WV.")
@click.option("--mode", metavar="MODE", help="IW, EW, WV, S1 ... S6, EN, N1 ... N6, RF, or an ECC number.")
@click.option("--satellite", type=click.Choice(SATELLITES), default="S1A", help="With noise: who flies.")
@click.option(
    "--baseline",
    type=click.FloatRange(-1000.0, 1000.0),
    nargs=2,
    metavar="ACROSS ABOVE",
    help="Of scenes of IW and EW: the same ground again, from an orbit so many metres to the right and further out.",
)
@click.option(
    "--sinking",
    type=click.FloatRange(-1.0, 1.0),
    metavar="METRES",
    help="The same ground again, sunk so much in the middle.",
)
@click.option(
    "--plan",
    "plan_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file that plans data takes, telemetry, faults and downlinks; other options are ignored.",
)
@click.option("--seed", type=click.IntRange(0), default=_DEFAULT.seed, help="Same seed, same bytes.")
@click.option(
    "--mini",
    is_flag=True,
    help="A few hundred lines of noise, made in seconds; ignores window, duration and targets. With a mode: windows of "
    "64 samples.",
)
@click.pass_context
def simulate(
    context: click.Context,
    out: Path,
    *,
    place_name: str,
    after: datetime,
    duration: float,
    samples: int,
    polarisations: str,
    targets: int,
    echoes: str | None,
    mode: str | None,
    satellite: str,
    baseline: tuple[float, float] | None,
    sinking: float | None,
    plan_path: Path | None,
    seed: int,
    mini: bool,
) -> None:
    """Simulate Sentinel-1 data takes and their downlink into the folder OUT: a StripMap scene, noise, or a plan.

    Makes the session's blocks (session/ch_1, session/ch_2), session.json, the auxiliary files (auxiliary/) and
    truth.json, which says what was sent and where the point targets are. The folder must not hold a session yet.
    """
    planned_scene = echoes == "scene" and (mode or "").upper() in MODES
    if plan_path is not None or planned_scene or echoes == "noise" or (mode is not None and echoes is None):
        chosen = {name for name in context.params if _is_given(context, name)}
        reduced = _MINI_SAMPLES if mini else None
        take = {"duration_s": duration, "samples": samples if "samples" in chosen else reduced, "mode": mode or "IW"}
        if planned_scene:
            take |= {"echoes": "scene", "place": place_name, "targets": targets}
        if (mode or "").upper() in {"WV", "ZW"} and "polarisations" not in chosen:
            polarisations = "VV"
        quick: dict[str, Any] = {"start": after.replace(tzinfo=UTC), "satellite": satellite, "seed": seed}
        if baseline is not None or sinking is not None:
            across, above = baseline or (0.0, 0.0)
            quick["revisit"] = Revisit(across_m=across, above_m=above, sinking_m=sinking or 0.0)
        _simulate_plan(out, plan_path, quick, take | {"polarisation": _MODE_POLARISATIONS[polarisations]})
        return
    if baseline is not None or sinking is not None:
        raise click.UsageError("only scenes are seen again: --mode IW or EW with --echoes scene")
    if mode not in {None, "S3"} or satellite != "S1A" or polarisations.startswith("H") or duration > _LONGEST_SCENE_S:
        raise click.UsageError(
            "a scene is StripMap S3, IW, EW or WV of S1A, sent in V, of 60 s at most; use --echoes noise"
        )
    common: dict[str, Any] = {
        "place": place_name,
        "after": after.replace(tzinfo=UTC),
        "polarisations": tuple(polarisations.split("+")),
        "seed": seed,
    }
    try:
        if mini:
            scenario = Scenario.mini(**common)
        else:
            scenario = attrs.evolve(Scenario(**common), duration_s=duration, samples=samples, targets=targets)
        with click.progressbar(length=1000, label="simulating", item_show_func=str) as bar:
            session = simulate_session(
                scenario, out, lambda what, share: bar.update(round(1000 * share) - bar.pos, what)
            )
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    _describe(session)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _simulate_plan(out: Path, path: Path | None, quick: dict[str, Any], take: dict[str, Any]) -> None:
    try:
        plan = Plan(takes=(TakePlan(**take),), **quick) if path is None else read_plan(path)
        with click.progressbar(length=1000, label="simulating", item_show_func=str) as bar:
            mission = simulate_plan(plan, out, lambda what, share: bar.update(round(1000 * share) - bar.pos, what))
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    _describe_mission(mission)


def _describe_mission(mission: SimulatedMission) -> None:
    for take in mission.takes:
        channels = "+".join(take.receive_polarisations)
        click.echo(f"data take   {take.data_take_id:06X} {take.plan.mode} {channels} from {take.sensing.start:%FT%TZ}")
    for session in mission.sessions:
        octets = sum(file["size"] for file in session.announcement["files"])
        click.echo(
            f"session     {session.session_id}, {octets / 1e6:.1f} MB in {len(session.announcement['files'])} blocks"
        )
        for stream in session.streams:
            what = stream.get("telemetry") or f"{stream['take']} {stream['polarisation']}"
            click.echo(f"channel {stream['channel']}   {what}, {stream['packets']} packets on VC {stream['vcid']}")
    click.echo(f"folder      {mission.folder}")


def _describe(session: SimulatedSession) -> None:
    octets = sum(block.stat().st_size for block in session.blocks)
    click.echo(f"session     {session.session_id}, {octets / 1e6:.1f} MB in {sum(1 for _ in session.blocks)} blocks")
    click.echo(f"data take   {session.take.scenario.data_take_id:06X} over {session.take.place.title}")
    for stream in session.streams:
        click.echo(f"channel {stream.channel}   {stream.polarisation}, {stream.packets} packets on VC {stream.vcid}")
    click.echo(f"targets     {len(session.targets)}")
    click.echo(f"folder      {session.folder}")
