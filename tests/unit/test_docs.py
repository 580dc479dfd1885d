"""What the documentation names is there: links, files, targets of make, and commands with their options."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from s1pdgs.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PLACES = ("src/", "tests/", "docs/", "scripts/", "benchmarks/", "deploy/", ".ci/")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def quoted(text: str) -> list[str]:
    """What stands between single backquotes."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def lines_of_code(text: str) -> Iterator[str]:
    """The lines of fenced blocks; those that end in a backslash with the next one."""
    for block in FENCE.findall(text):
        yield from re.sub(r"\\\n", " ", block).splitlines()[1:-1]


def commands(text: str) -> list[list[str]]:
    """The arguments of each `s1pdgs ...` that blocks and sentences tell to run; `a|b` in a word is one command each."""
    found = []
    for line in (*lines_of_code(text), *(part for part in quoted(text) if "…" not in part)):
        told = re.fullmatch(r" *(?:\$ |[A-Z0-9_]+=\S+ )*s1pdgs (.+)", line)
        if told is not None:
            words = shlex.split(told[1].replace("[", "").replace("]", ""), comments=True)
            given = [word for word in itertools.takewhile(lambda word: word not in {"|", ">"}, words) if word != "..."]
            choices = [word.split("|") if re.fullmatch(r"[a-z]+(\|[a-z]+)+", word) else [word] for word in given]
            found += [list(chosen) for chosen in itertools.product(*choices)]
    return found


def parse(words: list[str], command: click.Command = cli, name: str = "s1pdgs") -> None:
    """Take the words as the command line would, but for values. `click.UsageError` for what it would refuse."""
    context = click.Context(command, info_name=name)
    given, rest, _ = command.make_parser(context).parse_args(list(words))
    if isinstance(command, click.Group):
        if rest:
            found = command.get_command(context, rest[0])
            if found is None:
                raise click.UsageError(f"{name} has no command {rest[0]}")
            parse(rest[1:], found, rest[0])
        return
    for parameter in command.params:
        values = given.get(parameter.name or "")
        if isinstance(parameter.type, click.Choice) and values is not None:
            for value in values if isinstance(values, list | tuple) else [values]:
                parameter.type.convert(value, parameter, context)


@pages
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.split("#")[0]).exists(), target


@pages
def test_files_that_are_named_exist(page: Path) -> None:
    for name in quoted(page.read_text()):
        is_ours = name.startswith(PLACES) and not name.startswith("benchmarks/out")
        if is_ours and re.fullmatch(r"[\w./*-]+", name):
            assert name.endswith("/") or any(ROOT.glob(name)), name
        elif re.fullmatch(r"[\w/*-]+\.py", name):
            assert any(next(ROOT.glob(f"{room}/**/{name}"), None) for room in ("src", "tests", "benchmarks")), name


@pages
def test_targets_of_make_exist(page: Path) -> None:
    text = page.read_text()
    code = "\n".join([*lines_of_code(text), *quoted(text)])
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^(?:\S+=\S+ )*make ([a-z-]+)", code, re.MULTILINE)) <= targets


@pages
def test_commands_have_the_options_that_are_told(page: Path) -> None:
    for words in commands(page.read_text()):
        try:
            parse(words)
        except click.UsageError as error:
            pytest.fail(f"s1pdgs {shlex.join(words)}: {error.format_message()}")


def test_commands_are_found_in_blocks_and_sentences_and_told_apart() -> None:
    text = """Run `s1pdgs jobs --json`.

```
$ s1pdgs job show|log 7   # a comment
S=1 s1pdgs --config a.toml order make IW \\
    --for X > out
```
"""
    assert commands(text) == [
        ["job", "show", "7"],
        ["job", "log", "7"],
        ["--config", "a.toml", "order", "make", "IW", "--for", "X"],
        ["jobs", "--json"],
    ]
    for words in (["job", "shoe", "7"], ["job", "show", "7", "--jason"], ["job", "list", "--state", "lost"]):
        with pytest.raises(click.UsageError):
            parse(words)
