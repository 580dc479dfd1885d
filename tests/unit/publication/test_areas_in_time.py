"""An area within a time brings pages of exactly the products that lie there, however they are found."""

import pytest

from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.search import DEFAULT_ORDER, Order, Page, search
from tests.unit.publication.conftest import Segment

DAYS = "ContentDate/Start ge 2020-06-15 and ContentDate/Start lt 2020-06-27"
CORNER = "9 44,13 44,9 48,9 44"
"""A triangle that meets every fourth product; the boxes of others meet its box."""
HERE = f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({CORNER}))') and {DAYS}"
ORDERED = (
    (DEFAULT_ORDER, [1, 5, 9]),
    ((Order("PublicationDate", descending=True),), [9, 5, 1]),
    ((Order("Name"),), [5, 1, 9]),
    ((Order("ModificationDate"),), [1, 5, 9]),
)


@pytest.mark.usefixtures("areas")
@pytest.mark.parametrize(("order", "expected"), ORDERED)
def test_pages_of_an_area_within_a_time_hold_what_lies_there(
    shelf: Segment, order: tuple[Order, ...], expected: list[int]
) -> None:
    def page(**asked: int | str | None) -> Page:
        with shelf.database.read() as connection:
            return search(connection, compile_filter(HERE), order, limit=1, count_to=None, **asked)  # type: ignore[arg-type]

    numbers, after = [], None
    while True:
        one = page(after=after)
        numbers += [product.id for product in one.products]
        assert one.matched == 3
        after = one.after
        if after is None:
            break
    assert numbers == expected
    assert [product.id for product in page(skip=1).products] == expected[1:2]
    assert page(skip=3).products == ()


@pytest.mark.usefixtures("areas")
def test_other_conditions_hold_besides(shelf: Segment) -> None:
    with shelf.database.read() as connection:
        found = search(connection, compile_filter(f"{HERE} and startswith(Name,'S1C_IW_GRDH')"))
        within = search(connection, compile_filter(HERE.replace("Intersects", "Within")))
        both = search(connection, compile_filter(f"{HERE} and {HERE.replace(CORNER, '-9 44,-8 44,-9 45,-9 44')}"))
    assert [product.id for product in found.products] == [5]
    assert within.products == both.products == ()
