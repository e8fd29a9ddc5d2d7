"""The compiled rnn, lstm and gru against the reference, and their promises about bits."""

import numpy as np
import pytest
from conftest import on_threads
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recurrent_cases import GATES, KINDS, damping, draw_arrays, error_bound
from tolerance import assert_contraction

import fastnn
from fastnn.native import _rnn_plan
from fastnn.native import backend as native
from fastnn.reference import backend as reference

LANES = 16  # of the widest vectors, in float32; tiles are 64 or 16 units wide there, 12 to 24 and 2 to 8 elsewhere
# (steps, rows, inputs, hidden)
SHAPES = {
    "single": (1, 1, 1, 1),
    "one_step_one_row": (1, 1, 7, 2 * LANES),
    "one_step_two_rows": (1, 2, 2, LANES + 1),
    "two_steps_one_row": (2, 1, 3 * LANES + 3, 4 * LANES + 3),
    "one_row_lanes_minus_1": (5, 1, 9, LANES - 1),
    "one_row_many_steps": (150, 1, 3, 5),
    "one_row_several_panels": (4, 1, 19, 2 * LANES + 5),
    "one_row_x_in_tandem": (21, 1, 19, 9 * LANES),   # x of the next steps beside h of these, where weights are large
    "one_row_long_x_in_tandem": (17, 1, 150, 8 * LANES),
    "few_rows_lanes": (5, 3, 17, LANES),
    "few_rows_lanes_plus_1": (2, 3, 5, LANES + 1),
    "few_rows_several_panels": (3, 2, 19, 4 * LANES + 5),
    "more_sums_than_one_tile": (2, 48, 3, 6 * LANES + 3),
    "many_rows_tile_minus_1": (2, 17, 16, 4 * LANES - 1),
    "many_rows_tile_plus_1": (5, 17, 33, 4 * LANES + 1),
    "rows_past_a_tile": (2, 49, 5, 20),
    "rows_past_a_block": (2, 385, 3, 4),
    "steps_past_a_block": (25, 17, 2, 5),
    "taps_past_a_block": (2, 2, 3, 200),
    "no_inputs": (3, 2, 0, 9),
    "no_steps": (0, 3, 4, 5),
    "no_rows": (3, 0, 4, 5),
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
kinds = pytest.mark.parametrize("kind", KINDS)


class Case:
    """One layer's arguments, in float64 numbers that the dtype has too."""

    def __init__(self, kind, shape, dtype, lengths=False, reverse=False, bias=True, seed=0):
        rng = np.random.default_rng(seed)
        self.kind, self.op, self.dtype, self.reverse = kind, kind.split("-")[0], dtype, reverse
        self.steps, self.rows, self.inputs, self.hidden = shape
        scale = damping(self.inputs, self.hidden)
        arrays = draw_arrays(rng, kind, self.inputs, self.hidden, scale, (self.steps,), (self.rows,))
        self.x, *self.states = [a.astype(dtype) for a in arrays[:-4]]
        self.weights, self.biases = [a.astype(dtype) for a in arrays[-4:-2]], [a.astype(dtype) for a in arrays[-2:]]
        if not bias:
            self.biases = [None, None]
        self.lengths = rng.integers(0, self.steps + 1, self.rows) if lengths else None
        self.dy, *self.dstates = [rng.uniform(-1, 1, s).astype(dtype)
                                  for s in ((self.steps, self.rows, self.hidden), *[a.shape for a in self.states])]
        if lengths:   # nothing is read past a row's end
            self.x[self.ended()] = self.dy[self.ended()] = np.nan

    def ended(self):
        """(T, N): the steps that a row no longer runs."""
        return np.arange(self.steps)[:, None] >= self.lengths

    def tail(self):
        return (self.reverse, self.kind.split("-")[1]) if self.op == "rnn" else (self.reverse,)

    def kept_shapes(self):
        """Of what forward keeps for backward: the gates, an LSTM's cells."""
        t, n, h = self.steps, self.rows, self.hidden
        return {"rnn": [], "lstm": [(t, n, 4, h), (t, n, h)], "gru": [(t, n, 4, h)]}[self.op]

    def forward(self, backend, place, dtype=None, keep=True):
        """[y, last states..., what is kept...] from `backend`, with arrays made by `place`."""
        dtype = dtype or self.dtype
        given = [place.input(None if a is None else a.astype(dtype))
                 for a in (self.x, *self.states, *self.weights, *self.biases)]
        shapes = [(self.steps, self.rows, self.hidden)] + [a.shape for a in self.states]
        results = [place.output(s, dtype) for s in shapes]
        kept = [place.output(s, dtype) if keep else None for s in self.kept_shapes()]
        getattr(backend, f"{self.op}_forward")(*given, place.input(self.lengths), *results, *kept, *self.tail())
        return results + (kept if keep else [])

    def backward(self, backend, place, results, dtype=None, need=None, dstates=True, convert=np.asarray):
        """The gradients of x, states, weights and biases; need: bools in this order."""
        dtype, n = dtype or self.dtype, len(self.states)
        inputs = (self.x, *self.states, *self.weights, *[np.empty(GATES[self.op] * self.hidden)] * 2)
        grads = [place.output(a.shape, dtype) if wanted else None
                 for a, wanted in zip(inputs, need or [True] * len(inputs), strict=True)]
        given = [None if a is None else place.input(convert(a.astype(dtype))) for a in
                 (self.dy, *(self.dstates if dstates else [None] * n), self.x, *self.states, results[0],
                  *results[1 + n:], *self.weights)]
        getattr(backend, f"{self.op}_backward")(*given, place.input(self.lengths), *grads, *self.tail())
        return grads


def check(case, guards):
    """Forward and backward, each against the reference in float64 on the very same numbers."""
    results = case.forward(native, guards)
    wanted = case.forward(reference, guards, np.float64)
    bound = error_bound(case.dtype, max(case.steps, 1), case.inputs, case.hidden)
    for found, exact in zip(results, wanted, strict=True):
        assert np.all(np.abs(found - exact) <= bound)
    check_gradients(case, guards, results, case.backward(native, guards, results))


def check_gradients(case, guards, results, grads, **options):
    need = options.pop("need", None)
    exact = case.backward(reference, guards, results, np.float64, **options)
    # Every term made positive: a GRU's n comes as h - n and n^2.
    magnitudes = [np.abs(a) for a in results]
    if case.op == "gru":
        magnitudes[2][:, :, 2] *= -1
    size = case.backward(reference, guards, magnitudes, np.float64, convert=absolute_but_n, **options)
    terms = GATES[case.op] * case.hidden + case.steps * (case.rows + 20)
    for i, (found, value, largest) in enumerate(zip(grads, exact, size, strict=True)):
        if need is not None and not need[i]:
            assert found is None
        else:
            assert_contraction(found, value, largest, terms, name=f"gradient {i}")


def absolute_but_n(a):
    return a if a.ndim == 4 else np.abs(a)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("lengths", [False, True], ids=["full", "lengths"])
@shapes
@kinds
def test_recurrent_matches_the_reference(isa, dtype, guards, kind, shape, lengths, reverse):
    check(Case(kind, shape, dtype, lengths, reverse), guards)


@pytest.mark.parametrize("lengths", [False, True], ids=["full", "lengths"])
@shapes
@kinds
def test_recurrent_matches_the_reference_on_threads(threads, dtype, guards, kind, shape, lengths):
    check(Case(kind, shape, dtype, lengths), guards)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KINDS), st.tuples(st.integers(0, 9), st.integers(0, 40), st.integers(0, 40),
                                         st.integers(0, 90)),
       st.sampled_from("fd"), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 99))
