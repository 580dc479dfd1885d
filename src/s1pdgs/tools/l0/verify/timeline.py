"""The runs of packets against the timeline of the measurement mode (AUX_INS, by ECC number).

A data take is preamble, imaging cycle again and again, postamble. The runs of a product are followed through it: each
run must be a successor of what the runs before could have been. The imaging cycle may be left anywhere.
"""

from typing import NamedTuple

import attrs

from s1pdgs.formats.isp.codes import NEWER_SATELLITES, SignalType
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.gaps import Steps
from s1pdgs.formats.isp.tables import TimelineEntry, timeline
from s1pdgs.tools.l0 import names
from s1pdgs.tools.l0.packets import Packets, usual
from s1pdgs.tools.l0.runs import Run, find_runs, steps_of
from s1pdgs.tools.l0.verify.findings import Findings

_PHASES = ("Preamble", "Image Acquisition", "Postamble")
_NOISE_CHARACTERISATION = range(37, 47)
_SILENT = "silent"
_REMEDY = "packets are missing or mixed, or the instrument was commanded with another timeline"

Key = tuple[str, str, bool]
"""Signal, swath and full bandwidth; interleaved calibration has no swath of its own."""


class Place(NamedTuple):
    """A run of the timeline: what it is, how many PRIs it takes, its successors and the silent PRIs before each."""

    key: Key
    pris: int
    successors: tuple[tuple[int, frozenset[int]], ...]

    def repeats(self, number: int) -> bool:
        """Whether it follows itself (it has this number) without a pause: its length is then not known."""
        return any(target == number and 0 in silents for target, silents in self.successors)


def check_timeline(packets: Packets, satellite: str, findings: Findings) -> None:
    """The rules `timeline.*` for a measurement from which no packets were left out on purpose."""
    if not packets.count:
        return
    place = packets.source.name
    ecc_number = usual(packets.headers["ecc_number"])
    if ecc_number in _NOISE_CHARACTERISATION:
        findings.note("timeline.order", place, f"no timeline is published for ECC number {ecc_number}: not checked")
        return
    try:
        places = timeline_places(ecc_number, satellite)
    except PacketError as error:
        findings.note("timeline.order", place, f"{error}: not checked")
        return
    steps = steps_of(packets.headers)
    _Follower(places, steps, place, findings).follow(find_runs(packets.headers, steps))


def timeline_places(ecc_number: int, satellite: str) -> list[Place]:
    """The runs of a data take and what may follow each; `PacketError` when no timeline is known."""
    entries = [(phase, entry, _signal(entry, satellite)) for phase in _PHASES for entry in timeline(ecc_number, phase)]
    active = [number for number, (_, _, signal) in enumerate(entries) if signal != _SILENT]
    cycle = [number for number, (phase, _, _) in enumerate(entries) if phase == _PHASES[1]]
    after = cycle[-1] + 1
    index = {number: place for place, number in enumerate(active)}

    def reach(number: int) -> tuple[int, int] | None:
        """The next active entry from `number` on, and the silent PRIs before it."""
        silent = 0
        for following in range(number, len(entries)):
            if following in index:
                return index[following], silent
            silent += entries[following][1].pri_count
        return None

    places = []
    for number in active:
        phase, entry, signal = entries[number]
        found = [(reach(number + 1), 0)]
        if phase == _PHASES[1]:
            pauses = _pauses(entries, number + 1, after)
            found += [(reach(after), pause) for pause in pauses]
            if all(other not in index for other in range(number + 1, after)):
                found.append((reach(cycle[0]), pauses[-1]))
        ways: dict[int, set[int]] = {}
        for way, silent in found:
            if way is not None:
                ways.setdefault(way[0], set()).add(way[1] + silent)
        successors = tuple((target, frozenset(silents)) for target, silents in ways.items())
        places.append(Place(_key(signal, entry.swath, entry.full_bandwidth), entry.pri_count, successors))
    return places


def _pauses(entries: list[tuple[str, TimelineEntry, str]], first: int, after: int) -> list[int]:
    """The silent PRIs that can follow from entry `first` on when the cycle is left: none, the first pause, the next."""
    pauses = [0]
    for _, entry, signal in entries[first:after]:
        if signal != _SILENT:
            break
        pauses.append(pauses[-1] + entry.pri_count)
    return pauses


def _signal(entry: TimelineEntry, satellite: str) -> str:
    """The name of an entry's signal; S-1C and S-1D measure TxCalIso for TxHCalIso, and neither TA nor APDN."""
    signal = entry.signal.lower()
    if satellite in NEWER_SATELLITES:
        return {"txhcaliso": "tacal", "tacal": _SILENT, "apdncal": _SILENT}.get(signal, signal)
    return signal


