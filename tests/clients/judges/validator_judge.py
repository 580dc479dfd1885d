"""`validator_judge.py SITE COLLECTION GEOMETRY`: stac-api-validator without a network.

The schemas of STAC are those that pystac brings; those of extensions are taken from the folder `STAC_EXTENSIONS` (by
`<name>-<version>.json`) where there is one, and hold everything valid otherwise.
"""

import json
import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pystac.validation
from stac_api_validator import __main__ as validator
from stac_validator import utilities, validate

site, collection, geometry = sys.argv[1:4]
brought = Path(str(files(pystac.validation))) / "jsonschemas"
extensions = Path(os.environ.get("STAC_EXTENSIONS", "/nowhere"))


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
    if not local.exists():
        assert host == "stac-extensions.github.io", f"no schema of {address}"
        return {"$id": address}
    return json.loads(local.read_text())


for module in (utilities, validate):
    if hasattr(module, "fetch_and_parse_schema"):
        module.fetch_and_parse_schema = schema
    if hasattr(module, "fetch_schema_with_override"):
        module.fetch_schema_with_override = lambda address, *_, **__: schema(address)
classes = ("core", "collections", "features", "item-search", "filter", "item-search#sort", "item-search#fields")
sys.argv[1:] = [
    "--root-url", f"{site}/stac", "--collection", collection, "--geometry", geometry, "--no-validate-pagination",
    "--fields-nested-property", "properties.sar:instrument_mode",
    *(word for name in classes for word in ("--conformance", name)),
]  # fmt: skip
validator.main()
