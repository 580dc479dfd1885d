"""`s1pdgs simulate`: make a downlink session to practise on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
    again = None
    if baseline is not None or sinking is not None:
        across, above = baseline or (0.0, 0.0)
        again = Revisit(across_m=across, above_m=above, sinking_m=sinking or 0.0)
    start = after.replace(tzinfo=UTC)
    try:
        if plan_path is not None:
            _simulate_plan(out, read_plan(plan_path))
        elif _is_planned(mode, echoes):
            window = samples if _is_given(context, "samples") else _MINI_SAMPLES if mini else None
            take: dict[str, Any] = {"duration_s": duration, "samples": window, "mode": mode or "IW"}
            if echoes == "scene":
                take |= {"echoes": "scene", "place": place_name, "targets": targets}
            if take["mode"].upper() in {"WV", "ZW"} and not _is_given(context, "polarisations"):
                polarisations = "VV"
            takes = (TakePlan(**take, polarisation=_MODE_POLARISATIONS[polarisations]),)
            _simulate_plan(out, Plan(takes=takes, start=start, satellite=satellite, seed=seed, revisit=again))
        else:
            _refuse_scene(mode, satellite, polarisations, duration, again)
            common: dict[str, Any] = {
                "place": place_name,
                "after": start,
                "polarisations": tuple(polarisations.split("+")),
                "seed": seed,
            }
            whole: dict[str, Any] = {"duration_s": duration, "samples": samples, "targets": targets}
            _simulate_scene(out, Scenario.mini(**common) if mini else Scenario(**common, **whole))
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _is_planned(mode: str | None, echoes: str | None) -> bool:
    """Whether options ask for a planned data take: noise, or a scene in another mode than StripMap."""
    if echoes is None:
        return mode is not None
    return echoes == "noise" or (mode or "").upper() in MODES


def _refuse_scene(
    mode: str | None, satellite: str, polarisations: str, duration_s: float, again: Revisit | None
) -> None:
    """Raise `UsageError` for what the scene of StripMap cannot be."""
    if again is not None:
        raise click.UsageError("only scenes are seen again: --mode IW, EW or WV with --echoes scene")
    if mode not in {None, "S3"} or satellite != "S1A" or polarisations.startswith("H") or duration_s > _LONGEST_SCENE_S:
        raise click.UsageError(
            "a scene is StripMap S3, IW, EW or WV of S1A, sent in V, of 60 s at most; use --echoes noise"
        )


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _simulate_plan(out: Path, plan: Plan) -> None:
    with click.progressbar(length=1000, label="simulating", item_show_func=str) as bar:
        mission = simulate_plan(plan, out, lambda what, share: bar.update(round(1000 * share) - bar.pos, what))
    _describe_mission(mission)


def _simulate_scene(out: Path, scenario: Scenario) -> None:
    with click.progressbar(length=1000, label="simulating", item_show_func=str) as bar:
        session = simulate_session(scenario, out, lambda what, share: bar.update(round(1000 * share) - bar.pos, what))
    _describe(session)


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