def _key(signal: str, swath: str, full_bandwidth: bool) -> Key:
    """Notch modes are told from StripMap by their ECC number, not by the swath number of their packets."""
    return signal, "" if full_bandwidth else swath.replace("N", "S"), full_bandwidth


def _key_of(run: Run) -> Key:
    return _key(str(names.signals()[run.signal]), run.swath, run.full_bandwidth)


def _name(key: Key) -> str:
    return f"{key[0]}{' at full bandwidth' if key[2] else f' of {key[1]}'}"


class _Follower:
    """Follows runs through the timeline: `at` are the places where the last run can have been."""

    def __init__(self, places: list[Place], steps: Steps, source: str, findings: Findings) -> None:
        self._places = places
        self._steps = steps
        self._source = source
        self._findings = findings
        self._by_key: dict[Key, list[int]] = {}
        for number, place in enumerate(places):
            self._by_key.setdefault(place.key, []).append(number)

    def follow(self, runs: list[Run]) -> None:
        """All runs, in order."""
        at: list[int] = []
        before: Run | None = None
        runs = self._joined(runs)
        for number, run in enumerate(runs):
            key = _key_of(run)
            if key not in self._by_key:
                self._order(run, f"{_name(key)} does not occur in the timeline of the mode")
                at, before = [], None
                continue
            at = self._by_key[key] if before is None or run.cut_before else self._advance(at, key, run, before)
            following = runs[number + 1] if number + 1 < len(runs) else None
            at = self._measure(at, run, following)
            before = run

    def _joined(self, runs: list[Run]) -> list[Run]:
        """Runs, those put together that are torn by silence where the timeline has none."""
        joined: list[Run] = []
        for run in runs:
            before = joined[-1] if joined else None
            if before is None or run.cut_before or _key_of(run) != _key_of(before) or self._pauses_in(_key_of(run)):
                joined.append(run)
                continue
            silent = int(self._steps.suppressed[before.last])
            text = f"{silent} silent PRIs within {_name(_key_of(run))}, behind packet {before.last}"
            self._findings.error("timeline.silent", self._source, text, _REMEDY)
            joined[-1] = attrs.evolve(
                before, last=run.last, last_pri=run.last_pri, lost=before.lost + run.lost, cut_after=run.cut_after
            )
        return joined

    def _pauses_in(self, key: Key) -> bool:
        """Whether the timeline has runs of a key that follow each other after a pause."""
        return any(
            self._places[target].key == key and silents != {0}
            for place in self._by_key.get(key, [])
            for target, silents in self._places[place].successors
        )

    def _advance(self, at: list[int], key: Key, run: Run, before: Run) -> list[int]:
        silent = int(self._steps.suppressed[before.last])
        ways = [
            (target, silents)
            for place in at
            for target, silents in self._places[place].successors
            if self._places[target].key == key
        ]
        if not ways:
            expected = {_name(self._places[target].key) for place in at for target, _ in self._places[place].successors}
            told = " or ".join(sorted(expected)[:3]) or "the end"
            self._order(run, f"{_name(key)} follows, where {told} is due")
            return self._by_key[key]
        fitting = [target for target, silents in ways if silent in silents]
        if not fitting:
            wanted = sorted({value for _, silents in ways for value in silents})
            self._findings.error(
                "timeline.silent",
                self._source,
                f"{silent} silent PRIs before {_name(key)} at packet {run.first}, where the timeline has "
                f"{' or '.join(map(str, wanted[:3]))}",
                _REMEDY,
            )
        return list(dict.fromkeys(fitting or [target for target, _ in ways]))

    def _measure(self, at: list[int], run: Run, following: Run | None) -> list[int]:
        if run.cut_before or run.cut_after:
            return at  # its ends are not known
        fitting = [place for place in at if self._places[place].pris == run.pris or self._places[place].repeats(place)]
        if fitting or run.lost:
            return fitting or at  # what was lost within may have been other runs
        wanted = sorted({self._places[place].pris for place in at})
        ends_imaging = run.signal == SignalType.ECHO and following is not None and self._leaves(at, following, run)
        if not (ends_imaging and run.pris < max(wanted)):
            self._findings.error(
                "timeline.length",
                self._source,
                f"{_name(self._places[at[0]].key)} of packets {run.first} .. {run.last} takes {run.pris} PRIs, where "
                f"the timeline has {' or '.join(map(str, wanted))}",
                _REMEDY,
            )
        return at

    def _leaves(self, at: list[int], following: Run, run: Run) -> bool:
        """Whether what follows an echo run can be the postamble: it comes after a silence that only that has."""
        silent = int(self._steps.suppressed[run.last])
        key = _key_of(following)
        return any(
            silent in silents and self._places[target].key == key
            for place in at
            for target, silents in self._places[place].successors
            if silents != frozenset({0})
        )

    def _order(self, run: Run, text: str) -> None:
        self._findings.error("timeline.order", self._source, f"packet {run.first}: {text}", _REMEDY)
