"""What an audit found, for people and for machines."""

from collections import Counter
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from s1pdgs.tools.l0.verify.audit import Report
from s1pdgs.tools.l0.verify.findings import Severity

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


def show_report(console: Console, report: Report) -> None:
    """A table of findings, worst first, each with its remedy, and a verdict."""
    console.print(Text(report.product, style="bold", overflow="fold"))
    table = Table(box=None, show_header=True, header_style="dim", pad_edge=False, padding=(0, 1))
    table.add_column("severity")
    table.add_column("rule", no_wrap=True)
    table.add_column("place and finding", overflow="fold")
    order = list(Severity)
    for finding in sorted(report.findings, key=lambda each: order.index(each.severity)):
        text = Text(finding.place, style="cyan", overflow="fold")
        text.append(f"\n{finding.message}", style="default")
        if finding.remedy:
            text.append(f"\n→ {finding.remedy}", style="dim")
        table.add_row(Text(finding.severity.value, style=_COLOURS[finding.severity]), finding.rule, text)
    if report.findings:
        console.print(table)
    console.print(_verdict(report))


def as_json_value(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    findings = [{**attrs.asdict(finding), "severity": finding.severity.value} for finding in report.findings]
    return {
        "product": report.product,
        "passed": report.passed(),
        "packets": report.packets,
        "decoded": report.decoded,
        "findings": findings,
    }


def _verdict(report: Report) -> Text:
    counts = Counter(finding.severity for finding in report.findings)
    told = ", ".join(_count(counts[severity], severity.value) for severity in Severity if counts[severity]) or "nothing"
    read = f"{report.packets} packets read, {report.decoded} decoded"
    if report.passed():
        return Text(f"sound: {told} found; {read}", style="green")
    return Text(f"not sound: {told} found; {read}", style="bold red")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
