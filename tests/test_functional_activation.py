"""The activations against their definitions, element by element, their gradients, promises and errors."""

import math
import re

import numpy as np
import pytest
from finite_differences import assert_gradients
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS

import fastnn.functional as F
from fastnn import _memory

pytestmark = pytest.mark.usefixtures("backend")


def gelu_tanh(x):
    return x * logistic(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else math.exp(x)


ELEMENTWISE = {  # a name: op, arguments, the definition
    "relu": ("relu", (), lambda x: max(x, 0.0)),
    "leaky_relu": ("leaky_relu", (), lambda x: x if x > 0 else 0.01 * x),
    "leaky_relu-0.3": ("leaky_relu", (0.3,), lambda x: x if x > 0 else 0.3 * x),
    "leaky_relu-negative": ("leaky_relu", (-0.5,), lambda x: x if x > 0 else -0.5 * x),
    "elu": ("elu", (), lambda x: x if x > 0 else math.expm1(x)),
    "elu-1.5": ("elu", (1.5,), lambda x: x if x > 0 else 1.5 * math.expm1(x)),
    "gelu": ("gelu", (), lambda x: x * math.erfc(-x / math.sqrt(2)) / 2),
    "gelu-tanh": ("gelu", ("tanh",), gelu_tanh),
    "silu": ("silu", (), lambda x: x * logistic(x)),
    "sigmoid": ("sigmoid", (), logistic),
    "tanh": ("tanh", (), math.tanh),
}
SOFTMAXES = ["softmax", "log_softmax"]
OPS = [*sorted({op for op, _, _ in ELEMENTWISE.values()}), *SOFTMAXES]


@pytest.fixture(params=ELEMENTWISE.values(), ids=ELEMENTWISE)
def case(request):
    return request.param


def run(op, x, dy, *args):
    """(y, dx)"""
    y, ctx = getattr(F, op + "_forward")(x, *args)
    return y, getattr(F, op + "_backward")(dy, ctx)


def error_in_eps(op, x):
    """How many eps of the exact y an element may be off: a few ulp, and where y falls like exp(-u), what the rounding
    of u does to it: u eps (gelu: u = x^2 / 2, and in its tanh form 1.6 x + 0.07 x^3).
    """
    if op == "gelu":
        return 8 + np.where(x < 0, 4 * x * x + np.abs(x) ** 3, 0)
    return 8 + np.where(x < 0, 2 * np.abs(x), 0) if op in ("sigmoid", "silu") else 8


def test_activation_equals_its_definition(case, dtype):
    op, args, definition = case
    x = np.concatenate([np.linspace(-12, 12, 401), np.logspace(-8, -1, 30), -np.logspace(-8, -1, 30), [0.0]])
    x = x.astype(dtype)
    y = getattr(F, op)(x, *args)
    exact = np.array([definition(value) for value in x.tolist()])
    assert y.dtype == dtype and y.shape == x.shape
    limit = np.finfo(dtype).eps * error_in_eps(op, x.astype(np.float64)) * np.abs(exact) + np.finfo(dtype).tiny
    np.testing.assert_array_less(np.abs(y - exact), limit)


def test_sigmoid_keeps_its_relative_accuracy_where_it_is_tiny(dtype):
    lowest = -87.0 if dtype == np.float32 else -700.0  # below, exp(x) is not a normal number
    x = np.linspace(lowest, -10, 300).astype(dtype)
    exact = np.exp(x.astype(np.float64)) / (1 + np.exp(x.astype(np.float64)))
    np.testing.assert_allclose(F.sigmoid(x), exact, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("args", [("none",), ("tanh",)], ids=str)
def test_gelu_does_not_cancel_for_negative_x(args):
    x = np.array([-9.0, -6.0, -4.0], np.float32)
    exact = F.gelu(x.astype(np.float64), *args)
    np.testing.assert_allclose(F.gelu(x, *args), exact, rtol=float(np.finfo(np.float32).eps) * 9**3)


def test_activation_gradients_match_finite_differences(case, rng):
    op, args, _ = case
    x, dy = rng.standard_normal((2, 40)) * 2
    _, dx = run(op, x, dy, *args)
    assert_gradients(lambda x: getattr(F, op)(x, *args), [x], dy, [dx])


@pytest.mark.parametrize(("shape", "dim"), [((5,), 0), ((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((2, 3, 4), -3)],
                         ids=str)
@pytest.mark.parametrize("op", SOFTMAXES)
def test_softmax_gradients_match_finite_differences(op, shape, dim, rng):
    x, dy = rng.standard_normal((2, *shape))
    _, dx = run(op, x, dy, dim)
    assert_gradients(lambda x: getattr(F, op)(x, dim), [x], dy, [dx])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data(), st.sampled_from([np.float32, np.float64]))
def test_softmax_equals_its_definition(shape, data, dtype):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = (4 * np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal(shape)).astype(dtype)
    exact = np.exp(x.astype(np.float64))
    total = exact.sum(axis=dim, keepdims=True)
    eps = np.finfo(dtype).eps
    for op in SOFTMAXES:
        y = getattr(F, op)(x, dim)
        assert y.shape == x.shape and y.dtype == dtype and y.flags.c_contiguous
        terms = shape[dim] + 2 * np.abs(x, dtype=np.float64).max(initial=1) + 4  # of the sum, and x's rounding in exp
        wanted = exact / total if op == "softmax" else x - np.log(total)
        size = wanted if op == "softmax" else 1
        assert np.all(np.abs(y - wanted) <= 2 * eps * terms * size)


@pytest.mark.parametrize("op", SOFTMAXES)
def test_softmax_of_huge_values_does_not_overflow(op, dtype):
    x = np.array([[1e30, 1e30], [-1e30, 0], [88, -104]], dtype)
    wanted = np.array([[0.5, 0.5], [0, 1], [1, math.exp(-192)]])
    y, dx = run(op, x, np.ones_like(x))
    y = np.exp(y) if op == "log_softmax" else y
    np.testing.assert_allclose(y, wanted, rtol=4 * np.finfo(dtype).eps, atol=1e-37)
    assert np.isfinite(dx).all()


def test_nan_stays_nan(case, dtype):
    op, args, _ = case
    x = np.array([1.0, np.nan, -1.0], dtype)
    y, _ = run(op, x, np.ones_like(x), *args)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))


@pytest.mark.parametrize("op", SOFTMAXES)
def test_nan_stays_in_its_row_of_a_softmax(op, dtype):
    y, dx = run(op, np.array([[1.0, np.nan], [1.0, 2.0]], dtype), np.ones((2, 2), dtype))
    assert np.isnan(y[0]).all() and np.isfinite(y[1]).all() and np.isfinite(dx[1]).all()


def test_extremes_neither_warn_nor_give_nan(case, dtype):
    op, args, _ = case
    big = np.finfo(dtype).max
    x = np.array([big, -big, big / 2, -1e5, 1e5, -104.0, 0.0, -0.0], dtype)
    for array in run(op, x, np.ones_like(x), *args):
        assert not np.isnan(array).any()


def test_infinity_has_the_limits_of_the_definition(dtype):
    x = np.array([np.inf, -np.inf], dtype)
    for op, wanted in (("relu", [np.inf, 0]), ("leaky_relu", [np.inf, -np.inf]), ("elu", [np.inf, -1]),
                       ("sigmoid", [1, 0]), ("tanh", [1, -1])):
        np.testing.assert_array_equal(getattr(F, op)(x), wanted)


def test_relu_and_leaky_relu_have_torchs_slope_at_zero(dtype):
    x, dy = np.array([0.0, -0.0], dtype), np.array([3.0, np.inf], dtype)
    np.testing.assert_array_equal(run("relu", x, dy)[1], [0, 0])
    np.testing.assert_array_equal(run("leaky_relu", x, dy, 0.5)[1], [1.5, np.inf])
    np.testing.assert_array_equal(run("elu", x, dy, 0.5)[1], [1.5, np.inf])


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("op", OPS)
def test_any_layout_of_memory_gives_the_same(op, layout, rng):
    x, dy = rng.standard_normal((2, 3, 5))
    for found, wanted in zip(run(op, layout(x), layout(dy)), run(op, x, dy)):
        np.testing.assert_array_equal(found, wanted)
        assert found.flags.c_contiguous and found.dtype.isnative


@pytest.mark.parametrize("op", OPS)
def test_out_receives_the_result(op, rng, dtype):
    x = rng.standard_normal((3, 4, 2)).astype(dtype)
    for args in ((), (1,)) if op in SOFTMAXES else ((),):
        wanted, _ = getattr(F, op + "_forward")(x, *args)
        out = np.full_like(x, np.nan)
        assert getattr(F, op)(x, *args, out=out) is out
        np.testing.assert_array_equal(out, wanted)
        out[...] = np.nan
        y, ctx = getattr(F, op + "_forward")(x, *args, out=out)
        assert y is out
        np.testing.assert_array_equal(getattr(F, op + "_backward")(x, ctx), run(op, x, x, *args)[1])


@pytest.mark.parametrize("op", OPS)
def test_every_element_of_a_result_is_written(op, rng, monkeypatch):
    x, dy = rng.standard_normal((2, 3, 5))
    wanted = run(op, x, dy)
    monkeypatch.setattr(_memory, "empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
    monkeypatch.setattr(_memory, "empty_like", lambda array: np.full_like(array, np.nan))
    for found, same in zip(run(op, x, dy), wanted):
        np.testing.assert_array_equal(found, same)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (0, 3)], ids=str)
