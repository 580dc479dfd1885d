"""`cdse_client_judge.py SITE FOLDER`: cdse-client, whose addresses are fixed, looks products up by name and identifier,
downloads and verifies through an adapter that sends what is for Copernicus to us; prints what it found as JSON."""

import json
import sys
from typing import Any

import requests
from cdse.catalog import Catalog
from cdse.downloader import Downloader
from requests.adapters import HTTPAdapter

site, folder, name = sys.argv[1:4]
HOSTS = {"catalogue.dataspace.copernicus.eu", "zipper.dataspace.copernicus.eu"}


class Here(HTTPAdapter):
    """Sends every request for the Copernicus data space to the site."""

    def send(self, request: requests.PreparedRequest, *rest: Any, **options: Any) -> requests.Response:
        host, _, path = str(request.url).removeprefix("https://").partition("/")
        assert host in HOSTS, host
        request.url = f"{site}/{path}"
        return super().send(request, *rest, **options)


session = requests.Session()
session.mount("https://", Here())
catalogue, downloader = Catalog(session), Downloader(session, output_dir=folder)
exact = catalogue.search_by_name(name)
found = {
    "exact": exact.name,
    "prefix": catalogue.search_by_name(name[:20], exact=False).name,
    "by_id": catalogue.search_by_id(exact.id).name,
    "unknown": catalogue.search_by_name("S1A_NOTHING.SAFE"),
    "file": str(downloader.download_with_checksum(exact)),
    "size": downloader.get_product_info(exact.id)["ContentLength"],
}
json.dump(found, sys.stdout)
