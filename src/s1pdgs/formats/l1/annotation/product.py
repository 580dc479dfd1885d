"""The product annotation of one polarisation and swath (S1-RS-MDA-52-7441, schema s1-level-1-product.xsd)."""

from pathlib import Path

from s1pdgs.formats.l1.annotation.general import GeneralAnnotation
from s1pdgs.formats.l1.annotation.geometry import (
    AntennaPatterns,
    CoordinateConversions,
    DopplerCentroid,
    GeolocationGrid,
    SwathMerging,
    SwathTiming,
)
from s1pdgs.formats.l1.annotation.header import AdsHeader
from s1pdgs.formats.l1.annotation.image import ImageAnnotation
from s1pdgs.formats.l1.annotation.quality import QualityInformation
from s1pdgs.formats.l1.records import document, read_document, record
from s1pdgs.formats.xml import read_xml

ROOT = "product"


@record
class Product:
    """Everything that is annotated about one image."""

    ads_header: AdsHeader
    quality_information: QualityInformation
    general_annotation: GeneralAnnotation
    image_annotation: ImageAnnotation
    doppler_centroid: DopplerCentroid
    antenna_pattern: AntennaPatterns
    swath_timing: SwathTiming
    geolocation_grid: GeolocationGrid
    coordinate_conversion: CoordinateConversions
    swath_merging: SwathMerging


def product_xml(product: Product) -> bytes:
    """The annotation as a document; `FormatError` names the element that cannot be written."""
    return document(ROOT, product)


def read_product(path: Path) -> Product:
    """Read an annotation file; `XmlError` names the file and the element at fault."""
    return read_document(read_xml(path), ROOT, Product, str(path))
