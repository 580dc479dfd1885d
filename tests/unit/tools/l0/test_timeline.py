"""Runs of packets are followed through the timeline of their mode, wherever a product begins, ends or has gaps."""

from functools import cache
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import new_headers
from s1pdgs.formats.isp.tables import timeline
from s1pdgs.tools.l0 import names
from s1pdgs.tools.l0.packets import Packets
from s1pdgs.tools.l0.runs import burst_numbers, find_runs, lost_at, steps_of
from s1pdgs.tools.l0.verify.findings import Findings
from s1pdgs.tools.l0.verify.timeline import check_timeline

MODES = [1, 3, 8, 9, 15, 17, 20, 32, 33]


@cache
def swath_number(name: str, full_bandwidth: bool) -> int:
    for number in range(50):
        try:
            swath = codes.swath(number)
        except PacketError:
            continue
        if name in (swath.name, swath.notch_name) and swath.full_bandwidth == full_bandwidth:
            return number
    raise LookupError(name)


@cache
def data_take(ecc_number: int, entries: int = 20, newer: bool = False) -> NDArray[np.void]:
    """The headers of a whole data take as the published timeline has it: preamble, imaging entries, postamble."""
    phases = [timeline(ecc_number, phase) for phase in ("Preamble", "Image Acquisition", "Postamble")]
    signals = {name: code for code, name in enumerate(names.signals().tolist())}
    pieces, pri = [], 2
    for entry in (*phases[0], *islice(cycle(phases[1]), entries), *phases[2]):
        signal = entry.signal.lower()
        if newer:
            signal = {"txhcaliso": "tacal", "tacal": "silent", "apdncal": "silent"}.get(signal, signal)
        if signal != "silent":
            headers = new_headers(entry.pri_count)
            headers["signal_type"] = signals[signal]
            headers["swath_number"] = swath_number(entry.swath, entry.full_bandwidth)
            headers["pri_count"] = pri + np.arange(entry.pri_count)
            pieces.append(headers)
        pri += entry.pri_count
    whole = np.concatenate(pieces)
    whole["ecc_number"] = ecc_number
    whole["space_packet_count"] = np.arange(whole.size)
    whole["sequence_count"] = np.arange(whole.size) % 16384
    return whole


def findings_of(headers: NDArray[np.void], satellite: str = "S1A") -> list[str]:
    place = np.arange(headers.size, dtype=np.int64) * 68
    packets = Packets("VV", Path("x.dat"), np.empty(0, np.uint8), place, place, headers, (), headers_only=True)
    findings = Findings()
    check_timeline(packets, satellite, findings)
    return [f"{finding.rule}: {finding.message}" for finding in findings.result()]


@pytest.mark.parametrize("ecc_number", MODES)
def test_a_whole_data_take_of_any_mode_follows_its_timeline(ecc_number: int) -> None:
    assert findings_of(data_take(ecc_number)) == []


def test_the_newer_satellites_follow_their_own() -> None:
    headers = data_take(8, newer=True)
    assert findings_of(headers, "S1C") == []
    assert any(text.startswith("timeline.order") for text in findings_of(headers, "S1A"))


@settings(max_examples=60)
@given(data=st.data(), ecc_number=st.sampled_from(MODES))
def test_any_stretch_with_any_losses_follows_it(data: st.DataObject, ecc_number: int) -> None:
    whole = data_take(ecc_number)
    first = data.draw(st.integers(0, whole.size - 2))
    last = data.draw(st.integers(first + 1, whole.size))
    kept = np.ones(whole.size, np.bool_)
    kept[:first] = kept[last:] = False
    for start, size in data.draw(st.lists(st.tuples(st.integers(0, whole.size), st.integers(1, 3000)), max_size=4)):
        kept[start : start + size] = False
    assert findings_of(whole[kept]) == []


@settings(max_examples=40)
@given(ecc_number=st.sampled_from([3, 8, 9, 32]), data=st.data())
def test_a_calibration_run_of_the_wrong_kind_is_out_of_order(ecc_number: int, data: st.DataObject) -> None:
    headers = data_take(ecc_number).copy()
    runs = find_runs(headers)
    whole = [run for run in runs[1:-1] if run.signal not in (0, 1)]
    run = data.draw(st.sampled_from(whole))
    wrong = data.draw(st.sampled_from([code for code in (8, 9, 10, 11, 12, 15) if code != run.signal]))
    headers["signal_type"][run.first : run.last + 1] = wrong
    assert any("timeline." in text for text in findings_of(headers))


def test_silence_within_a_burst_is_told_once() -> None:
    headers = data_take(8).copy()
    burst = next(run for run in find_runs(headers) if run.signal == 0 and run.swath == "IW2")
    hole = slice(burst.first + 400, burst.first + 450)
    kept = np.delete(headers, hole)
    kept["space_packet_count"] = np.arange(kept.size)
    kept["sequence_count"] = np.arange(kept.size) % 16384
    (text,) = findings_of(kept)
    assert text == f"timeline.silent: 50 silent PRIs within echo of IW2, behind packet {burst.first + 399}"


def test_an_unknown_mode_is_not_judged() -> None:
    headers = data_take(3).copy()
    headers["ecc_number"] = 37
    assert findings_of(headers) == [
        "timeline.order: no timeline is published for ECC number 37: not checked",
    ]
    headers["ecc_number"] = 200
    assert "not checked" in findings_of(headers)[0]


def test_bursts_are_numbered_by_swath_and_gaps_keep_their_cause() -> None:
    headers = data_take(8)
    bursts = burst_numbers(headers)
    runs = find_runs(headers)
    echoes = [(run.swath, run.burst) for run in runs if run.signal == 0]
    assert echoes[:5] == [("IW1", 1), ("IW2", 1), ("IW3", 1), ("IW1", 2), ("IW2", 2)]
    assert set(np.unique(bursts[headers["signal_type"] != 0])) == {0}
    kept = np.delete(headers, slice(2000, 2010)).copy()
    kept["sequence_count"][2500:] -= 3
    kept = np.delete(kept, slice(2500, 2503))
    kept["sequence_count"][2500:] = kept["sequence_count"][2500:]
    gaps = lost_at(steps_of(kept))
    assert [(gap.before, gap.downlink, gap.instrument) for gap in gaps] == [(1999, 10, 0), (2499, 0, 3)]
