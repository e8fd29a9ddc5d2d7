"""The short way of plain small calls: it takes those only, and gives the bits of the long way."""

import numpy as np
import pytest
from layouts import LAYOUTS

import fastnn.functional as F
from fastnn.functional._recurrent import GRU, LSTM, RNN
from fastnn.native import backend as native

T, N, INPUTS, H = 3, 2, 4, 5
OPS = {"rnn": (RNN, 1), "lstm": (LSTM, 4), "gru": (GRU, 3)}
NAMES = ("x", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
cells = pytest.mark.parametrize("is_cell", [True, False], ids=["cell", "sequence"])
ops = pytest.mark.parametrize("op", OPS)


def arrays(op, is_cell, batch=(N,), dtype=np.float32, inputs=INPUTS, hidden=H, steps=T):
    """The arguments by name, c for every op."""
    rng, rows = np.random.default_rng(0), OPS[op][1] * hidden
    shapes = ((*(() if is_cell else (steps,)), *batch, inputs), (*batch, hidden), (*batch, hidden), (rows, inputs),
              (rows, hidden), (rows,), (rows,))
    return {name: rng.uniform(-1, 1, shape).astype(dtype) for name, shape in zip(NAMES, shapes, strict=True)}


def in_order(op, given):
    x, h, c, *weights = given.values()
    return x, (h, c) if op == "lstm" and not (h is c is None) else h, *weights


def short_way(op, is_cell, given, reverse=False, relu=False):
    return native.recurrent_ready(OPS[op][0], is_cell, *in_order(op, given), reverse, relu)


def flat(results):
    return [array for part in results for array in flat(part)] if isinstance(results, tuple) else [results]


def assert_same_bits(found, wanted):
    assert len(flat(found)) == len(flat(wanted))
    for one, other in zip(flat(found), flat(wanted), strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape and one.flags.owndata
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("biases", [(), ("bias_ih",), ("bias_hh",), ("bias_ih", "bias_hh")],
                         ids=["both", "no_ih", "no_hh", "none"])
@pytest.mark.parametrize("batch", [(), (1,), (2,), (7,)], ids=["no_batch", "n1", "n2", "n7"])
@cells
@ops
def test_short_way_gives_the_bits_of_the_long_way(op, is_cell, batch, biases, dtype):
    given = {**arrays(op, is_cell, batch, dtype, hidden=37), **dict.fromkeys(biases)}
    long_way = getattr(F, op + ("_cell_forward" if is_cell else "_forward"))
    assert_same_bits(short_way(op, is_cell, given), long_way(*in_order(op, given))[0])


@pytest.mark.parametrize("batch", [(), (1,), (3,)], ids=["no_batch", "n1", "n3"])
@cells
@ops
def test_no_state_is_one_of_zeros(op, is_cell, batch, dtype):
    given = {**arrays(op, is_cell, batch, dtype), "h": None, "c": None}
    long_way = getattr(F, op + ("_cell_forward" if is_cell else "_forward"))
    assert_same_bits(short_way(op, is_cell, given), long_way(*in_order(op, given))[0])


@pytest.mark.parametrize("steps", [1, 2, 9])
@pytest.mark.parametrize("options", [{"reverse": True}, {"nonlinearity": "relu"}], ids=["reverse", "relu"])
def test_short_way_heeds_the_options(options, steps):
    given = arrays("rnn", False, steps=steps)
    found = short_way("rnn", False, given, options.get("reverse", False), "nonlinearity" in options)
    assert_same_bits(found, F.rnn_forward(*in_order("rnn", given), **options)[0])


@cells
@ops
def test_public_function_takes_the_short_way(op, is_cell, monkeypatch):
    calls = []
    ready = native.recurrent_ready
    monkeypatch.setattr(native, "recurrent_ready", lambda *given: calls.append(ready(*given)) or calls[-1])
    result = getattr(F, op + ("_cell" if is_cell else ""))(*in_order(op, arrays(op, is_cell)))
    assert result is calls[0]


@pytest.mark.parametrize("name", NAMES)
@cells
@ops
def test_what_is_no_plain_array_goes_the_long_way(op, is_cell, name):
    given = arrays(op, is_cell)
    if name == "c" and op != "lstm":
        return
    plain = given[name]
    others = [layout(plain) for key, layout in LAYOUTS.items()
              if key != "read-only" and not (key == "fortran" and plain.ndim == 1)]
    others += [plain.tolist(), plain.astype(np.float64), plain.astype(int), plain.view(np.ma.MaskedArray), plain[None],
               plain[..., 0], plain[None, None, None], plain[:0], plain[..., :-1], np.float32(1), "text", object()]
    for other in others:
        assert short_way(op, is_cell, {**given, name: other}) is None
        if name not in ("h", "c"):
            assert short_way(op, is_cell, {**given, "h": None, "c": None, name: other}) is None
    if not (name.startswith("bias") or (name == "h" and op != "lstm")):
        assert short_way(op, is_cell, {**given, name: None}) is None


@pytest.mark.parametrize("state", [[1, 2], (), (1,), (1, 2, 3), "hc", (None, None)], ids=repr)
def test_what_is_no_pair_goes_the_long_way(state):
    x, _, *weights = in_order("lstm", arrays("lstm", True))
    assert native.recurrent_ready(LSTM, True, x, state, *weights, False, False) is None


@cells
@ops
def test_large_results_go_the_long_way(op, is_cell):
    given = arrays(op, is_cell, batch=(1000,))
    assert short_way(op, is_cell, given) is None
    assert short_way(op, is_cell, {**given, "h": None, "c": None}) is None


@ops
def test_read_only_arrays_are_plain(op):
    given = {name: LAYOUTS["read-only"](array) for name, array in arrays(op, True).items()}
    assert short_way(op, True, given) is not None
