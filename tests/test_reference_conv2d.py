"""The reference of conv2d against its definition, term by term, and its gradients against finite differences."""

import itertools

import numpy as np
import pytest
from finite_differences import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import assert_contraction

from fastnn import reference
from fastnn.reference import backend as reference_backend


def terms(x_shape, weight_shape, y_shape, stride, pads, dilation, groups):
    """The definition: the indices (of y, of x, of weight) of each product that the convolution sums."""
    (_, channels, height, width), (n_filters, group_channels, n_rows, n_columns) = x_shape, weight_shape
    assert channels == groups * group_channels
    for n, k, p, q in np.ndindex(y_shape):
        first = k // (n_filters // groups) * group_channels
        for c, r, s in np.ndindex(group_channels, n_rows, n_columns):
            h = p * stride[0] - pads[0][0] + r * dilation[0]
            w = q * stride[1] - pads[1][0] + s * dilation[1]
            if 0 <= h < height and 0 <= w < width:
                yield (n, k, p, q), (n, first + c, h, w), (k, c, r, s)


def by_definition(x, weight, bias, dy, *geometry):
    """Return (y, dx, dweight, dbias) of the convolution, one product at a time."""
    y, dx, dweight = np.zeros_like(dy), np.zeros_like(x), np.zeros_like(weight)
    for i, j, k in terms(x.shape, weight.shape, y.shape, *geometry):
        y[i] += x[j] * weight[k]
        dx[j] += dy[i] * weight[k]
        dweight[k] += dy[i] * x[j]
    dbias = np.zeros(weight.shape[0])
    for i in np.ndindex(dy.shape):
        dbias[i[1]] += dy[i]
    return y if bias is None else y + bias[:, None, None], dx, dweight, dbias


@st.composite
def convolutions(draw):
    """(x's shape, weight's shape, stride, pads, dilation, groups) of a small convolution with at least one pixel."""
    def pair(low, high):
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    groups, kernel, stride, dilation = draw(st.integers(1, 3)), pair(1, 3), pair(1, 3), pair(1, 3)
    pads = pair(0, 3), pair(0, 3)
    smallest = [max(1, d * (k - 1) + 1 - sum(pad)) for k, d, pad in zip(kernel, dilation, pads)]
    image = [draw(st.integers(low, low + 4)) for low in smallest]
    channels, filters = pair(1, 2)
    x_shape = (draw(st.integers(0, 2)), groups * channels, *image)
    return x_shape, (groups * filters, channels, *kernel), stride, pads, dilation, groups


@settings(deadline=None, max_examples=200)
@given(convolutions(), st.sampled_from([np.float32, np.float64]), st.booleans(), st.integers(0, 2**32 - 1))
def test_conv2d_and_gradients_equal_the_definition(convolution, dtype, has_bias, seed):
    x_shape, weight_shape, *geometry = convolution
    rng = np.random.default_rng(seed)
    x, weight = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(weight_shape).astype(dtype)
    bias = rng.standard_normal(weight_shape[0]).astype(dtype) if has_bias else None

    y, ctx = reference.conv2d_forward(x, weight, bias, *geometry)
    dy = rng.standard_normal(y.shape).astype(dtype)
    found = (y, *reference.conv2d_backward(dy, ctx))
    exact = [None if array is None else array.astype(np.float64) for array in (x, weight, bias, dy)]
    wanted = by_definition(*exact, *geometry)
    sizes = by_definition(*(None if array is None else abs(array) for array in exact), *geometry)
    n_pixels = dy.size // weight_shape[0]
    n_terms = weight[0].size + 1, weight[:, 0].size, n_pixels, n_pixels
    for name, value, *bounds in zip(("y", "dx", "dweight", "dbias"), found, wanted, sizes, n_terms):
        if name == "dbias" and bias is None:
            assert value is None
        else:
            assert value.dtype == dtype
            assert_contraction(value, *bounds, name=name)


