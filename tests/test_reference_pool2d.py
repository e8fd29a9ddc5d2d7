"""The references of pooling against their definition, window by window, and gradients against finite differences."""

import numpy as np
import pytest
from finite_differences import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn import reference
from fastnn.reference import backend as reference_backend


def positions(kernel, stride, pad, dilation, size, n_windows):
    """For each window of one axis: where its taps lie, in the image or in its padding; what hangs over is left out."""
    return [[at for tap in range(kernel) if (at := window * stride - pad + tap * dilation) < size + pad]
            for window in range(n_windows)]


def windows_2d(geo, x_shape, y_shape):
    """The definition: (p, q, taps of the window), where a tap is (h, w, whether it lies on the image)."""
    rows = positions(geo.kernel_h, geo.stride_h, geo.pad_h, geo.dilation_h, x_shape[-2], y_shape[-2])
    columns = positions(geo.kernel_w, geo.stride_w, geo.pad_w, geo.dilation_w, x_shape[-1], y_shape[-1])
    for p, q in np.ndindex(y_shape[-2:]):
        yield p, q, [(h, w, 0 <= h < x_shape[-2] and 0 <= w < x_shape[-1]) for h in rows[p] for w in columns[q]]


def max_by_definition(x, dy, geo):
    """Return (y, indices, dx): of equal elements the first wins; a NaN wins, the last one of several."""
    y, indices, dx = np.empty_like(dy), np.empty(dy.shape, np.int64), np.zeros_like(x)
    for n, c in np.ndindex(x.shape[:2]):
        for p, q, taps in windows_2d(geo, x.shape, dy.shape):
            inside = [(h, w) for h, w, is_inside in taps if is_inside]
            best = inside[0]
            for at in inside:
                if np.isnan(x[n, c][at]) or x[n, c][at] > x[n, c][best]:
                    best = at
            y[n, c, p, q] = x[n, c][best]
            indices[n, c, p, q] = best[0] * x.shape[3] + best[1]
            dx[n, c][best] += dy[n, c, p, q]
    return y, indices, dx


def avg_by_definition(x, dy, geo, count_include_pad):
    """Return (y, dx)."""
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for n, c in np.ndindex(x.shape[:2]):
        for p, q, taps in windows_2d(geo, x.shape, dy.shape):
            inside = [(h, w) for h, w, is_inside in taps if is_inside]
            count = x.dtype.type(len(taps) if count_include_pad else len(inside))
            for at in inside:
                y[n, c, p, q] += x[n, c][at]
                dx[n, c][at] += dy[n, c, p, q] / count
            y[n, c, p, q] /= count
    return y, dx


@st.composite
def poolings(draw, max_dilation):
    """(x's shape, kernel_size, stride, padding, dilation, ceil_mode) of a small pooling with at least one window."""
    kernel, stride = [tuple(draw(st.integers(1, 4)) for _ in range(2)) for _ in range(2)]
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = tuple(draw(st.integers(1, max_dilation)) for _ in range(2))
    # An image as large as the dilation leaves no window between two of its taps.
    smallest = [max(d, d * (k - 1) + 1 - 2 * pad) for k, d, pad in zip(kernel, dilation, padding)]
    image = [draw(st.integers(low, low + 4)) for low in smallest]
    return (draw(st.integers(0, 2)), draw(st.integers(0, 2)), *image), kernel, stride, padding, dilation, draw(
        st.booleans())


dtypes = st.sampled_from([np.float32, np.float64])
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=150)
@given(poolings(max_dilation=3), dtypes, seeds, st.booleans())
def test_max_pool2d_and_gradient_equal_the_definition(pooling, dtype, seed, has_non_finite):
    x_shape, *geometry = pooling
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, x_shape).astype(dtype)  # many ties
    if has_non_finite:
        x[...] = rng.choice(np.array([np.nan, np.inf, -np.inf, 0, -1], dtype), x_shape)
    (y, indices), ctx = reference.max_pool2d_forward(x, *geometry, return_indices=True)
    dy = rng.standard_normal(y.shape).astype(dtype)
    for found, wanted in zip((y, indices, reference.max_pool2d_backward(dy, ctx)), max_by_definition(x, dy, ctx.geo)):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


@settings(deadline=None, max_examples=150)
@given(poolings(max_dilation=1), dtypes, seeds, st.booleans())
def test_avg_pool2d_and_gradient_equal_the_definition(pooling, dtype, seed, count_include_pad):
    x_shape, kernel_size, stride, padding, _, ceil_mode = pooling
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(x_shape).astype(dtype)
    y, ctx = reference.avg_pool2d_forward(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    dy = rng.standard_normal(y.shape).astype(dtype)
    wanted = avg_by_definition(x, dy, ctx.geo, count_include_pad)
    for found, expected in zip((y, reference.avg_pool2d_backward(dy, ctx)), wanted):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)  # sums are formed in the same order


SIZES = {  # x's H, kernel_size, stride, padding, ceil_mode, and how many windows: worked out by hand
    "floor-drops-the-rest": (7, 2, 2, 0, False, 3),
    "ceil-hangs-over": (7, 2, 2, 0, True, 4),
    "ceil-last-window-would-start-in-the-padding": (4, 2, 3, 1, True, 2),
    "ceil-window-larger-than-the-image": (2, 3, 2, 0, True, 1),
    "padding-on-both-sides": (4, 3, 1, 1, False, 4),
}


