"""`cdsetool_judge.py SITE FOLDER`: cdsetool, whose addresses are fixed, queries and downloads through an adapter that
sends what is for Copernicus to us; prints what it found as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

import requests
from cdsetool.credentials import Credentials
from cdsetool.download import download_features
from cdsetool.query import query_features
from requests.adapters import HTTPAdapter

site, folder = sys.argv[1], Path(sys.argv[2])


class Here(HTTPAdapter):
    """Sends every request for the Copernicus data space to the site."""

    def send(self, request: requests.PreparedRequest, *rest: Any, **options: Any) -> requests.Response:
        host, _, path = str(request.url).removeprefix("https://").partition("/")
        assert host in {"catalogue.dataspace.copernicus.eu", "download.dataspace.copernicus.eu"}, host
        request.url = f"{site}/{path}"
        return super().send(request, *rest, **options)


def session(*_: Any, **__: Any) -> requests.Session:
    made = requests.Session()
    made.mount("https://", Here())
    return made


class Anyone(Credentials):
    """Nobody asks who we are."""

    def __init__(self) -> None:
        pass

    get_session = session


Credentials.make_session = staticmethod(session)
asked = {
    "productType": "IW_SLC__1S", "contentDateStartGt": "2020-06-14", "top": 2, "orbitDirection": "ASCENDING",
    "geometry": "POLYGON((9 44,20 44,20 48,9 48,9 44))",
}  # fmt: skip
place = query_features("SENTINEL-1", asked)
every = query_features("SENTINEL-1", {"productType": "IW_SLC__1S", "top": 2, "contentDateStartGt": "2020-06-14"})
folder.mkdir(parents=True, exist_ok=True)
options = {"credentials": Anyone(), "download_attempts": 1}
found = {
    "matched": len(place),
    "names": [feature["Name"] for feature in place],
    "every": [feature["Name"] for feature in every],
    "files": list(download_features(place, str(folder), options)),
}
json.dump(found, sys.stdout)
