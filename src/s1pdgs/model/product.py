"""A product: everything that the ground segment holds is one, whether downloaded or made here."""

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from s1pdgs.model.footprint import Footprint
from s1pdgs.model.interval import Interval
from s1pdgs.model.timeliness import Timeliness

AttributeValue = str | int | float | bool | datetime


@frozen
class StoredFile:
    """One file of a product: its path relative to the product, its size and checksums (lower-case hex)."""

    path: str
    size: int
    md5: str
    sha256: str


@frozen
class Product:
    """What the catalogue knows of a product.

    `type` is the product type of the task tables and catalogues (`S3_RAW__0S`, `S3_SLC__1S`, `AUX_RESORB`, `SESSION`).
    `satellite` is `S1A`..`S1D`, or `S1_` for files of the whole mission. `validity` is the sensing interval of
    instrument data and the validity of auxiliary files. `location` is the object-key prefix under which `files` lie.
    `t0` is when the last input became available at its source. `attributes` carry the OData attribute names.
    """

    name: str
    type: str
    satellite: str
    validity: Interval
    generation_time: datetime
    location: str
    files: tuple[StoredFile, ...]
    t0: datetime
    timeliness: Timeliness | None = None
    footprint: Footprint | None = None
    attributes: Mapping[str, AttributeValue] = field(factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)
