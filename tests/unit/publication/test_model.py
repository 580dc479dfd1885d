"""`$metadata` and the replies agree: what is declared is served, and what is served is declared, type by type."""

import re
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from typing import Any

import httpx2
import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from s1pdgs.access.guard import Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.bus.courier import Courier
from s1pdgs.publication import auxip, cadip
from s1pdgs.publication.lta.door import ORDERS as RESTORES
from s1pdgs.publication.odata.entities import Edm, EntitySet
from s1pdgs.publication.odata.options import SELECTABLE
from s1pdgs.publication.on_demand.odata import ORDERS as DEMANDS
from s1pdgs.publication.on_demand.odata import workflow_set
from s1pdgs.publication.subscriptions.door import Desk
from s1pdgs.publication.subscriptions.model import Limits
from tests.databases import new_database
from tests.unit.publication.conftest import Segment, filled, new_segment

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
OWN = "OData.CSC."
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"
_PRIMITIVES: dict[str, Callable[[Any], bool]] = {
    "Edm.String": lambda value: isinstance(value, str),
    "Edm.Guid": lambda value: bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(value))),
    "Edm.Int32": lambda value: type(value) is int and abs(value) < 2**31,
    "Edm.Int64": lambda value: type(value) is int and -(2**63) <= value < 2**63,
    "Edm.Double": lambda value: type(value) in {int, float},
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.DateTimeOffset": lambda value: bool(re.fullmatch(_TIME, str(value))),
    "Edm.Geography": lambda value: str(value).startswith("geography'SRID=4326;") or {*value} == {"type", "coordinates"},
}
_WRITE_ONLY = {"NotificationEpUsername", "NotificationEpPassword"}


@frozen
class Model:
    """The types of a `$metadata` document, and what of a reply is not as they say."""

    types: dict[str, Any] = field(eq=False)
    sets: dict[str, str]

    @classmethod
    def of(cls, document: bytes) -> "Model":
        schema = etree.fromstring(document).find(f".//{EDM}Schema")
        types = {f"{schema.get('Namespace')}.{one.get('Name')}": one for one in schema if one.tag != f"{EDM}Action"}
        return cls(types, {one.get("Name"): one.get("EntityType") for one in schema.iter(f"{EDM}EntitySet")})

    def parts(self, name: str, kind: str) -> Iterator[Any]:
        """The properties of a type, with those of the types below it."""
        base = self.types[name].get("BaseType")
        if base is not None:
            yield from self.parts(base, kind)
        yield from self.types[name].iter(f"{EDM}{kind}")

    def faults(self, entry: dict[str, Any], name: str, selected: Sequence[str] | None = None) -> list[str]:
        """What of an entity, or of a complex value, is not as its type says; without the properties not selected."""
        name = entry.get("@odata.type", f"#{name}").removeprefix("#")
        declared = {one.get("Name"): one for one in self.parts(name, "Property") if one.get("Type") != "Edm.Stream"}
        navigations = {one.get("Name"): one for one in self.parts(name, "NavigationProperty")}
        missing = {*(declared if selected is None else selected)} - {*entry} - _WRITE_ONLY
        found = [f"{name}: {one} is missing" for one in sorted(missing)]
        for key, value in entry.items():
            prop = declared.get(key, navigations.get(key))
            if "@odata." in key:
                continue
            if prop is None:
                found.append(f"{name}: {key} is not declared")
            elif value is None:
                found += [f"{name}: {key} is null"] if prop.get("Nullable") == "false" else []
            else:
                found += [f"{key}: {fault}" for fault in self._of(value, prop.get("Type"))]
        return found

    def _of(self, value: Any, kind: str) -> list[str]:
        if kind.startswith("Collection("):
            return [fault for one in value for fault in self._of(one, kind[11:-1])]
        if kind in _PRIMITIVES:
            return [] if _PRIMITIVES[kind](value) else [f"{value!r} is no {kind}"]
        if self.types[kind].tag == f"{EDM}EnumType":
            members = [one.get("Name") for one in self.types[kind]]
            return [] if value in members else [f"{value!r} is none of {members}"]
        return self.faults(value, kind)


def model_of(name: str) -> Model:
    return Model.of((files("s1pdgs.publication") / "data" / f"{name}.edmx").read_bytes())


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segment]:
    """On one database: both give the same rows."""
    folder = tmp_path_factory.mktemp("shelf")
    with new_database("sqlite", folder) as database:
        yield filled(new_segment(database, folder))


def some_of(names: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)


