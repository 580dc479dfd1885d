"""The quicklook: averaged power, stretched to eight bits."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from s1pdgs.formats.l1.quicklook import QuicklookGrid, quicklook_png, reduction_factor
from s1pdgs.formats.xml import FormatError


def test_cells_average_power_whatever_the_blocks() -> None:
    rng = np.random.default_rng(3)
    pixels = (rng.normal(size=(26, 33)) + 1j * rng.normal(size=(26, 33))).astype(np.complex64)
    grid = QuicklookGrid(26, 33, 5, 4)
    for first in (7, 0, 21):
        grid.add(first, pixels[first : {7: 21, 0: 7, 21: 26}[first]])
    cells = np.abs(pixels[:25, :32]).reshape(5, 5, 8, 4)
    np.testing.assert_allclose(grid.amplitude, np.sqrt((cells**2).mean(axis=(1, 3))), rtol=1e-6)


def test_unsigned_amplitudes_do_not_overflow() -> None:
    grid = QuicklookGrid(2, 2, 2, 2)
    grid.add(0, np.full((2, 2), 60_000, np.uint16))
    assert grid.amplitude[0, 0] == 60_000.0


def test_two_polarisations_make_red_green_and_their_ratio_blue() -> None:
    co_polar = np.array([[0.0, 100.0, 100.0, 50.0]])
    cross_polar = np.array([[0.0, 50.0, 100.0, 0.0]])
    image = np.asarray(Image.open(BytesIO(quicklook_png(co_polar, cross_polar))))
    assert image.shape == (1, 4, 3)
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[0, 1].tolist() == pytest.approx([255, 129, 255], abs=3)
    assert image[0, 2].tolist() == pytest.approx([255, 255, 129], abs=3)
    assert image[0, 3].tolist() == pytest.approx([128, 0, 0], abs=3)


def test_one_polarisation_is_grey() -> None:
    image = Image.open(BytesIO(quicklook_png(np.array([[1.0, 2.0], [0.0, 2.0]]))))
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[128, 255], [0, 255]]


def test_a_product_without_echoes_is_black() -> None:
    assert not np.asarray(Image.open(BytesIO(quicklook_png(np.zeros((3, 3)))))).any()


def test_shapes_that_make_no_image_are_refused() -> None:
    with pytest.raises(FormatError, match="make no image"):
        quicklook_png(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(FormatError, match="do not fit 3 lines"):
        QuicklookGrid(3, 10, 4, 1)


def test_the_reduction_brings_a_size_below_its_target() -> None:
    assert [reduction_factor(size, 600) for size in (10, 600, 601, 20_000)] == [1, 1, 2, 34]
