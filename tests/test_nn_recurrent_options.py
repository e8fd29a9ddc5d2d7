"""proj_size, layer_norm, recurrent_dropout and zoneout of the recurrent layers."""

import numpy as np
import pytest

from fastnn import nn

pytestmark = pytest.mark.usefixtures("backend")

STEPS, ROWS, INPUT, HIDDEN = 6, 4, 3, 8
LENGTHS = np.array([6, 0, 2, 5])
KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
OPTIONS = {
    "rnn-dropout": ("rnn", {"recurrent_dropout": 0.3}),
    "rnn-zoneout": ("rnn", {"zoneout": 0.2, "nonlinearity": "relu"}),
    "gru-dropout": ("gru", {"recurrent_dropout": 0.3}),
    "gru-zoneout": ("gru", {"zoneout": 0.2}),
    "lstm-dropout": ("lstm", {"recurrent_dropout": 0.3}),
    "lstm-zoneout": ("lstm", {"zoneout": (0.1, 0.4)}),
    "lstm-projected": ("lstm", {"proj_size": 5}),
    "lstm-norm": ("lstm", {"layer_norm": True}),
    "lstm-everything": ("lstm", {"proj_size": 5, "layer_norm": True, "recurrent_dropout": 0.2, "zoneout": 0.3}),
}
options = pytest.mark.parametrize("name", OPTIONS)


def make(name, **others):
    kind, chosen = OPTIONS[name]
    return KINDS[kind](INPUT, HIDDEN, **{"rng": 0, "dtype": np.float64} | chosen | others)


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(3).standard_normal(shape).astype(dtype)


def parts(state):
    return list(state) if isinstance(state, tuple) else [state]


def assert_same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@options
def test_forward_gives_the_bits_of_a_call(name):
    """Two layers of one seed draw the same masks, whether they keep something for backward or not."""
    x = draw(STEPS, ROWS, INPUT)
    for training in (True, False):
        called, trained = (make(name, num_layers=2, bidirectional=True).train(training) for _ in range(2))
        y, last = called(x, None, LENGTHS)
        (found_y, found_last), backprop = trained.forward(x, None, LENGTHS)
        assert_same([found_y, *parts(found_last)], [y, *parts(last)])
        dx, dstate = backprop(found_y)
        assert dx.shape == x.shape and dstate is None
        assert all(p.grad is not None and np.any(p.grad) for p in trained.parameters())


@pytest.mark.parametrize("rows", [(), (1,), (30,)], ids=["unbatched", "one-row", "many-rows"])
@options
def test_steps_give_the_bits_of_the_sequence(name, rows, dtype):
    layer, x = make(name, num_layers=2, dtype=dtype).eval(), draw(STEPS, *rows, INPUT, dtype=dtype)
    whole, last = layer(x)
    state, y = None, []
    layer.train()  # a step is inference whatever the mode
    for t in range(STEPS):
        y_t, state = layer.step(x[t], state)
        y.append(y_t)
    assert_same([np.stack(y), *parts(state)], [whole, *parts(last)])


@options
def test_rows_with_lengths_give_the_bits_of_each_alone(name):
    layer, x = make(name, bidirectional=True).eval(), draw(STEPS, ROWS, INPUT)
    y, last = layer(x, None, LENGTHS)
    x[np.arange(STEPS)[:, None] >= LENGTHS] = np.nan
    (found, found_last), backprop = layer.forward(x, None, LENGTHS)
    assert_same([found, *parts(found_last)], [y, *parts(last)])
    dx, _ = backprop(np.ones_like(y))
    assert np.isfinite(dx).all() and all(np.isfinite(p.grad).all() for p in layer.parameters())
    for n, length in enumerate(LENGTHS):
        alone, alone_last = layer(x[:length, n:n + 1])
        close = {"rtol": 0, "atol": 100 * np.finfo(np.float64).eps}  # bits: test_parity_variant.py
        np.testing.assert_allclose(y[:length, n:n + 1], alone, **close)
        for found, wanted in zip(parts(last), parts(alone_last), strict=True):
            np.testing.assert_allclose(found[:, n:n + 1], wanted, **close)
        assert not np.any(y[length:, n])


