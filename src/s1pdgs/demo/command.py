"""`s1pdgs demo`."""

import logging
import signal
import threading
from pathlib import Path

import click
from rich.console import Console

from s1pdgs.demo.collect import DemoError
from s1pdgs.demo.display import Display, show_report
from s1pdgs.demo.flow import Demo, run_demo
from s1pdgs.demo.report import Report
from s1pdgs.watch.logs import configure_logs

PRINTED_COLUMNS = 160
"""Width of what is printed into a file or a pipe, where nothing needs to be broken."""


@click.command("demo")
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-data"), show_default=True,
    help="Database, objects and simulation. Used again, nothing is made or published twice.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-out"), show_default=True,
    help="Where report.json and the downloaded products go.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave everything running at the end, until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the doors; default: a free one.")
@click.option(
    "--pass", "pass_s", type=click.FloatRange(0.1), default=8.0, show_default=True, help="Seconds that the pass lasts."
)
@click.argument("scenario", nargs=-1, type=click.UNPROCESSED)
def demo(data_dir: Path, out: Path, *, keep: bool, port: int, pass_s: float, scenario: tuple[str, ...]) -> None:
    """Turn a simulated downlink into published products, and watch.

    Arguments after `--` go to `s1pdgs simulate`, for another place or time.
    """
    configure_logs("console", "ERROR")
    logging.getLogger().setLevel(logging.ERROR)
    console = Console()
    if not console.is_terminal:
        console.width = PRINTED_COLUMNS
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Display(console) as display:
        urls: list[str] = []

        def served(url: str) -> None:
            urls.append(url)
            display.served(url)

        def ended(report: Report, path: Path) -> None:
            display.__exit__()
            show_report(console, report, path, urls[0])
            if keep:
                console.print("running; Ctrl-C ends it")

        course = Demo(data_dir, out, scenario, keep, pass_s, port, display.update, served, stop)
        try:
            run_demo(course, ended)
        except DemoError as error:
            display.__exit__()
            raise click.ClickException(str(error)) from None