@settings(max_examples=15, deadline=None)
@given(
    select=st.none() | some_of(SELECTABLE),
    expand=st.none() | some_of(["Attributes", "Quicklooks"]),
    order=st.sampled_from(["Name desc", "EvictionDate", "ContentDate/Start desc,ContentLength"]),
    top=st.integers(0, 12),
)
def test_every_reply_is_as_the_model_says(
    prip: httpx2.Client, select: list[str] | None, expand: list[str] | None, order: str, top: int
) -> None:
    model = Model.of(prip.get("/$metadata").content)
    options = {"$orderby": order, "$top": str(top), "$count": "true"}
    options |= {} if select is None else {"$select": ",".join(select)}
    options |= {} if expand is None else {"$expand": ",".join(expand)}
    body = prip.get("/Products", params=options).json()
    listed = "" if select is None else f"({','.join(sorted(select))})"
    assert body["@odata.context"] == f"$metadata#Products{listed}"
    assert body["@odata.count"] == 12
    assert len(body["value"]) == top
    for product in body["value"]:
        assert model.faults(product, model.sets["Products"], select) == []
        assert {*(expand or [])} <= {*product}


def test_a_reply_that_is_not_as_the_model_says_is_noticed(prip: httpx2.Client) -> None:
    model = model_of("prip")
    good = prip.get("/Products", params={"$top": "1", "$expand": "Attributes"}).json()["value"][0]
    assert model.faults(good, "OData.CSC.Product") == []
    spoilt: list[tuple[dict[str, Any], str]] = [
        ({"Id": "x"}, "'x' is no Edm.Guid"), ({"Size": 3}, "Size is not declared"), ({"Name": None}, "Name is null"),
        ({"ProductionType": "other"}, "'other' is none of"),
        ({"ContentDate": {"End": "2026-01-05T08:00:01Z"}}, "Start"),
        ({"Attributes": [{**good["Attributes"][0], "Value": 5}]}, "5 is no Edm.DateTimeOffset"),
    ]  # fmt: skip
    for change, told in spoilt:
        assert told in " ".join(model.faults({**good, **change}, "OData.CSC.Product"))


def subscriptions(segment: Segment) -> EntitySet:
    desk = Desk(segment.database, Guard(operator_gate(None)), Courier(), segment.clock, Limits())
    return desk.entities


@pytest.mark.parametrize(
    ("service", "entities"),
    [("prip", RESTORES), ("prip", DEMANDS), ("prip", workflow_set([])), ("prip", subscriptions),
     ("cadip", cadip.SESSIONS), ("cadip", cadip.FILES), ("auxip", auxip.PRODUCTS)],
    ids=["orders", "production orders", "workflows", "subscriptions", "sessions", "files", "auxiliary"],
)  # fmt: skip
def test_entity_sets_are_declared_as_they_are_served(
    service: str, entities: EntitySet | Callable[[Segment], EntitySet], shelf: Segment
) -> None:
    served, model = entities if isinstance(entities, EntitySet) else entities(shelf), model_of(service)
    name = model.sets[served.name]
    declared = {one.get("Name"): one for one in model.parts(name, "Property")}
    assert {one.name.partition("/")[0] for one in served.properties} == {*declared} - _WRITE_ONLY
    assert {one.name for one in served.navigations} == {
        one.get("Name") for one in model.parts(name, "NavigationProperty")
    }
    for one in served.properties:
        top, _, part = one.name.partition("/")
        told = declared[top]
        if part:
            told = next(inner for inner in model.parts(told.get("Type"), "Property") if inner.get("Name") == part)
        kind = told.get("Type")
        if one.type is Edm.ENUM:
            assert [member.get("Name") for member in model.types[kind]] == [str(member) for member in one.members]
        elif one.type is Edm.INTEGER:
            assert kind in {"Edm.Int32", "Edm.Int64"}, one.name
        elif one.type is not Edm.JSON:
            assert kind == f"Edm.{one.type.value}", one.name
        if one.column is not None:
            assert (told.get("Nullable") != "false") == one.nullable, one.name


@pytest.mark.parametrize("service", ["prip", "cadip", "auxip"])
def test_what_a_model_names_is_defined_in_it(service: str) -> None:
    model = model_of(service)
    document = etree.fromstring((files("s1pdgs.publication") / "data" / f"{service}.edmx").read_bytes())
    named = {
        value for one in document.iter() for name, value in one.items() if name in {"Type", "BaseType", "EntityType"}
    }
    own = {name.removeprefix("Collection(").rstrip(")") for name in named if OWN in name}
    assert own <= {*model.types}
    assert {name for name in named if OWN not in name and "(" not in name} <= {*_PRIMITIVES, "Edm.Stream"}
    for one in document.iter(f"{EDM}Function", f"{EDM}Action"):
        assert one.get("IsBound") == "true", "unbound ones would need an import"
    for one in document.iter(f"{EDM}Property"):
        assert one.get("Type") != "Edm.DateTimeOffset" or one.get("Precision") == "6", "without it, whole seconds"
    for one in document.iter(f"{EDM}EntityType"):
        keys = {key.get("Name") for key in one.iter(f"{EDM}PropertyRef")}
        assert keys <= {prop.get("Name") for prop in one.iter(f"{EDM}Property") if prop.get("Nullable") == "false"}
        assert keys or one.get("BaseType")
