"""conv1d, max_pool1d and conv_transpose2d against their definitions and finite differences, on both backends."""

import numpy as np
import pytest
from finite_differences import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import assert_contraction

import fastnn
import fastnn.functional as F


def conv1d_terms(x_shape, weight_shape, y_shape, stride, padding, dilation):
    """The indices (of y, of x, of weight) of each product that a convolution of sequences sums."""
    group_size = weight_shape[0] * weight_shape[1] // x_shape[1]  # filters of a group
    for n, k, q in np.ndindex(y_shape):
        for c, s in np.ndindex(weight_shape[1:]):
            position = q * stride - padding + s * dilation
            if 0 <= position < x_shape[2]:
                yield (n, k, q), (n, k // group_size * weight_shape[1] + c, position), (k, c, s)


def transposed_terms(x_shape, weight_shape, y_shape, stride, padding, dilation):
    """The same of a transposed convolution: pixel (h, w) of x puts weight[:, :, r, s] at h*stride - padding + ..."""
    groups = y_shape[1] // weight_shape[1]
    for n, c, h, w in np.ndindex(x_shape):
        for k, r, s in np.ndindex(weight_shape[1:]):
            p, q = (i * stride[a] - padding[a] + t * dilation[a] for a, (i, t) in enumerate(((h, r), (w, s))))
            if 0 <= p < y_shape[2] and 0 <= q < y_shape[3]:
                yield (n, c // (x_shape[1] // groups) * weight_shape[1] + k, p, q), (n, c, h, w), (c, k, r, s)


def by_definition(terms, x, weight, bias, dy, *geometry):
    """Return (y, dx, dweight, dbias), one product at a time."""
    y, dx, dweight = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(weight.shape)
    for i, j, k in terms(x.shape, weight.shape, y.shape, *geometry):
        y[i] += x[j] * weight[k]
        dx[j] += dy[i] * weight[k]
        dweight[k] += dy[i] * x[j]
    spatial = tuple(range(2, dy.ndim))
    return y + np.expand_dims(bias, tuple(range(1, dy.ndim - 1))), dx, dweight, dy.sum((0, *spatial))


def assert_defined(op, terms, arrays, options, geometry, rng):
    """Check op and its gradients against the definition, each to the rounding of its sums."""
    y, ctx = getattr(F, op + "_forward")(*arrays, **options)
    dy = rng.standard_normal(y.shape).astype(y.dtype)
    found = y, *getattr(F, op + "_backward")(dy, ctx)
    exact = [array.astype(np.float64) for array in (*arrays, dy)]
    wanted, sizes = by_definition(terms, *exact, *geometry), by_definition(terms, *map(abs, exact), *geometry)
    n_terms = arrays[0].size + arrays[1].size + dy.size  # more than any of the sums has
    for name, value, *bounds in zip(("y", "dx", "dweight", "dbias"), found, wanted, sizes):
        assert_contraction(value, *bounds, n_terms, name=name)


def randn(rng, dtype, *shapes):
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


BACKENDS, DTYPES = st.sampled_from(["native", "reference"]), st.sampled_from([np.float32, np.float64])


@settings(deadline=None, max_examples=150)
@given(st.data(), BACKENDS, DTYPES, st.integers(0, 2**32 - 1))
def test_conv1d_and_gradients_equal_the_definition(data, backend, dtype, seed):
    n, groups, c, k, s, stride, dilation, pad = (
        data.draw(st.integers(*bounds), name)
        for name, bounds in {"n": (0, 3), "groups": (1, 3), "c": (1, 3), "k": (1, 3), "s": (1, 4), "stride": (1, 3),
                             "dilation": (1, 3), "pad": (0, 3)}.items())
    length = data.draw(st.integers(max(1, dilation * (s - 1) + 1 - 2 * pad), 30), "length")
    rng = np.random.default_rng(seed)
    arrays = randn(rng, dtype, (n, groups * c, length), (groups * k, c, s), (groups * k,))
    options = {"stride": stride, "padding": pad, "dilation": dilation, "groups": groups}
    with fastnn.use_backend(backend):
        assert_defined("conv1d", conv1d_terms, arrays, options, (stride, pad, dilation), rng)


@settings(deadline=None, max_examples=150)
@given(st.data(), BACKENDS, DTYPES, st.integers(0, 2**32 - 1))
def test_conv_transpose2d_and_gradients_equal_the_definition(data, backend, dtype, seed):
    def pair(name, low, high):
        return data.draw(st.integers(low, high), name), data.draw(st.integers(low, high), name)

    kernel, stride, dilation, pads = pair("kernel", 1, 4), pair("stride", 1, 3), pair("dilation", 1, 3), [0, 0]
    image, extra = pair("image", 1, 5), [0, 0]
    for i in range(2):
        extra[i] = data.draw(st.integers(0, max(stride[i], dilation[i]) - 1), "extra")
        full = (image[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + extra[i] + 1
        pads[i] = data.draw(st.integers(0, min(3, (full - 1) // 2)), "padding")
    n, groups, c, k = (data.draw(st.integers(low, 3), name) for name, low in (("n", 0), ("g", 1), ("c", 1), ("k", 1)))
    rng = np.random.default_rng(seed)
    arrays = randn(rng, dtype, (n, groups * c, *image), (groups * c, k, *kernel), (groups * k,))
    options = {"stride": stride, "padding": tuple(pads), "output_padding": tuple(extra), "dilation": dilation,
               "groups": groups}
    with fastnn.use_backend(backend):
        y = F.conv_transpose2d(*arrays, **options)
        assert y.shape[2:] == tuple((i - 1) * s - 2 * p + d * (t - 1) + e + 1 for i, s, p, d, t, e in
                                    zip(image, stride, pads, dilation, kernel, extra))
        assert_defined("conv_transpose2d", transposed_terms, arrays, options, (stride, pads, dilation), rng)


@pytest.mark.parametrize("op, shapes, options", [
    ("conv1d", ((2, 4, 7), (6, 2, 3), (6,)), {"stride": 2, "padding": (2, 0), "groups": 2}),
    ("conv_transpose2d", ((2, 4, 3, 2), (4, 3, 2, 3), (6,)),
     {"stride": (2, 3), "padding": (0, 1), "output_padding": (1, 2), "groups": 2}),
], ids=["conv1d", "conv_transpose2d"])
def test_gradients_match_finite_differences(op, shapes, options, backend, rng):
    arrays = randn(rng, np.float64, *shapes)
    y, ctx = getattr(F, op + "_forward")(*arrays, **options)
    dy = rng.standard_normal(y.shape)
    assert_gradients(lambda *a: getattr(F, op)(*a, **options), arrays, dy, getattr(F, op + "_backward")(dy, ctx))


def test_conv_transpose2d_gives_back_the_extents_that_conv2d_took(backend, rng):
    x, weight = randn(rng, np.float32, (2, 3, 8, 9), (5, 3, 3, 2))
    y = F.conv2d(x, weight, None, (2, 3), (1, 0))
    back = F.conv_transpose2d(y, weight, None, (2, 3), (1, 0), (1, 1))
    assert back.shape == x.shape
    _, ctx = F.conv2d_forward(x, weight, None, (2, 3), (1, 0))
    np.testing.assert_array_equal(F.conv2d_backward(y, ctx)[0], back)


@pytest.mark.parametrize("padding, four_sided", [
    (2, ((0, 0), (2, 2))), ((2,), ((0, 0), (2, 2))), ((3, 0), ((0, 0), (3, 0))), ("same", "same"), ("valid", 0),
], ids=["int", "tuple", "causal", "same", "valid"])
def test_conv1d_padding_is_that_of_images_one_pixel_high(padding, four_sided, backend, dtype, rng):
    x, weight = randn(rng, dtype, (2, 3, 9), (4, 3, 4))
    wanted = F.conv2d(x[:, :, None], weight[:, :, None], None, (1, 2), four_sided, (1, 2))[:, :, 0]
    np.testing.assert_array_equal(F.conv1d(x, weight, None, 2, padding, 2), wanted)
    np.testing.assert_array_equal(F.conv1d(x[0], weight, None, 2, padding, 2),
                                  F.conv1d(x[:1], weight, None, 2, padding, 2)[0])


@pytest.mark.parametrize("arguments", [(2,), (3, 2, 1), (3, 1, 1, 2), (4, 3, 2, 1, True)], ids=str)
def test_max_pool1d_is_the_largest_of_each_window(arguments, backend, dtype, rng):
    (x,) = randn(rng, dtype, (2, 3, 14))
    (y, indices), ctx = F.max_pool1d_forward(x, *arguments, return_indices=True)
    kernel, stride, padding, dilation = (*arguments[:4], arguments[0], 0, 1)[:4] if len(arguments) == 1 else (
        *arguments[:3], arguments[3] if len(arguments) > 3 else 1)
    for q in range(y.shape[2]):
        taps = [q * stride - padding + s * dilation for s in range(kernel)]
        taps = [tap for tap in taps if 0 <= tap < 14]
        np.testing.assert_array_equal(y[..., q], x[..., taps].max(axis=2))
        np.testing.assert_array_equal(indices[..., q], np.take(taps, x[..., taps].argmax(axis=2)))
    np.testing.assert_array_equal(F.max_pool1d(x, *arguments), y)
    np.testing.assert_array_equal(F.max_pool1d(x[0], *arguments), y[0])
    dx = np.zeros_like(x)
    for index in np.ndindex(y.shape):
        dx[(*index[:2], indices[index])] += y[index]
    assert_contraction(F.max_pool1d_backward(y, ctx), dx.astype(np.float64), np.abs(dx), 4)


@pytest.mark.parametrize("batch", [(2,), ()], ids=["batch", "one-image"])
def test_conv_transpose2d_takes_one_image_too(batch, backend, rng):
    x, weight, bias = randn(rng, np.float32, (*batch, 4, 3, 3), (4, 2, 2, 2), (2,))
    y, ctx = F.conv_transpose2d_forward(x, weight, bias, 2)
    assert y.shape == (*batch, 2, 6, 6) and F.conv_transpose2d_backward(y, ctx)[0].shape == x.shape
    if not batch:
        np.testing.assert_array_equal(y, F.conv_transpose2d(x[None], weight, bias, 2)[0])
