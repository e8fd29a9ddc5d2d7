"""The compiled linear against the reference: every ISA, number of threads and dtype, at sizes around the tiles."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tolerance import assert_contraction

from fastnn.native import backend as native
from fastnn.reference import backend as reference

# (rows, inputs, outputs), named after their relation to the tile: 64 columns (16 lanes x 4), 6 to 12 rows
SHAPES = {
    "single": (1, 1, 1),
    "gemv": (1, 37, 19),
    "gemv_last": (3, 64, 65),
    "gemm_first": (4, 64, 64),
    "lanes_minus_1": (5, 15, 15),
    "lanes": (6, 16, 16),
    "lanes_plus_1": (7, 17, 17),
    "width_minus_1": (11, 30, 63),
    "width_plus_1": (13, 31, 65),
    "taps_past_block": (9, 769, 20),
    "tall": (131, 20, 9),
    "no_rows": (0, 5, 3),
    "no_inputs": (4, 0, 3),
    "no_outputs": (4, 5, 0),
}


def forward(backend, guards, x, weight, bias):
    y = guards.output((x.shape[0], weight.shape[0]), x.dtype)
    backend.linear_forward(guards.input(x), guards.input(weight), guards.input(bias), y)
    return y


def gradients(backend, guards, dy, x, weight):
    dx, dweight, dbias = (guards.output(s, x.dtype) for s in (x.shape, weight.shape, weight.shape[:1]))
    backend.linear_backward_input(guards.input(dy), guards.input(weight), dx)
    backend.linear_backward_weight(guards.input(dy), guards.input(x), dweight, dbias)
    return dx, dweight, dbias


def make(shape, dtype, seed=0):
    rows, inputs, outputs = shape
    rng = np.random.default_rng(seed)
    sizes = ((rows, inputs), (outputs, inputs), (outputs,), (rows, outputs))
    return [rng.standard_normal(s).astype(dtype) for s in sizes]


def check(guards, shape, dtype):
    rows, inputs, outputs = shape
    x, weight, bias, dy = make(shape, dtype)
    exact = [a.astype(np.float64) for a in (x, weight, bias, dy)]
    absolute = [np.abs(a) for a in exact]

    y = forward(native, guards, x, weight, bias)
    assert_contraction(y, forward(reference, guards, *exact[:3]), forward(reference, guards, *absolute[:3]),
                       inputs + 1, name="y")
    grads = gradients(native, guards, dy, x, weight)
    wanted = gradients(reference, guards, exact[3], *exact[:2])
    bounds = gradients(reference, guards, absolute[3], *absolute[:2])
    for name, terms, *values in zip(("dx", "dweight", "dbias"), (outputs, rows, rows), grads, wanted, bounds):
        assert_contraction(*values, terms, name=name)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_linear_matches_the_reference(isa, threads, dtype, guards, shape):
    check(guards, shape, dtype)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.tuples(st.integers(0, 70), st.integers(0, 90), st.integers(0, 140)), dtype=st.sampled_from("fd"))
def test_linear_matches_the_reference_at_any_size(guards, shape, dtype):
    check(guards, shape, np.dtype(dtype))


def test_linear_gives_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads):
    def run():
        x, weight, bias, dy = make((67, 130, 300), dtype)
        return forward(native, guards, x, weight, bias), *gradients(native, guards, dy, x, weight)

    bits_by_threads(run)
