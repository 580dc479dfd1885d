"""What an audit finds: findings by rule, with their place and remedy."""

from collections import Counter
from enum import StrEnum

from attrs import field, frozen

MOST_PER_RULE = 5
"""Findings of one rule about one file that are told one by one; the others are counted."""

RULES = {
    "product.readable": "the product can be opened: no hostile or damaged archive, measurements are there",
    "name.form": "the folder is named by the convention of products",
    "name.crc": "the last part of the name is the CRC-16 of the manifest",
    "name.fields": "satellite, mode, class, polarisation, times, orbit and data take of the name are the manifest's",
    "manifest.readable": "the manifest is there, is plain XML, and every value has its form",
    "manifest.order": "elements are in the order of the schema",
    "manifest.elements": "required elements are there",
    "manifest.references": "every object that is pointed at exists",
    "manifest.version": "the XFDU version names the class, mode and number of polarisations",
    "manifest.times": "start, stop and their times after the ascending node agree",
    "manifest.orbit": "relative orbit, cycle and pass direction fit the absolute orbit and the relayed velocity",
    "manifest.rate": "the average bit rate is size over duration",
    "manifest.contents": "mode, data take, configuration, compression and kinds of packets are those of the packets",
    "files.missing": "every file that the manifest names is there",
    "files.size": "files have the announced sizes",
    "files.md5": "files have the announced MD5",
    "files.extra": "no file is there that the manifest does not name",
    "files.names": "components are named by the convention",
    "files.links": "no file leads out of the product",
    "packets.damage": "every octet of a measurement belongs to a packet",
    "packets.faults": "packet headers have no fault",
    "packets.order": "space packet counts and PRI counts grow",
    "packets.constant": "data take, mode, receive channel and configuration do not vary",
    "packets.time": "sensing times follow the pulse repetition interval",
    "packets.polarisation": "packets are received in the polarisation of their measurement",
    "packets.store": "the packet store is one of the receive polarisation and of the virtual channel",
    "packets.class": "a C product holds calibration, an N product noise, an A product headers",
    "packets.window": "the number of samples follows from the sampling window",
    "packets.decode": "user data decode",
    "annot.count": "there is one annotation for each packet",
    "annot.length": "annotated lengths are those of the packets",
    "annot.time": "annotated sensing times are those of the packets",
    "annot.downlink": "packets are received after they are sensed",
    "annot.channel": "virtual channel and downlink channel are possible and do not vary without reason",
    "index.records": "index records are whole, ordered, and end with the measurement",
    "index.offset": "index records lead to packets",
    "index.time": "index records tell the sensing times of their packets",
    "counts.elements": "numOfElements is the number of packets",
    "counts.missing": "numOfMissingElements is what the counters say",
    "counts.corrupted": "numOfCorruptedElements is the number of faulty packets",
    "gaps.lost": "no packet is lost",
    "times.product": "start and stop are the sensing times of the first and last packet",
    "timeline.order": "signals and swaths follow each other as the timeline of the mode says",
    "timeline.length": "runs have the number of PRIs that the timeline says",
    "timeline.silent": "silent intervals are those of the timeline",
    "slice.number": "slice number, length and overlap are possible",
    "slice.grid": "the slice lies on the grid of its data take",
    "footprint.place": "the footprint lies where the relayed orbit looks",
}
"""What is checked, by the name of the rule."""


class Severity(StrEnum):
    """`ERROR`: the product is wrong. `WARNING`: it may be unusable or is unusual. `NOTE`: good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@frozen
class Finding:
    """What is wrong, where, and what to do about it."""

    rule: str
    severity: Severity
    place: str
    message: str
    remedy: str = ""


@frozen
class Findings:
    """Findings as they are made; many of one rule about one place are told as a few and their number."""

    told: list[Finding] = field(factory=list)
    counts: Counter[tuple[str, Severity, str]] = field(factory=Counter)

    def error(self, rule: str, place: str, message: str, remedy: str = "") -> None:
        """The product is wrong."""
        self._add(Finding(rule, Severity.ERROR, place, message, remedy))

    def warn(self, rule: str, place: str, message: str, remedy: str = "") -> None:
        """The product may be unusable, or is unusual."""
        self._add(Finding(rule, Severity.WARNING, place, message, remedy))

    def note(self, rule: str, place: str, message: str, remedy: str = "") -> None:
        """Something good to know."""
        self._add(Finding(rule, Severity.NOTE, place, message, remedy))

    def result(self) -> list[Finding]:
        """All findings in the order in which they were made, those left out summed up behind the others of the rule."""
        found = []
        for number, finding in enumerate(self.told):
            found.append(finding)
            key = (finding.rule, finding.severity, finding.place)
            last = all((other.rule, other.severity, other.place) != key for other in self.told[number + 1 :])
            if last and self.counts[key] > MOST_PER_RULE:
                more = f"and {self.counts[key] - MOST_PER_RULE} more of this kind"
                found.append(Finding(finding.rule, finding.severity, finding.place, more))
        return found

    def _add(self, finding: Finding) -> None:
        if finding.rule not in RULES:
            raise ValueError(f"{finding.rule!r} is no rule of the audit")
        key = (finding.rule, finding.severity, finding.place)
        self.counts[key] += 1
        if self.counts[key] <= MOST_PER_RULE:
            self.told.append(finding)
