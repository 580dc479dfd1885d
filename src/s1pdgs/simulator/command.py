"""`s1pdgs simulate`: make a downlink session to practise on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import click

from s1pdgs.simulator.places import place, place_names
from s1pdgs.simulator.scenario import POLARISATIONS, Scenario
from s1pdgs.simulator.session import SimulatedSession
from s1pdgs.simulator.session import simulate as simulate_session

_DEFAULT = Scenario()
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
    type=click.FloatRange(0.05, 60.0),
    default=_DEFAULT.duration_s,
    metavar="SECONDS",
    help="Length of the image acquisition; 0.6 s of it are not fully focused.",
)
@click.option(
    "--samples",
    type=click.IntRange(64, 21999),
    default=_DEFAULT.samples,
    help="Complex samples of the receive window at 66.7 MHz; the pulse takes 2948 of them.",
)
@click.option(
    "--polarisations",
    type=click.Choice(["+".join(names) for names in POLARISATIONS]),
    default="+".join(_DEFAULT.polarisations),
    help="What is received of the vertically polarised pulses.",
)
@click.option("--targets", type=click.IntRange(0, 9), default=_DEFAULT.targets, help="Number of point targets.")
@click.option("--seed", type=click.IntRange(0), default=_DEFAULT.seed, help="Same seed, same bytes.")
@click.option(
    "--mini", is_flag=True, help="A few hundred lines of noise, made in seconds; ignores window, duration and targets."
)
def simulate(
    out: Path,
    *,
    place_name: str,
    after: datetime,
    duration: float,
    samples: int,
    polarisations: str,
    targets: int,
    seed: int,
    mini: bool,
) -> None:
    """Simulate a Sentinel-1 StripMap data take and its downlink into the folder OUT.

    Makes the session's blocks (session/ch_1, session/ch_2), session.json, the auxiliary files (auxiliary/) and
    truth.json, which says what was sent and where the point targets are. The folder must not hold a session yet.
    """
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


def _describe(session: SimulatedSession) -> None:
    octets = sum(block.stat().st_size for block in session.blocks)
    click.echo(f"session     {session.session_id}, {octets / 1e6:.1f} MB in {sum(1 for _ in session.blocks)} blocks")
    click.echo(f"data take   {session.take.scenario.data_take_id:06X} over {session.take.place.title}")
    for stream in session.streams:
        click.echo(f"channel {stream.channel}   {stream.polarisation}, {stream.packets} packets on VC {stream.vcid}")
    click.echo(f"targets     {len(session.targets)}")
    click.echo(f"folder      {session.folder}")
