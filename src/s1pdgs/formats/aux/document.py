"""The data file of an auxiliary product: a root element in no namespace, bound to one record."""

from pathlib import Path
from typing import TypeVar

from lxml import etree

from s1pdgs.formats.aux.binding import AuxiliaryError, append_record, parse_record
from s1pdgs.formats.aux.safe import data_file
from s1pdgs.formats.xml import local_name, read_xml, serialise

_Record = TypeVar("_Record")
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


def read_document(safe_dir: Path, root_name: str, record_type: type[_Record]) -> _Record:
    """Read the data file of a SAFE directory whose root must be `root_name`. Raises `FormatError`."""
    path = data_file(safe_dir)
    root = read_xml(path)
    if local_name(root) != root_name:
        raise AuxiliaryError(f"{path}: its root is {local_name(root)}, not {root_name}; is this the right product?")
    return parse_record(root, record_type, str(path))


def build_document(root_name: str, record: object, schema: str) -> bytes:
    """The data file that holds a record, pointing to its schema under `support`."""
    root = etree.Element(root_name, nsmap={"xsi": _XSI})
    append_record(root, record)
    root.set(etree.QName(_XSI, "noNamespaceSchemaLocation"), f"../support/{schema}")
    return serialise(root)
