"""What users ask of published products: the commonest queries of OData and STAC, by the functions that serve them."""

import random
from collections.abc import Callable

import sqlalchemy as sa

from benchmarks.published import BEGIN, SECOND, STEP, TYPES, name_of
from s1pdgs.catalogue.door import product_uuid
from s1pdgs.model.time import format_iso, from_micros
from s1pdgs.publication.holdings import spans
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import Order, count, find, search
from s1pdgs.publication.stac import MAX_COUNTED
from s1pdgs.publication.stac_request import Asked

Question = Callable[[sa.Connection, random.Random], object]
Dice = random.Random
_DAY = 86_400 * SECOND


def questions(products: int) -> dict[str, Question]:
    """Each about another product every time; pages of OData have 100, of STAC 10 products."""
    newest = (Order("PublicationDate", descending=True),)
    by_start = (Order("ContentDate/Start"),)

    def of_type(dice: Dice, days: float) -> str:
        return f"{attribute('productType', repr(dice.choice(TYPES)))} and {window(dice, products, days)}"

    def orbits(dice: Dice) -> str:
        direction = attribute("orbitDirection", "'ASCENDING'")
        orbit = attribute("relativeOrbitNumber", str(dice.randrange(1, 176)), "Integer")
        return f"{direction} and {orbit} and {of_type(dice, 12.0)}"

    def published(dice: Dice) -> str:
        return moment(dice.randrange(products))

    return {
        "one by Id": lambda connection, dice: find(connection, product_uuid(name_of(dice.randint(1, products)))),
        "name equal": asked(lambda dice: f"Name eq '{name_of(dice.randint(1, products))}.zip'"),
        "name prefix, a month": asked(lambda dice: f"startswith(Name,'{name_of(dice.randint(1, products))[:23]}')"),
        "name prefix, a day": asked(lambda dice: f"startswith(Name,'{name_of(dice.randint(1, products))[:25]}')"),
        "newest publications": asked(lambda dice: f"PublicationDate gt {published(dice)}"),
        "latest first": asked(lambda dice: f"PublicationDate lt {published(dice)}", newest),
        "type and day": asked(lambda dice: of_type(dice, 1.0)),
        "type and 12 days": asked(lambda dice: of_type(dice, 12.0)),
        "type and 12 days, by start": asked(lambda dice: of_type(dice, 12.0), by_start),
        "area of 1 degree": asked(lambda dice: area(dice, 1.0)),
        "area of 5 degrees and 12 days": asked(lambda dice: f"{area(dice, 5.0)} and {window(dice, products, 12.0)}"),
        "area of 40 degrees and 12 days": asked(lambda dice: f"{area(dice, 40.0)} and {window(dice, products, 12.0)}"),
        "area of 1 degree, type and 12 days": asked(lambda dice: f"{area(dice, 1.0)} and {of_type(dice, 12.0)}"),
        "type, direction, relative orbit and 12 days": asked(orbits),
        "data take": asked(lambda dice: attribute("datatakeID", str(dice.randrange(products // 10)), "Integer")),
        "orbit": asked(lambda dice: attribute("orbitNumber", str(30_000 + dice.randrange(products) // 190), "Integer")),
        "count of a type and 12 days": lambda connection, dice: count(connection, compile_filter(of_type(dice, 12.0))),
        "page behind 1 % of all": _Deep(products // 100),
        "page behind 90 % of all": _Deep(products * 9 // 10),
        "STAC: collection and 5 days, counted": lambda connection, dice: stac(connection, dice, products),
        "STAC: collections": lambda connection, _: spans(connection),
    }


def asked(text: Callable[[Dice], str], order: tuple[Order, ...] = (Order("PublicationDate"),)) -> Question:
    return lambda connection, dice: search(connection, compile_filter(text(dice)), order)


def stac(connection: sa.Connection, dice: Dice, products: int) -> object:
    one = Asked([dice.choice(TYPES)], datetime=interval(dice, products, 5.0))
    return search(connection, one.predicate(), one.order(), limit=10, count_to=MAX_COUNTED)


class _Deep:
    """The page behind a place that was paged to before."""

    def __init__(self, place: int) -> None:
        self._place = place
        self._token: str | None = None

    def __call__(self, connection: sa.Connection, _: Dice) -> object:
        if self._token is None:
            self._token = search(connection, ALWAYS, skip=self._place, limit=1).after
        return search(connection, ALWAYS, after=self._token)


def moment(number: int, days: float = 0.0) -> str:
    """When a product was sensed, or some days later."""
    return format_iso(from_micros(BEGIN + number * STEP + int(days * _DAY)))


def window(dice: Dice, products: int, days: float) -> str:
    number = dice.randrange(products)
    return f"ContentDate/Start ge {moment(number)} and ContentDate/Start lt {moment(number, days)}"


def interval(dice: Dice, products: int, days: float) -> str:
    """The same as STAC writes it."""
    number = dice.randrange(products)
    return f"{moment(number)}/{moment(number, days)}"


def attribute(name: str, value: str, kind: str = "String") -> str:
    path = f"OData.CSC.{kind}Attribute"
    return f"Attributes/{path}/any(a:a/Name eq '{name}' and a/{path}/Value eq {value})"


def corner(dice: Dice, size: float) -> tuple[float, float]:
    """Where a square of some degrees may begin."""
    return round(dice.uniform(-180, 180 - size), 3), round(dice.uniform(-80, 80 - size), 3)


def area(dice: Dice, size: float) -> str:
    west, south = corner(dice, size)
    east, north = west + size, south + size
    ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
    return f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({ring}))')"
