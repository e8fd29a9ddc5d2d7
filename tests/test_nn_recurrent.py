"""RNN, LSTM, GRU and their cells: layers, directions, dropout and axes, against one-layer functions and steps."""

import numpy as np
import pytest

from fastnn import functional as F
from fastnn import nn

KINDS = {"rnn": (nn.RNN, nn.RNNCell), "rnn-relu": (nn.RNN, nn.RNNCell), "lstm": (nn.LSTM, nn.LSTMCell),
         "gru": (nn.GRU, nn.GRUCell)}
STEPS, ROWS, INPUT, HIDDEN = 5, 3, 4, 2
LENGTHS = np.array([5, 2, 0])


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def options(kind):
    return {"nonlinearity": "relu"} if kind == "rnn-relu" else {}


def make(kind, *args, cell=False, **kwargs):
    kwargs = {"dtype": np.float64, "rng": 0} | options(kind) | kwargs
    return KINDS[kind][cell](INPUT, HIDDEN, *args, **kwargs)


def randn(*shape, seed=3):
    return np.random.default_rng(seed).standard_normal(shape)


def state_of(kind, *shape, seed=4):
    h, c = randn(2, *shape, seed=seed)
    return (h, c) if kind == "lstm" else h


def parts(state):
    """The arrays of a state, as a list."""
    return list(state) if isinstance(state, tuple) else [state]


def pick(state, k):
    return tuple(part[k] for part in state) if isinstance(state, tuple) else state[k]


