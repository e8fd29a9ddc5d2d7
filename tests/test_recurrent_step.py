"""`layer.step`: the bits of the whole sequence, results that stay as they are while they are held, flat memory."""

import threading
import tracemalloc

import numpy as np
import pytest

import fastnn
from fastnn import _memory, nn

LAYERS = {"rnn-tanh": nn.RNN, "rnn-relu": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
STEPS = 5


@pytest.fixture(params=LAYERS)
def kind(request):
    return request.param


def make(kind, inputs=7, hidden=18, layers=2, dtype=np.float32, **options):
    if kind.startswith("rnn"):
        options["nonlinearity"] = kind.split("-")[1]
    return LAYERS[kind](inputs, hidden, layers, dtype=dtype, rng=0, **options)


def draw(*shape, dtype=np.float32):
    return np.random.default_rng(1).standard_normal(shape).astype(dtype)


def draw_state(kind, *shape, dtype=np.float32):
    h, c = draw(2, *shape, dtype=dtype)
    return (h, c) if kind == "lstm" else h


def parts(state):
    return list(state) if isinstance(state, tuple) else [state]


def assert_steps_are_the_sequence(layer, x, state=None):
    whole, last = layer(x, state)
    for t in range(len(x)):
        y, state = layer.step(x[t], state)
        assert y.shape == whole[t].shape and y.dtype == x.dtype
        np.testing.assert_array_equal(y, whole[t])
    for found, wanted in zip(parts(state), parts(last), strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(layer(x, state)[0], layer(x, last)[0])  # a sequence goes on where the steps stopped


@pytest.mark.parametrize("rows", [(), (1,), (3,), (30,)], ids=["unbatched", "one-row", "few-rows", "many-rows"])
def test_steps_give_the_bits_of_the_sequence(kind, rows, dtype, backend):
    x = draw(STEPS, *rows, 7, dtype=dtype)
    assert_steps_are_the_sequence(make(kind, dtype=dtype), x)
    assert_steps_are_the_sequence(make(kind, dtype=dtype, bias=False), x, draw_state(kind, 2, *rows, 18, dtype=dtype))


@pytest.mark.parametrize("rows", [1, 30])
def test_steps_give_the_bits_of_the_sequence_on_every_isa(kind, rows, dtype, isa):
    assert_steps_are_the_sequence(make(kind, 20, 67, 3, dtype=dtype), draw(STEPS, rows, 20, dtype=dtype))


@pytest.mark.parametrize("rows", [1, 30])
def test_steps_give_the_bits_of_the_sequence_on_threads(kind, rows, dtype, threads):
    assert_steps_are_the_sequence(make(kind, 20, 67, 2, dtype=dtype), draw(STEPS, rows, 20, dtype=dtype))


def test_steps_ignore_dropout_and_the_order_of_axes(kind):
    x = draw(STEPS, 3, 7)
    wanted = make(kind)(x)[0]
    layer, state = make(kind, dropout=0.5, batch_first=True), None
    for t in range(STEPS):
        y, state = layer.step(x[t], state)
        np.testing.assert_array_equal(y, wanted[t])


def test_results_that_are_kept_keep_their_values(kind):
    """Every other result is kept: an array, a view of one, a memoryview, or a state that is gone on from twice."""
    layer, x = make(kind), draw(60, 3, 7)
    kept, copies, state = [], [], None
    for t in range(60):
        y, following = layer.step(x[t], state)
        branch, _ = layer.step(x[t] + 1, state)
        for array in [y, *parts(following)] if t % 2 else []:
            kept.append([array, array[..., 1:], memoryview(array)][t // 2 % 3])
            copies.append(np.array(kept[-1]))
        np.testing.assert_array_equal(branch, layer.step(x[t] + 1, state)[0])
        state = following
    for found, wanted in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_result_may_be_the_next_input(kind):
    layer, y, state = make(kind, inputs=18), draw(3, 18), draw_state(kind, 2, 3, 18)
    wanted_y, wanted = y, state
    for _ in range(20):
        y, state = layer.step(y, state)
        wanted_y, wanted = layer(wanted_y[None], wanted)
        wanted_y = wanted_y[0]
        np.testing.assert_array_equal(y, wanted_y)


def test_one_layer_steps_in_several_threads_at_once(kind):
    layer, x = make(kind), draw(200, 2, 7)
    wanted, failures = layer(x)[0], []

    def work():
        state = None
        for t in range(len(x)):
            y, state = layer.step(x[t], state)
            if not np.array_equal(y, wanted[t]):
                failures.append(t)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


def test_steps_allocate_no_arrays_after_the_first(kind):
    layer, x = make(kind, hidden=32), draw(1024, 7)
    state = None
    for _ in range(3):
        y, state = layer.step(x, state)
    tracemalloc.start()
    try:
        for _ in range(10):
            y, state = layer.step(x, state)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(200):
            y, state = layer.step(x, state)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert y.nbytes == 2**17
    assert peak - before < 4096, "less than a thirtieth of one result"
    assert now - before < 1024


def test_memory_is_flat_over_ten_thousand_steps(kind):
    layer, x = make(kind, hidden=16), draw(7)
    tracemalloc.start()
    try:
        state, seen = None, []
        for t in range(10000):
            _, state = layer.step(x, state)
            if t % 2500 == 100:
                seen.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(seen) - min(seen) < 1024, seen


def test_recycled_arrays_are_few_and_apart():
    """However many are held, and of however many shapes, a thread keeps a bounded number."""
    f32 = np.dtype(np.float32)
    held = [_memory.recycled((3, 5), f32) for _ in range(100)]
    assert len({array.ctypes.data for array in held}) == 100
    addresses = {array.ctypes.data for array in held}
    del held
    assert _memory.recycled((3, 5), f32).ctypes.data in addresses
    for width in range(100):
        assert _memory.recycled((width,), f32).shape == (width,)
        assert _memory.recycled((width,), np.dtype(np.float64)).dtype == np.float64
    kept = _memory._recycled.arrays
    assert len(kept) <= _memory.RECYCLED and all(len(ring) <= _memory.RECYCLED for ring in kept.values())
    assert _memory.recycled((1024, 1024), f32).nbytes == 2**22
    assert kept[(1024, 1024), f32] == []  # large ones go back to the pool


def refusals(kind):
    layer = make(kind)
    good = draw_state(kind, 2, 3, 18)
    first = (good[0], good[1][:1]) if kind == "lstm" else good[:1]
    float64 = tuple(a.astype(np.float64) for a in good) if kind == "lstm" else good.astype(np.float64)
    x = draw(3, 7)
    return [
        (make(kind, bidirectional=True), (x,), ValueError, "step: a bidirectional layer"),
        (layer, (None,), TypeError, "x: expected a NumPy array"),
        (layer, (draw(3, 8),), ValueError, r"x: expected one step, \(N, 7\) or \(7,\), got shape \(3, 8\)"),
        (layer, (draw(1, 3, 7),), ValueError, r"x: expected one step, .* got shape \(1, 3, 7\)"),
        (layer, (x.astype(np.float64),), TypeError, "x: expected dtype float32 as weight_ih has, got float64"),
        (layer, (x.astype(np.int64),), TypeError, "x: expected dtype float32 or float64, got int64"),
        (layer, (x, first), ValueError, r"state: expected shape \(2, 3, 18\) .* got \(1, 3, 18\)"),
        (layer, (x[0], good), ValueError, r"state: expected shape \(2, 18\) .* got \(2, 3, 18\)"),
        (layer, (x, float64), TypeError, "state: expected dtype float32 as weight_ih has, got float64"),
    ]


def test_step_refuses_what_does_not_fit(kind, backend):
    for layer, arguments, error, message in refusals(kind):
        with pytest.raises(error, match="^" + message):
            layer.step(*arguments)


@pytest.mark.parametrize(("state", "error"), [(np.ones((2, 3, 18), np.float32), TypeError), ((), ValueError),
                                              ((None, None), TypeError)], ids=["array", "empty", "nones"])
def test_step_of_an_lstm_takes_a_pair(state, error):
    with pytest.raises(error, match=r"^state: expected "):
        make("lstm").step(draw(3, 7), state)


def test_step_takes_any_layout_and_a_batch_of_none(kind, backend):
    layer, x, state = make(kind), draw(3, 7), draw_state(kind, 2, 3, 18)
    y, _ = layer.step(x, state)
    fortran = tuple(map(np.asfortranarray, state)) if kind == "lstm" else np.asfortranarray(state)
    np.testing.assert_array_equal(layer.step(np.asfortranarray(x), fortran)[0], y)
    y, state = layer.step(x[:0])
    assert y.shape == (0, 18) and parts(state)[0].shape == (2, 0, 18)


def test_steps_follow_the_backend_that_is_in_use(kind):
    layer, x = make(kind, dtype=np.float64), draw(3, 7, dtype=np.float64)
    y, _ = layer.step(x)
    with fastnn.use_backend("reference"):
        np.testing.assert_allclose(layer.step(x)[0], y, rtol=0, atol=100 * np.finfo(np.float64).eps)