@pytest.mark.parametrize("op", OPS)
def test_no_elements_and_no_axes_work(op, shape):
    if op not in SOFTMAXES or shape:
        y, dx = run(op, np.ones(shape), np.ones(shape))
        assert y.shape == dx.shape == shape


FLOAT32 = np.ones((2, 3), np.float32)
ERRORS = {  # an op, its arguments, the exception, the message
    "list": ("relu", ([1.0],), TypeError, "x: expected a NumPy array"),
    "integers": ("tanh", (np.ones(3, int),), TypeError, "x: expected dtype float32 or float64, got int64"),
    "float16": ("gelu", (np.ones(3, np.float16),), TypeError, "x: expected dtype float32 or float64, got float16"),
    "gelu-approximate": ("gelu", (FLOAT32, "erf"), ValueError, "approximate: expected one of 'none', 'tanh'"),
    "slope-text": ("leaky_relu", (FLOAT32, "0.1"), TypeError, "negative_slope: expected a number, got '0.1'"),
    "slope-nan": ("leaky_relu", (FLOAT32, math.nan), ValueError, "negative_slope: expected a number in"),
    "alpha-none": ("elu", (FLOAT32, None), TypeError, "alpha: expected a number, got None"),
    "dim-too-large": ("softmax", (FLOAT32, 2), ValueError, "dim: expected an integer in [-2, 1], got 2"),
    "dim-too-small": ("log_softmax", (FLOAT32, -3), ValueError, "dim: expected an integer in [-2, 1], got -3"),
    "dim-float": ("softmax", (FLOAT32, 1.0), TypeError, "dim: expected an integer, got 1.0"),
    "dim-none": ("softmax", (FLOAT32, None), TypeError, "dim: expected an integer, got None"),
    "softmax-scalar": ("softmax", (np.ones((), np.float32),), ValueError, "x: expected at least 1"),
}


