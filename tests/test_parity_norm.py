"""The compiled passes of normalisation and the softmaxes against exact sums: sizes around a vector and four of them."""

import numpy as np
import pytest
from tolerance import assert_contraction

import fastnn.functional as F
from fastnn.native import backend as native
from fastnn.reference import backend as reference

SIZES = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 200]
SHAPES = [(3, 4, size) for size in SIZES] + [(1, 1, 77), (5, 1, 30), (1, 9, 30), (0, 3, 4), (2, 0, 4), (2, 3, 0)]
pytestmark = pytest.mark.usefixtures("isa", "threads")


@pytest.fixture
def make(guards, rng, dtype):
    """make(shape): guarded random input, and itself in float64."""
    def of(shape, offset=0.0):
        values = (rng.standard_normal(shape) + offset).astype(dtype)
        return guards.input(values), values.astype(np.float64)

    return of


def column(values):
    return values[:, None]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_channel_moments_are_the_exact_ones(shape, make, guards, dtype):
    x, exact = make(shape, 3.0)
    mean, var = guards.output(shape[1], dtype), guards.output(shape[1], dtype)
    native.channel_moments(x, mean, var)
    count = shape[0] * shape[2]
    if not count:
        assert not mean.any() and not var.any()
        return
    assert_contraction(mean, exact.mean((0, 2)), np.abs(exact).mean((0, 2)), count)
    deviation = exact - column(mean.astype(np.float64))
    assert_contraction(var, (deviation**2).mean((0, 2)), (np.abs(exact) * np.abs(deviation)).mean((0, 2)), count + 4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_channel_scale_and_combine_are_exact_to_a_few_ulp(shape, make, guards, dtype):
    (x, ex), (dy, edy) = make(shape), make(shape)
    (mean, em), (a, ea), (b, eb), (c, ec) = (make(shape[1:2]) for _ in range(4))
    y, dx = guards.output(shape, dtype), guards.output(shape, dtype)
    native.channel_scale(x, mean, a, b, y)
    native.channel_combine(dy, x, mean, a, b, c, dx)
    off, size = ex - column(em), np.abs(ex) + np.abs(column(em))
    assert_contraction(y, off * column(ea) + column(eb), size * np.abs(column(ea)) + np.abs(column(eb)), 2)
    assert_contraction(dx, edy * column(ea) + off * column(eb) + column(ec),
                       np.abs(edy * column(ea)) + size * np.abs(column(eb)) + np.abs(column(ec)), 3)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_channel_sums_are_the_exact_ones(shape, make, guards, dtype):
    (x, ex), (dy, edy), (mean, em) = make(shape), make(shape), make(shape[1:2])
    dshift, dscale = guards.output(shape[1], dtype), guards.output(shape[1], dtype)
    native.channel_sums(dy, x, mean, dshift, dscale)
    count, size = shape[0] * shape[2], np.abs(ex) + np.abs(column(em))
    assert_contraction(dshift, edy.sum((0, 2)), np.abs(edy).sum((0, 2)), count)
    assert_contraction(dscale, (edy * (ex - column(em))).sum((0, 2)), (np.abs(edy) * size).sum((0, 2)), count + 2)


@pytest.mark.parametrize("parts", [(True, True), (True, False), (False, True), (False, False)],
                         ids=["both", "weight", "bias", "neither"])
@pytest.mark.parametrize("columns", SIZES)
def test_row_normalize_and_gradients_are_the_exact_ones(columns, parts, make, guards, dtype):
    rows, eps = 5, 0.1
    (x, ex), (dy, edy) = make((rows, columns)), make((rows, columns))
    (weight, ew), (bias, eb) = (make(columns) if there else (None, value) for there, value in zip(parts, (1.0, 0.0)))
    y, dx = (guards.output((rows, columns), dtype) for _ in range(2))
    mean, rstd = (guards.output(rows, dtype) for _ in range(2))
    dweight, dbias = (guards.output(columns, dtype) if there else None for there in parts)
    native.row_normalize(x, weight, bias, mean, rstd, y, eps)
    native.row_normalize_backward_input(dy, x, weight, mean, rstd, dx)
    native.row_normalize_backward_weight(dy, x, mean, rstd, dweight, dbias)

    em, er = ex.mean(1), 1 / np.sqrt(ex.var(1) + eps)
    h, d = (ex - column(em)) * column(er), edy * ew
    sizes = 4 * (1 + np.abs(ex).max()) * column(er)  # of h, and of what it is made from
    assert_contraction(mean, em, np.abs(ex).mean(1), columns)
    assert_contraction(rstd, er, er, columns + 4)
    assert_contraction(y, h * ew + eb, sizes * np.abs(ew) + np.abs(eb), columns + 4)
    wanted = column(er) * (d - column(d.mean(1)) - h * column((d * h).mean(1)))
    assert_contraction(dx, wanted, column(er) * np.abs(d).max() * (1 + sizes) ** 2, columns + 4)
    if parts[0]:
        assert_contraction(dweight, (edy * h).sum(0), (np.abs(edy) * sizes).sum(0), rows + columns + 4)
    if parts[1]:
        assert_contraction(dbias, edy.sum(0), np.abs(edy).sum(0), rows)


@pytest.mark.parametrize("columns", [*SIZES, 0, 1000])
def test_softmaxes_and_gradients_are_the_exact_ones(columns, make, guards, dtype, rng):
    (x, ex), (dy, edy) = make((6, columns)), make((6, columns))
    y, dx, log_y, log_dx = (guards.output(x.shape, dtype) for _ in range(4))
    native.softmax_forward(x, y)
    native.log_softmax_forward(x, log_y)
    e = np.exp(ex - ex.max(1, keepdims=True, initial=-np.inf))
    exact, few = e / e.sum(1, keepdims=True), 8  # few: ulp of exp, of the quotient and of the subtraction
    assert_contraction(y, exact, exact * (1 + np.abs(ex)), columns + few)
    assert_contraction(log_y, np.log(exact), 1 + np.abs(np.log(exact)), columns + few)
    y, log_y = guards.input(y), guards.input(log_y)
    native.softmax_backward_input(dy, y, dx)
    native.log_softmax_backward_input(dy, log_y, log_dx)
    size = np.abs(edy) + np.abs(edy * y).sum(1, keepdims=True)
    assert_contraction(dx, y * (edy - (edy * y).sum(1, keepdims=True)), y * size, columns + few)
    size = np.abs(edy) + np.exp(log_y) * np.abs(edy).sum(1, keepdims=True)
    exact = edy - np.exp(log_y.astype(np.float64)) * edy.sum(1, keepdims=True)
    assert_contraction(log_dx, exact, size, columns + few)

    in_place = x.copy(), dy.copy()
    native.softmax_forward(in_place[0], in_place[0])
    native.softmax_backward_input(in_place[1], in_place[0], in_place[1])
    np.testing.assert_array_equal(in_place[0], y)
    np.testing.assert_array_equal(in_place[1], dx)


@pytest.mark.parametrize("columns", [1, 4, 19, 70])
def test_softmaxes_take_infinities_and_nan_as_the_reference_does(columns, dtype):
    rows = np.zeros((6, columns), dtype)
    rows[0, -1], rows[1, 0], rows[2], rows[3, columns // 2] = np.inf, -np.inf, -np.inf, np.nan
    rows[4] = np.finfo(dtype).max
    for name in ("softmax_forward", "log_softmax_forward"):
        found, wanted = np.empty_like(rows), np.empty_like(rows)
        getattr(native, name)(rows, found)
        getattr(reference, name)(rows, wanted)
        np.testing.assert_allclose(found, wanted, rtol=(columns + 8) * np.finfo(dtype).eps)


def test_normalisation_and_softmax_have_the_same_bits_on_any_number_of_threads(dtype, bits_by_threads, rng):
    x = rng.standard_normal((7, 10, 13, 11)).astype(dtype)
    calls = {"batch_norm": (None, None, None, None, True), "group_norm": (5,), "layer_norm": ((13, 11),),
             "softmax": (1,), "log_softmax": (-1,)}

    def run():
        for op, arguments in calls.items():
            y, ctx = getattr(F, op + "_forward")(x, *arguments)
            gradients = getattr(F, op + "_backward")(y, ctx)
            yield from (y, *(g for g in (gradients if isinstance(gradients, tuple) else (gradients,)) if g is not None))

    bits_by_threads(run)
