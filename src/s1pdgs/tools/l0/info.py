"""What a Level-0 product is, in numbers: a value of JSON types, made from manifest and packets."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import NEWER_SATELLITES, SignalType
from s1pdgs.formats.isp.gaps import Steps
from s1pdgs.formats.isp.header import packet_faults
from s1pdgs.formats.l0.manifest import L0Manifest
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.model.time import format_iso, from_micros
from s1pdgs.tools.l0 import names
from s1pdgs.tools.l0.columns import bits_per_value
from s1pdgs.tools.l0.packets import Packets, mission_data_take_id, read_packets, sensing_times_us, usual
from s1pdgs.tools.l0.product import Component, Product
from s1pdgs.tools.l0.runs import Run, find_runs, lost_at, steps_of
from s1pdgs.tools.l0.subcom import State, orbit_row, relayed_states
from s1pdgs.tools.l0.telemetry import read_telemetry

_GAPS_TOLD = 100


def describe(product: Product) -> dict[str, Any]:
    """Everything that `s1pdgs l0 info` tells; measurements are read one after the other."""
    told: dict[str, Any] = {
        "name": product.name,
        "bytes": product.size,
        "kind": "telemetry" if product.telemetry else "sar",
        "name_parts": _name_parts(product.name),
        "manifest": None if product.manifest is None else _manifest(product.manifest),
        "manifest_fault": product.manifest_fault,
    }
    if product.telemetry:
        return {**told, "measurements": [_telemetry(component) for component in product.components]}
    measurements, states = [], list[State]()
    newer = any(component.satellite in NEWER_SATELLITES for component in product.components)
    for component in product.components:
        packets = read_packets(component)
        measurements.append(_measurement(component, packets))
        relayed = relayed_states(packets.headers)
        states = relayed if len(relayed) > len(states) else states
    return {**told, "measurements": measurements, "relayed": _relayed(states, has_tgu=not newer)}


def gaps_told(packets: Packets, steps: Steps) -> dict[str, Any]:
    """Losses by cause, silent PRIs, and the first gaps one by one."""
    gaps = lost_at(steps)
    times = sensing_times_us(packets.headers)
    return {
        "lost_in_downlink": int(steps.downlink.sum()),
        "lost_in_instrument": int(steps.instrument.sum()),
        "suppressed_pris": int(steps.suppressed.sum()),
        "count": len(gaps),
        "list": [
            {
                "after_packet": gap.before,
                "start": format_iso(from_micros(int(times[gap.before]))),
                "stop": format_iso(from_micros(int(times[gap.before + 1]))),
                "packets": gap.downlink + gap.instrument,
                "cause": cause_of(gap.downlink, gap.instrument),
            }
            for gap in gaps[:_GAPS_TOLD]
        ],
    }


def cause_of(downlink: int, instrument: int) -> str:
    """The cause of a loss, as reports name it; both where both took part."""
    causes = [name for name, count in (("downlink", downlink), ("instrument", instrument)) if count]
    return "+".join(causes)


def _name_parts(name: str) -> dict[str, Any] | None:
    try:
        parts = ProductName.parse(name)
    except NamingError:
        return None
    return {
        "satellite": parts.satellite,
        "mode": parts.mode,
        "class": parts.product_class,
        "polarisation": parts.polarisation,
        "start": format_iso(parts.start),
        "stop": format_iso(parts.stop),
        "orbit": parts.orbit,
        "data_take": f"{parts.datatake:06X}",
    }


def _manifest(manifest: L0Manifest) -> dict[str, Any]:
    place = manifest.slice
    return {
        "satellite": manifest.satellite,
        "mode": manifest.mode,
        "swath": manifest.swath,
        "class": manifest.product_class,
        "class_description": manifest.class_description,
        "consolidation": manifest.consolidation,
        "start": format_iso(manifest.start),
        "stop": format_iso(manifest.stop),
        "duration_s": (manifest.stop - manifest.start).total_seconds(),
        "orbit": [manifest.orbit.start_orbit, manifest.orbit.stop_orbit],
        "relative_orbit": [manifest.orbit.start_relative_orbit, manifest.orbit.stop_relative_orbit],
        "cycle": manifest.orbit.cycle,
        "pass": manifest.orbit.pass_direction,
        "ascending_node": format_iso(manifest.orbit.ascending_node_time),
        "data_take": f"{manifest.data_take_id:06X}",
        "instrument_configuration_id": manifest.instrument_configuration_id,
        "slice": None if place is None else {"number": place.number, "total": place.total, "length_s": place.length_s},
        "compression": {
            "echo": manifest.compression.echo,
            "noise": manifest.compression.noise,
            "calibration": manifest.compression.calibration,
        },
        "footprint": [list(point) for point in manifest.footprint],
        "processing": manifest.processing.name,
        "facility": None if manifest.processing.facility is None else manifest.processing.facility.site,
    }


def _measurement(component: Component, packets: Packets) -> dict[str, Any]:
    headers = packets.headers
    unit = component.unit
    told: dict[str, Any] = {
        "polarisation": packets.polarisation,
        "file": component.data.name,
        "bytes": component.data.stat().st_size,
        "headers_only": component.headers_only,
        "packets": packets.count,
        "packet_store_id": None if unit is None else unit.packet_store_id,
        "manifest_missing": None if unit is None else unit.quality.missing,
        "manifest_corrupted": None if unit is None else unit.quality.corrupted,
        "damaged_octets": sum(damage.stop - damage.start for damage in packets.damage),
        "faulty_headers": int(np.count_nonzero(packet_faults(headers))),
    }
    if not packets.count:
        return told
    steps = steps_of(headers)
    times = sensing_times_us(headers)
    duration_s = float(times.max() - times.min()) * 1e-6
    octets = int(packets.lengths.sum())
    return {
        **told,
        "start": format_iso(from_micros(int(times[0]))),
        "stop": format_iso(from_micros(int(times[-1]))),
        "duration_s": duration_s,
        "data_take": f"{mission_data_take_id(usual(headers['data_take_id'])):06X}",
        "ecc_number": usual(headers["ecc_number"]),
        "mode": str(names.modes()[usual(headers["ecc_number"])]),
        "instrument_configuration_id": usual(headers["instrument_configuration_id"]),
        "bit_rate_mbit_s": 8e-6 * octets / duration_s if duration_s else None,
        "space_packet_count": [int(headers["space_packet_count"][0]), int(headers["space_packet_count"][-1])],
        "signals": _signals(packets),
        "gaps": gaps_told(packets, steps),
        "timeline": _timeline(find_runs(headers, steps), newer=packets.newer),
    }


def _signals(packets: Packets) -> list[dict[str, Any]]:
    """One row for each swath and signal, in the order of appearance."""
    headers = packets.headers
    kinds = names.signals(newer=packets.newer)
    keys = headers["swath_number"].astype(np.int64) << 8 | headers["signal_type"]
    found, first = np.unique(keys, return_index=True)
    rows: dict[tuple[str, str, bool], list[NDArray[np.bool_]]] = {}
    for key in found[np.argsort(first)].tolist():
        label = (str(names.swaths()[key >> 8]), str(kinds[key & 255]), bool(names.full_bandwidth()[key >> 8]))
        rows.setdefault(label, []).append(keys == key)
    return [
        _signal_row(label, headers[np.logical_or.reduce(masks)], packets.lengths[np.logical_or.reduce(masks)])
        for label, masks in rows.items()
    ]


def _signal_row(label: tuple[str, str, bool], headers: NDArray[np.void], lengths: NDArray[np.int64]) -> dict[str, Any]:
    echo = headers["signal_type"][0] == SignalType.ECHO
    pri = usual(headers["pri"])
    return {
        "swath": label[0],
        "signal": label[1],
        "full_bandwidth": label[2],
        "packets": int(headers.size),
        "bytes": int(lengths.sum()),
        "compression": str(names.compressions()[usual(headers["baq_mode"])]),
        "bits_per_value": float(np.nanmean(bits_per_value(headers))) if headers["number_of_quads"].any() else None,
        "samples": 2 * usual(headers["number_of_quads"]),
        "prf_hz": codes.F_REF_HZ / pri if pri else None,
        "rank": usual(headers["rank"]),
        "rx_gain_db": _ends(np.asarray(codes.rx_gain_db(headers["rx_gain"])) + 0.0),
        "swst_us": _ends(np.asarray(codes.swst_s(headers["swst"])) * 1e6) if echo else None,
    }


def _timeline(runs: Iterable[Run], *, newer: bool) -> list[dict[str, Any]]:
    """Runs of the same swath, signal and bandwidth put together, in the order of appearance."""
    counts: Counter[tuple[str, int, bool]] = Counter()
    lengths: dict[tuple[str, int, bool], list[int]] = {}
    for run in runs:
        key = (run.swath, run.signal, run.full_bandwidth)
        counts[key] += 1
        lengths.setdefault(key, []).append(run.pris)
    return [
        {
            "swath": swath,
            "signal": str(names.signals(newer=newer)[signal]),
            "full_bandwidth": full,
            "runs": count,
            "pris": [min(lengths[swath, signal, full]), max(lengths[swath, signal, full])],
        }
        for (swath, signal, full), count in counts.items()
    ]


def _relayed(states: list[State], *, has_tgu: bool) -> dict[str, Any] | None:
    """First and last state of the satellite, and the range of temperatures."""
    if not states:
        return None
    tiles = np.stack([state.data.tile_temperatures_celsius for state in states])
    spans = {
        name: _ends(tiles[:, :, sensor][np.isfinite(tiles[:, :, sensor])])
        for sensor, name in enumerate(("efe_h", "efe_v", "ta"))
    }
    timing = np.array([state.data.tgu_temperature_celsius for state in states])
    modes = Counter(state.data.aocs_mode for state in states)
    errors = sum(state.data.roll_error or state.data.pitch_error or state.data.yaw_error for state in states)
    return {
        "states": len(states),
        "first": _orbit(states[0]),
        "last": _orbit(states[-1]),
        "aocs_modes": {str(mode): count for mode, count in modes.items()},
        "pointing_errors": int(errors),
        "quaternion": list(states[0].data.quaternion),
        "temperatures_degc": {**spans, "tgu": _ends(timing) if has_tgu else None},
    }


def _orbit(state: State) -> dict[str, Any]:
    row = orbit_row(state)
    time = row["time"]
    speed = float(np.linalg.norm(state.data.velocity_m_s))
    place = {name: row[name] for name in ("latitude_deg", "longitude_deg", "height_m")}
    return {"time": None if time is None else format_iso(from_micros(time)), **place, "speed_m_s": speed}


def _telemetry(component: Component) -> dict[str, Any]:
    account = read_telemetry(component.data)
    return {
        "file": component.data.name,
        "bytes": account.octets,
        "packets": account.packets,
        "applications": {f"0x{apid:03X}": count for apid, count in account.applications.items()},
        "lost": account.lost,
        "damaged_octets": account.rest,
    }


def _ends(values: NDArray[np.float64]) -> list[float] | None:
    """Least and greatest value."""
    return [float(values.min()), float(values.max())] if values.size else None
