"""The names that products have in task tables and in the catalogue.

Task tables know one StripMap (`SM_RAW__0S`), the catalogue six (`S3_RAW__0S`), and likewise `AN` and `ZS`; orbit files
lose their `ORB`; the ECMWF error matrices of both polarisations are one AUX_ECE (coprs.md section 1.1, point 8).
"""

import re

from s1pdgs.formats.names import task_table_type

_LETTERS = {"SM": "S", "AN": "N", "ZS": "Z"}
_SWATHS = {family: [f"{letter}{number}" for number in range(1, 7)] for family, letter in _LETTERS.items()}
_SYNONYMS = {
    "AUX_POE": ["AUX_POEORB"],
    "AUX_RES": ["AUX_RESORB"],
    "AUX_PRE": ["AUX_PREORB"],
    "AUX_ATT": ["AUX_RESATT", "AUX_ATT"],
    "AUX_ECE": ["AMV_ERRMAT", "AMH_ERRMAT"],
}
_TABLE_TYPES = {catalogue: table for table, names in _SYNONYMS.items() for catalogue in names}
_LEVEL_0 = re.compile(r"^[A-Z0-9]{2}_RAW__0(?P<product_class>[SACN_])$")


def table_type(catalogue_type: str) -> str:
    """The type under which task tables know a product type of the catalogue."""
    return _TABLE_TYPES.get(catalogue_type) or task_table_type(catalogue_type)


def catalogue_types(wanted: str, mode: str | None) -> list[str]:
    """Product types of the catalogue that a task table's type stands for; of the unit's own swath when it has one."""
    prefix, rest = wanted[:2], wanted[2:]
    swaths = _SWATHS.get(prefix)
    if swaths is not None and rest.startswith("_"):
        return [f"{mode}{rest}"] if mode in swaths else [f"{swath}{rest}" for swath in swaths]
    return _SYNONYMS.get(wanted, [wanted])


def level_0_class(wanted: str) -> str | None:
    """S, A, C or N of a Level-0 product type, None for others."""
    match = _LEVEL_0.match(wanted)
    return None if match is None else match["product_class"]


def name_pattern(wanted: str) -> str:
    """A regular expression of the product names that a task table's output type stands for."""
    prefix, rest = wanted[:2], wanted[2:]
    if prefix in _SWATHS and rest.startswith("_"):
        return f"^.*_{_LETTERS[prefix]}[1-6]{re.escape(rest)}.*$"
    return f"^.*{re.escape(wanted)}.*$"
