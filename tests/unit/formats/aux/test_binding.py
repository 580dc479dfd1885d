"""Records bound to XML: one declaration reads, writes and complains."""

import math
from typing import Annotated

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from s1pdgs.formats.aux.binding import AuxiliaryError, append_record, format_real, parse_real, parse_record
from s1pdgs.formats.aux.schema import schema_document
from s1pdgs.formats.xml import parse_xml


@frozen(kw_only=True)
class Item:
    name: Annotated[str, "name"]
    order: Annotated[tuple[int, ...], "order"]


@frozen(kw_only=True)
class Sample:
    version: Annotated[str, "@version"]
    gain: Annotated[float, "wrapper/gain"]
    flag: Annotated[bool, "wrapper/flag"]
    phasor: Annotated[complex, "phasor"]
    pattern: Annotated[tuple[complex, ...], "pattern"]
    items: Annotated[tuple[Item, ...], "itemList/item"]
    bias: Annotated[float | None, "bias"] = None
    extras: Annotated[tuple[Item, ...] | None, "extraList/extra"] = None


SAMPLE = Sample(
    version="3.7",
    gain=1e-300,
    flag=True,
    phasor=1.5 - 2j,
    pattern=(1 + 2j, -3.25 + 0j),
    items=(Item(name="a", order=(2, 1)), Item(name="b", order=())),
)


def written(sample: Sample) -> etree._Element:
    root = etree.Element("sample")
    append_record(root, sample)
    return root


def text(sample: Sample = SAMPLE) -> str:
    return etree.tostring(written(sample)).decode()


def test_fields_become_elements_in_their_order() -> None:
    assert text() == (
        '<sample version="3.7"><wrapper><gain>1e-300</gain><flag>true</flag></wrapper>'
        "<phasor><re>1.5</re><im>-2</im></phasor>"
        '<pattern count="2">1 2 -3.25 0</pattern>'
        '<itemList count="2"><item><name>a</name><order count="2">2 1</order></item>'
        '<item><name>b</name><order count="0"></order></item></itemList></sample>'
    )


@pytest.mark.parametrize("bias", [None, 0.1])
@pytest.mark.parametrize("extras", [None, (), (Item(name="c", order=(7,)),)])
def test_what_is_written_reads_back_equal(bias: float | None, extras: tuple[Item, ...] | None) -> None:
    sample = Sample(
        version="1",
        gain=math.pi,
        flag=False,
        phasor=0j,
        pattern=(),
        items=(),
        bias=bias,
        extras=extras,
    )
    assert parse_record(written(sample), Sample, "x") == sample


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("<gain>1e-300</gain>", "", "file.xml: sample/wrapper/gain is missing"),
        (">1e-300<", ">much<", "sample/wrapper/gain is 'much', not a number"),
        (">true<", ">yes<", "sample/wrapper/flag is 'yes', not true or false"),
        ("<im>-2</im>", "", "sample/phasor/re or im is missing"),
        ('count="2">1 2', 'count="3">1 2', "sample/pattern holds 2 entries but its count attribute says '3'"),
        ("-3.25 0", "-3.25", "sample/pattern holds 1.5 entries"),
        ('itemList count="2"', "itemList", "sample/itemList holds 2 entries but its count attribute says None"),
        ("<name>a</name>", "<name/>", r"sample/itemList\[1\]: item/name is missing or empty"),
        (">2 1<", ">2 x<", r"itemList\[1\]: item/order is 'x', not a whole number"),
        (' version="3.7"', "", "sample/@version is missing"),
    ],
)
def test_damage_is_refused_with_its_place(old: str, new: str, complaint: str) -> None:
    root = parse_xml(text().replace(old, new, 1).encode(), "file.xml")
    with pytest.raises(AuxiliaryError, match=complaint):
        parse_record(root, Sample, "file.xml")


def test_absurdly_long_arrays_are_refused() -> None:
    words = "0 " * 200_001
    root = parse_xml(text().replace("1 2 -3.25 0", words, 1).encode(), "file.xml")
    with pytest.raises(AuxiliaryError, match="more than the 200000 accepted"):
        parse_record(root, Sample, "file.xml")


@given(st.floats(allow_nan=False))
def test_numbers_survive_exactly(value: float) -> None:
    assert parse_real(format_real(value), "x") == value


def test_schemas_accept_what_is_written_and_nothing_else() -> None:
    schema = etree.XMLSchema(etree.fromstring(schema_document("sample", Sample)))
    assert schema.validate(written(SAMPLE))
    for old, new in (("true", "yes"), (' version="3.7"', ""), ("<name>a</name>", ""), (' count="0"', "")):
        assert not schema.validate(etree.fromstring(text().replace(old, new, 1)))
