"""The references of rnn, lstm and gru against their definition, row by row, and gradients by finite differences."""

import numpy as np
import pytest
from finite_differences import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from recurrent_cases import KINDS, call, damping, draw_arrays, error_bound, flat

from fastnn import reference


def function(kind, suffix=""):
    return getattr(reference, kind.split("-")[0] + suffix)


def gradients(kind, dresults, ctx):
    """(dx, dh, (dc), dweight_ih, ...) of a sequence, for the gradients of (y, h', (c'))."""
    dy, *dstate = dresults
    return flat(function(kind, "_backward")(dy, ctx, dstate=dstate[0] if len(dstate) == 1 else tuple(dstate)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step_by_definition(kind, x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    """One step of one row, the gates sliced out one by one; returns the new state."""
    h = state[0]
    n_hidden = len(h)

    def from_x(gate):
        rows = slice(gate * n_hidden, (gate + 1) * n_hidden)
        return np.array([sum(w * v for w, v in zip(row, x)) for row in weight_ih[rows]]) + bias_ih[rows]

    def from_h(gate):
        rows = slice(gate * n_hidden, (gate + 1) * n_hidden)
        return np.array([sum(w * v for w, v in zip(row, h)) for row in weight_hh[rows]]) + bias_hh[rows]

    if kind == "lstm":
        i, f, o = (sigmoid(from_x(gate) + from_h(gate)) for gate in (0, 1, 3))
        g = np.tanh(from_x(2) + from_h(2))
        c = f * state[1] + i * g
        return o * np.tanh(c), c
    if kind == "gru":
        r, z = (sigmoid(from_x(gate) + from_h(gate)) for gate in (0, 1))
        n = np.tanh(from_x(2) + r * from_h(2))
        return ((1 - z) * n + z * h,)
    a = from_x(0) + from_h(0)
    return (np.tanh(a) if kind == "rnn-tanh" else np.where(a > 0, a, 0),)


def run_by_definition(kind, arrays, lengths, reverse):
    """(y, h', (c')), each row on its own."""
    x, *states = arrays[:-4]
    states = [state.copy() for state in states]
    y = np.zeros((*x.shape[:2], states[0].shape[1]))
    for n, length in enumerate(lengths):
        for t in reversed(range(length)) if reverse else range(length):
            for state, new in zip(states, step_by_definition(kind, x[t, n], [s[n] for s in states], *arrays[-4:])):
                state[n] = new
            y[t, n] = states[0][n]
    return y, *states


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(KINDS), st.tuples(*[st.integers(0, 4)] * 4), st.booleans(), st.booleans(),
       st.sampled_from([np.float32, np.float64]), st.integers(0, 2**32 - 1))
def test_sequence_equals_the_definition(kind, extents, has_lengths, reverse, dtype, seed):
    n_steps, n_rows, n_inputs, n_hidden = extents
    rng = np.random.default_rng(seed)
    arrays = draw_arrays(rng, kind, n_inputs, n_hidden, damping(n_inputs, n_hidden), (n_steps,), (n_rows,))
    arrays = [array.astype(dtype) for array in arrays]
    lengths = rng.integers(0, n_steps + 1, n_rows) if has_lengths else None
    found = flat(call(kind, function(kind), arrays, lengths, reverse))
    exact = run_by_definition(kind, [array.astype(np.float64) for array in arrays],
                              lengths if has_lengths else [n_steps] * n_rows, reverse)
    bound = error_bound(dtype, n_steps, n_inputs, n_hidden)
    for value, wanted in zip(found, exact, strict=True):
        assert value.shape == wanted.shape and value.dtype == dtype and value.flags.c_contiguous
        assert np.max(np.abs(value - wanted), initial=0) <= bound


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("lengths", [None, [3, 0, 4, 1]], ids=["full", "lengths"])
@pytest.mark.parametrize("kind", KINDS)
def test_sequence_gradients_match_finite_differences(kind, lengths, reverse):
    rng = np.random.default_rng(1)
    arrays = draw_arrays(rng, kind, 2, 3, lead=(4,), rows=(4,))
    result, ctx = call(kind, function(kind, "_forward"), arrays, lengths, reverse)
    dresults = tuple(rng.standard_normal(part.shape) for part in flat(result))

    def run(*arrays):
        return flat(call(kind, function(kind), arrays, lengths, reverse))

    assert_gradients(run, arrays, dresults, gradients(kind, dresults, ctx))


@pytest.mark.parametrize("kind", KINDS)
def test_sequence_gradients_without_a_batch_match_finite_differences(kind):
    rng = np.random.default_rng(2)
    arrays = draw_arrays(rng, kind, 3, 2, lead=(3,))
    result, ctx = call(kind, function(kind, "_forward"), arrays)
    dresults = tuple(rng.standard_normal(part.shape) for part in flat(result))
    found = gradients(kind, dresults, ctx)
    assert_gradients(lambda *arrays: flat(call(kind, function(kind), arrays)), arrays, dresults, found)


@pytest.mark.parametrize("rows", [(3,), ()], ids=["batch", "one-row"])
@pytest.mark.parametrize("kind", KINDS)
def test_cell_gradients_match_finite_differences(kind, rows):
    rng = np.random.default_rng(3)
    arrays = draw_arrays(rng, kind, 2, 3, rows=rows)
    result, ctx = call(kind, function(kind, "_cell_forward"), arrays)
    dresults = tuple(rng.standard_normal(part.shape) for part in flat(result))
    found = flat(function(kind, "_cell_backward")(dresults if kind == "lstm" else dresults[0], ctx))
    assert_gradients(lambda *arrays: flat(call(kind, function(kind, "_cell"), arrays)), arrays, dresults, found)


@pytest.mark.parametrize("given_part", range(3), ids=["dy-alone", "dh-alone", "dc-alone"])
@pytest.mark.parametrize("kind", KINDS)
def test_sequence_backward_takes_none_for_a_zero_gradient(kind, given_part):
    rng = np.random.default_rng(4)
    arrays = draw_arrays(rng, kind, 2, 3, lead=(3,), rows=(2,))
    result, ctx = call(kind, function(kind, "_forward"), arrays)
    parts = flat(result)
    given_part = min(given_part, len(parts) - 1)
    with_none, with_zeros = [None] * len(parts), [np.zeros_like(part) for part in parts]
    with_none[given_part] = with_zeros[given_part] = rng.standard_normal(parts[given_part].shape)
    for found, wanted in zip(gradients(kind, with_none, ctx), gradients(kind, with_zeros, ctx), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("kind", ["rnn-tanh", "lstm", "gru"])
def test_cell_gates_saturate_without_overflow(kind, dtype):
    for x in (1e30, -1e30):
        arrays = [np.full_like(array, 0.5) for array in draw_arrays(np.random.default_rng(5), kind, 1, 2, rows=(2,))]
        arrays[0][...] = x
        arrays = [array.astype(dtype) for array in arrays]
        result, ctx = call(kind, function(kind, "_cell_forward"), arrays)
        assert np.isfinite(flat(result)).all()
        for part in flat(function(kind, "_cell_backward")(result, ctx)):
            assert np.isfinite(part).all()


def test_cells_of_zero_weights_have_their_known_values():
    h, c = np.array([[0.5, -2.0]]), np.array([[1.0, 3.0]])
    x, weight_ih, weight_hh = np.ones((1, 1)), np.zeros((8, 1)), np.zeros((8, 2))
    np.testing.assert_array_equal(reference.rnn_cell(x, h, weight_ih[:2], weight_hh[:2]), np.zeros((1, 2)))
    np.testing.assert_array_equal(reference.gru_cell(x, h, weight_ih[:6], weight_hh[:6]), h / 2)
    h_next, c_next = reference.lstm_cell(x, (h, c), weight_ih, weight_hh)
    np.testing.assert_array_equal(c_next, c / 2)
    np.testing.assert_array_equal(h_next, np.tanh(c / 2) / 2)
