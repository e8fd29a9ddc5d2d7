"""What dropout promises."""

import math
import re

import numpy as np
import pytest
from layouts import LAYOUTS

import fastnn.functional as F


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_zeroes_with_probability_p_and_scales_the_rest(p, dtype):
    n = 100_000
    y = F.dropout(np.ones(n, dtype), p, rng=1)
    dropped = y == 0
    assert abs(dropped.mean() - p) < 5 * math.sqrt(p * (1 - p) / n)  # five standard deviations of the mean
    np.testing.assert_array_equal(y[~dropped], dtype.type(1 / (1 - p)))
    assert y.dtype == dtype


def test_dropout_backward_drops_the_same_elements(rng, dtype):
    x, dy = rng.standard_normal((2, 3, 50)).astype(dtype)
    y, ctx = F.dropout_forward(x, 0.4, rng=3)
    dx = F.dropout_backward(dy, ctx)
    np.testing.assert_array_equal(dx == 0, y == 0)
    np.testing.assert_array_equal(dx[y != 0], dy[y != 0] * dtype.type(1 / 0.6))


def test_dropout_of_one_seed_is_the_same_in_both_dtypes():
    x = np.ones((7, 11))
    first = F.dropout(x, 0.3, rng=5)
    np.testing.assert_array_equal(F.dropout(x, 0.3, rng=np.random.default_rng(5)), first)
    np.testing.assert_array_equal(F.dropout(x.astype(np.float32), 0.3, rng=5) == 0, first == 0)


def test_dropout_advances_the_generator_and_none_is_a_new_one():
    x, rng = np.ones(200), np.random.default_rng(5)
    assert not np.array_equal(F.dropout(x, rng=rng), F.dropout(x, rng=rng))
    assert not np.array_equal(F.dropout(x), F.dropout(x))


@pytest.mark.parametrize(("p", "training"), [(0.5, False), (0, True), (1, False)])
def test_dropout_that_drops_nothing_is_the_identity(p, training, rng):
    x = rng.standard_normal((3, 4))
    state = rng.bit_generator.state
    y, ctx = F.dropout_forward(x, p, training, rng)
    assert y is x and rng.bit_generator.state == state
    np.testing.assert_array_equal(F.dropout_backward(x, ctx), x)
    out = np.full_like(x, np.nan)
    assert F.dropout(x, p, training, rng, out=out) is out
    np.testing.assert_array_equal(out, x)


def test_dropout_of_everything_is_zero(dtype):
    x = np.array([1, np.finfo(dtype).max, 0, -2], dtype)
    y, ctx = F.dropout_forward(x, 1)
    np.testing.assert_array_equal(y, np.zeros(4))
    np.testing.assert_array_equal(F.dropout_backward(x, ctx), np.zeros(4))


def test_dropout_of_infinity_and_nan_does_not_warn(dtype):
    y = F.dropout(np.array([np.inf, -np.inf, np.nan] * 20, dtype), rng=0)
    assert not np.isfinite(y).any()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_dropout_takes_any_layout_of_memory(layout, rng):
    x = rng.standard_normal((4, 5))
    np.testing.assert_array_equal(F.dropout(layout(x), rng=1), F.dropout(x, rng=1))


X = np.ones((2, 3), np.float32)
ERRORS = {  # arguments, the exception, the message
    "list": ({"x": [1.0]}, TypeError, "x: expected a NumPy array"),
    "integers": ({"x": np.ones(3, int)}, TypeError, "x: expected dtype float32 or float64, got int64"),
    "p-negative": ({"p": -0.1}, ValueError, "p: expected a number in [0, 1], got -0.1"),
    "p-above-1": ({"p": 1.5}, ValueError, "p: expected a number in [0, 1], got 1.5"),
    "p-nan": ({"p": math.nan}, ValueError, "p: expected a number in [0, 1], got nan"),
    "p-none": ({"p": None}, TypeError, "p: expected a number, got None"),
    "training-number": ({"training": 1}, TypeError, "training: expected True or False, got 1"),
    "rng-text": ({"rng": "seed"}, TypeError, "rng: expected a numpy.random.Generator, a non-negative integer seed"),
    "rng-negative": ({"rng": -1}, TypeError, "rng: expected a numpy.random.Generator, a non-negative integer seed"),
    "rng-float": ({"rng": 0.5}, TypeError, "rng: expected a numpy.random.Generator"),
    "out-shape": ({"out": np.ones((3, 2), np.float32)}, ValueError, "out: expected shape (2, 3), got (3, 2)"),
    "out-dtype": ({"out": np.ones((2, 3))}, TypeError, "out: expected dtype float32, got float64"),
    "out-is-x": ({"out": X}, ValueError, "out: must not overlap x"),
}


@pytest.mark.parametrize(("changes", "error", "message"), ERRORS.values(), ids=ERRORS)
def test_wrong_calls_raise_and_draw_nothing(changes, error, message):
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    for function in (F.dropout, F.dropout_forward):
        with pytest.raises(error, match=re.escape(message)):
            function(**{"x": X, "p": 0.5, "rng": rng, **changes})
    assert rng.bit_generator.state == state


@pytest.mark.parametrize(("dy", "error", "message"), [
    (np.ones((3, 2), np.float32), ValueError, "dy: expected shape (2, 3), got (3, 2)"),
    (np.ones((2, 3)), TypeError, "dy: expected dtype float32 as x has, got float64"),
    (None, TypeError, "dy: expected a NumPy array"),
], ids=["shape", "dtype", "none"])
def test_wrong_gradients_raise(dy, error, message):
    _, ctx = F.dropout_forward(X, rng=0)
    with pytest.raises(error, match=re.escape(message)):
        F.dropout_backward(dy, ctx)
