"""The reference of linear against its definition, and its gradients against finite differences."""

import numpy as np
import pytest
from finite_differences import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn import reference
from fastnn.reference import backend as reference_backend


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), max_size=3), st.integers(0, 4), st.integers(0, 4),
       st.sampled_from([np.float32, np.float64]), st.booleans(), st.integers(0, 2**32 - 1))
def test_linear_and_gradients_equal_the_definition(leading, n_in, n_out, dtype, has_bias, seed):
    rng = np.random.default_rng(seed)
    x, weight, dy = (rng.standard_normal(shape).astype(dtype)
                     for shape in ((*leading, n_in), (n_out, n_in), (*leading, n_out)))
    bias = rng.standard_normal(n_out).astype(dtype) if has_bias else None
    found_y, ctx = reference.linear_forward(x, weight, bias)
    found = (found_y, *reference.linear_backward(dy, ctx))

    def by_definition(x, weight, bias, dy):
        y, dx = np.zeros_like(dy), np.zeros_like(x)
        dweight, dbias = np.zeros_like(weight), np.zeros(n_out, dtype)
        for row in np.ndindex(*leading):
            for o in range(n_out):
                y[row][o] = 0 if bias is None else bias[o]
                dbias[o] += dy[row][o]
                for i in range(n_in):
                    y[row][o] += x[row][i] * weight[o, i]
                    dx[row][i] += dy[row][o] * weight[o, i]
                    dweight[o, i] += dy[row][o] * x[row][i]
        return y, dx, dweight, None if bias is None else dbias

    wanted = by_definition(x, weight, bias, dy)
    sizes = by_definition(abs(x), abs(weight), None if bias is None else abs(bias), abs(dy))
    n_rows = int(np.prod(leading))
    for value, expected, size, n_terms in zip(found, wanted, sizes, (n_in, n_out, n_rows, n_rows)):
        if expected is None:
            assert value is None
        else:
            assert value.shape == expected.shape and value.dtype == dtype
            assert np.all(np.abs(value - expected) <= 2 * np.finfo(dtype).eps * (n_terms + 1) * size)


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
