"""Batch, group and layer normalisation against their definition, and their gradients against finite differences."""

import numpy as np
import pytest
from finite_differences import assert_gradients

import fastnn
from fastnn import reference

SHAPES = {"one-row": (1, 4), "rows": (5, 4), "sequence": (3, 4, 5), "images": (2, 4, 3, 2), "no-batch": (0, 4, 3)}


def normalized(values, eps):
    """(value - mean) / sqrt(var + eps), one number at a time."""
    n = len(values)
    mean = sum(values) / n
    var = sum((value - mean) ** 2 for value in values) / n
    return [(value - mean) / (var + eps) ** 0.5 for value in values]


def by_definition(x, cells, weight, bias, eps):
    """cells: which cell each element of x is normalised in; weight, bias: of each element of x."""
    y = np.empty(x.shape)
    for cell in np.unique(cells):
        y[cells == cell] = normalized([float(value) for value in x[cells == cell]], eps)
    return y * weight + bias


def of_channels(values, shape):
    return np.broadcast_to(values.reshape(-1, *(1,) * (len(shape) - 2)), shape)


def assert_normalized(y, exact, x):
    """y is right to a few roundings of each term, at numbers of the size of x's standard deviations from 0."""
    cells = max(x.size, 1)
    bound = 4 * np.finfo(y.dtype).eps * cells * (1 + np.abs(exact)) * (1 + np.max(np.abs(x), initial=0))
    assert y.shape == exact.shape and np.all(np.abs(y - exact) <= bound)


@pytest.mark.parametrize("eps", [1e-5, 0.3])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_norms_equal_their_definitions(shape, eps, dtype, rng, backend):
    x = (rng.standard_normal(shape) * 2 + 3).astype(dtype)
    weight, bias = (rng.standard_normal(4).astype(dtype) for _ in range(2))
    scale = of_channels(weight, shape), of_channels(bias, shape), eps
    n, c = np.indices(shape)[:2]
    F = fastnn.functional
    if shape[0] != 1 or len(shape) > 2:
        y = F.batch_norm(x, None, None, weight, bias, True, eps=eps)
        assert_normalized(y, by_definition(x, c, *scale), x)
    assert_normalized(F.group_norm(x, 2, weight, bias, eps), by_definition(x, n * 2 + c // 2, *scale), x)
    assert_normalized(F.group_norm(x, 1, weight, bias, eps), by_definition(x, n, *scale), x)
    mean, var = (rng.random(4).astype(dtype) for _ in range(2))
    running = (x - of_channels(mean, shape)) / np.sqrt(of_channels(var, shape) + eps) * scale[0] + scale[1]
    assert_normalized(F.batch_norm(x, mean, var, weight, bias, eps=eps), running, x)

    row_weight, row_bias = (rng.standard_normal(shape[1:]).astype(dtype) for _ in range(2))
    y = F.layer_norm(x, shape[1:], row_weight, row_bias, eps)
    assert_normalized(y, by_definition(x, n, row_weight, row_bias, eps), x)


@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 3), (2, 4, 2, 3)], ids=["rows", "sequence", "images"])
@pytest.mark.parametrize("op, extra", [
    ("batch_norm", {"running_mean": None, "running_var": None, "training": True}),
    ("batch_norm", {"running_mean": np.arange(4.0), "running_var": np.arange(1.0, 5)}),
    ("group_norm", {"num_groups": 2}), ("layer_norm", None),
], ids=["batch-training", "batch-evaluation", "group", "layer"])
def test_norm_gradients_match_finite_differences(op, extra, shape, backend):
    rng = np.random.default_rng(7)
    scale_shape = shape[1:] if op == "layer_norm" else shape[1:2]
    arrays = [rng.standard_normal(shape) + 1, *(rng.standard_normal(scale_shape) for _ in range(2))]
    extra = {"normalized_shape": shape[1:]} if extra is None else extra

    def run(x, weight, bias, suffix=""):
        return getattr(fastnn.functional, op + suffix)(x, weight=weight, bias=bias, **extra)

    _, ctx = run(*arrays, suffix="_forward")
    dy = rng.standard_normal(shape)
    gradients = getattr(fastnn.functional, op + "_backward")(dy, ctx)
    assert_gradients(run, arrays, dy, gradients, slack=1000)  # third derivatives grow as the inverse deviation's cube