def test_recurrent_matches_the_reference_at_any_size(guards, kind, shape, dtype, lengths, reverse, bias, seed):
    check(Case(kind, shape, np.dtype(dtype), lengths, reverse, bias, seed), guards)


@kinds
def test_each_gradient_alone_equals_the_one_among_all(dtype, guards, kind):
    case = Case(kind, (7, 5, 11, 19), dtype, lengths=True)
    results = case.forward(native, guards)
    together = case.backward(native, guards, results)
    for i in range(len(together)):
        need = [k == i for k in range(len(together))]
        alone = case.backward(native, guards, results, need=need)
        assert [a is not None for a in alone] == need
        np.testing.assert_array_equal(alone[i], together[i])


@kinds
def test_backward_without_gradients_of_the_last_state(dtype, guards, kind):
    case = Case(kind, (4, 3, 5, 18), dtype)
    results = case.forward(native, guards)
    check_gradients(case, guards, results, case.backward(native, guards, results, dstates=False), dstates=False)


# ---- The same bits

bit_shapes = pytest.mark.parametrize("shape", [(9, 1, 20, 40), (21, 1, 20, 144), (6, 5, 20, 70), (5, 24, 33, 67)],
                                     ids=["one-row", "one-row-in-tandem", "few-rows", "many-rows"])


@pytest.mark.parametrize("lengths", [False, True], ids=["full", "lengths"])
@bit_shapes
@kinds
def test_recurrent_gives_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads, kind, shape,
                                                                  lengths):
    case = Case(kind, shape, dtype, lengths, reverse=lengths)

    def run():
        results = case.forward(native, guards)
        return results + case.backward(native, guards, results)

    bits_by_threads(run)


