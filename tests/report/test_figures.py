"""The report's pictures as PNG files: what stands where, and how large."""

import io

import numpy as np
from PIL import Image

from termwise.report.figures import figures_of
from termwise.report.pictures import Pictures


def grey(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))[..., 0]


def test_each_row_of_originals_is_over_its_reconstructions():
    originals = np.linspace(0.1, 0.5, 17)[:, None, None] * np.ones((17, 8, 8))
    sheet = grey(figures_of(Pictures(originals=originals, reconstructions=originals + 0.4))["reconstructions"])
    assert sheet.shape == (4 * 48 + 3 * 6, 8 * 48 + 7 * 6)  # 16 of 17, eight in a row, a pixel as six
    shown = sheet[24::54, 24::54] / 255
    expected = np.concatenate([part for row in (originals[:8], originals[8:16]) for part in (row, row + 0.4)])
    np.testing.assert_allclose(shown.ravel(), expected[:, 0, 0], atol=0.002)


def test_fewer_examples_have_a_row_and_large_ones_are_left_as_they_are():
    images = np.zeros((3, 3, 64, 80))
    sheet = grey(figures_of(Pictures(originals=images, reconstructions=images, samples=images))["samples"])
    assert sheet.shape == (64, 3 * 80 + 2 * 5)


def test_what_is_no_image_has_no_figure():
    rows = np.zeros((4, 12))
    assert figures_of(Pictures(originals=rows, reconstructions=rows, samples=rows)) == {}
