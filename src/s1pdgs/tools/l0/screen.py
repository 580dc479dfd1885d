"""`s1pdgs l0 info` for people: one screen of 80 columns."""

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

_GAPS_SHOWN = 4
_IMAGING = ("echo", "noise")


def show(console: Console, told: dict[str, Any]) -> None:
    """Print what `describe` told."""
    console.print(Group(*_head(told), *(part for each in told["measurements"] for part in _measurement(each))))
    if told.get("relayed"):
        console.print(_relayed(told["relayed"]))


def _head(told: dict[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(told["name"], style="bold", overflow="fold")]
    if told["manifest_fault"]:
        parts.append(Text(f"manifest not readable: {told['manifest_fault']}", style="red"))
    if told["manifest"] is not None:
        parts.append(_facts(_manifest_facts(told["manifest"], told["bytes"])))
    elif told["kind"] == "telemetry" and told["name_parts"] is not None:
        parts.append(_facts(_telemetry_facts(told["name_parts"], told["bytes"])))
    elif told["kind"] == "sar" and told["measurements"] and "start" in told["measurements"][0]:
        parts.append(_facts(_packet_facts(told["measurements"][0], told["bytes"])))
    return parts


def _manifest_facts(manifest: dict[str, Any], size: int) -> list[tuple[str, str]]:
    kind = f"{manifest['class_description']} ({manifest['consolidation']}), {decimal(size)}"
    if manifest["slice"]:
        total = manifest["slice"]["total"]
        kind += f", slice {manifest['slice']['number']}" + (f" of {total}" if total else "")
    orbit = f"{manifest['orbit'][0]}, relative {manifest['relative_orbit'][0]}, cycle {manifest['cycle']}"
    footprint = " ".join(f"{latitude:.2f},{longitude:.2f}" for latitude, longitude in manifest["footprint"][:4])
    return [
        ("product", kind),
        ("acquired", f"{_time(manifest['start'])} .. {_time(manifest['stop'])[11:]}  {manifest['duration_s']:.3f} s"),
        ("mode", f"{manifest['satellite']} {manifest['mode']} {manifest['swath'] or ''}".rstrip()),
        ("data take", f"{manifest['data_take']}, instrument configuration {manifest['instrument_configuration_id']}"),
        ("orbit", f"{orbit}, {manifest['pass'].lower()}"),
        ("footprint", footprint),
        ("made by", f"{manifest['facility'] or '?'}: {manifest['processing']}"),
    ]


def _packet_facts(measurement: dict[str, Any], size: int) -> list[tuple[str, str]]:
    return [
        ("product", f"bare packets, {decimal(size)}"),
        ("acquired", f"{_time(measurement['start'])} .. {_time(measurement['stop'])[11:]}"),
        ("mode", f"{measurement['mode']} (ECC {measurement['ecc_number']})"),
        (
            "data take",
            f"{measurement['data_take']}, instrument configuration {measurement['instrument_configuration_id']}",
        ),
    ]


def _telemetry_facts(name: dict[str, Any], size: int) -> list[tuple[str, str]]:
    kind = {"GP": "GPS telemetry", "HK": "housekeeping telemetry"}.get(name["mode"], "telemetry")
    times = f"{_time(name['start'])[:19]} .. {_time(name['stop'])[:19]}"
    return [
        ("product", f"{kind} of {name['satellite']}, {decimal(size)}"),
        ("span", times),
        ("orbit", str(name["orbit"])),
    ]


def _measurement(told: dict[str, Any]) -> list[RenderableType]:
    if "applications" in told:
        found = ", ".join(f"APID {name}: {count}" for name, count in told["applications"].items())
        line = f"{told['packets']} telemetry packets, {decimal(told['bytes'])}; {found}; {told['lost']} lost"
        return [Text(line + (f"; {told['damaged_octets']} octets make no packet" if told["damaged_octets"] else ""))]
    title = Text(f"\n{told['polarisation']}  ", style="bold")
    title.append(f"{told['packets']} packets{' (headers only)' if told['headers_only'] else ''}", style="")
    if "bit_rate_mbit_s" not in told:
        return [title]
    rate = told["bit_rate_mbit_s"]
    store = "" if told["packet_store_id"] is None else f", store {told['packet_store_id']}"
    title.append(f", {decimal(told['bytes'])}" + (f", {rate:.2f} Mbit/s" if rate else "") + store)
    return [title, _signals(told), *_losses(told)]


def _signals(told: dict[str, Any]) -> Table:
    """A row for the echoes, the noise and the calibration (image and full bandwidth) of each swath."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("swath", "signal"):
        table.add_column(name)
    for name in ("packets", "runs x PRIs"):
        table.add_column(name, justify="right")
    table.add_column("coded")
    for name in ("bits", "samples", "PRF Hz", "rank", "gain dB"):
        table.add_column(name, justify="right")
    runs = {(run["swath"], run["signal"], run["full_bandwidth"]): run for run in told["timeline"]}
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in told["signals"]:
        kind = row["signal"] if row["signal"] in _IMAGING else "cal full" if row["full_bandwidth"] else "cal"
        run = runs[row["swath"], row["signal"], row["full_bandwidth"]]
        groups.setdefault((row["swath"], kind), []).append({**row, **run})
    for (swath, kind), rows in groups.items():
        table.add_row(swath, kind, *_signal_cells(rows))
    return table


def _signal_cells(rows: list[dict[str, Any]]) -> list[str]:
    first, packets = rows[0], sum(row["packets"] for row in rows)
    pris = [min(row["pris"][0] for row in rows), max(row["pris"][1] for row in rows)]
    bits = [row["bits_per_value"] * row["packets"] for row in rows if row["bits_per_value"] is not None]
    gains = [gain for row in rows for gain in row["rx_gain_db"]]
    return [
        str(packets),
        f"{sum(row['runs'] for row in rows)} x {_span(pris, 'd')}",
        first["compression"].replace("_BIT", "").replace("_", ""),
        f"{sum(bits) / packets:.2f}" if bits else "",
        str(first["samples"]),
        "" if first["prf_hz"] is None else f"{first['prf_hz']:.2f}",
        str(first["rank"]),
        _span([min(gains), max(gains)], ".0f"),
    ]


def _losses(told: dict[str, Any]) -> list[RenderableType]:
    gaps = told["gaps"]
    lost = gaps["lost_in_downlink"] + gaps["lost_in_instrument"]
    line = Text(
        f"lost {lost} packets in {gaps['count']} gaps (downlink {gaps['lost_in_downlink']}, instrument "
        f"{gaps['lost_in_instrument']}); silent PRIs {gaps['suppressed_pris']}",
        style="yellow" if lost else "",
    )
    parts: list[RenderableType] = [line]
    for gap in gaps["list"][:_GAPS_SHOWN]:
        times = f"{_time(gap['start'])[11:]} .. {_time(gap['stop'])[11:]}"
        parts.append(Text(f"  {times}  {gap['packets']} packets, {gap['cause']}", style="yellow"))
    if told["faulty_headers"] or told["damaged_octets"]:
        parts.append(
            Text(
                f"{told['faulty_headers']} packets with faulty headers, {told['damaged_octets']} octets in no packet",
                style="red",
            )
        )
    return parts


def _relayed(told: dict[str, Any]) -> RenderableType:
    first, last = told["first"], told["last"]
    position = (
        f"{told['states']} states; lat {first['latitude_deg']:.3f}, lon {first['longitude_deg']:.3f} .. "
        f"{last['latitude_deg']:.3f}, {last['longitude_deg']:.3f}; {first['height_m'] / 1000:.1f} km"
    )
    modes = ", ".join(f"AOCS mode {mode} x {count}" for mode, count in told["aocs_modes"].items())
    temperatures = told["temperatures_degc"]
    warm = "  ".join(
        f"{label} {_span(temperatures[name], '.0f')}"
        for name, label in (("efe_h", "EFE-H"), ("efe_v", "EFE-V"), ("ta", "TA"), ("tgu", "TGU"))
    )
    pointing = f"{modes}; {told['pointing_errors']} with errors; {first['speed_m_s']:.0f} m/s"
    facts = [("relayed", position), ("pointing", pointing), ("°C", warm)]
    return Group(Text(), _facts(facts))


def _facts(rows: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


def _span(values: list[float] | None, form: str) -> str:
    if values is None:
        return "-"
    low, high = (f"{value:{form}}" for value in values)
    return low if low == high else f"{low}..{high}"


def _time(text: str) -> str:
    """A time to milliseconds, as people read it."""
    return text[:23].replace("T", " ")
