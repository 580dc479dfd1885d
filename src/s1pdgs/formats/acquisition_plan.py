"""Acquisition plans: the data takes that are to be acquired by a satellite within a time (type `MPL_ACQPLN`).

ESA publishes one as KML for each satellite (`acquisition_kml`); other planners write a table (`acquisition_table`). The
time that a plan is about is told by its name, and so is when it was made:

    Sentinel-1A_MP_<start>_<stop>.kml                               as published until 2025
    s1c_mp_user_<start>_<stop>, with or without .kml                as published since then
    S1A_OPER_MPL_ACQPLN_<site>_<made>_V<start>_<stop>.<csv|toml|kml>  of any planner

The published names do not tell when the plan was made: its start stands for that, because a published plan begins at
about its publication. Orbit plans (MPL_ORBPRE, MPL_ORBSCT) tell where a satellite will be, not what it will acquire.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Self

from attrs import evolve, frozen

from s1pdgs.formats.names import NamingError
from s1pdgs.formats.xml import FormatError
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import parse_compact, parse_utc

TYPE = "MPL_ACQPLN"
MAX_BYTES = 32 * 1024 * 1024
MOST_TAKES = 20_000
"""Ten times what a published plan of 20 days holds."""

_TIME = r"[0-9]{8}T[0-9]{6}"
_FORMS = "csv|toml|kml"
_NAMES = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"^S(?:entinel-)?(?P<sat>1[A-D])_MP_(?P<start>{_TIME})_(?P<stop>{_TIME})[A-Z0-9_-]*\.(?P<form>kml)$",
        rf"^S(?P<sat>1[A-D])_MP_USER_(?P<start>{_TIME})_(?P<stop>{_TIME})[A-Z0-9_-]*(?:\.(?P<form>kml))?$",
        rf"^S(?P<sat>1[A-D])_OPER_{TYPE}_\w{{4}}_(?P<made>{_TIME})_V(?P<start>{_TIME})_(?P<stop>{_TIME})\.(?P<form>{_FORMS})$",
    )
)
_FAMILIES = {"S": "SM", "N": "AN", "Z": "ZS"}
_MODES = ("IW", "EW", "WV", "SM", "EN", "RF", "AN", "ZS", "ZI", "ZE", "ZW")
_POLARISATIONS = {"SV": "SV", "SH": "SH", "DV": "DV", "DH": "DH", "VV": "SV", "HH": "SH", "VH": "VH", "HV": "HV",
                  "VV+VH": "DV", "HH+HV": "DH"}  # fmt: skip
_NONE = {"", "NA", "N/A", "NONE", "-"}


_LOOKS_LIKE_ONE = re.compile(rf"_MP_|_{TYPE}_|\.(?:{_FORMS})$", re.IGNORECASE)


class PlanError(FormatError):
    """A plan does not follow its format; the message names the file, the data take and the field."""


def is_plan(name: str) -> bool:
    """True when a file of this name is meant as an acquisition plan, well named or not."""
    return _LOOKS_LIKE_ONE.search(name) is not None


@frozen
class PlanName:
    """What the name of a plan tells; `form` is kml, csv or toml."""

    name: str
    satellite: str
    validity: Interval
    made: datetime
    form: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Raises `NamingError` for anything but the name of a plan."""
        match = next((found for pattern in _NAMES if (found := pattern.fullmatch(name))), None)
        if match is None:
            raise NamingError(
                f"{name!r} is not the name of an acquisition plan; they are called Sentinel-1A_MP_<start>_<stop>.kml, "
                f"s1a_mp_user_<start>_<stop> or S1A_OPER_{TYPE}_<site>_<made>_V<start>_<stop>.<csv|toml|kml>"
            )
        parts = match.groupdict()
        try:
            start, stop = (parse_compact(parts[edge].upper()) for edge in ("start", "stop"))
            made = parse_compact(parts["made"].upper()) if parts.get("made") else start
        except ValueError:
            raise NamingError(f"{name!r}: its times are not of the form YYYYMMDDThhmmss") from None
        if stop <= start:
            raise NamingError(f"{name!r}: the plan ends before it starts")
        form = (parts["form"] or "kml").lower()
        return cls(name, f"S{parts['sat'].upper()}", Interval(start, stop), made, form)


@frozen
class PlannedDataTake:
    """A data take to be acquired.

    `datatake` is the mission data take identifier, None where the plan has none. `mode` is as manifests name it (`SM`,
    `IW`, `AN`), `swath` that of modes with a single one (`S3`), `polarisation` SV, SH, DV or DH (VH, HV: crosswise).
    `orbit` is the absolute orbit at its start.
    """

    mode: str
    interval: Interval
    datatake: int | None = None
    swath: str | None = None
    polarisation: str | None = None
    orbit: int | None = None

    def joined(self, other: "PlannedDataTake") -> "PlannedDataTake":
        """Two parts of one data take as a whole."""
        one, two = self.interval, other.interval
        return evolve(self, interval=Interval(min(one.start, two.start), max(one.stop, two.stop)))