@pytest.mark.parametrize("channels, groups", [(1, 1), (2, 2), (6, 3)])
@pytest.mark.parametrize("given", ["both", "weight", "bias", "neither"])
def test_group_norm_of_any_number_of_channels(channels, groups, given, dtype, rng, backend):
    shape = (3, channels, 5)
    x = rng.standard_normal(shape).astype(dtype)
    weight, bias = (rng.standard_normal(channels).astype(dtype) if given in ("both", name) else None
                    for name in ("weight", "bias"))
    n, c = np.indices(shape)[:2]
    scale = (of_channels(np.full(channels, value) if array is None else array, shape)
             for value, array in ((1.0, weight), (0.0, bias)))
    y, ctx = fastnn.functional.group_norm_forward(x, groups, weight, bias, 0.1)
    assert_normalized(y, by_definition(x, n * groups + c // (channels // groups), *scale, 0.1), x)
    dx, dweight, dbias = fastnn.functional.group_norm_backward(y, ctx)
    assert dx.shape == shape and (dweight is None) == (weight is None) and (dbias is None) == (bias is None)


def test_batch_norm_moves_the_running_statistics(dtype, rng, backend):
    F = fastnn.functional
    x = rng.standard_normal((3, 2, 5)).astype(dtype)
    mean, var = np.ones(2, dtype), np.full(2, 2, dtype)
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    exact = x.astype(np.float64)
    tolerance = 32 * np.finfo(dtype).eps
    np.testing.assert_allclose(mean, 0.75 + 0.25 * exact.mean((0, 2)), tolerance, tolerance)
    np.testing.assert_allclose(var, 1.5 + 0.25 * exact.var((0, 2), ddof=1), tolerance)


def test_batch_norm_in_evaluation_or_of_an_empty_batch_leaves_the_running_statistics(backend):
    F, mean, var = fastnn.functional, np.zeros(2), np.ones(2)
    F.batch_norm(np.ones((3, 2)), mean, var)
    y, ctx = F.batch_norm_forward(np.ones((0, 2, 3)), mean, var, training=True)
    dx, *_ = F.batch_norm_backward(y, ctx)
    assert y.shape == dx.shape == (0, 2, 3) and not mean.any() and (var == 1).all()


def test_batch_norm_backward_reads_the_statistics_of_its_own_forward():
    x, mean, var = np.random.default_rng(0).standard_normal((4, 2)), np.zeros(2), np.ones(2)
    _, ctx = reference.batch_norm_forward(x, mean, var)
    reference.batch_norm(x * 9, mean, var, training=True)
    np.testing.assert_allclose(reference.batch_norm_backward(x, ctx)[0], x / np.sqrt(1 + 1e-5))


@pytest.mark.parametrize("value", [np.inf, np.nan], ids=str)
def test_batch_norm_gradient_in_evaluation_does_not_read_x(value, dtype, backend):
    x, mean, var = np.ones((2, 3, 4), dtype), np.zeros(3, dtype), np.ones(3, dtype)
    x[1, 2, 3] = mean[0] = value
    _, ctx = fastnn.functional.batch_norm_forward(x, mean, var, np.full(3, 2, dtype), eps=0.0)
    dy = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    np.testing.assert_array_equal(fastnn.functional.batch_norm_backward(dy, ctx, need=(True, False, False))[0], 2 * dy)


def test_norms_of_large_offsets_do_not_cancel(backend):
    x = (1e4 + np.random.default_rng(0).standard_normal((64, 3, 16))).astype(np.float32)
    F = fastnn.functional
    for y, axes in ((F.batch_norm(x, None, None, training=True), (0, 2)), (F.layer_norm(x, 16), 2)):
        exact = x.astype(np.float64) - x.mean(axes, np.float64, keepdims=True)
        exact /= exact.std(axes, keepdims=True)
        assert np.max(np.abs(y - exact)) < 1e-2  # an ulp of x is 1e-3 of its deviation


def test_norms_of_no_elements_are_empty(dtype, backend):
    F = fastnn.functional
    for shape in ((0, 4, 3), (2, 4, 0), (2, 0, 3)):
        x = np.ones(shape, dtype)
        y, ctx = F.group_norm_forward(x, 2)
        assert y.shape == F.group_norm_backward(y, ctx)[0].shape == shape
        y, ctx = F.batch_norm_forward(x, None, None, training=True)
        assert y.shape == F.batch_norm_backward(y, ctx)[0].shape == shape
    weight = np.ones(3, dtype)
    y, ctx = F.layer_norm_forward(np.ones((0, 3), dtype), 3, weight, weight)
    dx, dweight, dbias = F.layer_norm_backward(y, ctx)
    assert y.shape == dx.shape == (0, 3) and not dweight.any() and not dbias.any()
