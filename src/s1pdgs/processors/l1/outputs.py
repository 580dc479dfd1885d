"""Which products a job order asks for: SLC, detected images of one resolution, and annotation products of either."""

import re

from attrs import frozen

from s1pdgs.formats.joborder import JobOrder
from s1pdgs.processors.l1.channel import GRD, SLC
from s1pdgs.processors.l1.errors import ProcessingError

_NAME = re.compile(r"[A-Z0-9]{2}_(SLC|GRD)([_FHM])_1([SA])")


@frozen
class Wanted:
    """The kinds of images to make (`SLC`, `GRD`), the resolution of detected ones, and the products of each kind: class
    S, which has the measurements, and class A, which has annotations alone.
    """

    kinds: tuple[str, ...]
    resolution: str
    classes: tuple[tuple[str, str], ...]

    def classes_of(self, kind: str) -> tuple[str, ...]:
        """The classes of products wanted of a kind."""
        return tuple(product_class for made, product_class in self.classes if made == kind)

    def resolution_of(self, kind: str) -> str:
        """The letter of the product's name."""
        return "_" if kind == SLC else self.resolution


def wanted_products(order: JobOrder) -> Wanted:
    """What the outputs of an order ask for; annotation products are made where they are mandatory only.

    Raises `ProcessingError` when that is nothing, or detected images of more than one resolution.
    """
    outputs = [entry for task in order.tasks for entry in task.outputs]
    asked = [
        (match[1], match[2], match[3])
        for entry in outputs
        if (match := _NAME.fullmatch(entry.file_type)) and (match[3] == "S" or entry.mandatory)
    ]
    if not asked:
        named = ", ".join(order.output_types()) or "nothing"
        raise ProcessingError(
            f"the job order asks for {named}; this processor makes products such as SM_SLC__1S, IW_GRDH_1S or "
            "EW_GRDM_1A, the last kind where it is mandatory"
        )
    resolutions = list(dict.fromkeys(resolution for kind, resolution, _ in asked if kind == GRD))
    if len(resolutions) > 1:
        raise ProcessingError(
            f"the job order asks for detected images of resolutions {', '.join(resolutions)}; order each by itself"
        )
    kinds = tuple(kind for kind in (SLC, GRD) if any(kind == found for found, _, _ in asked))
    classes = tuple(dict.fromkeys((kind, product_class) for kind, _, product_class in asked))
    return Wanted(kinds, resolutions[0] if resolutions else "H", classes)
