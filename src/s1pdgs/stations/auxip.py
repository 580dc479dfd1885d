"""Auxiliary files of an AUXIP station, or products of any service that speaks like a PRIP."""

import re
from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from s1pdgs.inbox.files import Announcement
from s1pdgs.stations import odata
from s1pdgs.stations.errors import StationAnswerError
from s1pdgs.stations.http import StationHttp
from s1pdgs.stations.odata import Parsed, Record


@frozen
class AuxipClient:
    """What can be asked of an AUXIP station."""

    http: StationHttp

    def products(self, after: datetime) -> Iterator[Parsed[Announcement]]:
        """Pages of the products published after a time whose names the profile wants. Raises `StationError`."""
        profile = self.http.profile
        options = {"$orderby": "PublicationDate asc"}
        if profile.publication_filter:
            options["$filter"] = f"PublicationDate gt {odata.literal(after)}"
        onward = odata.published_onward if profile.publication_filter else None
        for page in odata.pages(self.http, "Products", options, onward):
            yield odata.parsed(page, self._wanted)

    def file_url(self, remote_id: str) -> str:
        """Where the bytes of a product are."""
        return odata.entity_url(self.http, f"Products{odata.key(remote_id)}/$value")

    def _wanted(self, record: Record) -> Announcement | None:
        product = product_of(record, self.http.profile.name)
        return product if re.match(self.http.profile.match, product.name) else None


def product_of(record: Record, source: str) -> Announcement:
    """The product of an OData record. Raises `StationAnswerError` for one without what it needs or a hostile name."""
    name = odata.name_of(record, "Name")
    published = odata.moment_of(record, "PublicationDate")
    if published is None:
        raise StationAnswerError(f"product {name}: PublicationDate is missing")
    return Announcement(
        source=source,
        remote_id=odata.text_of(record, "Id"),
        name=name,
        published=published,
        size=odata.number_of(record, "ContentLength"),
        checksum=odata.checksum_of(record),
    )
