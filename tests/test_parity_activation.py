"""The compiled activations against the float64 reference and against themselves: ISAs, dtypes, sizes, NaN and inf."""

import numpy as np
import pytest

from fastnn.native import backend as native
from fastnn.reference import backend as reference

ACTIVATIONS = {  # the op, its arguments, and whether its gradient reads y
    "relu": ("relu", (), True),
    "leaky_relu": ("leaky_relu", (0.25,), False),
    "elu": ("elu", (1.5,), False),
    "sigmoid": ("sigmoid", (), True),
    "tanh": ("tanh", (), True),
    "silu": ("silu", (), False),
    "gelu": ("gelu", ("none",), False),
    "gelu-tanh": ("gelu", ("tanh",), False),
}
SIZES = [0, 1, 3, 4, 5, 15, 16, 17, 31, 33, 8191, 8193]  # around a vector and a task
ROWS = [(0, 3), (3, 0), (1, 1), (5, 3), (4, 10), (3, 16), (7, 17), (2, 33), (900, 10), (3, 9000)]


def forward(backend, guards, op, x, *args):
    y = guards.output(x.shape, x.dtype)
    getattr(backend, op + "_forward")(guards.input(x), y, *args)
    return y


def backward(backend, guards, op, dy, saved, *args):
    dx = guards.output(dy.shape, dy.dtype)
    getattr(backend, op + "_backward_input")(guards.input(dy), guards.input(saved), dx, *args)
    return dx


def allowed_eps(op, args, x):
    """How many eps of its size a result may be off: a few ulp, and for a gate e^-u, the rounding of u."""
    tail = np.where(x < 0, np.abs(x), 0)
    if op == "gelu":
        return 16 + (4 * (1.6 * tail + 0.07 * tail**3) if args == ("tanh",) else 4 * tail * tail)
    return 8 + (2 * tail if op in ("silu", "elu", "sigmoid") else 0)


@pytest.mark.parametrize("case", ACTIVATIONS.values(), ids=ACTIVATIONS)
@pytest.mark.parametrize("size", SIZES)
def test_activation_matches_the_reference(isa, threads, dtype, guards, case, size):
    op, args, reads_y = case
    rng = np.random.default_rng(size)
    x, dy = (rng.uniform(-9, 9, size).astype(dtype), rng.standard_normal(size).astype(dtype))
    exact_x, exact_dy = x.astype(np.float64), dy.astype(np.float64)
    exact = forward(reference, guards, op, exact_x, *args)
    eps = np.finfo(dtype).eps * allowed_eps(op, args, exact_x)
    y = forward(native, guards, op, x, *args)
    assert np.all(np.abs(y - exact) <= eps * np.abs(exact) + np.finfo(dtype).tiny)

    saved, exact_saved = (y, y.astype(np.float64)) if reads_y else (x, exact_x)
    dx = backward(native, guards, op, dy, saved, *args)
    exact_dx = backward(reference, guards, op, exact_dy, exact_saved, *args)
    # A slope is a sum of terms up to |x|; near its zeros only its absolute error is small.
    assert np.all(np.abs(dx - exact_dx) <= eps * np.abs(exact_dy) * (1 + np.abs(exact_x)) * args_size(args))


def args_size(args):
    return 1 + sum(abs(a) for a in args if not isinstance(a, str))


@pytest.mark.parametrize("case", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activation_of_special_values_is_the_references(isa, dtype, guards, case):
    op, args, reads_y = case
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 100, -100, 1e30, -1e30, np.finfo(dtype).tiny] * 2, dtype)
    y = forward(native, guards, op, x, *args)
    exact = forward(reference, guards, op, x.astype(np.float64), *args)
    np.testing.assert_allclose(y, exact, rtol=1e-6, atol=np.finfo(dtype).tiny)
    dy = np.full(x.shape, 0.5, dtype)
    dx = backward(native, guards, op, dy, exact.astype(dtype) if reads_y else x, *args)
    exact_dx = backward(reference, guards, op, dy.astype(np.float64), exact if reads_y else x.astype(np.float64), *args)
    np.testing.assert_allclose(dx, exact_dx, rtol=1e-6, atol=np.finfo(dtype).tiny)


@pytest.mark.parametrize("case", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activation_of_an_element_does_not_depend_on_its_place(isa, dtype, guards, case):
    op, args, _ = case
    x = np.random.default_rng(0).uniform(-5, 5, 41).astype(dtype)
    whole = forward(native, guards, op, x, *args)
    for start in range(41):
        assert forward(native, guards, op, x[start:], *args).tobytes() == whole[start:].tobytes()


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", ROWS, ids=str)
def test_softmax_matches_the_reference(isa, threads, dtype, guards, op, shape):
    rng = np.random.default_rng(1)
    x, dy = ((4 * rng.standard_normal(shape)).astype(dtype), rng.standard_normal(shape).astype(dtype))
    y = forward(native, guards, op, x)
    exact = forward(reference, guards, op, x.astype(np.float64))
    eps, n = np.finfo(dtype).eps, shape[1]
    spread = np.abs(x).max(initial=1) * 2.0  # the rounding of x - max counts in the exponential
    size = exact if op == "softmax" else 1 + np.abs(exact)
    assert np.all(np.abs(y - exact) <= 2 * eps * (n + spread + 8) * size)

    dx = backward(native, guards, op, dy, y)
    exact_dy, exact_y = dy.astype(np.float64), y.astype(np.float64)
    exact_dx = backward(reference, guards, op, exact_dy, exact_y)
    gate = exact_y if op == "softmax" else np.exp(exact_y)
    total = (np.abs(exact_dy) * (exact_y if op == "softmax" else 1)).sum(axis=1, keepdims=True)
    bound = gate * (np.abs(exact_dy) + total) if op == "softmax" else np.abs(exact_dy) + gate * total
    assert np.all(np.abs(dx - exact_dx) <= 2 * eps * (n + 8) * bound + np.finfo(dtype).tiny)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_softmax_of_special_rows_is_the_references(isa, dtype, guards, op):
    x = np.zeros((6, 19), dtype)
    x[0, 3], x[1, 5], x[2, 7] = np.nan, np.inf, -np.inf
    x[3] = -np.inf
    x[4, -1] = np.nan
    np.testing.assert_allclose(forward(native, guards, op, x), forward(reference, guards, op, x.astype(np.float64)),
                               rtol=1e-6)


@pytest.mark.parametrize("op", ["gelu", "softmax"])
def test_activations_give_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads, op):
    x = np.random.default_rng(2).standard_normal((300, 111)).astype(dtype)

    def run():
        if op == "softmax":
            return [forward(native, guards, op, x)]
        return [forward(native, guards, op, x.ravel(), "none")]

    bits_by_threads(run)
