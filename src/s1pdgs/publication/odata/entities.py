"""Entity sets over tables: declared once, asked like products (filter, order, pages, count, select, expand).

    ORDERS = EntitySet(
        name="Orders",
        source=lta_order.join(product, product.c.id == lta_order.c.product_id),
        properties=(
            Property("Id", Edm.GUID, lta_order.c.uuid),
            Property("Status", Edm.ENUM, lta_order.c.status, members=("queued", "in_progress", "completed")),
            Property("SubmissionDate", Edm.TIME, lta_order.c.submitted),
            Property("EvictionDate", Edm.TIME, lta_order.c.evicted_at, nullable=True),
            Property("ContentDate/Start", Edm.TIME, product.c.start),  # {"ContentDate": {"Start": ...}}
            Property("Parameters", Edm.JSON, show=lambda row: row.parameters),  # shown, cannot be asked for
        ),
        extra=(lta_order.c.parameters, lta_order.c.product_id),  # columns that `show` and navigations read besides
        number=lta_order.c.id,  # unique and never null: rows that are equal for an order follow it
        order=(Order("SubmissionDate", descending=True),),
        navigations=(Navigation("Product", lambda connection, rows: [... for row in rows]),),
    )
    Shelf(ORDERS, database, base_url, only=lambda request: lta_order.c.user == user_of(request)).add(add)

`add` is what an `Addition` is given. That makes GET /Orders, /Orders/$count, /Orders(<key>) and /Orders(<key>)/Product.
Other endpoints of the set use `find_one` and `shown`, other sets `select` and `shown`. The first term of `order` and
`number` want an index together: pages begin there.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import sqlalchemy as sa
from attrs import evolve, field, frozen
from fastapi import Request
from fastapi.responses import PlainTextResponse, Response

from s1pdgs.model.time import format_iso
from s1pdgs.publication.columns import Columns
from s1pdgs.publication.errors import QueryError, UnknownProductError
from s1pdgs.publication.limits import bounded
from s1pdgs.publication.odata.belongings import Read, add_belonging, add_properties
from s1pdgs.publication.odata.expand import Belonging
from s1pdgs.publication.odata.expressions import Names
from s1pdgs.publication.odata.options import Offer, Options, next_link, read_options
from s1pdgs.publication.odata.route import VERSION, AddRoute, bare, reply
from s1pdgs.publication.odata.service import root
from s1pdgs.publication.paging import Sql, beyond, read_token, write_token
from s1pdgs.publication.predicate import Field, Kind, checked_text, nearest
from s1pdgs.publication.search import Order, condition
from s1pdgs.storage.database import Database

PREFIX = "/odata/v1"
EXPANDED_TOP = 100
"""So many entities come with what belongs to them on one page."""
_ONE = ("$expand", "$select", "$format")


class Edm(Enum):
    """Types of properties; enumerations are stored as the names of their members, identifiers in lower case."""

    STRING = "String"
    GUID = "Guid"
    ENUM = "Enum"
    INTEGER = "Integer"
    DOUBLE = "Double"
    BOOLEAN = "Boolean"
    TIME = "DateTimeOffset"
    JSON = "Json"

    @property
    def kind(self) -> Kind:
        return Kind.STRING if self in {Edm.GUID, Edm.ENUM, Edm.JSON} else Kind(self.value)


@frozen
class Property:
    """A property by its path, its type and its column.

    One without a column cannot be asked for; `show` makes its value of a row, or writes a column in another way.
    """

    name: str
    type: Edm
    column: Sql | None = field(default=None, eq=False)
    nullable: bool = False
    members: tuple[str, ...] = ()
    show: Callable[[Any], Any] | None = None


@frozen
class Navigation:
    """What belongs to entities: `read` gives the JSON value of each of some rows, all of them in one go; `belonging` is
    what `$expand` may ask of it.
    """

    name: str
    read: Callable[[sa.Connection, Sequence[Any]], Sequence[Any]]
    belonging: Belonging = field(factory=Belonging)


@frozen
class EntitySet:
    """Rows of a table or join as entities. With `attributes` it holds `product`, whose attributes may be asked for."""

    name: str
    source: sa.FromClause = field(eq=False)
    properties: tuple[Property, ...]
    number: Sql = field(eq=False)
    order: tuple[Order, ...]
    navigations: tuple[Navigation, ...] = ()
    extra: tuple[Sql, ...] = field(default=(), eq=False)
    key: str = "Id"
    attributes: bool = False

    @property
    def asked(self) -> dict[str, Property]:
        """The properties that filters and orders may name."""
        return {one.name: one for one in self.properties if one.column is not None}

    @property
    def offer(self) -> Offer:
        names = {name: Field(name, one.type.kind) for name, one in self.asked.items()}
        tops = tuple(dict.fromkeys(one.name.partition("/")[0] for one in self.properties))
        return Offer(
            Names(names, self._fit, attributes=self.attributes),
            {navigation.name: navigation.belonging for navigation in self.navigations},
            tops,
            self.order,
        )

    @property
    def columns(self) -> Columns:
        columns = {name: one.column for name, one in self.asked.items() if one.column is not None}
        return Columns(columns, {one.name for one in self.properties if one.nullable})

    @property
    def select(self) -> sa.Select[Any]:
        """All entities, as `shown` wants them."""
        columns = [
            one.column.label(f"property_{place}")
            for place, one in enumerate(self.properties)
            if one.column is not None and one.show is None
        ]
        return sa.select(*columns, *self.extra).select_from(self.source)

    def navigation(self, name: str) -> Navigation:
        return next(one for one in self.navigations if one.name == name)

    def _fit(self, named: Field, text: str) -> str:
        found = self.asked[named.name]
        if found.type is Edm.GUID:
            return text.lower()
        if found.type is Edm.ENUM and text not in found.members:
            raise QueryError(f"$filter: {named.name} is never {text[:60]!r}; {nearest(text, list(found.members))}")
        return text


@frozen
class Page:
    """Some rows in order; `after` is the token of the page that follows, None on the last one."""

    rows: tuple[Any, ...]
    after: str | None


def find_page(connection: sa.Connection, entities: EntitySet, options: Options, only: Sql | None = None) -> Page:
    """A page of the entities that a request selects, of those for which the condition `only` holds."""
    first = options.order[0].descending
    keys = [(key, term.descending) for term in options.order for key in _keys(entities.asked[term.field])]
    keys.append((entities.number, first))
    columns, descending = [key for key, _ in keys], [down for _, down in keys]
    labels = [key.label(f"key_{index}") for index, key in enumerate(columns)]
    query = _query(connection, entities, options, only).add_columns(*labels)
    if options.after is not None:
        bound = read_token(options.after, [key.type.python_type for key in columns])
        query = query.where(beyond(columns, descending, bound))
    elif options.skip:
        query = query.offset(options.skip)
    query = query.order_by(*(key.desc() if down else key.asc() for key, down in keys)).limit(options.top + 1)
    rows = connection.execute(query).all()
    page = tuple(rows[: options.top])
    more = len(rows) > options.top and page
    return Page(page, write_token(page[-1][-len(keys) :]) if more else None)


def count(connection: sa.Connection, entities: EntitySet, options: Options, only: Sql | None = None) -> int:
    """How many entities a request selects."""
    query = _query(connection, entities, options, only).with_only_columns(sa.func.count())
    return connection.scalar(query.select_from(entities.source)) or 0


def find_one(connection: sa.Connection, entities: EntitySet, key: str, only: Sql | None = None) -> Any:
    """The row of a key, with or without quotes; raises `UnknownProductError`."""
    prop = entities.asked[entities.key]
    value = _key_value(prop, checked_text(bare(key)))
    row = None
    if value is not None:
        query = entities.select.where(entities.columns.fields[prop.name] == value)
        row = connection.execute(query if only is None else query.where(only)).one_or_none()
    if row is None:
        raise UnknownProductError(f"there is nothing in {entities.name} with {entities.key} {bare(key)[:100]!r}")
    return row


def shown(
    connection: sa.Connection, entities: EntitySet, rows: Sequence[Any], options: Options
) -> list[dict[str, Any]]:
    """Rows as JSON, with the properties selected and the navigations expanded."""
    entries = [_entry(entities, row, options.select) for row in rows]
    for name, wanted in sorted(options.expand.items()):
        for entry, value in zip(entries, entities.navigation(name).read(connection, rows), strict=True):
            entry.update(wanted.of(name, value))
    return entries


def _query(connection: sa.Connection, entities: EntitySet, options: Options, only: Sql | None) -> sa.Select[Any]:
    query = entities.select.where(condition(connection, options.predicate, entities.columns))
    return query if only is None else query.where(only)


def _keys(prop: Property) -> list[Sql]:
    """What a property is sorted by: never null, times as microseconds; nulls come first."""
    column: Sql = sa.null() if prop.column is None else prop.column
    match prop.type.kind:
        case Kind.TIME:
            column = sa.type_coerce(column, sa.BigInteger())
        case Kind.BOOLEAN:
            column = sa.case((column, 1), else_=0)
    if not prop.nullable:
        return [column]
    least: Any = {Kind.STRING: "", Kind.DOUBLE: 0.0}.get(prop.type.kind, 0)
    return [sa.case((column.is_(None), 0), else_=1), sa.func.coalesce(column, least, type_=column.type)]


def _key_value(prop: Property, text: str) -> str | int | None:
    """A key as its column holds it; None when it holds none such."""
    if prop.type.kind is Kind.INTEGER:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    return text.lower() if prop.type is Edm.GUID else text


def _entry(entities: EntitySet, row: Any, selected: frozenset[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for place, prop in enumerate(entities.properties):
        top, _, part = prop.name.partition("/")
        if top not in selected:
            continue
        value = prop.show(row) if prop.show is not None else _written(prop, getattr(row, f"property_{place}"))
        if part:
            entry.setdefault(top, {})[part] = value
        else:
            entry[top] = value
    return entry


def _written(prop: Property, value: Any) -> Any:
    if value is None:
        return None
    match prop.type.kind:
        case Kind.TIME:
            return format_iso(value)
        case Kind.BOOLEAN:
            return bool(value)
        case _:
            return value


@frozen
class Shelf:
    """An entity set behind HTTP; `only` tells which entities a request may see.

    `base_url` is how users reach the service (`https://host`); None takes the address that a request came to.
    """

    entities: EntitySet
    database: Database
    base_url: str | None = None
    only: Callable[[Request], Sql] | None = None
    prefix: str = PREFIX

    def add(self, add: AddRoute) -> None:
        """Put the routes of the set on a service."""
        path = f"/{self.entities.name}"
        add(path, self.listing)
        add(f"{path}/$count", self.count)
        add(f"{path}({{key}})", self.one)
        for navigation in self.entities.navigations:
            add_belonging(add, self.entities.name, navigation.name, navigation.belonging, self._reader(navigation))
        add_properties(add, self.entities.name, self._entry)

    def listing(self, request: Request) -> Response:
        """A page of entities."""
        entities, only = self.entities, self._only(request)
        options = read_options(request.query_params.multi_items(), offer=entities.offer)
        if options.expand:
            options = evolve(options, top=min(options.top, EXPANDED_TOP))
        body: dict[str, Any] = {"@odata.context": f"{self._context}{options.selected}"}
        with bounded(self.database) as connection:
            if options.count:
                body["@odata.count"] = count(connection, entities, options, only)
            page = find_page(connection, entities, options, only)
            body["value"] = shown(connection, entities, page.rows, options)
        if page.after is not None:
            address = f"{root(request, self.base_url, self.prefix)}/{entities.name}"
            body["@odata.nextLink"] = next_link(address, options, len(page.rows), page.after)
        return reply(body)

    def count(self, request: Request) -> Response:
        """How many entities a filter selects, as plain text."""
        options = read_options(request.query_params.multi_items(), ["$filter", "$format"], self.entities.offer)
        with bounded(self.database) as connection:
            total = count(connection, self.entities, options, self._only(request))
        return PlainTextResponse(str(total), headers=VERSION)

    def one(self, request: Request, key: str) -> Response:
        """One entity."""
        options = read_options(request.query_params.multi_items(), _ONE, self.entities.offer)
        with bounded(self.database) as connection:
            row = find_one(connection, self.entities, key, self._only(request))
            (entry,) = shown(connection, self.entities, [row], options)
        return reply({"@odata.context": f"{self._context}{options.selected}/$entity", **entry})

    def _entry(self, request: Request, key: str) -> dict[str, Any]:
        with bounded(self.database) as connection:
            row = find_one(connection, self.entities, key, self._only(request))
        return _entry(self.entities, row, frozenset(self.entities.offer.selectable))

    def _reader(self, navigation: Navigation) -> Read:
        def read(request: Request, key: str) -> Any:
            with bounded(self.database) as connection:
                row = find_one(connection, self.entities, key, self._only(request))
                (value,) = navigation.read(connection, [row])
            return value

        return read

    @property
    def _context(self) -> str:
        return f"$metadata#{self.entities.name}"

    def _only(self, request: Request) -> Sql | None:
        return None if self.only is None else self.only(request)
