"""The compiled linear against the reference: every ISA, number of threads and dtype, at sizes around the tiles."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tolerance import assert_contraction

from fastnn.native import backend as native
from fastnn.reference import backend as reference

# (rows, inputs, outputs), named after their relation to the tile. Dot products: 6, 3 or 2 rows, 4 columns, or 4 rows, 3
# columns, parts of 72 or 144 vectors; weights of 4 MB are fetched ahead; past 8 rows, 2 or 4 beside each other in a
# vector, 6 or 3 vectors. Panels: 64 columns (16 lanes x 4), 6 to 12 rows
SHAPES = {
    "single": (1, 1, 1),
    "one_row": (1, 37, 19),
    "dots_tile": (6, 64, 4),
    "dots_rows_plus_1": (7, 63, 5),
    "dots_few_columns": (13, 65, 3),
    "dots_fours": (8, 37, 7),
    "dots_fours_few_columns": (4, 70, 2),
    "dots_fours_many_parts": (12, 2500, 8),
    "dots_far": (4, 4100, 257),
    "dots_two_parts": (5, 2310, 7),
    "dots_many_parts": (20, 2500, 9),
    "dots_blocks_of_rows": (70, 1100, 6),
    "beside_a_tile": (12, 64, 4),
    "beside_taps_plus_1": (12, 65, 9),
    "beside_taps_minus_1": (24, 127, 40),
    "beside_rows_minus_1": (11, 515, 30),
    "beside_rows_plus_1": (61, 1030, 70),
    "beside_two_heights": (28, 410, 21),
    "beside_few_rows_for_a_thread": (40, 33, 10),
    "beside_one_column_too_many": (16, 260, 5),
    "beside_parts": (32, 2500, 41),
    "beside_parts_and_rows_minus_1": (63, 2309, 130),
    "beside_far": (12, 4100, 260),
    "panels_first": (80, 64, 64),
    "panels_lanes_minus_1": (85, 15, 15),
    "panels_lanes": (86, 16, 16),
    "panels_lanes_plus_1": (87, 17, 17),
    "panels_width_minus_1": (91, 30, 63),
    "panels_width_plus_1": (93, 31, 65),
    "panels_two_blocks": (300, 769, 20),
    "tall": (131, 20, 9),
    "one_output": (131, 70, 1),
    "few_outputs": (70, 1200, 3),
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


@pytest.mark.parametrize("shape", [(67, 130, 300), (60, 260, 300), (60, 70, 10)], ids=["panels", "columns", "rows"])
def test_linear_gives_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads, shape):
    def run():
        x, weight, bias, dy = make(shape, dtype)
        return forward(native, guards, x, weight, bias), *gradients(native, guards, dy, x, weight)

    bits_by_threads(run)


def test_linear_gives_a_row_the_same_bits_alone_and_among_a_few(isa, dtype, guards):
    x, weight, bias, _ = make((8, 300, 21), dtype)
    together = forward(native, guards, x, weight, bias)
    alone = [forward(native, guards, x[i:i + 1], weight, bias) for i in range(len(x))]
    np.testing.assert_array_equal(np.concatenate(alone), together)


@pytest.mark.parametrize("rows", [7, 12, 21])
def test_linear_keeps_what_is_not_finite_where_it_belongs(isa, dtype, guards, rows):
    """Tiles and vectors that reach past a row, repeat one or hold several must not carry its NaN elsewhere."""
    x, weight, bias, _ = make((rows, 67, 6), dtype)
    x[3, 66], weight[5, 66], x[0, 0] = np.nan, np.nan, np.inf
    expected = np.isfinite(np.where(np.isnan(x).any(1)[:, None] | np.isnan(weight).any(1), np.nan, 0) + np.where(
        np.isinf(x).any(1), np.inf, 0)[:, None])
    np.testing.assert_array_equal(np.isfinite(forward(native, guards, x, weight, bias)), expected)
