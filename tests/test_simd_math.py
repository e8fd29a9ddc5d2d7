"""exp, tanh and sigmoid of csrc/simd/math.h against a more precise arithmetic, over the whole range of a dtype."""

import numpy as np
import pytest

from fastnn.native import _math

# Largest errors in units of the last place. docs/performance.md has the table of those measured.
BOUNDS = {"exp": 1.1, "tanh": 2.6, "sigmoid": 2.4}
ORACLES = {
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": lambda x: np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x))),
}
functions = pytest.mark.parametrize("name", BOUNDS)


def evaluate(name, x):
    y = np.full_like(x, np.nan)
    _math.evaluate(name, x, y)
    return y


def samples(dtype, count):
    """Finite numbers spread evenly over all bit patterns of a dtype, and over where the functions change."""
    integer = np.dtype(f"u{dtype.itemsize}")
    step = int(np.iinfo(integer).max) // count
    patterns = np.arange(count, dtype=integer) * integer.type(step) + integer.type(1)
    everywhere = patterns.view(dtype)
    bend = np.concatenate([np.linspace(-low, low, count // 4) for low in (0.5, 2, 20, 110, 750)]).astype(dtype)
    return np.concatenate([everywhere[np.isfinite(everywhere)], bend])


def ulp_errors(name, x, y):
    """|y - f(x)| in units of the last place of f(x), f in the next wider type: 53 bits for 24, 64 or more for 53."""
    wide = np.float64 if x.dtype == np.float32 else np.longdouble
    with np.errstate(over="ignore", under="ignore"):
        exact = ORACLES[name](x.astype(wide))
        rounded = exact.astype(x.dtype)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(y[~finite], rounded[~finite])
    return np.abs(y[finite].astype(wide) - exact[finite]) / np.spacing(np.abs(rounded[finite])).astype(wide)


@functions
def test_math_is_within_its_ulp_bound_everywhere(isa, dtype, name):
    x = samples(dtype, 400_000)
    assert np.max(ulp_errors(name, x, evaluate(name, x))) <= BOUNDS[name]


@functions
def test_math_of_special_values(isa, dtype, name):
    x = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0], dtype)
    wanted = {"exp": [np.nan, np.nan, np.inf, 0, 1, 1], "tanh": [np.nan, np.nan, 1, -1, 0.0, -0.0],
              "sigmoid": [np.nan, np.nan, 1, 0, 0.5, 0.5]}[name]
    y = evaluate(name, x)
    np.testing.assert_array_equal(y, np.array(wanted, dtype))
    np.testing.assert_array_equal(np.signbit(y[2:]), np.signbit(wanted[2:]))


def test_tanh_is_odd_and_small_numbers_stay_themselves(isa, dtype):
    x = samples(dtype, 100_000)
    np.testing.assert_array_equal(evaluate("tanh", -x), -evaluate("tanh", x))
    tiny = x[np.abs(x) < np.finfo(dtype).eps / 4]
    np.testing.assert_array_equal(evaluate("tanh", tiny), tiny)


@functions
def test_result_does_not_depend_on_the_place_in_the_array(isa, dtype, name, rng):
    x = rng.standard_normal(70).astype(dtype) * 5
    y = evaluate(name, x)
    for start in range(20):
        for stop in range(start, 70, 7):
            np.testing.assert_array_equal(evaluate(name, x[start:stop].copy()), y[start:stop])


@functions
def test_math_works_in_place(isa, dtype, name, rng):
    x = rng.standard_normal(37).astype(dtype)
    wanted = evaluate(name, x)
    _math.evaluate(name, x, x)
    np.testing.assert_array_equal(x, wanted)
