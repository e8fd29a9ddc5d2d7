"""Compiled recurrent layers with options against the reference, and their promises about bits."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recurrent_cases import GATES, damping, error_bound
from variant_cases import VARIANTS, Variety

import fastnn
from fastnn import _memory

# (steps, rows, inputs, units): around vectors of 16 and 8, tiles of 64, and chunks of 24 rows
SHAPES = {
    "single": (1, 1, 1, 1),
    "one_row": (5, 1, 9, 15),
    "few_rows_lanes": (3, 3, 17, 16),
    "rows_past_a_chunk": (2, 25, 5, 17),
    "many_rows_tile_plus_1": (2, 53, 33, 65),
    "no_inputs": (3, 2, 0, 9),
    "no_steps": (0, 3, 4, 5),
    "no_rows": (3, 0, 4, 5),
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
names = pytest.mark.parametrize("name", VARIANTS)
lengths = pytest.mark.parametrize("lengths", [False, True], ids=["full", "lengths"])


@pytest.fixture(autouse=True)
def guarded(guards, monkeypatch):
    """Every array that the ops make is full of NaN, between guard bytes."""
    monkeypatch.setattr(_memory, "empty", guards.output)


def make(name, shape, dtype, lengths=False, reverse=False, bias=True, seed=0):
    case = Variety(name, shape, dtype, lengths, reverse, bias, damping(shape[2], shape[3]), seed)
    if lengths:  # nothing is read past a row's end
        case.arrays[0][np.arange(case.steps)[:, None] >= case.lengths] = np.nan
    return case


def check(case):
    """Against the reference in float64 on the very same numbers."""
    rng = np.random.default_rng(1)
    shapes = [(case.steps, case.rows, case.hidden)] + [state.shape for state in case.states]
    dresults = [rng.uniform(-1, 1, shape).astype(case.dtype) for shape in shapes]
    results, gradients = case.train(dresults)
    with fastnn.use_backend("reference"):
        exact, exact_gradients = case.train(dresults, np.float64)
    # A normalisation with the cases' eps stretches what it is given by 1 / sqrt(eps) = 2 at most, and by its gain.
    stretch = 3 ** case.steps if VARIANTS[case.name].get("norm") else 1
    bound = stretch * error_bound(case.dtype, max(case.steps, 1), case.inputs, case.units)
    for found, wanted in zip(results, exact, strict=True):
        assert found.dtype == case.dtype and np.all(np.abs(found - wanted) <= bound)
    terms = GATES[case.op] * case.units + case.steps * (case.rows + 20)
    for index, (found, wanted) in enumerate(zip(gradients, exact_gradients, strict=True)):
        size = max(1, np.max(np.abs(wanted), initial=0))
        error = np.max(np.abs(found - wanted), initial=0)
        assert error <= 2 * stretch * np.finfo(case.dtype).eps * terms * size, f"gradient {index}"


@lengths
@shapes
@names
def test_variant_matches_the_reference(isa, dtype, name, shape, lengths):
    check(make(name, shape, dtype, lengths, reverse=lengths))


@lengths
@pytest.mark.parametrize("shape", [(3, 7, 6, 18), (2, 53, 5, 33)], ids=["few-rows", "many-rows"])
@names
def test_variant_matches_the_reference_on_threads(threads, dtype, name, shape, lengths):
    check(make(name, shape, dtype, lengths, reverse=not lengths))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(VARIANTS)), st.tuples(st.integers(0, 5), st.integers(0, 30), st.integers(0, 30),
                                                  st.integers(1, 70)),
       st.sampled_from("fd"), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 99))
def test_variant_matches_the_reference_at_any_size(name, shape, dtype, lengths, reverse, bias, seed):
    check(make(name, shape, dtype, lengths, reverse, bias, seed))


# ---- The same bits

bit_shapes = pytest.mark.parametrize("shape", [(4, 1, 20, 40), (3, 5, 20, 70), (3, 30, 33, 67)],
                                     ids=["one-row", "few-rows", "many-rows"])


@lengths
@bit_shapes
@names
def test_variant_gives_the_same_bits_at_every_number_of_threads(isa, dtype, bits_by_threads, name, shape, lengths):
    case = make(name, shape, dtype, lengths)

    def run():
        results, gradients = case.train()
        return [*results, *gradients]

    bits_by_threads(run)


@bit_shapes
@names
def test_inference_gives_the_bits_of_training(isa, dtype, name, shape):
    case = make(name, shape, dtype, lengths=True)
    for found, wanted in zip(case.run(), case.train()[0], strict=True):
        np.testing.assert_array_equal(found, wanted)


@bit_shapes
@names
def test_sequence_gives_the_bits_of_its_steps(isa, dtype, name, shape):
    whole, step = make(name, shape, dtype), make(name, (1, *shape[1:]), dtype)
    y, *last = whole.run()
    n_states = len(whole.states)
    step.arrays = whole.arrays.copy()
    for t in range(whole.steps):
        step.arrays[0] = whole.arrays[0][t:t + 1]
        step.masks = [mask[t:t + 1] if mask is not None and len(mask) > 1 else mask for mask in whole.masks]
        found, *state = step.run()
        np.testing.assert_array_equal(found[0], y[t])
        step.arrays[1:1 + n_states] = state
    for found, wanted in zip(state, last, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@bit_shapes
@names
def test_rows_of_a_batch_with_lengths_give_the_bits_of_each_alone(isa, dtype, name, shape, reverse):
    batch = make(name, shape, dtype, lengths=True, reverse=reverse)
    n_given = 1 + len(batch.states)
    results, gradients = batch.train()
    for n, length in enumerate(batch.lengths):
        one = make(name, (int(length), 1, *shape[2:]), dtype, reverse=reverse)
        one.arrays = [batch.arrays[0][:length, n:n + 1], *[a[n:n + 1] for a in batch.arrays[1:n_given]],
                      *batch.arrays[n_given:]]
        one.masks = [None if mask is None else mask[:length if len(mask) > 1 else 1, n:n + 1] if mask.shape[1] > 1
                     else mask[:length] for mask in batch.masks]
        alone, alone_gradients = one.train()
        for many, single in ((results, alone), (gradients, alone_gradients)):
            np.testing.assert_array_equal(many[0][:length, n:n + 1], single[0])
            assert not np.any(many[0][length:, n])
            for found, wanted in zip(many[1:n_given], single[1:n_given], strict=True):
                np.testing.assert_array_equal(found[n:n + 1], wanted)