@options
def test_batch_first_and_no_batch_are_other_orders_of_axes(name):
    layer, swapped = (make(name, num_layers=2, batch_first=flag).eval() for flag in (False, True))
    x = draw(STEPS, ROWS, INPUT)
    y, last = layer(x)
    found, found_last = swapped(x.swapaxes(0, 1))
    assert_same([found.swapaxes(0, 1), *parts(found_last)], [y, *parts(last)])
    one, one_last = layer(x[:, 0])
    batch, batch_last = layer(x[:, :1])
    assert_same([one, *parts(one_last)], [batch[:, 0], *[part[:, 0] for part in parts(batch_last)]])
    (_, last), backprop = swapped.forward(x.swapaxes(0, 1), last)
    dx, dstate = backprop(found, last)
    assert dx.shape == (ROWS, STEPS, INPUT) and [d.shape for d in parts(dstate)] == [s.shape for s in parts(last)]


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_acts_in_training_alone(kind):
    x = draw(STEPS, ROWS, INPUT)
    plain = KINDS[kind](INPUT, HIDDEN, rng=0, dtype=np.float64)
    dropping = KINDS[kind](INPUT, HIDDEN, recurrent_dropout=0.5, rng=0, dtype=np.float64)
    assert not np.array_equal(dropping(x)[0], plain(x)[0])
    assert not np.array_equal(dropping(x)[0], dropping(x)[0])
    np.testing.assert_array_equal(dropping.eval()(x)[0], plain(x)[0])


def test_dropout_of_everything_leaves_the_memory_alone():
    """Nothing new comes in: an RNN has no memory, a GRU's fades by z, an LSTM's by f."""
    x, h, c = draw(1, ROWS, INPUT), draw(1, ROWS, HIDDEN), draw(1, ROWS, HIDDEN) + 1
    options = {"recurrent_dropout": 1.0, "rng": 0, "dtype": np.float64}
    assert not np.any(nn.RNN(INPUT, HIDDEN, **options)(x, h)[0])
    share = nn.GRU(INPUT, HIDDEN, **options)(x, h)[0] / h
    assert np.all((share > 0) & (share < 1))
    share = nn.LSTM(INPUT, HIDDEN, **options)(x, (h, c))[1][1] / c
    assert np.all((share > 0) & (share < 1))


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
@pytest.mark.parametrize("kind", KINDS)
def test_zoneout_of_everything_keeps_the_state(kind, training):
    x, state = draw(STEPS, ROWS, INPUT), draw(1, ROWS, HIDDEN)
    layer = KINDS[kind](INPUT, HIDDEN, zoneout=1.0, rng=0, dtype=np.float64).train(training)
    y, last = layer(x, (state, state) if kind == "lstm" else state)
    assert_same(parts(last), [state] * len(parts(last)))
    np.testing.assert_array_equal(y, np.broadcast_to(state, y.shape))


def test_zoneout_keeps_as_many_as_it_says_and_uses_the_expectation_in_eval():
    layer, plain = (nn.GRU(INPUT, 400, zoneout=z, rng=0, dtype=np.float64) for z in (0.25, 0.0))
    x, state = draw(1, 50, INPUT), draw(1, 50, 400)
    y, new = layer(x, state)[0], plain(x, state)[0]
    kept = y == state
    rounding = 20 * np.finfo(np.float64).eps * np.abs(new).max() * 400  # sums of 400 terms
    np.testing.assert_allclose(y[~kept], new[~kept], rtol=0, atol=rounding)
    assert abs(kept.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / kept.size)
    np.testing.assert_allclose(layer.eval()(x, state)[0], 0.25 * state + 0.75 * new, rtol=0, atol=rounding)


def test_zoneout_of_an_lstm_is_of_h_or_of_c():
    x, state = draw(STEPS, ROWS, INPUT), (draw(1, ROWS, HIDDEN), draw(1, ROWS, HIDDEN))
    for zoneout, kept in (((1.0, 0.0), 0), ((0.0, 1.0), 1)):
        last = nn.LSTM(INPUT, HIDDEN, zoneout=zoneout, rng=0, dtype=np.float64)(x, state)[1]
        np.testing.assert_array_equal(last[kept], state[kept])
        assert not np.array_equal(last[1 - kept], state[1 - kept])


