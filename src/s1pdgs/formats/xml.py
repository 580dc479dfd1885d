"""Hardened XML reading and plain XML writing for every format of the ground segment."""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
"""Several times the largest real document; a hostile one of this size takes 1 GB as a tree."""


class FormatError(ValueError):
    """A document does not follow its format; the message names the file, the field and the remedy."""


class XmlError(FormatError):
    """A document is not the XML that was expected."""


def hardened_parser() -> etree.XMLParser:
    """A parser without entity expansion, network access, DTD loading or unbounded trees."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
    )


def parse_xml(data: bytes, source: str) -> etree._Element:
    """Parse a whole document and return its root.

    Raises `XmlError` naming `source` when the document is too large, malformed or carries a document type declaration.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise XmlError(f"{source}: {len(data)} bytes of XML are more than the {MAX_DOCUMENT_BYTES} accepted")
    try:
        root = etree.fromstring(data, hardened_parser())
    except etree.XMLSyntaxError as error:
        raise XmlError(f"{source}: not well-formed XML: {error}") from None
    if root.getroottree().docinfo.doctype:
        raise XmlError(f"{source}: a document type declaration is not accepted; remove it")
    return root


def read_xml(path: Path) -> etree._Element:
    """`parse_xml` of a file."""
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise XmlError(f"{path}: larger than the {MAX_DOCUMENT_BYTES} bytes of XML accepted")
    return parse_xml(path.read_bytes(), str(path))


def local_name(element: etree._Element) -> str:
    """The tag without its namespace; lxml's own reading of it refuses tags whose prefix nobody declared."""
    return str(element.tag).rpartition("}")[2]


def find(element: etree._Element, path: str, source: str) -> etree._Element:
    """The first descendant on a path of local names (`a/b/c`), whatever their namespaces; `XmlError` when absent."""
    found = find_optional(element, path)
    if found is None:
        raise XmlError(f"{source}: element {local_name(element)}/{path} is missing")
    return found


def find_optional(element: etree._Element, path: str) -> etree._Element | None:
    """As `find`, with None when absent."""
    return next(find_all(element, path), None)


def find_all(element: etree._Element, path: str) -> Iterator[etree._Element]:
    """All descendants on a path of local names, in document order."""
    head, _, rest = path.partition("/")
    for child in element:
        if isinstance(child.tag, str) and local_name(child) == head:
            if rest:
                yield from find_all(child, rest)
            else:
                yield child


def text_of(element: etree._Element, path: str, source: str) -> str:
    """The stripped text of a descendant; `XmlError` when the element is absent or empty."""
    found = find(element, path, source)
    text = (found.text or "").strip()
    if not text:
        raise XmlError(f"{source}: element {local_name(element)}/{path} is empty")
    return text


def serialise(root: etree._Element, *, standalone: bool | None = None) -> bytes:
    """The document as indented UTF-8 with an XML declaration and a final newline."""
    etree.indent(root, space="  ")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=standalone) + b"\n"
