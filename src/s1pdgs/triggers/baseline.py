"""What an order may see of the catalogue: systematic work sees all but the products of campaigns and those that stand
apart, made with parameters that somebody wanted; a campaign sees its own products too, and only the auxiliary products
of its baseline.
"""

from collections.abc import Iterable
from datetime import datetime

from attrs import frozen

from s1pdgs.catalogue.query import Held
from s1pdgs.jobs.spec import OPTIONS

CAMPAIGN = "campaign"
"""The attribute that names the campaign which made a product."""


@frozen
class Baseline:
    """`as_of` admits auxiliary products that were catalogued until then, `only` those of these names; None is all."""

    campaign: str | None = None
    as_of: datetime | None = None
    only: frozenset[str] | None = None

    def visible(self, found: Iterable[Held]) -> list[Held]:
        """Products that are not of another campaign and do not stand apart."""
        return [
            held
            for held in found
            if held.product.attributes.get(CAMPAIGN) in (None, self.campaign) and OPTIONS not in held.product.attributes
        ]

    def inputs(self, found: Iterable[Held]) -> list[Held]:
        """Those that may be chosen as inputs from outside the unit."""
        return [held for held in self.visible(found) if self._is_own(held) or self._is_in(held)]

    def _is_own(self, held: Held) -> bool:
        return self.campaign is not None and held.product.attributes.get(CAMPAIGN) == self.campaign

    def _is_in(self, held: Held) -> bool:
        is_named = self.only is None or held.name in self.only
        return is_named and (self.as_of is None or held.catalogued_at <= self.as_of)


SYSTEMATIC = Baseline()
