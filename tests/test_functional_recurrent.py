"""What rnn, lstm, gru and their cells promise beyond their arithmetic, on both backends."""

import numpy as np
import pytest
from layouts import LAYOUTS
from recurrent_cases import KINDS, call, damping, draw_arrays, error_bound, flat

import fastnn.functional as F
from fastnn import _memory

pytestmark = pytest.mark.usefixtures("backend")

T, N, INPUTS, H = 5, 4, 3, 6
LENGTHS = [5, 0, 2, 4]


def function(kind, suffix=""):
    return getattr(F, kind.split("-")[0] + suffix)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["forward", "reverse"])
def reverse(request):
    return request.param


@pytest.fixture
def arrays(rng, dtype, kind):
    return [array.astype(dtype) for array in draw_arrays(rng, kind, INPUTS, H, damping(INPUTS, H), (T,), (N,))]


def train(kind, arrays, lengths=None, reverse=False, dy=None, need=None):
    """(y, h', (c')) and (dx, dh, (dc), dweight_ih, ...), for a dy and ones as the gradient of the last state."""
    (y, state), ctx = call(kind, function(kind, "_forward"), arrays, lengths, reverse)
    dstate = tuple(map(np.ones_like, state)) if kind == "lstm" else np.ones_like(state)
    found = function(kind, "_backward")(np.ones_like(y) if dy is None else dy, ctx, dstate=dstate, need=need)
    return flat((y, state)), flat(found)


