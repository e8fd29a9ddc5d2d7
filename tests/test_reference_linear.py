"""The reference of linear against its definition, and its gradients against finite differences."""

import math

import numpy as np
import pytest
from finite_differences import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import assert_contraction

from fastnn import reference
from fastnn.reference import backend as reference_backend


def by_definition(x, weight, bias, dy):
    """Return (y, dx, dweight, dbias), one product at a time."""
    y, dx, dweight, dbias = (np.zeros(shape) for shape in (dy.shape, x.shape, weight.shape, weight.shape[:1]))
    for *row, o in np.ndindex(dy.shape):
        row = tuple(row)
        y[row][o] = 0 if bias is None else bias[o]
        dbias[o] += dy[row][o]
        for i in range(weight.shape[1]):
            y[row][o] += x[row][i] * weight[o, i]
            dx[row][i] += dy[row][o] * weight[o, i]
            dweight[o, i] += dy[row][o] * x[row][i]
    return y, dx, dweight, dbias


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 3), max_size=3), st.integers(0, 4), st.integers(0, 4),
       st.sampled_from([np.float32, np.float64]), st.booleans(), st.integers(0, 2**32 - 1))
def test_linear_and_gradients_equal_the_definition(leading, n_in, n_out, dtype, has_bias, seed):
    rng = np.random.default_rng(seed)
    x, weight, dy = (rng.standard_normal(shape).astype(dtype)
                     for shape in ((*leading, n_in), (n_out, n_in), (*leading, n_out)))
    bias = rng.standard_normal(n_out).astype(dtype) if has_bias else None
    y, ctx = reference.linear_forward(x, weight, bias)
    found = (y, *reference.linear_backward(dy, ctx))

    exact = [None if array is None else array.astype(np.float64) for array in (x, weight, bias, dy)]
    sizes = by_definition(*(None if array is None else abs(array) for array in exact))
    n_rows = math.prod(leading)
    for name, value, *bounds in zip(("y", "dx", "dweight", "dbias"), found, by_definition(*exact), sizes,
                                    (n_in + 1, n_out, n_rows, n_rows)):
        if name == "dbias" and bias is None:
            assert value is None
        else:
            assert value.dtype == dtype
            assert_contraction(value, *bounds, name=name)


@pytest.mark.parametrize("leading", [(), (3,), (2, 2)], ids=["one-row", "rows", "two-leading-axes"])
def test_linear_gradients_match_finite_differences(leading):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in ((*leading, 4), (3, 4), (3,))]
    y, ctx = reference.linear_forward(*arrays)
    dy = rng.standard_normal(y.shape)
    assert_gradients(reference.linear, arrays, dy, reference.linear_backward(dy, ctx))


def test_linear_backend_overwrites_its_outputs():
    rng = np.random.default_rng(1)
    x, weight, bias = (rng.standard_normal(shape) for shape in ((5, 3), (4, 3), (4,)))
    y, ctx = reference.linear_forward(x, weight, bias)
    dx, dweight, dbias = reference.linear_backward(y, ctx)
    outputs = [np.full_like(array, np.nan) for array in (y, dx, dweight, dbias)]
    reference_backend.linear_forward(x, weight, bias, outputs[0])
    reference_backend.linear_backward_input(y, weight, outputs[1])
    reference_backend.linear_backward_weight(y, x, outputs[2], outputs[3])
    for found, wanted in zip(outputs, (y, dx, dweight, dbias)):
        np.testing.assert_array_equal(found, wanted)
