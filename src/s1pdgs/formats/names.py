"""Names of products and files: parsed into their parts and built from them.

Patterns follow the L0 and L1 product specifications and the Earth Explorer file format standard.
"""

import re
from binascii import crc_hqx
from datetime import datetime
from typing import Self

from attrs import frozen

from s1pdgs.formats.xml import FormatError
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import FAR_FUTURE, format_compact, parse_compact

_TIME = r"[0-9]{8}T[0-9]{6}"
_PRODUCT = re.compile(
    rf"^S1(?P<sat>[A-D])_(?P<mode>S[1-6]|IW|EW|WV|RF|EN|N[1-6]|GP|HK|Z[1-6EIW])_(?P<kind>RAW|SLC|GRD|OCN|ETA)"
    rf"(?P<resolution>[FHM_])_(?P<level>[012])(?P<product_class>[ACNS_])(?P<polarisation>SH|SV|DH|DV|HH|HV|VV|VH|__)"
    rf"_(?P<start>{_TIME})_(?P<stop>{_TIME})_(?P<orbit>[0-9]{{6}})_(?P<datatake>[0-9A-F]{{6}}|_{{6}})_(?P<uid>[0-9A-F]{{4}})\.SAFE$"
)
_AUX_SAFE = re.compile(
    rf"^S1(?P<sat>[A-D_])_AUX_(?P<kind>[A-Z0-9]{{3}})_V(?P<start>{_TIME})(?:_(?P<stop>{_TIME}))?_G(?P<generated>{_TIME})\.SAFE$"
)
_EOF_VALIDITY = re.compile(
    rf"^S1(?P<sat>[A-D_])_(?:OPER|TEST)_(?P<kind>[A-Z0-9_]{{10}})_(?P<site>[A-Z0-9_]{{4}})_(?P<generated>{_TIME})"
    rf"(?:_V(?P<start>{_TIME})_(?P<stop>{_TIME}))?\.(?:EOF|xml)$"
)
_EOF_VERSION = re.compile(
    rf"^S1(?P<sat>[A-D_])_(?:OPER|TEST)_(?P<kind>[A-Z_]{{10}})_(?P<start>{_TIME})_(?P<stop>{_TIME})_(?P<version>[0-9]{{4}})\.EOF$"
)
_MASK = re.compile(
    rf"^S1__OPER_(?P<kind>MSK__LAND_|MSK_OCEAN_|MSK_EW_SLC|MSK_OVRPAS)_V(?P<start>{_TIME})_G(?P<generated>{_TIME})\.EOF$"
)
_SESSION_FILE = re.compile(
    r"^DCS_(?P<unit>\d\d)_(?P<session>\w+)_ch(?P<channel>[12])_(?:DSDB_(?P<block>\d{5})\.(?:raw|aisp)|DSIB\.xml)$",
    re.IGNORECASE | re.ASCII,
)

_WITHOUT_DATATAKE = ("GP", "HK")


class NamingError(FormatError):
    """A name does not follow its convention."""