def assert_same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
def test_forward_gives_the_bits_of_inference(kind, arrays, lengths, reverse):
    result, _ = call(kind, function(kind, "_forward"), arrays, lengths, reverse)
    assert_same(flat(call(kind, function(kind), arrays, lengths, reverse)), flat(result))


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
def test_every_element_of_a_result_is_written(kind, arrays, lengths, reverse, monkeypatch):
    wanted, wanted_gradients = train(kind, arrays, lengths, reverse)
    monkeypatch.setattr(_memory, "empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
    results, gradients = train(kind, arrays, lengths, reverse)
    assert_same(results + gradients, wanted + wanted_gradients)


def test_nothing_is_read_past_the_end_of_a_row(kind, arrays, reverse):
    past = np.arange(T)[:, None] >= np.array(LENGTHS)
    dy = np.ones((T, N, H), arrays[0].dtype)
    wanted, wanted_gradients = train(kind, arrays, LENGTHS, reverse, dy)
    arrays[0][past] = dy[past] = np.nan
    results, gradients = train(kind, arrays, LENGTHS, reverse, dy)
    assert_same(results + gradients, wanted + wanted_gradients)
    assert (results[0][past] == 0).all() and (gradients[0][past] == 0).all()


def test_a_row_without_steps_keeps_its_state_and_its_gradient(kind, arrays, reverse):
    (_, *states), (_, *dstates) = train(kind, arrays, LENGTHS, reverse)
    for index, state in enumerate(states):
        np.testing.assert_array_equal(state[1], arrays[1 + index][1])
        np.testing.assert_array_equal(dstates[index][1], 1)


def test_last_state_is_y_at_each_rows_last_step(kind, arrays, reverse):
    (y, h, *_), _ = train(kind, arrays, LENGTHS, reverse)
    for n, length in enumerate(LENGTHS):
        if length:
            np.testing.assert_array_equal(h[n], y[0 if reverse else length - 1, n])


def test_rows_with_lengths_are_the_rows_cut_off_there(kind, arrays, reverse):
    results, _ = train(kind, arrays, LENGTHS, reverse)
    for n, length in enumerate(LENGTHS):
        n_states = len(arrays) - 5
        row = [arrays[0][:length, n], *(state[n] for state in arrays[1:1 + n_states]), *arrays[1 + n_states:]]
        y, *states = flat(call(kind, function(kind), row, None, reverse))
        bound = 2 * error_bound(y.dtype, T, INPUTS, H)  # the same sums, perhaps in another order
        np.testing.assert_allclose(results[0][:length, n], y, rtol=0, atol=bound)
        for found, wanted in zip(results[1:], states, strict=True):
            np.testing.assert_allclose(found[n], wanted, rtol=0, atol=bound)


def test_full_lengths_change_nothing(kind, arrays, reverse):
    results, gradients = train(kind, arrays, None, reverse)
    for lengths in ([T] * N, np.full(N, T, np.uint8), np.full((N, 2), T, np.int32)[:, 0]):
        found, found_gradients = train(kind, arrays, lengths, reverse)
        assert_same(found, results)
        assert [part.shape for part in found_gradients] == [part.shape for part in gradients]


def test_lengths_are_copied(kind, arrays):
    lengths = np.array(LENGTHS)
    (y, _), ctx = call(kind, function(kind, "_forward"), arrays, lengths)
    wanted = flat(function(kind, "_backward")(y, ctx))
    lengths[:] = 10**9
    assert_same(flat(function(kind, "_backward")(y, ctx)), wanted)


def test_reverse_is_the_sequence_turned_round(kind, arrays):
    turned = [np.ascontiguousarray(arrays[0][::-1]), *arrays[1:]]
    (y, *states), (dx, *others) = train(kind, arrays, reverse=True)
    (turned_y, *turned_states), (turned_dx, *turned_others) = train(kind, turned)
    n_states = len(states)
    assert_same([y, dx, *states, *others[:n_states]],
                [turned_y[::-1], turned_dx[::-1], *turned_states, *turned_others[:n_states]])
    for found, wanted in zip(others[n_states:], turned_others[n_states:], strict=True):
        bound = 4 * np.finfo(found.dtype).eps * T * N * np.abs(wanted).max()  # the steps summed in the other order
        np.testing.assert_allclose(found, wanted, rtol=0, atol=bound)


def test_one_sequence_is_a_batch_of_one(kind, arrays, reverse):
    n_states = len(arrays) - 5
    batch = [arrays[0][:, :1], *(state[:1] for state in arrays[1:1 + n_states]), *arrays[1 + n_states:]]
    single = [batch[0][:, 0], *(state[0] for state in batch[1:1 + n_states]), *batch[1 + n_states:]]
    (y, *states), (dx, *others) = train(kind, batch, None, reverse)
    (single_y, *single_states), (single_dx, *single_others) = train(kind, single, None, reverse)
    assert_same([single_y, single_dx], [y[:, 0], dx[:, 0]])
    assert_same(single_states + single_others[:n_states], [part[0] for part in states + others[:n_states]])
    assert_same(single_others[n_states:], others[n_states:])
    one_length, _ = train(kind, single, np.int64(2), reverse)
    assert_same(one_length, [part[:, 0] if index == 0 else part[0] for index, part in
                             enumerate(train(kind, batch, [2], reverse)[0])])


def test_cell_is_a_sequence_of_one_step(kind, arrays):
    state = arrays[1:-4]
    result, ctx = call(kind, function(kind, "_cell_forward"), [arrays[0][0], *arrays[1:]])
    assert_same(flat(call(kind, function(kind, "_cell"), [arrays[0][0], *arrays[1:]])), flat(result))
    (y, *states), gradients = train(kind, [arrays[0][:1], *arrays[1:]], dy=np.zeros_like(arrays[1][None]))
    assert_same(flat(result), states)
    np.testing.assert_array_equal(y[0], states[0])
    ones = tuple(map(np.ones_like, state))
    found = flat(function(kind, "_cell_backward")(ones if kind == "lstm" else ones[0], ctx))
    assert_same(found, [gradients[0][0], *gradients[1:]])


def test_no_state_is_a_state_of_zeros(kind, arrays):
    op = kind.split("-")[0]
    zeros = [np.zeros_like(array) if 1 <= index < len(arrays) - 4 else array for index, array in enumerate(arrays)]
    options = {"nonlinearity": kind.split("-")[1]} if op == "rnn" else {}
    for suffix, x in (("", arrays[0]), ("_cell", arrays[0][0])):
        result, ctx = function(kind, suffix + "_forward")(x, None, *arrays[-4:], **options)
        assert_same(flat(result), flat(call(kind, function(kind, suffix), [x, *zeros[1:]])))
        dresult = result if suffix else result[0]
        assert function(kind, suffix + "_backward")(dresult, ctx)[1] is None


def test_absent_biases_are_biases_of_zeros_and_have_no_gradient(kind, arrays):
    zeros = [*arrays[:-2], np.zeros_like(arrays[-2]), np.zeros_like(arrays[-1])]
    wanted, wanted_gradients = train(kind, zeros)
    found, gradients = train(kind, [*arrays[:-2], None, None])
    assert_same(found, wanted)
    assert gradients[-2:] == (None, None)
    assert_same(gradients[:-2], wanted_gradients[:-2])
    _, gradients = train(kind, [*arrays[:-2], None, zeros[-1]])
    assert gradients[-2] is None
    np.testing.assert_array_equal(gradients[-1], wanted_gradients[-1])


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
@pytest.mark.parametrize("wanted", range(6))
def test_each_gradient_alone_is_the_same(kind, arrays, wanted, lengths, reverse):
    (y, _), ctx = call(kind, function(kind, "_forward"), arrays, lengths, reverse)
    every = function(kind, "_backward")(y, ctx)
    alone = function(kind, "_backward")(y, ctx, need=[index == wanted for index in range(6)])
    assert [part is None for part in alone] == [index != wanted for index in range(6)]
    assert_same(flat((alone[wanted],)), flat((every[wanted],)))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_of_memory_gives_the_same(kind, arrays, layout):
    wanted = flat(call(kind, function(kind), arrays))
    found = flat(call(kind, function(kind), [layout(array) for array in arrays]))
    assert_same(found, wanted)
    assert all(part.flags.c_contiguous and part.dtype.isnative for part in found)


@pytest.mark.parametrize("extents", [(0, 2, 3, 4), (2, 0, 3, 4), (2, 3, 0, 4), (2, 3, 4, 0)],
                         ids=["no-steps", "no-rows", "no-inputs", "no-units"])
def test_empty_extents_work(kind, rng, extents):
    n_steps, n_rows, n_inputs, n_hidden = extents
    arrays = draw_arrays(rng, kind, n_inputs, n_hidden, lead=(n_steps,), rows=(n_rows,))
    for lengths in (None, [n_steps] * n_rows):
        (y, *states), gradients = train(kind, arrays, lengths)
        assert y.shape == (n_steps, n_rows, n_hidden)
        assert [part.shape for part in gradients] == [array.shape for array in arrays]
        if n_steps == 0:
            assert_same(states, arrays[1:-4])
            assert all((part == 0).all() for part in gradients[-4:])


@pytest.mark.parametrize("op", ["rnn", "gru"])
@pytest.mark.parametrize("rows", [(N,), ()], ids=["batch", "one-row"])
def test_cell_writes_into_out(op, rows, rng):
    arrays = draw_arrays(rng, op, INPUTS, H, rows=rows)
    out = np.full(arrays[1].shape, np.nan)
    assert getattr(F, op + "_cell")(*arrays, out=out) is out
    np.testing.assert_array_equal(out, getattr(F, op + "_cell")(*arrays))
    result, _ = getattr(F, op + "_cell_forward")(*arrays, out=np.full_like(out, np.nan))
    np.testing.assert_array_equal(out, result)
