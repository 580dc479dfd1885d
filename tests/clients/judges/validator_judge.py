"""`validator_judge.py SITE COLLECTION GEOMETRY`: stac-api-validator without a network.

The schemas of STAC are those that pystac brings, those of extensions the ones that the unit tests keep.
"""

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pystac.validation
from stac_api_validator import __main__ as validator
from stac_validator import utilities, validate

site, collection, geometry = sys.argv[1:4]
brought = Path(str(files(pystac.validation))) / "jsonschemas"
extensions = Path(__file__).resolve().parents[2] / "unit" / "publication" / "schemas"


def schema(address: str) -> Any:
    """The schema of an address."""
    name = address.partition("#")[0].removeprefix("https://")
    host, _, path = name.partition("/")
    if host == "stac-extensions.github.io":
        extension, version = path.split("/")[:2]
        local = extensions / f"{extension}-{version}.json"
    elif host == "schemas.stacspec.org":
        local = brought / "stac-spec" / path.split("/")[0] / path.rsplit("/", 1)[-1]
    else:
        local = brought / "geojson" / path.rsplit("/", 1)[-1]
    assert local.exists(), f"no schema of {address}"
    return json.loads(local.read_text())


for module in (utilities, validate):
    if hasattr(module, "fetch_and_parse_schema"):
        module.fetch_and_parse_schema = schema
    if hasattr(module, "fetch_schema_with_override"):
        module.fetch_schema_with_override = lambda address, *_, **__: schema(address)
classes = (
    "core", "collections", "features", "item-search", "filter", "item-search#sort", "item-search#fields",
    "item-search#query",
)  # fmt: skip
orbits = ("eq", "33003"), ("neq", "33003"), ("lt", "33005"), ("lte", "33005"), ("gt", "33001"), ("gte", "33001")
sys.argv[1:] = [
    "--root-url", f"{site}/stac", "--collection", collection, "--geometry", geometry, "--no-validate-pagination",
    "--fields-nested-property", "properties.sar:instrument_mode",
    "--query-comparison-field", "sat:absolute_orbit",
    *(word for name, value in orbits for word in (f"--query-{name}-value", value)),
    "--query-substring-field", "platform", "--query-starts-with-value", "sentinel", "--query-ends-with-value", "1a",
    "--query-contains-value", "nel-1", "--query-in-field", "sar:polarizations", "--query-in-values", "VV,HH",
    *(word for name in classes for word in ("--conformance", name)),
]  # fmt: skip
validator.main()