def weights(layer, suffix):
    return [getattr(layer, f"{name}{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def assert_same(found, wanted):
    for a, b in zip(parts(found), parts(wanted), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_layer_equals_its_function(kind):
    layer, x, state, op = make(kind), randn(STEPS, ROWS, INPUT), state_of(kind, 1, ROWS, HIDDEN), kind.split("-")[0]
    (y, last), ctx = getattr(F, f"{op}_forward")(
        x, pick(state, 0), *weights(layer, "_l0"), lengths=LENGTHS, **options(kind))
    (found_y, found_last), backprop = layer.forward(x, state, LENGTHS)
    np.testing.assert_array_equal(found_y, y)
    assert_same(pick(found_last, 0), last)
    inferred_y, inferred_last = layer(x, state, LENGTHS)
    np.testing.assert_array_equal(inferred_y, y)
    assert_same(inferred_last, found_last)

    dy, dlast = randn(*y.shape, seed=5), state_of(kind, 1, ROWS, HIDDEN, seed=6)
    dx, dstate, *dparameters = getattr(F, f"{op}_backward")(dy, ctx, dstate=pick(dlast, 0))
    found_dx, found_dstate = backprop(dy, dlast)
    np.testing.assert_array_equal(found_dx, dx)
    assert_same(pick(found_dstate, 0), dstate)
    for p, grad in zip(layer.parameters(), dparameters, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_stack_equals_its_layers_one_by_one(kind):
    """Two layers, two directions, lengths and states: each is the one-layer function on what came before."""
    layer, x = make(kind, num_layers=2, bidirectional=True), randn(STEPS, ROWS, INPUT)
    state, op = state_of(kind, 4, ROWS, HIDDEN), getattr(F, kind.split("-")[0])
    y, lasts = x, []
    for k in (0, 2):
        runs = [op(y, pick(state, k + d), *weights(layer, f"_l{k // 2}{'_reverse' * d}"), lengths=LENGTHS,
                   reverse=bool(d), **options(kind)) for d in (0, 1)]
        y = np.concatenate([run[0] for run in runs], axis=-1)
        lasts += [run[1] for run in runs]
    found_y, found_last = layer(x, state, LENGTHS)
    assert found_y.shape == (STEPS, ROWS, 2 * HIDDEN) and found_y.flags.c_contiguous
    np.testing.assert_array_equal(found_y, y)
    for k in range(4):
        assert_same(pick(found_last, k), lasts[k])


def test_sequence_equals_its_cell_step_by_step(kind):
    layer, cell, x = make(kind), make(kind, cell=True), randn(STEPS, ROWS, INPUT)
    cell.load_state_dict({name.removesuffix("_l0"): array for name, array in layer.state_dict().items()})
    y, last = layer(x)
    state = None
    for t in range(STEPS):
        state = cell(x[t], state)
        np.testing.assert_array_equal(parts(state)[0], y[t])
    assert_same(state, pick(last, 0))


def test_cell_chain_gives_the_gradients_of_the_sequence(kind):
    layer, cell, x = make(kind), make(kind, cell=True), randn(STEPS, ROWS, INPUT)
    cell.load_state_dict({name.removesuffix("_l0"): array for name, array in layer.state_dict().items()})
    start, dlast = state_of(kind, ROWS, HIDDEN), state_of(kind, ROWS, HIDDEN, seed=6)
    as_stack = lambda state: tuple(p[None] for p in state) if isinstance(state, tuple) else state[None]  # noqa: E731
    (y, _), backprop = layer.forward(x, as_stack(start))
    dx, dstart = backprop(np.zeros_like(y), as_stack(dlast))

    state, backprops = start, []
    for t in range(STEPS):
        state, step = cell.forward(x[t], state)
        backprops.append(step)
    dstate = dlast
    for t in reversed(range(STEPS)):
        found_dx, dstate = backprops[t](dstate)
        np.testing.assert_allclose(found_dx, dx[t], rtol=1e-12, atol=1e-13)
    for a, b in zip(parts(dstate), parts(pick(dstart, 0)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    for p, q in zip(cell.parameters(), layer.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-12, atol=1e-13)


def test_batch_first_swaps_the_axes_of_x_and_y_only(kind):
    first, second = (make(kind, num_layers=2, bidirectional=True, batch_first=flag) for flag in (False, True))
    x, state = randn(STEPS, ROWS, INPUT), state_of(kind, 4, ROWS, HIDDEN)
    (y, last), backprop = first.forward(x, state, LENGTHS)
    (swapped_y, swapped_last), swapped_backprop = second.forward(x.swapaxes(0, 1), state, LENGTHS)
    np.testing.assert_array_equal(swapped_y, y.swapaxes(0, 1))
    assert swapped_y.flags.c_contiguous
    assert_same(swapped_last, last)
    dx, dstate = backprop(y, last)
    swapped_dx, swapped_dstate = swapped_backprop(swapped_y, last)
    np.testing.assert_array_equal(swapped_dx, dx.swapaxes(0, 1))
    assert_same(swapped_dstate, dstate)


@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
def test_unbatched_sequence_is_a_batch_of_one(kind, batch_first):
    layer, x = make(kind, num_layers=2, batch_first=batch_first), randn(STEPS, INPUT)
    state, axis = state_of(kind, 2, HIDDEN), 0 if batch_first else 1
    batched_state = tuple(p[:, None] for p in state) if kind == "lstm" else state[:, None]
    (y, last), backprop = layer.forward(x, state)
    (batched_y, batched_last), batched_backprop = layer.forward(np.expand_dims(x, axis), batched_state)
    np.testing.assert_array_equal(y, batched_y.squeeze(axis))
    for a, b in zip(parts(last), parts(batched_last), strict=True):
        np.testing.assert_array_equal(a, b[:, 0])
    dx, dstate = backprop(y, last)
    batched_dx, _ = batched_backprop(batched_y, batched_last)
    np.testing.assert_array_equal(dx, batched_dx.squeeze(axis))
    assert parts(dstate)[0].shape == (2, HIDDEN)


def test_backprop_takes_and_returns_none_for_what_is_not_there(kind):
    layer, x = make(kind, num_layers=2, bidirectional=True, bias=False), randn(STEPS, ROWS, INPUT)
    (y, last), backprop = layer.forward(x)
    dx, dstate = backprop(None, last)
    assert dx.shape == x.shape and dstate is None
    zeros = backprop(np.zeros_like(y), last)[0]
    np.testing.assert_array_equal(dx, zeros)
    if kind == "lstm":
        np.testing.assert_array_equal(backprop(y, (None, np.zeros_like(last[1])))[0], backprop(y)[0])
    dx, _ = backprop(y, need_dx=False)
    assert dx is None
    assert [p.name for p in layer.parameters() if "bias" in p.name] == []


def test_need_dx_false_gives_the_same_parameter_gradients(kind):
    layer, x = make(kind, num_layers=2, bidirectional=True), randn(STEPS, ROWS, INPUT)
    (y, _), backprop = layer.forward(x)
    backprop(y)
    wanted = [p.grad for p in layer.parameters()]
    layer.zero_grad()
    backprop(y, need_dx=False)
    for p, grad in zip(layer.parameters(), wanted, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_dropout_acts_between_layers_in_training_only(kind):
    x = randn(STEPS, ROWS, INPUT)
    plain, dropping = make(kind, num_layers=2), make(kind, num_layers=2, dropout=0.5)
    (y, _), backprop = dropping.forward(x)
    assert not np.array_equal(y, plain(x)[0])
    assert backprop(y)[0].shape == x.shape
    np.testing.assert_array_equal(dropping.eval()(x)[0], plain(x)[0])
    again = make(kind, num_layers=2, dropout=0.5)
    np.testing.assert_array_equal(again(x)[0], y)  # inference and training draw the same masks
    np.testing.assert_array_equal(make(kind, num_layers=2, dropout=1.0, bias=False)(x)[0], 0)


def test_dropout_of_a_single_layer_warns(kind):
    with pytest.warns(UserWarning, match="dropout acts between layers"):
        make(kind, dropout=0.5)


def test_cell_takes_one_row_without_a_batch(kind):
    cell, x, state = make(kind, cell=True), randn(INPUT), state_of(kind, HIDDEN)
    result, backprop = cell.forward(x, state)
    dx, dstate = backprop(result)
    assert parts(result)[0].shape == (HIDDEN,) and dx.shape == (INPUT,) and parts(dstate)[0].shape == (HIDDEN,)
    assert backprop(result, need_dx=False)[0] is None
    _, backprop = cell.forward(x)
    assert backprop(result)[1] is None