GRADIENT_CASES = {  # x's shape, weight's shape, stride, padding, dilation, groups
    "plain": ((2, 2, 5, 4), (3, 2, 3, 2), 1, 0, 1, 1),
    "stride": ((1, 2, 6, 5), (2, 2, 2, 3), (3, 2), 1, 1, 1),
    "padding-four-sided": ((1, 2, 4, 3), (2, 2, 3, 3), 1, ((2, 0), (1, 3)), 1, 1),
    "dilation": ((1, 1, 7, 6), (2, 1, 3, 2), 1, (1, 2), (2, 3), 1),
    "groups": ((1, 4, 4, 4), (6, 2, 2, 2), 1, 1, 1, 2),
    "depthwise-multiplier": ((1, 3, 4, 4), (6, 1, 3, 3), 2, 1, 1, 3),
    "same-even-kernel": ((1, 1, 5, 4), (1, 1, 4, 2), 2, "same", 1, 1),
    "kernel-larger-than-image": ((1, 1, 2, 2), (1, 1, 5, 5), 1, 2, 1, 1),
}


@pytest.mark.parametrize(("x_shape", "weight_shape", "geometry"),
                         [(x, w, g) for x, w, *g in GRADIENT_CASES.values()], ids=GRADIENT_CASES)
def test_conv2d_gradients_match_finite_differences(x_shape, weight_shape, geometry):
    rng = np.random.default_rng(2)
    arrays = [rng.standard_normal(shape) for shape in (x_shape, weight_shape, weight_shape[:1])]
    y, ctx = reference.conv2d_forward(*arrays, *geometry)
    dy = rng.standard_normal(y.shape)
    assert_gradients(lambda *values: reference.conv2d(*values, *geometry), arrays, dy,
                     reference.conv2d_backward(dy, ctx))


@pytest.mark.parametrize("wanted", list(itertools.product([True, False], repeat=3)), ids=str)
def test_conv2d_computes_only_the_gradients_needed(wanted):
    rng = np.random.default_rng(3)
    x, weight, bias = (rng.standard_normal(shape) for shape in ((2, 2, 4, 4), (3, 2, 3, 3), (3,)))
    y, ctx = reference.conv2d_forward(x, weight, bias)
    everything = reference.conv2d_backward(y, ctx)
    for needed, found, full in zip(wanted, reference.conv2d_backward(y, ctx, need=wanted), everything):
        assert (found is not None) == needed
        assert not needed or np.array_equal(found, full)


def test_conv2d_backend_overwrites_its_outputs_and_ignores_padding_beyond_the_last_window():
    rng = np.random.default_rng(4)
    x, weight, bias = (rng.standard_normal(shape) for shape in ((2, 3, 5, 6), (4, 3, 2, 2), (4,)))
    y, ctx = reference.conv2d_forward(x, weight, bias, stride=3, padding=1)
    dx, dweight, dbias = reference.conv2d_backward(y, ctx)
    outputs = [np.full_like(array, np.nan) for array in (y, dx, dweight, dbias)]
    reference_backend.conv2d_forward(x, weight, bias, outputs[0], ctx.geo)
    reference_backend.conv2d_backward_input(y, weight, outputs[1], ctx.geo)
    reference_backend.conv2d_backward_weight(y, x, outputs[2], outputs[3], ctx.geo)
    for found, wanted in zip(outputs, (y, dx, dweight, dbias)):
        np.testing.assert_array_equal(found, wanted)


def test_conv2d_keeps_nan_and_infinity_to_the_windows_that_see_them():
    x = np.ones((1, 1, 5, 5))
    x[0, 0, 0, 0], x[0, 0, 4, 4] = np.nan, np.inf
    y = reference.conv2d(x, np.ones((1, 1, 3, 3)), padding=1)[0, 0]
    assert np.array_equal(np.argwhere(np.isnan(y)), [[0, 0], [0, 1], [1, 0], [1, 1]])
    assert np.array_equal(np.argwhere(np.isinf(y)), [[3, 3], [3, 4], [4, 3], [4, 4]])


def test_conv2d_of_zero_channels_is_the_bias():
    y, ctx = reference.conv2d_forward(np.ones((2, 0, 3, 3)), np.ones((2, 0, 2, 2)), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(y, np.broadcast_to(np.array([1.0, 2.0])[:, None, None], (2, 2, 2, 2)))
    assert [g.shape for g in reference.conv2d_backward(y, ctx)] == [(2, 0, 3, 3), (2, 0, 2, 2), (2,)]