@pytest.mark.parametrize("lengths", [False, True], ids=["full", "lengths"])
@bit_shapes
@kinds
def test_recurrent_gives_the_same_bits_however_it_is_shared_out(dtype, guards, kind, shape, lengths):
    case = Case(kind, shape, dtype, lengths)
    found = []
    with on_threads(2):
        for split in _rnn_plan.SPLITS:
            _rnn_plan.force(split)
            try:
                results = case.forward(native, guards)
                found.append([a.tobytes() for a in results + case.backward(native, guards, results)])
            finally:
                _rnn_plan.force(None)
    assert found[1] == found[0] and found[2] == found[0]


@pytest.mark.parametrize(("layer", "split"), [
    (("lstm", 64, 64, 28, 128), "rows"),     # rows enough for every thread
    (("lstm", 35, 20, 200, 200), "rows"),    # though the weights are somewhat larger than a core's own cache
    (("lstm", 128, 16, 512, 512), "units"),  # weights that no core's cache holds: each thread reads its part
    (("lstm", 64, 1, 256, 512), "units"),    # a single row
    (("rnn", 32, 1, 128, 128), "units"),     # whose step waits for the weights
    (("lstm", 2, 3, 4, 5), "alone"),         # not worth waking anyone
])
def test_plan_shares_out_what_pays(layer, split):
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(2)
    try:
        assert _rnn_plan.planned(*layer, 4)[0] == split
    finally:
        fastnn.set_num_threads(before)


def test_plan_multiplies_a_few_rows_of_x_at_once_and_packs_no_weights_for_one():
    _, _, block, unpacked = _rnn_plan.planned("gru", 100, 2, 64, 64, 4)
    assert block > 1 and not unpacked
    assert _rnn_plan.planned("gru", 100, 32, 64, 64, 4)[2] == 0
    assert _rnn_plan.planned("gru", 1, 1, 64, 64, 4)[3]


@pytest.mark.parametrize("lengths", [False, True], ids=["full", "lengths"])
@bit_shapes
@kinds
def test_inference_gives_the_bits_of_training(isa, dtype, guards, kind, shape, lengths):
    case = Case(kind, shape, dtype, lengths)
    for found, wanted in zip(case.forward(native, guards, keep=False), case.forward(native, guards)):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@bit_shapes
@kinds
def test_sequence_gives_the_bits_of_its_steps(isa, dtype, guards, kind, shape, reverse):
    whole = Case(kind, shape, dtype, reverse=reverse)
    y, *last = whole.forward(native, guards, keep=False)
    step = Case(kind, (1, *shape[1:]), dtype)
    step.weights, step.biases, step.states = whole.weights, whole.biases, whole.states
    for t in range(whole.steps)[:: -1 if reverse else 1]:
        step.x = whole.x[t:t + 1]
        found, *step.states = step.forward(native, guards, keep=False)
        np.testing.assert_array_equal(found[0], y[t])
    for found, wanted in zip(step.states, last, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@bit_shapes
@kinds
def test_rows_of_a_batch_with_lengths_give_the_bits_of_each_alone(isa, dtype, guards, kind, shape, reverse):
    batch = Case(kind, shape, dtype, lengths=True, reverse=reverse)
    results = batch.forward(native, guards)
    n_given = 1 + len(batch.states)
    dx, *dstates = batch.backward(native, guards, results)[:n_given]
    for n, length in enumerate(batch.lengths):
        one = Case(kind, (int(length), 1, *shape[2:]), dtype, reverse=reverse)
        one.weights, one.biases = batch.weights, batch.biases
        one.x, one.dy = batch.x[:length, n:n + 1], batch.dy[:length, n:n + 1]
        one.states, one.dstates = [a[n:n + 1] for a in batch.states], [a[n:n + 1] for a in batch.dstates]
        alone = one.forward(native, guards)
        for i, (found, wanted) in enumerate(zip(results, alone, strict=True)):
            is_state = 1 <= i < n_given
            np.testing.assert_array_equal(found[n:n + 1] if is_state else found[:length, n:n + 1], wanted)
            assert is_state or not np.any(found[length:, n])
        found = one.backward(native, guards, alone)[:n_given]
        for value, wanted in zip([dx[:length, n:n + 1], *[d[n:n + 1] for d in dstates]], found, strict=True):
            np.testing.assert_array_equal(value, wanted)


@kinds
def test_nan_in_one_row_stays_there(isa, dtype, guards, kind):
    case = Case(kind, (3, 9, 5, 18), dtype)
    clean = case.forward(native, guards)
    case.x[1, 4, 2] = np.nan
    spoiled = case.forward(native, guards)
    assert np.all(np.isnan(spoiled[0][1:, 4]))
    others = np.arange(9) != 4
    np.testing.assert_array_equal(spoiled[0][:, others], clean[0][:, others])
