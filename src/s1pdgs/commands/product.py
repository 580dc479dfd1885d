"""`s1pdgs product …`: how products are kept, and is what the store holds still what was catalogued and published?"""

import json
import sys

import click

from s1pdgs import keeping
from s1pdgs.catalogue.query import named
from s1pdgs.cli import ground_of
from s1pdgs.commands.keeping import COMMANDS
from s1pdgs.publication.integrity import Finding, Inspection, Place, inspect, numbers
from s1pdgs.settings import SettingsError
from s1pdgs.storage.objects import StorageError


class _Trouble(click.ClickException):
    """What keeps from looking; 1 is for what was found."""

    exit_code = 2


@click.group("product", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Look at products: how long they are kept, and whether the store holds them as catalogued and published."""


for _each in COMMANDS:
    command.add_command(_each)


@command.command("verify")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="All products.")
@click.option("--type", "types", multiple=True, help="All products of this type (repeatable).")
@click.option("--quick", is_flag=True, help="Look at presence and sizes only, and read nothing.")
@click.option("--mend", is_flag=True, help="Let zips and copies be made again of what is intact.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a product for machines, as they are done.")
@click.pass_context
def verify(
    ctx: click.Context,
    names: tuple[str, ...],
    types: tuple[str, ...],
    *,
    everything: bool,
    quick: bool,
    mend: bool,
    as_json: bool,
) -> None:
    """Read files, zips, quicklooks and archived copies of products again and compare them with the catalogue.

    Tells objects that are missing, damaged, or extra, and marks the first two unless quick (see `product damaged`).
    Exit code 0: all is well; 1: something is wrong; 2: it could not be looked at.
    """
    if sum(map(bool, (names, types, everything))) != 1:
        raise click.UsageError("name products, or give --type, or --all")
    if quick and mend:
        raise click.UsageError("what is mended was read before: give --mend without --quick")
    ground = ground_of(ctx)
    with ground.database.read() as connection:
        unknown = set(names) - {held.name for held in named(connection, names)}
    if unknown:
        raise _Trouble(f"no product {', '.join(sorted(unknown))}; `s1pdgs products` lists them")
    done: list[tuple[int, int, int]] = []
    try:
        mender = keeping.mender_of(ground.settings, ground.database, ground.store)
        for number in numbers(ground.database, names, types):
            if quick:
                found = inspect(ground.database, ground.store, number, quick=True, archive=mender.archive)
            else:
                found = mender.examine(number, ground.outbox.clock.now(), mends=mend)
            done.append((found.objects, found.size, len(found.findings)))
            click.echo(_json(found) if as_json else _text(found), nl=as_json)
    except (StorageError, SettingsError) as error:
        raise _Trouble(str(error)) from None
    objects, size, faults = (sum(column) for column in zip(*done, strict=True)) if done else (0, 0, 0)
    how = "present" if quick else "as catalogued"
    verdict = f"{faults} faults" if faults else f"all {how}"
    if not as_json:
        click.echo(f"{len(done)} products, {objects} objects, {size} bytes: {verdict}")
    sys.exit(1 if faults else 0)


def _text(found: Inspection) -> str:
    return "".join(f"{one.fault:8}{_where(one)}{one.key}: {one.reason}\n" for one in found.findings)


def _where(finding: Finding) -> str:
    return "" if finding.place is Place.STORE else f"{finding.place}: "


def _json(found: Inspection) -> str:
    faults = [{"fault": one.fault, "place": one.place, "key": one.key, "reason": one.reason} for one in found.findings]
    return json.dumps({"product": found.product, "objects": found.objects, "size": found.size, "faults": faults})
