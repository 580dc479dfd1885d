"""Items and collections of every kind of product are held against the schemas of STAC and of all their extensions."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pystac.validation
import pytest
import shapely
from attrs import evolve
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from s1pdgs.publication.holdings import spans
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import Published, search
from s1pdgs.publication.stac_items import collection, item
from tests.databases import new_database
from tests.unit.publication.conftest import NOON, filled, new_segment

SITE = "https://pdgs.example"
EXTENSIONS = Path(__file__).parent / "schemas"
BROUGHT = Path(str(files(pystac.validation))) / "jsonschemas"


def schema(address: str) -> Any:
    """The schema of an address, from the disk."""
    host, _, path = address.partition("#")[0].removeprefix("https://").partition("/")
    if host == "stac-extensions.github.io":
        name, version = path.split("/")[:2]
        return json.loads((EXTENSIONS / f"{name}-{version}.json").read_text())
    if host == "schemas.stacspec.org":
        return json.loads((BROUGHT / "stac-spec" / path.split("/")[0] / path.rsplit("/", 1)[-1]).read_text())
    return json.loads((BROUGHT / "geojson" / path.rsplit("/", 1)[-1]).read_text())


REGISTRY: Registry[Any] = Registry(
    retrieve=lambda address: Resource.from_contents(schema(address), default_specification=DRAFT7)  # type: ignore[call-arg]
)


def faults(thing: dict[str, Any], address: str) -> list[str]:
    validator = Draft7Validator(schema(address), registry=REGISTRY, format_checker=FormatChecker())
    return [f"{list(one.absolute_path)}: {one.message}" for one in validator.iter_errors(thing)]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Published]:
    """One product of each type of the shelf, and what the catalogue may hold besides."""
    folder = tmp_path_factory.mktemp("kinds")
    with new_database("sqlite", folder) as database:
        filled(new_segment(database, folder))
        with database.read() as connection:
            found = {one.type: one for one in search(connection, ALWAYS).products}
    raw, slc = found["S3_RAW__0S"], found["IW_SLC__1S"]
    orbit = {"productType": ["String", "AUX_RESORB"], "processingCenter": ["String", "OPOD"]}
    return found | {
        "WV_OCN__2S": evolve(
            slc, type="WV_OCN__2S", attributes=slc.attributes | {"processingLevel": ["String", "LEVEL2"]}
        ),
        "IW_RAW__0N": evolve(raw, type="IW_RAW__0N", ring=None, area=None),
        "AUX_RESORB": evolve(
            raw, type="AUX_RESORB", ring=None, area=None, timeliness=None, attributes=orbit, quicklook=None
        ),
        "HK_RAW__0_": evolve(raw, type="HK_RAW__0_", ring=None, area=None, attributes={}),
        "EW_GRDM_1S": evolve(slc, type="EW_GRDM_1S", evicted_at=NOON, archived_at=NOON),
        "EW_SLC__1S": evolve(slc, type="EW_SLC__1S", evicted_at=NOON, files_evicted_at=NOON),
        "SM_SLC__1A": evolve(slc, type="SM_SLC__1A", name="S1A_SM_SLC__1ADV_é ü.SAFE", evict_at=NOON),
        "WV_SLC__1S": evolve(slc, type="WV_SLC__1S", area=shapely.to_wkb(shapely.box(-180, 70, 180, 90))),
    }


def test_items_of_every_kind_are_valid_with_all_their_extensions(published: dict[str, Published]) -> None:
    named = set()
    for kind, product in published.items():
        made = item(product, SITE, f"{SITE}/stac")
        for address in (
            "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json",
            *made["stac_extensions"],
        ):
            assert faults(made, address) == [], f"{kind} by {address}"
        prefixes = {name.partition(":")[0] for name in made["properties"] if ":" in name} - {"s1"}
        assert prefixes <= {address.split("/")[3] for address in made["stac_extensions"]}, kind
        named |= set(made["stac_extensions"])
    assert {address.split("/")[3] for address in named} == {
        path.name.split("-")[0] for path in EXTENSIONS.glob("*.json")
    }


def test_the_schemas_are_applied(published: dict[str, Published]) -> None:
    made = item(published["EW_GRDM_1S"], SITE, f"{SITE}/stac")
    spoilt: dict[str, Any] = {
        "sar": {"sar:polarizations": ["XX"]}, "sat": {"sat:orbit_state": "sideways"}, "order": {"order:status": 5},
        "processing": {"processing:software": "x"}, "product": {"product:timeliness": 5},
        "timestamps": {"expires": "tomorrow"},
    }  # fmt: skip
    for name, wrong in spoilt.items():
        (address,) = (one for one in made["stac_extensions"] if f"/{name}/" in one)
        assert faults({**made, "properties": made["properties"] | wrong}, address), name
    assets = {"product": made["assets"]["product"] | {"file:checksum": "no hex"}}
    assert faults({**made, "assets": assets}, "https://stac-extensions.github.io/file/v2.1.0/schema.json")


def test_collections_are_valid(tmp_path: Path) -> None:
    with new_database("sqlite", tmp_path) as database:
        filled(new_segment(database, tmp_path))
        with database.read() as connection:
            made = [collection(span, f"{SITE}/stac") for span in spans(connection)]
    assert len(made) == 3
    for one in made:
        address = "https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json"
        assert faults(one, address) == []
