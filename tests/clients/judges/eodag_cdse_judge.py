"""`eodag_cdse_judge.py SITE FOLDER`: eodag with the configuration that it ships for Copernicus (`cop_dataspace`), of
which only the addresses lead here, nobody logs in, and collections are product types; prints what it found as JSON."""

import json
import os
import sys
from pathlib import Path
from typing import Any

site, folder = sys.argv[1], Path(sys.argv[2])
os.environ |= {"EODAG_CFG_DIR": str(folder / "config"), "EODAG_EXT_COLLECTIONS_CFG_URI": "", "HOME": str(folder)}

import yaml  # noqa: E402  as below
from eodag import EODataAccessGateway, setup_logging  # noqa: E402  it reads the environment when imported
from eodag import __file__ as place  # noqa: E402  as above

shipped = (Path(place).parent / "resources" / "providers" / "cop_dataspace.yml").read_text()
provider = yaml.safe_load(shipped.replace("https://catalogue.dataspace.copernicus.eu", site))
ours = provider.pop("cop_dataspace")
del ours["auth"]
ours |= {"name": "cop_here", "products": {"S1_SAR_SLC": {"product:type": "IW_SLC__1S", "_collection": "SENTINEL-1"}}}
setup_logging(verbose=0)
dag = EODataAccessGateway()
dag.update_providers_config(yaml.safe_dump({"cop_here": ours}))
asked: dict[str, Any] = {
    "provider": "cop_here", "collection": "S1_SAR_SLC", "start": "2020-06-15", "end": "2020-06-16",
    "geom": [9, 44, 20, 48], "raise_errors": True,
}  # fmt: skip
first = dag.search(limit=1, count=True, **asked)
words = {
    "orbit": {"sat:absolute_orbit": 33000},
    "relative orbit": {"sat:relative_orbit": 1},
    "direction": {"sat:orbit_state": "ascending"},
    "polarisation": {"sar:polarizations": ["VV", "VH"]},
    "published": {"published_after": "2026-01-05T08:00:01Z"},
    "facility": {"processing:facility": "s1pdgs"},
}
found = {
    "matched": first.number_matched,
    "every": [
        one.properties["title"]
        for one in dag.search_all(limit=1, **{k: v for k, v in asked.items() if k != "raise_errors"})
    ],
    "by": {name: [one.properties["title"] for one in dag.search(**asked, **word)] for name, word in words.items()},
    "quicklook": Path(first[0].get_quicklook(output_dir=str(folder / "quicklooks"))).stat().st_size,
    "folder": Path(dag.download(first[0], output_dir=str(folder / "here"))).name,
}
json.dump(found, sys.stdout)
