"""Gates: where on the ground a chain processes, by the masks of the catalogue (coprs.md section 5.5).

The land mask tells how much of a scene is sea, for ocean products; the EW SLC mask tells where these are wanted. A gate
looks at the footprint of the product that triggers the order, each time that the order is looked at.
"""

import logging

import sqlalchemy as sa
from attrs import define, field
from shapely.geometry.base import BaseGeometry

from s1pdgs.catalogue.areas import AreaError, outline, share, united
from s1pdgs.catalogue.choice import choose
from s1pdgs.catalogue.query import Held
from s1pdgs.formats.masks import MaskError, parse_mask
from s1pdgs.formats.xml import MAX_DOCUMENT_BYTES, FormatError
from s1pdgs.storage.objects import ObjectStore, StorageError
from s1pdgs.triggers.chains import Chain, Gate
from s1pdgs.triggers.needs import Need
from s1pdgs.triggers.segments import UnitError
from s1pdgs.triggers.units import Moment

logger = logging.getLogger(__name__)

_KEPT = 4
_NOTHING = 1e-9


@define
class MaskShelf:
    """The masks of the catalogue as areas; the last few stay in memory."""

    store: ObjectStore | None = None
    _areas: dict[str, BaseGeometry] = field(factory=dict, init=False)

    def area(self, mask: Held) -> BaseGeometry:
        """The area of a mask. `FormatError`, `AreaError` or `StorageError` when it cannot be told."""
        if mask.name not in self._areas:
            read = united(parse_mask(self._bytes(mask), mask.name))
            for oldest in list(self._areas)[: len(self._areas) - _KEPT + 1]:
                del self._areas[oldest]
            self._areas[mask.name] = read
        return self._areas[mask.name]

    def _bytes(self, mask: Held) -> bytes:
        product = mask.product
        if self.store is None:
            raise StorageError(f"there is no object store to read {mask.name} from")
        if len(product.files) != 1 or product.size > MAX_DOCUMENT_BYTES:
            raise MaskError(
                f"{mask.name}: {len(product.files)} files of {product.size} bytes; a mask is one file of at most "
                f"{MAX_DOCUMENT_BYTES}"
            )
        return b"".join(self.store.read(f"{product.location}/{product.files[0].path}"))


class OutsideGate(UnitError):  # noqa: N818
    """A product does not lie where its chain processes; the message tells how much of it, the mask and the rule."""


def check(connection: sa.Connection, shelf: MaskShelf, chain: Chain, trigger: Held, moment: Moment) -> list[Need]:
    """Ask every gate of a chain; raises `OutsideGate` when one refuses the product.

    A product without an area on the ground passes, which is logged. A gate whose mask is not here waits for it unless
    an operator lets the order go on.
    """
    asked = (_ask(connection, shelf, chain, gate, trigger) for gate in chain.gates)
    lacking = [need for need in asked if need is not None]
    return [] if moment.released else lacking


def _ask(connection: sa.Connection, shelf: MaskShelf, chain: Chain, gate: Gate, trigger: Held) -> Need | None:
    """None when a product passes a gate, else the mask that the gate lacks; `OutsideGate` when it does not pass."""
    footprint = trigger.product.footprint
    try:
        scene = None if footprint is None else outline(footprint)
    except AreaError:
        scene = None
    if scene is None:
        logger.warning("chain %s: %s has no area on the ground; it passes the gate %s", chain.name, trigger.name, gate)
        return None
    mask = _mask(connection, gate, trigger)
    if mask is None:
        return _need(gate, trigger, f"the mask of the gate {gate}")
    try:
        area = shelf.area(mask)
    except (FormatError, AreaError, StorageError) as error:
        logger.error("chain %s: the gate %s cannot use its mask: %s", chain.name, gate, error)  # noqa: TRY400
        return _need(gate, trigger, f"one that can be used by the gate {gate}: {error}")
    inside = share(scene, area)
    part = inside if gate.side == "inside" else 1.0 - inside
    if part <= _NOTHING or 100.0 * part < gate.percent:
        raise OutsideGate(f"{100.0 * part:.1f} % of it lies {gate.side} {mask.name}; the gate wants {gate.wanted}")
    return None


def _mask(connection: sa.Connection, gate: Gate, trigger: Held) -> Held | None:
    return next(iter(choose(connection, gate.policy, [gate.mask], trigger.product.satellite, trigger.validity)), None)


def _need(gate: Gate, trigger: Held, detail: str) -> Need:
    return Need(f"gate {gate.mask}", (gate.mask,), trigger.validity, None, detail)
