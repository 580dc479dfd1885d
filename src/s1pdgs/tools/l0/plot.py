"""The timeline of a product as a picture: what was acquired when, how it was received, and what is missing."""

from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.files import atomic_file
from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.gaps import Steps
from s1pdgs.model.time import from_micros
from s1pdgs.tools.l0 import names
from s1pdgs.tools.l0.columns import bits_per_value
from s1pdgs.tools.l0.dump import sar_components
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.info import cause_of
from s1pdgs.tools.l0.packets import Packets, read_packets, sensing_times_us, usual
from s1pdgs.tools.l0.product import Product
from s1pdgs.tools.l0.runs import Run, find_runs, lost_at, steps_of
from s1pdgs.tools.l0.tables import needed

FORMATS = (".png", ".svg", ".pdf")
_SIGNAL_COLOURS = {
    "echo": "#2b6cb0",
    "noise": "#718096",
    "txcal": "#dd6b20",
    "rxcal": "#38a169",
    "epdncal": "#805ad5",
    "tacal": "#d53f8c",
    "apdncal": "#b7791f",
    "txhcaliso": "#319795",
    "txcaliso": "#319795",
}
_CAUSE_COLOURS = {"downlink": "#c53030", "instrument": "#6b46c1", "downlink+instrument": "#822727"}
_SWATH_COLOURS = ("#1f77b4", "#e07b39", "#2a9d5c", "#b04a87", "#7a6cc4", "#8c8c3c")
_STYLE = {"font.size": 9, "axes.axisbelow": True, "svg.fonttype": "none"}
_POINTS = 4000
_GAPS_SHADED = 200
_DPI = 130


@frozen(eq=False)
class _Track:
    """One measurement, ready to be drawn; times in seconds after the first packet of the product."""

    packets: Packets
    steps: Steps
    runs: list[Run]
    time_s: NDArray[np.float64]

    def span(self, run: Run) -> tuple[float, float]:
        """Start and length of a run."""
        pri_s = float(codes.pri_s(self.packets.headers["pri"][run.last]))
        return float(self.time_s[run.first]), float(self.time_s[run.last] - self.time_s[run.first]) + pri_s


def plot_timeline(product: Product, output: Path, polarisations: tuple[str, ...] = ()) -> None:
    """Draw a product into a PNG, SVG or PDF file.

    Panels: swaths and signals of each polarisation with its gaps; start of the sampling window and rank; receiver gain;
    bits per value. Raises `ToolError` for another suffix, and where there is no packet.
    """
    if output.suffix.lower() not in FORMATS:
        raise ToolError(f"{output}: pictures are {', '.join(FORMATS)}")
    matplotlib: Any = needed("matplotlib")
    figure_module: Any = needed("matplotlib.figure")
    tracks, start_us = _tracks(product, polarisations)
    strips = max(len(tracks) * (1 + len(_swaths(tracks))), 3)
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": product.name}):
        figure = figure_module.Figure(figsize=(12, 5.8 + 0.28 * strips), layout="constrained")
        axes = figure.subplots(4, 1, sharex=True, height_ratios=[0.28 * strips + 0.4, 1.7, 1.0, 1.3])
        _draw_strips(axes[0], tracks)
        _draw_windows(axes[1], tracks)
        _draw_gain(axes[2], tracks)
        _draw_rates(axes[3], tracks)
        for axis in axes:
            _shade_gaps(axis, tracks)
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(visible=True, axis="x", color="#e2e8f0", linewidth=0.6)
        axes[3].set_xlabel(f"seconds after {from_micros(start_us):%Y-%m-%d %H:%M:%S.%f} UTC")
        axes[0].margins(x=0.01)
        figure.suptitle(_title(product, tracks), x=0.01, ha="left", fontsize=11)
        with atomic_file(output) as stream:
            figure.savefig(stream, format=output.suffix[1:].lower(), dpi=_DPI, metadata=_metadata(output))


def _metadata(output: Path) -> dict[str, Any]:
    """No dates in the file: the same product gives the same picture."""
    return {"Date": None} if output.suffix.lower() == ".svg" else {}


def _title(product: Product, tracks: list[_Track]) -> str:
    headers = tracks[0].packets.headers
    mode = names.modes()[usual(headers["ecc_number"])]
    counts = ", ".join(f"{track.packets.polarisation} {track.packets.count} packets" for track in tracks)
    return f"{product.name}\n{mode} (ECC {usual(headers['ecc_number'])}): {counts}"


def _tracks(product: Product, polarisations: tuple[str, ...]) -> tuple[list[_Track], int]:
    read = [read_packets(component) for component in sar_components(product, polarisations)]
    read = [packets for packets in read if packets.count]
    if not read:
        raise ToolError(f"{product.given}: no packet is there to draw")
    times = [sensing_times_us(packets.headers) for packets in read]
    start_us = min(int(time.min()) for time in times)
    tracks = []
    for packets, time in zip(read, times, strict=True):
        steps = steps_of(packets.headers)
        tracks.append(
            _Track(packets, steps, find_runs(packets.headers, steps), 1e-6 * (time - start_us).astype(np.float64))
        )
    return tracks, start_us


def _swaths(tracks: list[_Track]) -> list[str]:
    return sorted({run.swath for track in tracks for run in track.runs})


