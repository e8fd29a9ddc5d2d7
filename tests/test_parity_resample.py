"""Compiled interpolation against the reference in float64."""

import numpy as np
import pytest
from tolerance import assert_contraction

import fastnn.functional as F
from fastnn.native import backend as native
from fastnn.reference import backend as reference


@pytest.fixture
def make(guards, rng, dtype):
    """make(shape): guarded random input, and itself in float64."""
    def of(shape, offset=0.0):
        values = (rng.standard_normal(shape) + offset).astype(dtype)
        return guards.input(values), values.astype(np.float64)

    return of


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("image, size", [((1, 1), (1, 1)), ((5, 7), (9, 16)), ((17, 3), (8, 33)), ((6, 6), (12, 12))],
                         ids=str)
def test_interpolation_is_the_references(image, size, mode, make, guards, dtype, threads):
    shape = (2, 3, *image)
    _, ctx = F.interpolate_forward(np.zeros(shape, dtype), size, mode=mode)
    (x, ex), (dy, edy) = make(shape), make(ctx.y_shape)
    y, dx = guards.output(dy.shape, dtype), guards.output(x.shape, dtype)
    exact, magnitude, exact_dx, magnitude_dx = (np.empty(array.shape) for array in (y, y, dx, dx))
    getattr(native, f"{mode}2d_forward")(x, y, *ctx.axes)
    getattr(native, f"{mode}2d_backward_input")(dy, dx, *ctx.axes)
    for source, result in ((ex, exact), (np.abs(ex), magnitude)):
        getattr(reference, f"{mode}2d_forward")(source, result, *ctx.axes)
    for source, result in ((edy, exact_dx), (np.abs(edy), magnitude_dx)):
        getattr(reference, f"{mode}2d_backward_input")(source, result, *ctx.axes)
    assert_contraction(y, exact, magnitude, 8)
    assert_contraction(dx, exact_dx, magnitude_dx, 8 * dy[0, 0].size)


def test_interpolation_has_the_same_bits_on_any_number_of_threads(dtype, bits_by_threads, rng):
    x = rng.standard_normal((7, 10, 13, 11)).astype(dtype)

    def run():
        for mode in ("nearest", "bilinear"):
            y, ctx = F.interpolate_forward(x, (20, 9), mode=mode)
            yield from (y, F.interpolate_backward(y, ctx))

    bits_by_threads(run)
