"""`eodag_station_judge.py SITE FOLDER SESSION`: eodag asks our CADIP and AUXIP as rs-server lets it ask real stations:
sessions by satellite and time, files by session, auxiliary products by type and time; prints what it found as JSON.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

site, folder = sys.argv[1], Path(sys.argv[2])
os.environ |= {"EODAG_CFG_DIR": str(folder / "config"), "EODAG_EXT_COLLECTIONS_CFG_URI": "", "HOME": str(folder)}

from eodag import EODataAccessGateway, setup_logging  # noqa: E402  it reads the environment when imported


def provider(name: str, entity: str, terms: list[str], properties: dict[str, str], expand: str = "") -> str:
    """A provider of one entity set: filters are joined by `and`, pages go by $top and $skip."""
    address = f"{site}/{entity}"
    mapped = "\n".join(f"      '{key}': [null, '{path}']" for key, path in properties.items())
    joined = "\n".join(f'            - "{term}"' for term in terms)
    return f"""
{name}:
  search:
    type: ODataV4Search
    api_endpoint: '{address}'
    need_auth: false
    dont_quote: ['[', ']', '$', '=', '&', ':', '%']
    pagination:
      next_page_url_tpl: '{{url}}?{{search}}&$top={{limit}}&$skip={{skip}}&$orderby=PublicationDate%20desc{expand}'
      next_page_url_key_path: '$.["@odata.nextLink"]'
      next_page_token_key: skip
      parse_url_key: $skip
      count_tpl: '&$count=True'
      total_items_nb_key_path: '$."@odata.count"'
      max_limit: 1000
    results_entry: value
    free_text_search_operations:
      $filter:
        union: ' or '
        wrapper: '{{}}'
        operations:
          and:
{joined}
    discover_metadata: {{auto_discovery: false}}
    per_product_metadata_query: false
    metadata_mapping:
      uid: '$.Id'
{mapped}
      start_datetime: [null, '$.PublicationDate']
      end_datetime: [null, '$.PublicationDate']
      geometry: 'POLYGON((180 -90, 180 90, -180 90, -180 -90, 180 -90))'
      'order:status': 'succeeded'
      'eodag:download_link': '{address}({{uid}})/$value'
  products:
    GENERIC_COLLECTION: {{'product:type': '{{collection}}', _collection: '{{collection}}'}}
  download: {{type: HTTPDownload, extract: false, ssl_verify: false}}
"""


TIMES = [
    "PublicationDate gt {start_datetime#to_iso_utc_datetime}",
    "PublicationDate lt {end_datetime#to_iso_utc_datetime}",
]
ATTRIBUTE = (
    "Attributes/OData.CSC.StringAttribute/any(att:att/Name eq 'productType' and "
    "att/OData.CSC.StringAttribute/Value eq '{aux_type}')"
)
PROVIDERS = {
    "cadip_sessions": provider(
        "cadip_sessions", "cadip/odata/v1/Sessions", ["Satellite eq '{sat}'", "SessionId eq '{session}'", *TIMES],
        {"id": "$.SessionId", "title": "$.SessionId", "sat": "$.Satellite", "session": "$.SessionId"},
        "&$expand=Files",
    ),
    "cadip_files": provider(
        "cadip_files", "cadip/odata/v1/Files", ["SessionId eq '{session}'", *TIMES],
        {"id": "$.Id", "title": "$.Name", "session": "$.SessionId"},
    ),
    "auxip": provider(
        "auxip", "auxip/odata/v1/Products", [ATTRIBUTE, *TIMES],
        {"id": "$.Name", "title": "$.Name", "aux_type": "$.Name"}, "&$expand=Attributes",
    ),
}  # fmt: skip


def found(gateway: Any, name: str, **asked: str) -> dict[str, Any]:
    """All pages of a search of one record a page, and the file of its first record where it has one."""
    asked |= {"provider": name, "collection": "RAW", "start": "2026-01-01", "end": "2026-01-06"}
    every = gateway.search_all(limit=1, **asked)
    first = gateway.search(limit=1, count=True, raise_errors=True, **asked)
    told = {"matched": first.number_matched, "every": sorted(product.properties["title"] for product in every)}
    if name != "cadip_sessions":
        gateway.download(every[0], output_dir=str(folder / name))
        files = [path for path in (folder / name).rglob("*") if path.is_file() and path.parent.name != ".downloaded"]
        told["sha256"] = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
        told["first"] = every[0].properties["title"]
    return told


setup_logging(verbose=0)
dag = EODataAccessGateway()
for text in PROVIDERS.values():
    dag.update_providers_config(text)
answers = {
    "sessions": found(dag, "cadip_sessions", sat="S1A"),
    "files": found(dag, "cadip_files", session=sys.argv[3]),
    "auxiliary": found(dag, "auxip", aux_type="AUX_RESORB"),
}
json.dump(answers, sys.stdout)