def _draw_strips(axis: Any, tracks: list[_Track]) -> None:
    """A row for each swath of each polarisation, coloured by signal, and a row for what is missing."""
    swaths = _swaths(tracks)
    labels: list[str] = []
    used: dict[str, str] = {}
    for track in tracks:
        kinds = names.signals(newer=track.packets.newer)
        for swath in swaths:
            row = len(labels)
            labels.append(f"{track.packets.polarisation} {swath}")
            by_signal: dict[str, list[tuple[float, float]]] = {}
            for run in track.runs:
                if run.swath == swath:
                    by_signal.setdefault(str(kinds[run.signal]), []).append(track.span(run))
            for signal, spans in by_signal.items():
                colour = _SIGNAL_COLOURS.get(signal, "#000000")
                used[signal] = colour
                axis.broken_barh(spans, (row - 0.38, 0.76), facecolors=colour, edgecolors=colour, linewidth=0.4)
        row = len(labels)
        labels.append(f"{track.packets.polarisation} lost")
        for gap in lost_at(track.steps):
            begin, end = track.time_s[gap.before], track.time_s[gap.before + 1]
            cause = cause_of(gap.downlink, gap.instrument)
            used[f"lost: {cause}"] = _CAUSE_COLOURS[cause]
            axis.broken_barh(
                [(begin, end - begin)],
                (row - 0.38, 0.76),
                facecolors=_CAUSE_COLOURS[cause],
                edgecolors=_CAUSE_COLOURS[cause],
                linewidth=1.2,
            )
        axis.axhline(row + 0.5, color="#cbd5e0", linewidth=0.8)
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.45, -0.55)
    axis.tick_params(axis="y", length=0)
    order = [name for name in (*_SIGNAL_COLOURS, *(f"lost: {cause}" for cause in _CAUSE_COLOURS)) if name in used]
    order += [name for name in used if name not in order]
    patch: Any = needed("matplotlib.patches").Patch
    axis.legend(
        handles=[patch(color=used[name], label=name) for name in order],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=len(order),
        frameon=False,
        fontsize=8,
        handlelength=1.0,
        columnspacing=1.2,
    )


def _shade_gaps(axis: Any, tracks: list[_Track]) -> None:
    """The gaps of all polarisations, pale, over the height of a panel."""
    for track in tracks:
        for gap in lost_at(track.steps)[:_GAPS_SHADED]:
            begin, end = track.time_s[gap.before], track.time_s[gap.before + 1]
            colour = _CAUSE_COLOURS[cause_of(gap.downlink, gap.instrument)]
            axis.axvspan(begin, end, color=colour, alpha=0.10, linewidth=0, zorder=0)


def _echoes(track: _Track, swath: str) -> NDArray[np.int64]:
    """Echo packets of a swath, as many as a picture shows."""
    numbers = np.array([name == swath for name in names.swaths().tolist()])
    headers = track.packets.headers
    return _thinned(np.flatnonzero((headers["signal_type"] == SignalType.ECHO) & numbers[headers["swath_number"]]))


def _thinned(chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    return chosen[:: max(1, -(-chosen.size // _POINTS))]


def _draw_windows(axis: Any, tracks: list[_Track]) -> None:
    """Start of the sampling window of echoes, and its rank, of the first polarisation (others have the same)."""
    track = tracks[0]
    headers = track.packets.headers
    for swath, colour in zip(_swaths(tracks), _SWATH_COLOURS, strict=False):
        chosen = _echoes(track, swath)
        if chosen.size:
            start_us = np.asarray(codes.swst_s(headers["swst"][chosen])) * 1e6
            rank = "/".join(str(value) for value in np.unique(headers["rank"][chosen]))
            axis.plot(track.time_s[chosen], start_us, ".", ms=2.5, color=colour, label=f"{swath}, rank {rank}")
    axis.set_ylabel("SWST [µs]")
    axis.margins(y=0.15)
    _legend(axis)


def _draw_gain(axis: Any, tracks: list[_Track]) -> None:
    for number, track in enumerate(tracks):
        thin = slice(None, None, max(1, track.packets.count // _POINTS))
        gain = np.asarray(codes.rx_gain_db(track.packets.headers["rx_gain"][thin]))
        colour = _SWATH_COLOURS[number]
        axis.plot(track.time_s[thin], gain, ".", ms=2.5, color=colour, label=track.packets.polarisation)
    axis.set_ylabel("rx gain [dB]")
    axis.margins(y=0.25)
    _legend(axis)


def _draw_rates(axis: Any, tracks: list[_Track]) -> None:
    """Bits per value of echoes: the rate that the compression chose."""
    for number, track in enumerate(tracks):
        headers = track.packets.headers
        chosen = _thinned(np.flatnonzero(headers["signal_type"] == SignalType.ECHO))
        if chosen.size:
            compression = names.compressions()[usual(headers["baq_mode"][chosen])]
            label = f"{track.packets.polarisation}, {compression}"
            rate = bits_per_value(headers[chosen])
            axis.plot(track.time_s[chosen], rate, ".", ms=2.0, color=_SWATH_COLOURS[number], alpha=0.7, label=label)
    axis.set_ylabel("bits per value")
    axis.margins(y=0.15)
    _legend(axis)


def _legend(axis: Any) -> None:
    if axis.get_legend_handles_labels()[0]:
        axis.legend(
            loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8, markerscale=3, handletextpad=0.2
        )
