"""What the manifest of a Level-0 product says, as a value (S1PD.SP.00110.ASTR; order and names as in real products)."""

from datetime import datetime

from attrs import frozen

PRODUCT_FAMILIES = {"S": "standard", "A": "annotations", "C": "calibration", "N": "noise"}
CLASS_DESCRIPTIONS = {
    "S": "SAR Standard L0 product",
    "A": "SAR L0 Annotations product",
    "C": "SAR L0 Calibration product",
    "N": "SAR L0 Noise product",
}
SLICE_DESCRIPTION = "SAR Slice L0 product"
NSSDC_IDENTIFIERS = {"S1A": "2014-016A", "S1B": "2016-025A", "S1C": "2024-235A"}
UNKNOWN_NSSDC_IDENTIFIER = "0000-000A"


@frozen
class Facility:
    """Where a processing step ran and, where known, by which software."""

    country: str
    name: str
    organisation: str
    site: str
    software_name: str | None = None
    software_version: str | None = None


@frozen
class Resource:
    """What a processing step used: a document or data, the latter with the step that made them."""

    name: str
    role: str
    version: str | None = None
    processing: "Processing | None" = None


@frozen
class Processing:
    """One step of the product's history."""

    name: str
    start: datetime
    stop: datetime
    facility: Facility | None = None
    resources: tuple[Resource, ...] = ()


@frozen
class DataObject:
    """One file of the product: where it lies, its size in bytes and its MD5 (lower-case hex)."""

    href: str
    size: int
    md5: str


@frozen
class MeasurementQuality:
    """Packets of a measurement: present, missing and corrupted; Reed-Solomon counts where the product tells them."""

    elements: int
    missing: int
    corrupted: int
    rs_incorrigible: int | None = None
    rs_corrected: int | None = None
    rs_corrected_symbols: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The counts that are told, by the names and in the order of manifests."""
        counts = {
            "numOfElements": self.elements,
            "numOfMissingElements": self.missing,
            "numOfCorruptedElements": self.corrupted,
            "numOfRSIncorrigibleElements": self.rs_incorrigible,
            "numOfRSCorrectedElements": self.rs_corrected,
            "numOfRSCorrectedSymbols": self.rs_corrected_symbols,
        }
        return {name: count for name, count in counts.items() if count is not None}


@frozen
class MeasurementUnit:
    """One polarisation of the product: transmit and receive letters, origin, quality and files.

    Annotation and index are absent in products of class A.
    """

    polarisation: str
    packet_store_id: int
    average_bit_rate_bps: int
    quality: MeasurementQuality
    data: DataObject
    annotation: DataObject | None = None
    index: DataObject | None = None


@frozen
class SliceInformation:
    """The place of a slice in its data take."""

    number: int
    length_s: float
    overlap_s: float
    total: int | None = None
    data_take_start: datetime | None = None


@frozen
class OrbitReference:
    """Orbit numbers at start and stop, and the ascending node before the start."""

    start_orbit: int
    stop_orbit: int
    start_relative_orbit: int
    stop_relative_orbit: int
    cycle: int
    phase: int
    pass_direction: str
    ascending_node_time: datetime


@frozen
class CompressionTypes:
    """How echo, noise and calibration packets are coded: `FDBAQ_0`, `BAQ_5_BIT`, `BYPASS` ..."""

    echo: str
    noise: str
    calibration: str


@frozen
class L0Manifest:
    """The manifest of a slice, segment, annotation, calibration or noise product.

    `footprint`: (latitude, longitude) in degrees as listed; a closed ring, or two points for WV and RF. Times after
    the ascending node are in milliseconds. `swath` is set in StripMap and notch products. `units` are in the order of
    their numbers.
    """

    satellite: str
    mode: str
    swath: str | None
    start: datetime
    stop: datetime
    start_anx_ms: float
    stop_anx_ms: float
    product_class: str
    consolidation: str
    calibration_present: bool
    noise_present: bool
    instrument_configuration_id: int
    data_take_id: int
    compression: CompressionTypes
    units: tuple[MeasurementUnit, ...]
    orbit: OrbitReference
    processing: Processing
    footprint: tuple[tuple[float, float], ...]
    circulation_flag: int = 0
    sensing_consolidation: str | None = None
    slice: SliceInformation | None = None

    @property
    def class_description(self) -> str:
        """The long form of the product class."""
        return SLICE_DESCRIPTION if self.slice is not None else CLASS_DESCRIPTIONS[self.product_class]

    @property
    def version(self) -> str:
        """The XFDU version, which names the product's kind: `.../level-0/standard/iwdp`."""
        polarisations = "dp" if len(self.units) > 1 else "sp"
        kind = f"{PRODUCT_FAMILIES[self.product_class]}/{self.mode.lower()}{polarisations}"
        return f"esa/safe/sentinel-1.0/sentinel-1/sar/level-0/{kind}"