@frozen
class ProductName:
    """The parts of a Level-0, -1 or -2 product name; `datatake` is the mission data take identifier, 0 for none."""

    satellite: str
    mode: str
    kind: str
    resolution: str
    level: int
    product_class: str
    polarisation: str
    start: datetime
    stop: datetime
    orbit: int
    datatake: int
    uid: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Raises `NamingError` for anything but a product name."""
        match = _PRODUCT.fullmatch(name)
        if match is None:
            raise NamingError(
                f"{name!r} is not a Sentinel-1 product name (MMM_BB_TTTR_LFPP_start_stop_orbit_datatake_CCCC)"
            )
        start, stop = (_time(match[edge], name) for edge in ("start", "stop"))
        return cls(
            satellite=f"S1{match['sat']}",
            mode=match["mode"],
            kind=match["kind"],
            resolution=match["resolution"],
            level=int(match["level"]),
            product_class=match["product_class"],
            polarisation=match["polarisation"],
            start=start,
            stop=stop,
            orbit=int(match["orbit"]),
            datatake=int(match["datatake"].replace("_", "0"), 16),
            uid=match["uid"],
        )

    @property
    def product_type(self) -> str:
        """Such as `S3_RAW__0S`, `IW_GRDH_1S`."""
        return f"{self.mode}_{self.kind}{self.resolution}_{self.level}{self.product_class}"

    def __str__(self) -> str:
        datatake = f"{self.datatake:06X}" if self.mode not in _WITHOUT_DATATAKE else "_" * 6
        return (
            f"{self.satellite}_{self.product_type}{self.polarisation}_{format_compact(self.start)}_"
            f"{format_compact(self.stop)}_{self.orbit:06d}_{datatake}_{self.uid}.SAFE"
        )


@frozen
class AuxiliaryName:
    """The parts of an auxiliary file name. `product_type` is `AUX_CAL`, `AUX_RESORB`, `MPL_ORBPRE`, ...

    `generated` is None where the name does not tell; validity ends in the far future where the name tells no end and
    is None where it tells nothing (AUX_OBMEMC: read the file).
    """

    satellite: str
    product_type: str
    validity: Interval | None
    generated: datetime | None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Raises `NamingError` for anything but an auxiliary file name."""
        for pattern in (_AUX_SAFE, _EOF_VALIDITY, _EOF_VERSION, _MASK):
            match = pattern.fullmatch(name)
            if match is not None:
                return cls._of(match)
        raise NamingError(f"{name!r} is not a Sentinel-1 auxiliary file name")

    @classmethod
    def _of(cls, match: re.Match[str]) -> Self:
        parts = match.groupdict()
        kind = f"AUX_{parts['kind']}" if match.re is _AUX_SAFE else parts["kind"].rstrip("_")
        start, stop, generated = (
            None if text is None else _time(text, match.string)
            for text in (parts.get(key) for key in ("start", "stop", "generated"))
        )
        if start is not None and stop is not None and stop < start:
            raise NamingError(f"{match.string!r}: its validity ends before it starts")
        return cls(
            satellite=f"S1{parts.get('sat', '_')}",
            product_type=kind,
            validity=None if start is None else Interval(start, FAR_FUTURE if stop is None else stop),
            generated=generated,
        )


@frozen
class SessionFileName:
    """The parts of a DSDB name, or of a DSIB name (`block` None)."""

    unit: str
    session: str
    channel: int
    block: int | None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Raises `NamingError` for anything but a session file name."""
        match = _SESSION_FILE.fullmatch(name)
        if match is None:
            raise NamingError(f"{name!r} is not a session file name (DCS_<unit>_<session>_ch<n>_DSDB_<nnnnn>.raw)")
        block = match["block"]
        return cls(match["unit"], match["session"], int(match["channel"]), None if block is None else int(block))

    def __str__(self) -> str:
        tail = "DSIB.xml" if self.block is None else f"DSDB_{self.block:05d}.raw"
        return f"DCS_{self.unit}_{self.session}_ch{self.channel}_{tail}"


def _time(text: str, name: str) -> datetime:
    try:
        return parse_compact(text)
    except ValueError:
        raise NamingError(f"{name!r}: {text} is not a time YYYYMMDDThhmmss") from None


def manifest_uid(manifest: bytes) -> str:
    """The last part of a product name: CRC-16/CCITT-FALSE of the manifest's bytes (sar.md, section 1.3)."""
    return f"{crc_hqx(manifest, 0xFFFF):04X}"


def task_table_type(product_type: str) -> str:
    """The type under which task tables know a product type: every StripMap swath is `SM`, every notch beam `AN`, every
    StripMap swath of another instrument mode `ZS`, and orbit files lose their `ORB` (AUX_POEORB -> AUX_POE).
    """
    if re.match(r"^S[1-6]_", product_type):
        return f"SM{product_type[2:]}"
    if re.match(r"^N[1-6]_", product_type):
        return f"AN{product_type[2:]}"
    if re.match(r"^Z[1-6]_", product_type):
        return f"ZS{product_type[2:]}"
    return {"AUX_POEORB": "AUX_POE", "AUX_RESORB": "AUX_RES", "AUX_PREORB": "AUX_PRE", "AUX_RESATT": "AUX_ATT"}.get(
        product_type, product_type
    )
