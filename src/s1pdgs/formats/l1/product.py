"""A Level-1 product on disk: measurements, annotations, previews, schemas and manifest, all or nothing.

Folders and file names follow S1-RS-MDA-52-7441, section 4.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve, frozen

from s1pdgs.formats.files import land_folder, sync_directory, write_atomic
from s1pdgs.formats.l1.annotation import AdsHeader, GeolocationGridPoint, Product, product_xml
from s1pdgs.formats.l1.calibration import Calibration, calibration_xml
from s1pdgs.formats.l1.kml import map_overlay
from s1pdgs.formats.l1.manifest import DataObject, ImageObjects, L1Manifest, OrbitReference, Processing, SlicePlace
from s1pdgs.formats.l1.manifest_writer import write_manifest
from s1pdgs.formats.l1.measurement import MeasurementInfo, MeasurementWriter, PixelForm, open_measurement
from s1pdgs.formats.l1.noise import Noise, noise_xml
from s1pdgs.formats.l1.preview import product_preview
from s1pdgs.formats.l1.rfi import Rfi, rfi_xml
from s1pdgs.formats.l1.schemas import support_schemas
from s1pdgs.formats.names import ProductName, manifest_uid
from s1pdgs.formats.xml import FormatError

MANIFEST_NAME = "manifest.safe"
_CHUNK_BYTES = 1 << 20
_POLARISATION_CODES = {
    frozenset({"HH"}): "SH",
    frozenset({"VV"}): "SV",
    frozenset({"HH", "HV"}): "DH",
    frozenset({"VV", "VH"}): "DV",
    frozenset({"HV"}): "HV",
    frozenset({"VH"}): "VH",
}


@frozen(kw_only=True)
class ImageDataSets:
    """What is annotated about one image; the headers of all data sets are the same."""

    product: Product
    calibration: Calibration
    noise: Noise
    rfi: Rfi | None = None


@frozen(kw_only=True)
class ProductFacts:
    """What the manifest and the name tell beyond the annotations.

    `resolution`: `_` for SLC; F, H or M for GRD. `segment_start` is the sensing start of the first slice.
    `product_class` is S, or A for a product of annotations without measurements and quicklook.
    """

    orbit: OrbitReference
    processing: Processing
    segment_start: datetime
    resolution: str = "_"
    product_class: str = "S"


def file_stem(header: AdsHeader) -> str:
    """`s1a-s3-slc-vv-<start>-<stop>-<orbit>-<data take>-<image>`, lower case."""
    start, stop = (moment.strftime("%Y%m%dT%H%M%S") for moment in (header.start_time, header.stop_time))
    kind = f"{header.mission_id}-{header.swath}-{header.product_type}-{header.polarisation}"
    numbers = f"{header.absolute_orbit_number:06d}-{header.mission_data_take_id:06x}-{header.image_number:03d}"
    return f"{kind}-{start}-{stop}-{numbers}".lower()


class ProductDraft:
    """A product being made in a hidden folder beside its final place; a product of each class can be made of it."""

    def __init__(self, folder: Path, partial: Path) -> None:
        self._folder = folder
        self._partial = partial
        self._images: list[tuple[ImageDataSets, ImageObjects]] = []
        self._measurements: dict[str, DataObject] = {}
        self._quicklook: bytes | None = None
        for name in ("annotation/calibration", "measurement"):
            (partial / name).mkdir(parents=True)

    @contextmanager
    def measurement(self, header: AdsHeader, info: MeasurementInfo, form: PixelForm) -> Iterator[MeasurementWriter]:
        """The writer of the image that a header describes."""
        stem = file_stem(header)
        href = f"measurement/{stem}.tiff"
        with open_measurement(self._partial / href, info, form) as writer:
            yield writer
        self._measurements[stem] = _component(self._partial, href)

    def add_image(self, image: ImageDataSets) -> None:
        """Write the data sets of an image whose measurement was written.

        Raises `FormatError` when there is no such measurement or the headers differ.
        """
        header = image.product.ads_header
        stem = file_stem(header)
        if stem not in self._measurements:
            raise FormatError(f"image {stem} has no measurement; write it before its annotation")
        headers = [image.calibration.ads_header, image.noise.ads_header]
        if image.rfi is not None:
            headers.append(image.rfi.ads_header)
        if any(other != header for other in headers):
            raise FormatError(f"data sets of image {stem} have differing headers")
        rfi = None
        if image.rfi is not None:
            (self._partial / "annotation/rfi").mkdir(exist_ok=True)
            rfi = _write(self._partial, f"annotation/rfi/rfi-{stem}.xml", rfi_xml(image.rfi))
        objects = ImageObjects(
            product=_write(self._partial, f"annotation/{stem}.xml", product_xml(image.product)),
            noise=_write(self._partial, f"annotation/calibration/noise-{stem}.xml", noise_xml(image.noise)),
            calibration=_write(
                self._partial, f"annotation/calibration/calibration-{stem}.xml", calibration_xml(image.calibration)
            ),
            rfi=rfi,
            measurement=self._measurements[stem],
        )
        self._images.append((image, objects))

    def add_quicklook(self, png: bytes) -> None:
        """Take the quicklook; WV products have none."""
        self._quicklook = png

    def finish(self, facts: ProductFacts) -> Path:
        """Write previews, schemas and manifest, give the folder its name and return its path.

        A product of the same name is replaced. The one of class S takes the measurements from the draft. Raises
        `FormatError` when images and measurements do not match.
        """
        if not self._images or len(self._images) != len(self._measurements):
            raise FormatError(f"{len(self._measurements)} measurements and {len(self._images)} annotated images")
        self._images.sort(key=lambda entry: _manifest_order(entry[0].product.ads_header))
        return self._folder / land_folder(self._folder, lambda partial: self._fill(partial, facts))

    def _fill(self, partial: Path, facts: ProductFacts) -> str:
        standard = facts.product_class == "S"
        for path in (self._partial / "annotation").rglob("*.xml"):
            place = partial / path.relative_to(self._partial)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)
        for name in ("preview", "support"):
            (partial / name).mkdir()
        if standard:
            (self._partial / "measurement").rename(partial / "measurement")
        manifest = self._manifest(facts)
        if standard and self._quicklook is not None:
            manifest = evolve(manifest, quicklook=_write(partial, "preview/quick-look.png", self._quicklook))
        overlay = map_overlay(_corners([image.product for image, _ in self._images]))
        manifest = evolve(manifest, map_overlay=_write(partial, "preview/map-overlay.kml", overlay))
        preview = _write(partial, "preview/product-preview.html", product_preview(manifest))
        manifest = evolve(manifest, product_preview=preview)
        schemas = support_schemas(
            with_rfi=any(objects.rfi is not None for _, objects in self._images),
            with_quicklook=manifest.quicklook is not None,
            with_measurement=standard,
        )
        for name, data in schemas.items():
            _write(partial, f"support/{name}", data)
        document = write_manifest(manifest)
        _write(partial, MANIFEST_NAME, document)
        for folder, _, _ in os.walk(partial):
            sync_directory(Path(folder))
        return str(self._name(facts, manifest, manifest_uid(document)))

    def _manifest(self, facts: ProductFacts) -> L1Manifest:
        products = [image.product for image, _ in self._images]
        headers = [product.ads_header for product in products]
        first = products[0]
        information = first.image_annotation.image_information
        downlink = first.general_annotation.downlink_information_list[0].downlink_values
        start = min(header.start_time for header in headers)
        stop = max(header.stop_time for header in headers)
        node = facts.orbit.ascending_node_time
        composition = information.product_composition
        place = SlicePlace(
            segment_start=facts.segment_start,
            number=information.slice_number,
            total=len(information.slice_list),
        )
        nothing = DataObject("", 0, "")
        return L1Manifest(
            satellite=headers[0].mission_id,
            mode="SM" if headers[0].mode.startswith("S") else headers[0].mode,
            swaths=tuple(sorted({header.swath for header in headers})),
            product_type=headers[0].product_type,
            polarisations=_polarisations(headers),
            start=start,
            stop=stop,
            start_anx_ms=(start - node).total_seconds() * 1e3,
            stop_anx_ms=(stop - node).total_seconds() * 1e3,
            instrument_configuration_id=downlink.instrument_config_id,
            data_take_id=headers[0].mission_data_take_id,
            composition=composition,
            timeliness=first.general_annotation.product_information.timeliness_category,
            orbit=facts.orbit,
            processing=facts.processing,
            footprints=_footprints(products),
            images=tuple(
                objects if facts.product_class == "S" else evolve(objects, measurement=None)
                for _, objects in self._images
            ),
            map_overlay=nothing,
            product_preview=nothing,
            slice=place if composition == "Slice" else None,
            product_class=facts.product_class,
        )

    def _name(self, facts: ProductFacts, manifest: L1Manifest, uid: str) -> ProductName:
        header = self._images[0][0].product.ads_header
        polarisations = frozenset(manifest.polarisations)
        if polarisations not in _POLARISATION_CODES:
            raise FormatError(f"polarisations {', '.join(sorted(polarisations))} make no product")
        return ProductName(
            satellite=manifest.satellite,
            mode=header.mode,
            kind=manifest.product_type,
            resolution=facts.resolution,
            level=1,
            product_class=facts.product_class,
            polarisation=_POLARISATION_CODES[polarisations],
            start=manifest.start,
            stop=manifest.stop,
            orbit=facts.orbit.start_orbit,
            datatake=manifest.data_take_id,
            uid=uid,
        )


@contextmanager
def product_draft(folder: Path) -> Iterator[ProductDraft]:
    """A draft whose products appear in `folder` when they are finished; what is not finished leaves nothing behind."""
    with TemporaryDirectory(dir=folder, prefix=".", suffix=".part") as partial:
        yield ProductDraft(folder, Path(partial))


def _write(folder: Path, href: str, data: bytes) -> DataObject:
    write_atomic(folder / href, data)
    return DataObject(href, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())


def _component(folder: Path, href: str) -> DataObject:
    digest = hashlib.md5(usedforsecurity=False)
    path = folder / href
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return DataObject(href, path.stat().st_size, digest.hexdigest())


def _manifest_order(header: AdsHeader) -> tuple[str, int]:
    """Published manifests list polarisations by name, and image numbers within (GRD: VH-002 before VV-001)."""
    return ("" if header.mode == "WV" else header.polarisation, header.image_number)


def _polarisations(headers: list[AdsHeader]) -> tuple[str, ...]:
    """Co-polar first."""
    return tuple(sorted({header.polarisation for header in headers}, key=lambda name: (name[0] != name[1], name)))


def _point(product: Product, *, last_line: bool, last_pixel: bool) -> tuple[float, float]:
    """(latitude, longitude) of a corner of the geolocation grid."""

    def distance(point: GeolocationGridPoint) -> tuple[int, int]:
        return (point.line if last_line else -point.line, point.pixel if last_pixel else -point.pixel)

    corner = max(product.geolocation_grid.geolocation_grid_point_list, key=distance)
    return corner.latitude, corner.longitude


def _corners(products: list[Product]) -> list[tuple[float, float]]:
    """(latitude, longitude) of first line near, first line far, last line far and last line near, of all swaths."""
    ordered = sorted(products, key=lambda product: product.image_annotation.image_information.slant_range_time)
    near, far = ordered[0], ordered[-1]
    return [
        _point(near, last_line=False, last_pixel=False),
        _point(far, last_line=False, last_pixel=True),
        _point(far, last_line=True, last_pixel=True),
        _point(near, last_line=True, last_pixel=False),
    ]


def _footprints(products: list[Product]) -> tuple[tuple[tuple[float, float], ...], ...]:
    """One ring around all swaths, or one a vignette: last line near, last line far, first line far, first line near."""
    groups = [[product] for product in products] if products[0].ads_header.mode == "WV" else [products]
    rings = []
    for group in groups:
        first_near, first_far, last_far, last_near = _corners(group)
        rings.append((last_near, last_far, first_far, first_near))
    return tuple(rings)
