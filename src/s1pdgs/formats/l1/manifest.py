"""The manifest of a Level-1 product as a value (S1-RS-MDA-52-7441, section 4; names and order as in real products)."""

from datetime import datetime

from attrs import frozen

from s1pdgs.formats.l0.manifest import DataObject, Facility, OrbitReference, Processing, Resource

__all__ = [
    "DataObject",
    "Facility",
    "ImageObjects",
    "L1Manifest",
    "OrbitReference",
    "Processing",
    "Resource",
    "SlicePlace",
]

CLASS_DESCRIPTIONS = {"S": "SAR Standard L1 Product", "A": "SAR Annotation L1 Product"}


@frozen(kw_only=True)
class ImageObjects:
    """The files of one image; annotation products have no measurement."""

    product: DataObject
    noise: DataObject
    calibration: DataObject
    measurement: DataObject | None
    rfi: DataObject | None = None


@frozen(kw_only=True)
class SlicePlace:
    """The place of a slice in its segment."""

    segment_start: datetime
    number: int
    total: int


@frozen(kw_only=True)
class L1Manifest:
    """What the manifest of an SLC or GRD product says.

    `mode` is SM, IW, EW or WV; `swaths` those of the images (IW for a merged GRD); `polarisations` with the co-polar
    one first; `footprints` rings of (latitude, longitude) in degrees, one a frame, not closed; times after the
    ascending node in milliseconds; `quicklook` is absent in WV products.
    """

    satellite: str
    mode: str
    swaths: tuple[str, ...]
    product_type: str
    polarisations: tuple[str, ...]
    start: datetime
    stop: datetime
    start_anx_ms: float
    stop_anx_ms: float
    instrument_configuration_id: int
    data_take_id: int
    composition: str
    timeliness: str
    orbit: OrbitReference
    processing: Processing
    footprints: tuple[tuple[tuple[float, float], ...], ...]
    images: tuple[ImageObjects, ...]
    map_overlay: DataObject
    product_preview: DataObject
    quicklook: DataObject | None = None
    slice: SlicePlace | None = None
    product_class: str = "S"

    @property
    def version(self) -> str:
        """The XFDU version, which names the product's kind: `.../level-1/slc/standard/smdp`."""
        polarisations = "dp" if len(self.polarisations) > 1 else "sp"
        family = "standard" if self.product_class == "S" else "annotation"
        kind = f"{self.product_type}/{family}/{self.mode}{polarisations}".lower()
        return f"esa/safe/sentinel-1.0/sentinel-1/sar/level-1/{kind}"