@pytest.mark.parametrize(("size", "kernel_size", "stride", "padding", "ceil_mode", "n_windows"), SIZES.values(),
                         ids=SIZES)
def test_pool2d_number_of_windows(size, kernel_size, stride, padding, ceil_mode, n_windows):
    x = np.zeros((1, 1, size, size))
    assert reference.max_pool2d(x, kernel_size, stride, padding, ceil_mode=ceil_mode).shape[-1] == n_windows
    assert reference.avg_pool2d(x, kernel_size, stride, padding, ceil_mode=ceil_mode).shape[-1] == n_windows


@pytest.mark.parametrize(("count_include_pad", "wanted"), [(True, [4 / 9, 2 / 6]), (False, [1, 1])],
                         ids=["padding-counts", "padding-does-not-count"])
def test_avg_pool2d_never_counts_what_hangs_over_the_padding(count_include_pad, wanted):
    y = reference.avg_pool2d(np.ones((1, 4, 4)), 3, 2, 1, ceil_mode=True, count_include_pad=count_include_pad)
    np.testing.assert_allclose([y[0, 0, 0], y[0, 0, 2]], wanted, rtol=1e-15)


GRADIENT_CASES = {  # kernel_size, stride, padding, dilation, ceil_mode
    "disjoint": (2, 2, 0, 1, False),
    "overlapping": (3, 1, 1, 1, False),
    "rectangular": ((2, 3), (1, 2), (1, 0), 1, False),
    "ceil": (3, 2, 1, 1, True),
    "dilated": (2, 1, 1, 2, False),
    "gaps": (1, 3, 0, 1, False),
}


@pytest.mark.parametrize("geometry", GRADIENT_CASES.values(), ids=GRADIENT_CASES)
def test_max_pool2d_gradient_matches_finite_differences(geometry):
    rng = np.random.default_rng(0)
    x = rng.permutation(2 * 2 * 5 * 6).reshape(2, 2, 5, 6) / 10.0  # no two closer than the step
    y, ctx = reference.max_pool2d_forward(x, *geometry)
    dy = rng.standard_normal(y.shape)
    assert_gradients(lambda x: reference.max_pool2d(x, *geometry), [x], dy, [reference.max_pool2d_backward(dy, ctx)])


@pytest.mark.parametrize("count_include_pad", [True, False], ids=["count-pad", "skip-pad"])
@pytest.mark.parametrize("geometry", [case for case in GRADIENT_CASES.values() if case[3] == 1],
                         ids=[name for name, case in GRADIENT_CASES.items() if case[3] == 1])
def test_avg_pool2d_gradient_matches_finite_differences(geometry, count_include_pad):
    kernel_size, stride, padding, _, ceil_mode = geometry
    arguments = kernel_size, stride, padding, ceil_mode, count_include_pad
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 2, 5, 6))
    y, ctx = reference.avg_pool2d_forward(x, *arguments)
    dy = rng.standard_normal(y.shape)
    assert_gradients(lambda x: reference.avg_pool2d(x, *arguments), [x], dy, [reference.avg_pool2d_backward(dy, ctx)])


@pytest.mark.parametrize("op", ["global_max_pool2d", "global_avg_pool2d"])
def test_global_pool2d_gradients_match_finite_differences(op):
    rng = np.random.default_rng(2)
    x = rng.permutation(2 * 3 * 4 * 5).reshape(2, 3, 4, 5) / 10.0
    y, ctx = getattr(reference, f"{op}_forward")(x)
    dy = rng.standard_normal(y.shape)
    assert_gradients(getattr(reference, op), [x], dy, [getattr(reference, f"{op}_backward")(dy, ctx)])


@pytest.mark.parametrize("argmax_dtype", [np.uint8, np.int32])
def test_pool2d_backend_overwrites_its_outputs(argmax_dtype):
    x = np.random.default_rng(3).standard_normal((2, 3, 5, 6))
    y, ctx = reference.max_pool2d_forward(x, 2, 3)
    found_y, argmax, dx = np.full_like(y, np.nan), np.full(y.shape, 77, argmax_dtype), np.full_like(x, np.nan)
    reference_backend.max_pool2d_forward(x, found_y, argmax, ctx.geo)
    reference_backend.max_pool2d_backward_input(y, argmax, dx, ctx.geo)
    np.testing.assert_array_equal(found_y, y)
    np.testing.assert_array_equal(argmax, ctx.argmax)
    np.testing.assert_array_equal(dx, reference.max_pool2d_backward(y, ctx))

    mean, dx = np.full_like(y, np.nan), np.full_like(x, np.nan)
    reference_backend.avg_pool2d_forward(x, mean, ctx.geo, True)
    reference_backend.avg_pool2d_backward_input(y, dx, ctx.geo, True)
    np.testing.assert_array_equal(mean, reference.avg_pool2d(x, 2, 3))
    assert np.isfinite(dx).all()