@pytest.mark.parametrize(("op", "args", "error", "message"), ERRORS.values(), ids=ERRORS)
def test_wrong_calls_raise(op, args, error, message):
    for function in (getattr(F, op), getattr(F, op + "_forward")):
        with pytest.raises(error, match=re.escape(message)):
            function(*args)


@pytest.mark.parametrize("op", OPS)
def test_wrong_outputs_and_gradients_raise(op):
    x = FLOAT32.copy()
    for out, error, message in ((np.ones((3, 2), np.float32), ValueError, "out: expected shape (2, 3), got (3, 2)"),
                                (np.ones((2, 3)), TypeError, "out: expected dtype float32, got float64"),
                                (x, ValueError, "out: must not overlap x")):
        before = out.copy()
        with pytest.raises(error, match=re.escape(message)):
            getattr(F, op)(x, out=out)
        np.testing.assert_array_equal(out, before)
    backward, (_, ctx) = getattr(F, op + "_backward"), getattr(F, op + "_forward")(x)
    for dy, error, message in ((np.ones((3, 2), np.float32), ValueError, "dy: expected shape (2, 3), got (3, 2)"),
                               (np.ones((2, 3)), TypeError, "dy: expected dtype float32 as x has, got float64"),
                               (1.0, TypeError, "dy: expected a NumPy array")):
        with pytest.raises(error, match=re.escape(message)):
            backward(dy, ctx)
    with pytest.raises(TypeError, match="ctx: expected"):
        backward(x, None)


def test_backward_refuses_the_ctx_of_another_activation():
    _, ctx = F.relu_forward(FLOAT32)
    with pytest.raises(TypeError, match="ctx: expected what tanh_forward returned, got what relu_forward returned"):
        F.tanh_backward(FLOAT32, ctx)
    _, ctx = F.softmax_forward(FLOAT32)
    with pytest.raises(TypeError, match="ctx: expected what log_softmax_forward returned, got what softmax_forward"):
        F.log_softmax_backward(FLOAT32, ctx)