def test_layer_norm_does_not_see_the_scale_of_its_weights():
    x = draw(STEPS, ROWS, INPUT)
    layer = nn.LSTM(INPUT, HIDDEN, layer_norm=True, rng=0, dtype=np.float64)
    for p in (layer.weight_ih_l0, layer.weight_hh_l0):
        p *= 100  # so that eps, 1e-5, does not count
    state = (draw(1, ROWS, HIDDEN), draw(1, ROWS, HIDDEN))
    y = layer(x, state)[0]
    layer.weight_ih_l0 *= 3
    layer.weight_hh_l0 *= 5
    np.testing.assert_allclose(layer(x, state)[0], y, rtol=0, atol=1e-6)


def test_projection_has_the_names_and_shapes_of_torch():
    layer = nn.LSTM(INPUT, HIDDEN, 2, True, False, 0.0, True, 5)
    shapes = {"weight_ih": (32, INPUT), "weight_hh": (32, 5), "bias_ih": (32,), "bias_hh": (32,), "weight_hr": (5, 8)}
    wanted = {}
    for k, suffix in enumerate(("_l0", "_l0_reverse", "_l1", "_l1_reverse")):
        wanted |= {name + suffix: shape for name, shape in shapes.items()}
        wanted["weight_ih" + suffix] = (32, INPUT if k < 2 else 10)
    assert [(name, array.shape) for name, array in layer.state_dict().items()] == list(wanted.items())
    y, (h, c) = layer(draw(STEPS, ROWS, INPUT, dtype=np.float32))
    assert y.shape == (STEPS, ROWS, 10) and h.shape == (4, ROWS, 5) and c.shape == (4, ROWS, 8)


def test_layer_norm_has_gains_of_one_and_a_bias_of_zero():
    state = nn.LSTM(INPUT, HIDDEN, layer_norm=True).state_dict()
    for name, size in (("weight_ln_ih_l0", 32), ("weight_ln_hh_l0", 32), ("weight_ln_c_l0", 8)):
        np.testing.assert_array_equal(state[name], np.ones(size))
    np.testing.assert_array_equal(state["bias_ln_c_l0"], np.zeros(8))
    assert not any("bias" in name for name in nn.LSTM(INPUT, HIDDEN, bias=False, layer_norm=True).state_dict())


@pytest.mark.parametrize(("kind", "options", "error", "message"), [
    ("lstm", {"proj_size": 8}, ValueError, "proj_size: expected less than hidden_size, 8, got 8"),
    ("lstm", {"proj_size": -1}, ValueError, "proj_size: expected an integer"),
    ("lstm", {"layer_norm": 1}, TypeError, "layer_norm: expected"),
    ("gru", {"zoneout": (0.1, 0.2)}, ValueError, "zoneout: expected a number, got"),
    ("lstm", {"zoneout": (0.1,)}, ValueError, "zoneout: expected a number or a pair"),
    ("lstm", {"zoneout": 1.5}, ValueError, r"zoneout: expected a number in \[0, 1\], got 1.5"),
    ("rnn", {"recurrent_dropout": -0.1}, ValueError, r"recurrent_dropout: expected a number in \[0, 1\]"),
    ("rnn", {"recurrent_dropout": "a"}, TypeError, "recurrent_dropout: expected a number"),
])
def test_options_refuse(kind, options, error, message):
    with pytest.raises(error, match="^" + message):
        KINDS[kind](INPUT, HIDDEN, **options)


@options
def test_calls_with_options_refuse_what_does_not_fit(name):
    layer, x = make(name), draw(STEPS, ROWS, INPUT)
    is_lstm = name.startswith("lstm")
    wrong = (draw(1, ROWS, HIDDEN + 1),) * 2 if is_lstm else draw(1, ROWS, HIDDEN + 1)
    for arguments, error, message in (
            ((x[..., :2],), ValueError, "x: expected shape"),
            ((x.astype(np.float32),), TypeError, ": expected dtype"),
            ((x, wrong), ValueError, "state: expected shape"),
            ((x, None, [1, 2]), ValueError, "lengths: expected shape"),
            ((x, None, [1, 2, 3, 7]), ValueError, r"lengths: expected integers in \[0, 6\], got 7")):
        with pytest.raises(error, match=message):
            layer(*arguments)
    (y, _), backprop = layer.forward(x)
    for arguments, error, message in (((y[1:],), ValueError, "dy: expected shape"),
                                      ((y.astype(np.float32),), TypeError, "dy: expected dtype")):
        with pytest.raises(error, match=message):
            backprop(*arguments)
