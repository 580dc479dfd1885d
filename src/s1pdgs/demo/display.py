"""The demonstration on a terminal: live while it runs, tables at its end."""

import time
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from s1pdgs.demo.report import Findings, Report
from s1pdgs.demo.standing import Standing
from s1pdgs.model.job import JobState

STEPS = {"simulate": "simulating a downlink", "run": "the ground segment works", "measure": "downloading and measuring"}


class Display:
    """Redraws the walk on a terminal; elsewhere prints a line whenever something changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin = time.monotonic()
        self._shown: list[str] = []
        self._url = ""
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Display":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def served(self, url: str) -> None:
        """The console can be looked at from now on."""
        self._url = url

    def update(self, step: str, standing: Standing | None) -> None:
        """Show the step that runs and what stands where."""
        rows = [] if standing is None else walk(standing)
        if self._live is not None:
            self._live.update(self._frame(step, rows))
            return
        lines = [f"{station}: {what}" for station, what in rows] or [STEPS[step]]
        for line in lines:
            if line not in self._shown:
                self._console.print(f"[{time.monotonic() - self._begin:6.1f} s] {line}", markup=False, highlight=False)
        self._shown = lines

    def _frame(self, step: str, rows: list[tuple[str, str]]) -> RenderableType:
        table = Table(box=None, show_header=False, padding=(0, 2))
        for station, what in rows:
            table.add_row(Text(station, style="bold"), what)
        head = Text(f"{time.monotonic() - self._begin:5.0f} s  {STEPS[step]}", style="cyan")
        foot = Text(f"console {self._url}" if self._url else "", style="dim")
        return Group(head, table, foot)


def walk(standing: Standing) -> list[tuple[str, str]]:
    """The seven stations of the walk and what stands in each."""
    running = [f"{chain} {line or ''}".strip() for chain, state, line in standing.jobs if state == JobState.RUNNING]
    published = standing.publications.get("published", 0)
    done = sum(state == JobState.DONE for _, state, _ in standing.jobs)
    products = ", ".join(f"{count} {kind}" for kind, count in standing.products.items())
    return [
        ("1 stations", f"{standing.files_stored} of {standing.files_announced} files received"),
        ("2 inbox", "sessions " + (", ".join(standing.sessions) or "none yet")),
        ("3 catalogue", products or "empty"),
        ("4 triggers", "; ".join(standing.waiting) or "no order waits"),
        ("5 jobs", f"{done} of {len(standing.jobs)} done"),
        ("6 processors", "; ".join(running) or "idle"),
        ("7 publication", f"{published} of {sum(standing.publications.values())} published"),
    ]  # fmt: skip


def show_report(console: Console, report: Report, path: Path, url: str) -> None:
    """The tables at the end, for 80 columns and more; names are never cut."""
    found = report.findings
    console.print(Text("published", style="bold"))
    for product in found.products:
        console.print(Text(product.name, style="cyan"), soft_wrap=True)
        console.print(
            f"  {product.type:<11}{product.size / 1e6:6.1f} MB   sensed {product.sensing_start:%Y-%m-%d %H:%M:%S}   "
            f"published after {product.timeliness.total_seconds():.0f} s",
            highlight=False,
        )
    console.print(Text("\nimpulse responses", style="bold"))
    console.print(responses_table(found))
    console.print()
    for datatake in found.datatakes:
        console.print(
            f"datatake {datatake.id}: {datatake.packets_sent} packets sent, {datatake.packets_in_l0} in Level-0, "
            f"{datatake.missing} missing",
            highlight=False,
        )
    console.print(Text("\nsteps", style="bold"))
    for name, seconds in report.steps:
        shown = name if len(name) + 9 <= console.width else name.replace(" ", "\n         ")
        console.print(Text(f"{seconds:5.0f} s  {shown}"), soft_wrap=True)
    console.print(
        f"{report.wall_s:5.0f} s  in all (steps overlap); peak memory {report.peak_rss_mb:.0f} MB\n", highlight=False
    )
    for title, what in (("quicklook", found.quicklook), ("report", path), ("console", url)):
        console.print(Text(f"{title:<9} {what}"), soft_wrap=True)


def responses_table(found: Findings) -> Table:
    """The impulse responses, range and azimuth."""
    titles = ("res. m", "PSLR dB", "error cm")
    columns = [_right(f"{axis}\n{title}") for title in titles for axis in ("range", "azimuth")]
    table = Table("target", "pol", *columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for response in found.impulse_responses:
        table.add_row(
            response.target,
            response.polarisation,
            f"{response.range_resolution_m:.3f}",
            f"{response.azimuth_resolution_m:.3f}",
            f"{response.range_pslr_db:.2f}",
            f"{response.azimuth_pslr_db:.2f}",
            f"{100 * response.range_error_m:.2f}",
            f"{100 * response.azimuth_error_m:.2f}",
        )
    return table


def _right(title: str) -> Column:
    return Column(title, justify="right")
