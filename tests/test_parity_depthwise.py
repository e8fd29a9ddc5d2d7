"""Compiled convolutions of one channel each against the reference: ISAs, threads, dtypes, borders and tile edges."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tolerance import assert_contraction

from fastnn import _geometry
from fastnn.native import backend as native
from fastnn.reference import backend as reference

# (x's shape, filters, kernel, stride, padding, dilation)
CONVOLUTIONS = {
    "3x3": ((2, 3, 14, 14), 3, (3, 3), 1, 1, 1),
    "3x3-1-wide": ((1, 2, 9, 1), 2, (3, 3), 1, 1, 1),
    "3x3-15-wide": ((1, 2, 9, 15), 2, (3, 3), 1, 1, 1),
    "3x3-16-wide": ((1, 2, 9, 16), 2, (3, 3), 1, 1, 1),
    "3x3-17-wide": ((1, 2, 9, 17), 2, (3, 3), 1, 1, 1),
    "3x3-33-wide-valid": ((1, 2, 7, 33), 2, (3, 3), 1, 0, 1),
    "3x3-large": ((1, 2, 70, 112), 2, (3, 3), 1, 1, 1),
    "3x3-very-wide": ((1, 2, 9, 1500), 2, (3, 3), 1, 1, 1),
    "3x3-s2": ((2, 3, 28, 28), 3, (3, 3), 2, 1, 1),
    "3x3-s2-odd": ((1, 2, 29, 67), 2, (3, 3), 2, 1, 1),
    "3x3-s2-valid": ((1, 2, 30, 31), 2, (3, 3), 2, 0, 1),
    "3x3-s1x2": ((1, 2, 20, 37), 2, (3, 3), (1, 2), 1, 1),
    "3x3-s3": ((1, 2, 20, 37), 2, (3, 3), 3, 1, 1),
    "3x3-s4x1": ((1, 2, 20, 37), 2, (3, 3), (4, 1), 1, 1),
    "3x3-multiplier": ((2, 3, 12, 18), 9, (3, 3), 1, 1, 1),
    "3x3-s2-multiplier": ((2, 3, 12, 38), 6, (3, 3), 2, 1, 1),
    "3x3-dilation2": ((1, 3, 20, 34), 3, (3, 3), 1, 2, 2),
    "3x3-wide-padding": ((1, 3, 5, 6), 3, (3, 3), 1, 7, 1),
    "3x3-s2-wide-padding": ((1, 3, 5, 6), 3, (3, 3), 2, 7, 1),
    "3x3-lopsided-padding": ((1, 3, 9, 19), 3, (3, 3), 2, ((0, 1), (2, 0)), 1),
    "5x5": ((1, 3, 17, 40), 3, (5, 5), 1, 2, 1),
    "7x7": ((2, 3, 25, 40), 3, (7, 7), 1, 3, 1),
    "7x7-on-7x7": ((3, 5, 7, 7), 5, (7, 7), 1, 3, 1),
    "7x7-across-planes": ((2, 35, 7, 7), 35, (7, 7), 1, 3, 1),
    "5x5-s2-across-planes": ((1, 17, 14, 14), 17, (5, 5), 2, 2, 1),
    "3x3-across-planes": ((3, 37, 4, 5), 37, (3, 3), 1, 1, 1),
    "3x3-across-planes-lopsided": ((2, 16, 6, 9), 16, (3, 3), 1, ((2, 0), (0, 1)), 1),
    "5x5-across-planes-cut": ((1, 18, 9, 9), 18, (5, 5), 1, 0, 1),
    "7x7-multiplier": ((1, 3, 12, 18), 6, (7, 7), 1, ((0, 5), (6, 1)), 1),
    "7x7-s2": ((1, 3, 30, 40), 3, (7, 7), 2, 3, 1),
    "1x7": ((1, 3, 11, 40), 3, (1, 7), 1, (0, 3), 1),
    "5x1-s2": ((1, 3, 21, 19), 3, (5, 1), 2, (2, 0), 1),
    "1x1": ((1, 3, 11, 20), 3, (1, 1), 1, 0, 1),
    "1x1-s2": ((1, 3, 11, 20), 3, (1, 1), 2, 0, 1),
    "one-channel": ((2, 1, 11, 20), 4, (3, 3), 1, 1, 1),
}


def run(backend, guards, x, weight, bias, dy, geo):
    """Return y, dx, dweight, dbias."""
    y, dx, dweight, dbias = (guards.output(a.shape, a.dtype) for a in (dy, x, weight, bias))
    x, weight, bias, dy = map(guards.input, (x, weight, bias, dy))
    backend.conv2d_forward(x, weight, bias, y, geo)
    backend.conv2d_backward_input(dy, weight, dx, geo)
    backend.conv2d_backward_weight(dy, x, dweight, dbias, geo)
    return y, dx, dweight, dbias


def make(convolution, dtype, seed):
    x_shape, filters, kernel, stride, padding, dilation = convolution
    w_shape = (filters, 1, *kernel)
    geo, y_shape = _geometry.conv2d(x_shape, w_shape, (filters,), stride, padding, dilation, x_shape[1], "auto")
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s).astype(dtype) for s in (x_shape, w_shape, (filters,), y_shape)], geo


def check(guards, convolution, dtype, seed=0):
    arrays, geo = make(convolution, dtype, seed)
    taps, each = arrays[1][0].size, arrays[1].shape[0] // arrays[0].shape[1]
    windows = arrays[3].size // arrays[3].shape[1]
    exact = run(reference, guards, *(a.astype(np.float64) for a in arrays), geo)
    bounds = run(reference, guards, *(np.abs(a, dtype=np.float64) for a in arrays), geo)
    found = run(native, guards, *arrays, geo)
    for name, terms, *values in zip(("y", "dx", "dweight", "dbias"), (taps + 1, taps * each, windows, windows), found,
                                    exact, bounds):
        assert_contraction(*values, terms, name=name)


@pytest.mark.parametrize("convolution", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_depthwise_matches_the_reference(isa, threads, dtype, guards, convolution):
    check(guards, convolution, dtype)


@st.composite
def convolutions(draw):
    kernel, stride, dilation = [tuple(draw(st.integers(1, top)) for _ in range(2)) for top in (5, 3, 3)]
    padding = tuple(tuple(draw(st.integers(0, 4)) for _ in range(2)) for _ in range(2))
    image = [max(1, d * (k - 1) + 1 - sum(p)) + draw(st.integers(0, 40)) for k, d, p in zip(kernel, dilation, padding)]
    channels = draw(st.integers(1, 3))
    return (draw(st.integers(1, 2)), channels, *image), channels * draw(
        st.integers(1, 2)), kernel, stride, padding, dilation


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(convolutions(), st.sampled_from("fd"), st.integers(0, 2**32 - 1))
def test_any_depthwise_matches_the_reference(guards, convolution, dtype, seed):
    check(guards, convolution, np.dtype(dtype), seed)


@pytest.mark.parametrize("name", ["3x3", "3x3-s2", "3x3-multiplier", "5x5", "7x7-across-planes", "5x5-s2-across-planes",
                                  "3x3-across-planes"])
def test_depthwise_gives_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads, name):
    arrays, geo = make(CONVOLUTIONS[name], dtype, 1)
    bits_by_threads(lambda: run(native, guards, *arrays, geo))


@pytest.mark.parametrize("name", ["3x3", "3x3-s2", "3x3-17-wide", "5x5", "5x5-across-planes-cut",
                                  "7x7-across-planes"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1, 3], ids=["x", "weight", "dy"])
def test_depthwise_spreads_non_finite_values_as_the_reference(isa, dtype, guards, name, which, value):
    arrays, geo = make(CONVOLUTIONS[name], dtype, 2)
    arrays[which][0 if which != 1 else 1, ..., -1, -1] = value
    for found, wanted in zip(run(native, guards, *arrays, geo), run(reference, guards, *arrays, geo)):
        np.testing.assert_array_equal(np.where(np.isfinite(found), 0, found), np.where(np.isfinite(wanted), 0, wanted))