@frozen
class AcquisitionPlan:
    """The data takes of a plan in order of time."""

    name: PlanName
    takes: tuple[PlannedDataTake, ...]

    @classmethod
    def of(cls, name: PlanName, takes: Iterable[PlannedDataTake], source: str) -> Self:
        """The plan of data takes that begin within the time which its name tells; the others are left to other plans.

        Parts of one data take become one. `PlanError` when parts are of different modes, when there are too many, or
        when none begins within the time.
        """
        found: dict[object, PlannedDataTake] = {}
        for number, take in enumerate(takes):
            if number >= MOST_TAKES:
                raise PlanError(f"{source}: more than the {MOST_TAKES} data takes accepted of a plan; split it")
            key = number if take.datatake is None or take.mode == "RF" else f"{take.datatake:06X}"
            known = found.get(key)
            if known is not None and (known.mode, known.swath) != (take.mode, take.swath):
                raise PlanError(f"{source}: data take {key} is planned in {known.mode} and in {take.mode}; keep one")
            found[key] = take if known is None else known.joined(take)
        inside = [take for take in found.values() if name.validity.start <= take.interval.start <= name.validity.stop]
        if found and not inside:
            raise PlanError(f"{source}: no data take begins within the time that its name tells")
        return cls(name, tuple(sorted(inside, key=lambda take: (take.interval.start, take.datatake or 0))))


def planned(fields: Mapping[str, str], where: str, called: Mapping[str, str] | None = None) -> PlannedDataTake:
    """A data take of the texts that a plan gives for `mode`, `start`, `stop` and, where it has them, `datatake` (hex),
    `swath`, `polarisation` and `orbit`. `called` are its own names of these. Raises `PlanError` with `where` and field.
    """

    def told(field: str) -> tuple[str, str]:
        return fields.get(field, "").strip(), f"{where}: {(called or {}).get(field, field)}"

    start, stop = _moment(*told("start")), _moment(*told("stop"))
    if stop <= start:
        raise PlanError(f"{told('stop')[1]} {told('stop')[0]} is not after the start, {told('start')[0]}")
    mode = _mode(*told("mode"))
    return PlannedDataTake(
        mode=_FAMILIES.get(mode[0], mode) if mode[1:].isdigit() else mode,
        swath=mode if mode[1:].isdigit() else _swath(mode, *told("swath")),
        interval=Interval(start, stop),
        datatake=_identifier(*told("datatake")),
        polarisation=_polarisation(*told("polarisation")),
        orbit=_orbit(*told("orbit")),
    )


def _moment(text: str, field: str) -> datetime:
    if not text:
        raise PlanError(f"{field} is missing; give a UTC time such as 2026-01-05T06:00:00Z")
    try:
        return parse_utc(text)
    except (ValueError, OverflowError):
        raise PlanError(f"{field} {text[:40]!r} is no UTC time such as 2026-01-05T06:00:00Z") from None


def _mode(text: str, field: str) -> str:
    mode = {"RFC": "RF"}.get(text.upper(), text.upper())
    if mode not in _MODES and not re.fullmatch(r"[SNZ][1-6]", mode):
        raise PlanError(f"{field} {text[:40]!r} is unknown; give a swath such as S3 or one of {', '.join(_MODES)}")
    return mode


def _swath(mode: str, text: str, field: str) -> str | None:
    """The swath of a mode with a single one: `3` or `S3` of SM."""
    letter = next((letter for letter, family in _FAMILIES.items() if family == mode), None)
    if letter is None or text.upper() in _NONE:
        return None
    number = text.upper().removeprefix(letter)
    if not re.fullmatch(r"[1-6]", number):
        raise PlanError(f"{field} {text[:40]!r} is none of {mode}; give a number from 1 to 6")
    return f"{letter}{number}"


def _identifier(text: str, field: str) -> int | None:
    if text.upper() in _NONE:
        return None
    if not re.fullmatch(r"(?:0[xX])?[0-9A-Fa-f]{1,6}", text):
        raise PlanError(f"{field} {text[:40]!r} is no identifier of up to six hexadecimal digits (053C1A)")
    return int(text, 16)


def _polarisation(text: str, field: str) -> str | None:
    if text.upper() in _NONE:
        return None
    if text.upper() not in _POLARISATIONS:
        raise PlanError(f"{field} {text[:40]!r} is unknown; give one of {', '.join(_POLARISATIONS)}")
    return _POLARISATIONS[text.upper()]


def _orbit(text: str, field: str) -> int | None:
    if text.upper() in _NONE:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise PlanError(f"{field} {text[:40]!r} is not a whole number of up to six digits")
    return int(text)
