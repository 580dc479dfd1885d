"""A simulated wave mode data take of noise becomes an SLC product with an image of every vignette."""

import shutil
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from lxml import etree
from tests.kept import kept

from s1pdgs.formats.isp.codes import F_REF_HZ
from s1pdgs.formats.l1.annotation import Product, read_product
from s1pdgs.formats.l1.noise import read_noise
from s1pdgs.formats.listfile import read_list
from s1pdgs.processors.l1.packets import open_packets
from s1pdgs.simulator.plan import Plan, TakePlan

from . import readers
from .slices import Slice, noise_of_plan, process, run, write_slice

PLAN = Plan(takes=(TakePlan(mode="WV", duration_s=19.0, samples=1100, polarisation="SV"),), telemetry=None)
VIGNETTE_PRIS = 6042


@pytest.fixture(scope="module")
def made() -> Slice:
    return kept("noise-WV", lambda folder: write_slice(folder, *noise_of_plan(PLAN), mode="WV"))


@pytest.fixture(scope="module")
def products(made: Slice) -> dict[str, Path]:
    found = kept("noise-WV-products", lambda folder: process(made, folder, "WV_SLC__1S", "WV_GRDM_1S", "WV_SLC__1A"))
    return {product.name[7:14]: product for product in found}


@pytest.fixture(scope="module")
def product(products: dict[str, Path]) -> Path:
    return products["SLC__1S"]


def annotations(product: Path) -> list[Product]:
    paths = sorted((product / "annotation").glob("*.xml"), key=lambda path: path.stem[-3:])
    return [read_product(path) for path in paths]


def test_vignettes_are_named_and_numbered_as_in_real_products(product: Path) -> None:
    """`s1b-wv1-slc-vv-<start>-<stop>-<orbit>-<data take>-001` and the other beam next (S1B_WV_SLC__1SSV_20210403)."""
    stems = sorted((path.stem for path in (product / "measurement").iterdir()), key=lambda stem: stem[-3:])
    assert [(stem[4:15], stem[-3:]) for stem in stems] == [("wv1-slc-vv-", "001"), ("wv2-slc-vv-", "002")]
    manifest = (product / "manifest.safe").read_text()
    assert manifest.count("<safe:frame>") == 2
    assert "level-1/slc/standard/wvsp" in manifest
    assert "quick-look" not in manifest
    assert "<s1sarl1:swath>WV1</s1sarl1:swath>" in manifest
    assert "sliceProductFlag>false" in manifest


@pytest.mark.parametrize("kind", ["product", "calibration", "noise", "rfi"])
@pytest.mark.parametrize("name", ["SLC__1S", "GRDM_1S", "SLC__1A"])
def test_annotations_follow_their_schemas(products: dict[str, Path], name: str, kind: str) -> None:
    folder = products[name]
    schema = etree.XMLSchema(etree.parse(folder / "support" / f"s1-level-1-{kind}.xsd"))
    place = {"product": "annotation", "rfi": "annotation/rfi"}.get(kind, "annotation/calibration")
    paths = list((folder / place).glob("s1a-*.xml" if kind == "product" else f"{kind}-*.xml"))
    assert len(paths) == 2
    for path in paths:
        schema.assertValid(etree.parse(path))


def test_an_annotation_product_tells_the_same_without_pixels(products: dict[str, Path], product: Path) -> None:
    folder = products["SLC__1A"]
    assert folder.name.startswith("S1A_WV_SLC__1ASV_2026")
    assert sorted(path.name for path in folder.iterdir()) == ["annotation", "manifest.safe", "preview", "support"]
    assert [path.name for path in sorted(folder.rglob("annotation/*.xml"))] == [
        path.name for path in sorted(product.rglob("annotation/*.xml"))
    ]
    manifest = (folder / "manifest.safe").read_text()
    assert "level-1/slc/annotation/wvsp" in manifest
    assert "SAR Annotation L1 Product" in manifest
    assert "measurement/" not in manifest


def test_images_are_the_focused_middle_of_their_vignettes(made: Slice, product: Path) -> None:
    found = annotations(product)
    runs = [(name, first) for name in ("WV1", "WV2") for first, _ in made.take.program.bursts(name)]
    assert [one.ads_header.swath for one in found] == [name for name, _ in runs]
    for one, (_, first) in zip(found, runs, strict=True):
        header, information = one.ads_header, one.image_annotation.image_information
        begin = made.take.start + timedelta(seconds=_latch_s(made, first))
        lasts = timedelta(seconds=VIGNETTE_PRIS * information.azimuth_time_interval)
        assert header.mode == "WV"
        assert begin < header.start_time < header.stop_time < begin + lasts
        assert (header.stop_time - header.start_time).total_seconds() > 2.8
        assert information.product_composition == "Individual"
    gaps = [later.ads_header.start_time - earlier.ads_header.start_time for earlier, later in pairwise(found)]
    assert [gap.total_seconds() for gap in gaps] == pytest.approx([14.67], abs=0.15)


def _latch_s(made: Slice, packet: int) -> float:
    seconds, fraction = made.take.gps_time(np.array([0, packet]))
    origin = made.take.program.codes_at(np.array([0]))[0]
    return float(np.diff(seconds + fraction)[0]) + float(origin) / F_REF_HZ


def test_noise_of_a_vignette_is_the_same_along_it(product: Path) -> None:
    for path in sorted((product / "annotation/calibration").glob("noise-*.xml")):
        noise = read_noise(path)
        assert noise.noise_azimuth_vector_list == ()
        assert np.all(noise.noise_range_vector_list[0].noise_range_lut > 0.0)


@pytest.mark.parametrize("name", ["SLC__1S", "GRDM_1S"])
def test_readers_accept_every_vignette(products: dict[str, Path], name: str) -> None:
    folder = products[name]
    assert readers.gdal_reads(folder) == {"WV1_VV_001", "WV2_VV_002"}
    kind = name[:3].lower()
    assert readers.toolbox_reads(folder) == {f"s1a-wv1-{kind}-vv-001", f"s1a-wv2-{kind}-vv-002"}
    for group in ("WV1/VV", "WV2/VV/noise_azimuth"):
        assert xr.open_dataset(folder, group=group, engine="sentinel-1").attrs


def test_a_vignette_that_misses_most_of_its_lines_is_left_out_and_told(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / made.name
    shutil.copytree(made.folder / made.name, folder)
    (tmp_path / "auxiliary").symlink_to(made.folder / "auxiliary")
    (stream,) = [path for path in folder.glob("*.dat") if not path.stem.endswith(("annot", "index"))]
    packets = open_packets(stream)
    first = made.take.program.bursts("WV2")[0][0]
    stream.write_bytes(stream.read_bytes()[: packets.offsets[first + 2000]])
    damaged = Slice(tmp_path, made.name, made.take, "WV")
    assert 0 < run(damaged.order(tmp_path, "WV_SLC__1S"), monkeypatch) < 128
    assert "1 vignettes miss most of their lines and are left out" in capfd.readouterr().out
    (name,) = read_list(tmp_path / f"{tmp_path.name}.LIST")
    assert len(list((tmp_path / name / "measurement").iterdir())) == 1
