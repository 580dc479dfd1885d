"""How long products are kept: an ordered list of rules by family, type and name.

The files of a product (what jobs read) and its zip (what users download) have rules of their own. The first that fits
decides; what no rule fits is kept for ever. Rules come in a TOML file; ours is `data/retention.toml`, with the days of
the reference system (coprs.md section 1.3).
"""

import hashlib
import re
import tomllib
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from attrs import frozen
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

SHIPPED = Path(__file__).with_name("data") / "retention.toml"
_LONGEST_DAYS = 36_525.0
_LEVEL = re.compile(r"^(?P<mode>[A-Z0-9]{2})_(?P<kind>RAW|SLC|GRD|OCN|ETA)[FHM_]_(?P<level>[012])(?P<kept>[ACNS_])$")
_ONE_POLARISATION = re.compile(r"^S1[A-D]_.._RAW__0S(HH|HV|VV|VH)_")
_BLANK = re.compile(r"^(Z[1-6EIW]|EN|N[1-6])$")


class RetentionError(ValueError):
    """The rules cannot be used; the message names the file, the rule, the key and what is wrong."""


class Form(StrEnum):
    """In what form a product is kept."""

    FILES = "files"
    ZIP = "zip"


class Family(StrEnum):
    """What products have in common that are kept alike (coprs.md section 4.3).

    `blank` is Level-0 that no Level-1 is made of: elevation and azimuth notch, and calibration modes.
    """

    SESSION = "session"
    SEGMENT = "segment"
    SLICE = "slice"
    ANNOTATION = "annotation"
    BLANK = "blank"
    LEVEL_1 = "level-1"
    LEVEL_2 = "level-2"
    AUXILIARY = "auxiliary"
    PLAN_OR_REPORT = "plan-or-report"
    OTHER = "other"


def family_of(kind: str, name: str) -> Family:
    """The family of a product type and name."""
    match = _LEVEL.match(kind)
    if match is not None and match["level"] != "0":
        return Family.LEVEL_1 if match["level"] == "1" else Family.LEVEL_2
    if match is not None:
        return _level_0(match["mode"], match["kept"], name)
    return next((family for start, family in _STARTS.items() if kind.startswith(start)), Family.OTHER)


_STARTS = {
    "SESSION": Family.SESSION,
    "REP_": Family.PLAN_OR_REPORT,
    "MPL_ORB": Family.AUXILIARY,
    "MPL_": Family.PLAN_OR_REPORT,
    "AUX_": Family.AUXILIARY,
    "MSK_": Family.AUXILIARY,
    "AMV_": Family.AUXILIARY,
    "AMH_": Family.AUXILIARY,
}


def _level_0(mode: str, kept: str, name: str) -> Family:
    if mode in ("GP", "HK", "RF") or _ONE_POLARISATION.match(name):
        return Family.SEGMENT
    if _BLANK.match(mode):
        return Family.BLANK
    return Family.SLICE if kept == "S" else Family.ANNOTATION


class Rule(BaseModel):
    """How long one form of some products is kept; `days` None is for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Form
    family: Family | None = None
    type: str | None = None
    name: str | None = None
    days: float | None = Field(default=None, ge=0, le=_LONGEST_DAYS)
    after_compression_days: float | None = Field(default=None, ge=0, le=_LONGEST_DAYS)

    @field_validator("type", "name")
    @classmethod
    def _compiles(cls, text: str | None) -> str | None:
        try:
            re.compile(text or "")
        except re.error as error:
            raise ValueError(f"{text!r} is not a regular expression: {error}") from None
        return text

    @model_validator(mode="after")
    def _of_files(self) -> Self:
        if self.of is Form.ZIP and self.after_compression_days is not None:
            raise ValueError("after_compression_days is of files only; a zip has days")
        return self

    def fits(self, form: Form, kind: str, name: str) -> bool:
        """Whether the rule is for this form of a product of this type and name."""
        return (
            self.of is form
            and (self.family is None or self.family is family_of(kind, name))
            and (self.type is None or re.fullmatch(self.type, kind) is not None)
            and (self.name is None or re.fullmatch(self.name, name) is not None)
        )

    def __str__(self) -> str:
        """The rule in words."""
        which = [text for text in (self.family, self.type, self.name) if text is not None]
        whose = f"{self.of} of {' '.join(which) or 'all'}"
        if self.days is None and self.after_compression_days is None:
            return f"{whose}: for ever"
        kept = [] if self.days is None else [f"{self.days:g} days"]
        if self.after_compression_days is not None:
            kept.append(f"{self.after_compression_days:g} days after compression")
        return f"{whose}: {', or '.join(kept)}"


@frozen
class Due:
    """When a form of a product goes, and by which rule."""

    at: datetime
    rule: Rule


@frozen
class Retention:
    """The rules in their order."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def read(cls, path: Path = SHIPPED) -> Self:
        """The rules of a TOML file; `RetentionError` names what is wrong and where."""
        try:
            stored = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RetentionError(f"{path}: {error.strerror}; correct the setting retention.rules") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RetentionError(f"{path}: not a TOML file: {error}") from None
        unknown = set(stored) - {"rule"}
        if unknown or not isinstance(stored.get("rule", []), list):
            raise RetentionError(f"{path}: unknown table {min(unknown or {'rule'})!r}; rules are given as [[rule]]")
        return cls(tuple(_rule(entry, path, number) for number, entry in enumerate(stored.get("rule", []), start=1)))

    @property
    def fingerprint(self) -> str:
        """Tells whether rules are the same."""
        return hashlib.sha256("\n".join(rule.model_dump_json() for rule in self.rules).encode()).hexdigest()

    def rule(self, form: Form, kind: str, name: str) -> Rule | None:
        """The rule that decides on a form of a product; None when none fits."""
        return next((rule for rule in self.rules if rule.fits(form, kind, name)), None)

    def files_due(self, kind: str, name: str, catalogued: datetime, published: datetime | None) -> Due | None:
        """When the files of a product go, None for never; `catalogued` is when they came, or came in again, `published`
        when its zip went out, None before.
        """
        rule = self.rule(Form.FILES, kind, name)
        if rule is None:
            return None
        moments = [] if rule.days is None else [catalogued + timedelta(days=rule.days)]
        if rule.after_compression_days is not None and published is not None:
            moments.append(max(catalogued, published) + timedelta(days=rule.after_compression_days))
        return Due(min(moments), rule) if moments else None

    def zip_due(self, kind: str, name: str, published: datetime) -> Due | None:
        """When the zip of a product goes, None for never."""
        rule = self.rule(Form.ZIP, kind, name)
        return None if rule is None or rule.days is None else Due(published + timedelta(days=rule.days), rule)


def _rule(entry: Any, path: Path, number: int) -> Rule:
    try:
        return Rule.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "rule"
        raise RetentionError(f"{path}: rule {number}: {key}: {first['msg']}") from None
