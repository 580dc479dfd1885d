"""`eodag_judge.py SITE FOLDER`: eodag searches, pages and downloads by OData and by STAC; prints what it
found as JSON."""

import json
import os
import sys
from pathlib import Path
from typing import Any

site, folder = sys.argv[1], Path(sys.argv[2])
os.environ |= {"EODAG_CFG_DIR": str(folder / "config"), "EODAG_EXT_COLLECTIONS_CFG_URI": "", "HOME": str(folder)}

from eodag import EODataAccessGateway, setup_logging  # noqa: E402  it reads the environment when imported

PRIP = f"""
our_prip:
  search:
    type: ODataV4Search
    api_endpoint: '{site}/odata/v1/Products'
    need_auth: false
    dont_quote: ['[', ']', '$', '=', '&', ':', '%']
    pagination:
      next_page_url_tpl: '{{url}}?{{search}}&$top={{limit}}&$skip={{skip}}&$expand=Attributes'
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
            - "OData.CSC.Intersects(area=geography'{{geometry#to_ewkt}}')"
            - "Attributes/OData.CSC.StringAttribute/any(att:att/Name eq 'productType' and
               att/OData.CSC.StringAttribute/Value eq '{{product:type}}')"
            - "ContentDate/Start lt {{end_datetime#to_iso_utc_datetime}}"
            - "ContentDate/End gt {{start_datetime#to_iso_utc_datetime}}"
    discover_metadata: {{auto_discovery: false}}
    per_product_metadata_query: false
    metadata_pre_mapping: {{metadata_path: '$.Attributes', metadata_path_id: Name, metadata_path_value: Value}}
    metadata_mapping:
      uid: '$.Id'
      'product:type': [null, '$.Attributes.productType']
      id: [null, '{{$.Name#remove_extension}}']
      title: '{{$.Name#remove_extension}}'
      start_datetime: [null, '$.ContentDate.Start']
      end_datetime: [null, '$.ContentDate.End']
      geometry: [null, '{{$.Footprint#from_ewkt}}']
      'order:status': '{{$.Online#get_group_name((?P<succeeded>True)|(?P<orderable>False))}}'
      'eodag:download_link': '{site}/odata/v1/Products({{uid}})/$value'
  products:
    GENERIC_COLLECTION: {{'product:type': '{{collection}}', _collection: '{{collection}}'}}
  download: {{type: HTTPDownload, extract: true}}
"""


def found(gateway: Any, provider: str) -> dict[str, Any]:
    """All pages of a search by type, time and place, and the files of its first product."""
    asked = {
        "provider": provider, "collection": "IW_SLC__1S", "start": "2020-06-15", "end": "2020-06-16",
        "geom": [9, 44, 20, 48], "raise_errors": True,
    }  # fmt: skip
    first = gateway.search(limit=1, count=True, **asked)
    every = gateway.search_all(limit=1, **{name: value for name, value in asked.items() if name != "raise_errors"})
    place = Path(gateway.download(first[0], output_dir=str(folder / provider)))
    files = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
    return {
        "matched": first.number_matched,
        "first": [product.properties["title"] for product in first],
        "every": [product.properties["title"] for product in every],
        "areas": [product.geometry.bounds for product in every],
        "folder": place.name,
        "files": files,
    }


setup_logging(verbose=0)
dag = EODataAccessGateway()
dag.update_providers_config(PRIP)
dag.add_provider("our_stac", f"{site}/stac/search", priority=1)
told: dict[str, Any] = {"odata": found(dag, "our_prip"), "stac": found(dag, "our_stac")}
by_property = {"sat:orbit_state": "ascending", "sat:absolute_orbit": 33009, "sar:polarizations": ["VH", "VV"]}
asked = {"provider": "our_stac", "collection": "IW_SLC__1S", "count": True, "raise_errors": True}
told["chosen"] = {name: dag.search(**asked, **{name: value}).number_matched for name, value in by_property.items()}
json.dump(told, sys.stdout)
