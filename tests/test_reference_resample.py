"""adaptive_avg_pool2d and interpolate against their definitions and finite differences, on both backends."""

import math

import numpy as np
import pytest
from finite_differences import assert_gradients
from tolerance import assert_contraction

import fastnn.functional as F

pytestmark = pytest.mark.usefixtures("backend")

EXTENTS = {  # of x and of y
    "one": ((1, 1), (1, 1)), "to-one": ((5, 3), (1, 1)), "divides": ((6, 4), (3, 2)), "overlaps": ((7, 5), (3, 4)),
    "enlarges": ((3, 2), (7, 5)), "twice": ((3, 4), (6, 8)), "mixed": ((9, 2), (4, 5)), "same": ((4, 3), (4, 3)),
}  # fmt: skip
extents = pytest.mark.parametrize(("image", "size"), EXTENTS.values(), ids=EXTENTS)


@extents
def test_adaptive_avg_pool2d_is_the_mean_of_each_bin(image, size, dtype, rng):
    x = rng.standard_normal((2, 3, *image)).astype(dtype)
    y = F.adaptive_avg_pool2d(x, size)
    exact, magnitude = np.empty((2, 2, 3, *size))
    for p, q in np.ndindex(size):
        rows, columns = (slice(math.floor(i * n / m), math.ceil((i + 1) * n / m))
                         for i, n, m in zip((p, q), image, size))
        exact[..., p, q] = x[:, :, rows, columns].mean((2, 3), np.float64)
        magnitude[..., p, q] = np.abs(x[:, :, rows, columns]).mean((2, 3), np.float64)
    assert_contraction(y, exact, magnitude, math.prod(image) + 1)


@extents
def test_interpolate_nearest_reads_the_pixel_at_the_same_place(image, size, dtype, rng):
    x = rng.standard_normal((2, 3, *image)).astype(dtype)
    rows, columns = ([i * n // m for i in range(m)] for n, m in zip(image, size))
    np.testing.assert_array_equal(F.interpolate(x, size), x[:, :, rows][..., columns])


def position(p, n, m, align_corners):
    """Where on an axis of n pixels the centre of pixel p of m lies."""
    if align_corners:
        return p * (n - 1) / (m - 1) if m > 1 else 0
    return max((p + 0.5) * n / m - 0.5, 0)


@pytest.mark.parametrize("align_corners", [None, False, True])
@extents
def test_interpolate_bilinear_blends_the_four_pixels_around(image, size, align_corners, dtype, rng):
    x = rng.standard_normal((2, 3, *image)).astype(dtype)
    exact = np.empty((2, 3, *size))
    for p, q in np.ndindex(size):
        (h, w) = (position(i, n, m, align_corners) for i, n, m in zip((p, q), image, size))
        corners = [(math.floor(h), math.floor(w)), (h % 1, w % 1)]
        exact[..., p, q] = sum(
            x[:, :, min(corners[0][0] + r, image[0] - 1), min(corners[0][1] + s, image[1] - 1)].astype(np.float64)
            * (corners[1][0] if r else 1 - corners[1][0]) * (corners[1][1] if s else 1 - corners[1][1])
            for r in (0, 1) for s in (0, 1))
    assert_contraction(F.interpolate(x, size, None, "bilinear", align_corners), exact, np.abs(x).max(), 8)


@pytest.mark.parametrize("op, options", [
    ("adaptive_avg_pool2d", {}), ("interpolate", {}), ("interpolate", {"mode": "bilinear"}),
    ("interpolate", {"mode": "bilinear", "align_corners": True}),
], ids=["adaptive", "nearest", "bilinear", "corners"])
@extents
def test_gradients_match_finite_differences(image, size, op, options, rng):
    x, dy = rng.standard_normal((2, 2, *image)), rng.standard_normal((2, 2, *size))
    _, ctx = getattr(F, op + "_forward")(x, size, **options)
    assert_gradients(lambda x: getattr(F, op)(x, size, **options), [x], dy, [getattr(F, op + "_backward")(dy, ctx)])


@pytest.mark.parametrize("scale, size", [(2, (6, 10)), ((1.5, 0.5), (4, 2)), (np.float32(1), (3, 5)), (0.34, (1, 1))],
                         ids=str)
def test_interpolate_by_a_factor_rounds_the_extents_down(scale, size, rng):
    for mode in ("nearest", "bilinear"):
        assert F.interpolate(rng.standard_normal((1, 2, 3, 5)), scale_factor=scale, mode=mode).shape == (1, 2, *size)


def test_interpolate_by_a_factor_steps_by_the_factor_not_by_the_extents():
    x = np.arange(5.0).reshape(1, 1, 1, 5)
    by_factor = F.interpolate(x, scale_factor=(1, 1.7))  # 8 pixels, a step of 1/1.7
    np.testing.assert_array_equal(by_factor.ravel(), [0, 0, 1, 1, 2, 2, 3, 4])
    np.testing.assert_array_equal(F.interpolate(x, (1, 8)).ravel(), [0, 0, 1, 1, 2, 3, 3, 4])


def test_adaptive_avg_pool2d_keeps_an_extent_that_is_none(rng):
    x = rng.standard_normal((2, 6, 5))
    np.testing.assert_array_equal(F.adaptive_avg_pool2d(x, (None, 2)), F.adaptive_avg_pool2d(x[None], (6, 2))[0])
    np.testing.assert_array_equal(F.adaptive_avg_pool2d(x, None), x)


def test_resampling_of_no_images_makes_none(dtype):
    for op, size in (("adaptive_avg_pool2d", 2), ("adaptive_avg_pool2d", 3), ("interpolate", 7)):
        y, ctx = getattr(F, op + "_forward")(np.ones((0, 3, 4, 4), dtype), size)
        assert y.shape == (0, 3, size, size) and getattr(F, op + "_backward")(y, ctx).shape == (0, 3, 4, 4)
