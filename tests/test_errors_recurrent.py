"""Wrong calls of rnn, lstm, gru and their cells: what each raises, that nothing was written, and that nothing crashes.

Every check stands in front of the backends; the native one takes calls that need none before that, see
test_recurrent_ready.py.
"""

import re

import numpy as np
import pytest

import fastnn
import fastnn.functional as F

T, N, INPUTS, H = 3, 2, 4, 5
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
OPS = [*GATES, *(op + "_cell" for op in GATES)]
HUGE = 2**62


@pytest.fixture(autouse=True, params=["reference", "native"])
def on_each_backend(request):
    with fastnn.use_backend(request.param):
        yield


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def right_call(op):
    """Fresh arguments of a right call."""
    family = op.split("_")[0]
    rows, is_cell = GATES[family] * H, op.endswith("_cell")
    state = (ones(N, H), ones(N, H)) if family == "lstm" else ones(N, H)
    arguments = {"x": ones(N, INPUTS) if is_cell else ones(T, N, INPUTS), state_name(op): state,
                 "weight_ih": ones(rows, INPUTS), "weight_hh": ones(rows, H), "bias_ih": ones(rows),
                 "bias_hh": ones(rows)}
    if not is_cell:
        arguments["lengths"] = [T] * N
    return arguments


def state_name(op):
    return "h" if op in ("rnn_cell", "gru_cell") else "state"


def expect(error, message, function, *args, **kwargs):
    with pytest.raises(error, match=re.escape(message)):
        function(*args, **kwargs)


def call_wrongly(op, changes, error, message):
    for function in (getattr(F, op), getattr(F, op + "_forward")):
        expect(error, message, function, **{**right_call(op), **changes})


@pytest.mark.parametrize("op", OPS)
def test_the_call_that_the_others_change_is_right(op):
    getattr(F, op)(**right_call(op))


NOT_ARRAYS = {  # a value, the exception, the message after "<argument>: "
    "list": ([[1.0]], TypeError, "expected a NumPy array (or an object with __array__ or __dlpack__), got list"),
    "text": ("abc", TypeError, "expected a NumPy array (or an object with __array__ or __dlpack__), got str"),
    "integers": (np.ones((N, H), int), TypeError, "expected dtype float32 or float64, got int64"),
    "float16": (np.ones((N, H), np.float16), TypeError, "expected dtype float32 or float64, got float16"),
    "complex": (np.ones((N, H), complex), TypeError, "expected dtype float32 or float64, got complex128"),
    "objects": (np.ones((N, H), object), TypeError, "expected dtype float32 or float64, got object"),
    "masked": (np.ma.ones((N, H), np.float32), TypeError, "masked arrays are not supported"),
}


@pytest.mark.parametrize(("value", "error", "message"), NOT_ARRAYS.values(), ids=NOT_ARRAYS)
@pytest.mark.parametrize("argument", ["x", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh"])
@pytest.mark.parametrize("op", OPS)
def test_argument_must_be_a_float_array(op, argument, value, error, message):
    if argument in ("h", "c") and op.startswith("lstm"):
        pair = (value, ones(N, H)) if argument == "h" else (ones(N, H), value)
        call_wrongly(op, {"state": pair}, error, f"{argument}: {message}")
    else:
        argument = state_name(op) if argument in ("h", "c") else argument
        call_wrongly(op, {argument: value}, error, f"{argument}: {message}")


@pytest.mark.parametrize("argument", ["x", "weight_ih", "weight_hh"])
@pytest.mark.parametrize("op", OPS)
def test_argument_must_be_given(op, argument):
    call_wrongly(op, {argument: None}, TypeError, f"{argument}: expected a NumPy array")


@pytest.mark.parametrize("argument", ["weight_ih", "weight_hh", "bias_ih", "bias_hh"])
@pytest.mark.parametrize("op", OPS)
def test_dtypes_must_not_be_mixed(op, argument):
    value = right_call(op)[argument].astype(np.float64)
    call_wrongly(op, {argument: value}, TypeError, f"{argument}: expected dtype float32 as x has, got float64")


SHAPES = {  # an op, the arguments changed, the message
    "rnn-x-rank": ("rnn", {"x": ones(1, T, N, INPUTS)}, "x: expected shape (T, N, 4) or (T, 4) for weight_ih of shape "
                   "(5, 4), got (1, 3, 2, 4)"),
    "rnn-x-rank-0": ("rnn", {"x": np.array(1, np.float32)}, "x: expected shape (T, N, 4) or (T, 4)"),
    "gru-x-width": ("gru", {"x": ones(T, N, 3)}, "x: expected shape (T, N, 4) or (T, 4) for weight_ih of shape "
                    "(15, 4), got (3, 2, 3)"),
    "cell-x-rank": ("lstm_cell", {"x": ones(T, N, INPUTS)}, "x: expected shape (N, 4) or (4) for weight_ih of shape "
                    "(20, 4), got (3, 2, 4)"),
    "rnn-state-rows": ("rnn", {"state": ones(3, H)}, "state: expected shape (2, 5) for x of shape (3, 2, 4), "
                       "got (3, 5)"),
    "gru-state-width": ("gru", {"state": ones(N, 6)}, "state: expected shape (2, 5)"),
    "gru-state-rank": ("gru", {"state": ones(1, N, H)}, "state: expected shape (2, 5)"),
    "unbatched-state-with-a-batch": ("rnn", {"state": ones(H)}, "state: expected shape (2, 5)"),
    "batched-state-without-a-batch": ("rnn", {"x": ones(T, INPUTS), "lengths": None}, "state: expected shape (5,) for "
                                      "x of shape (3, 4), got (2, 5)"),
    "cell-h": ("rnn_cell", {"h": ones(1, H)}, "h: expected shape (2, 5) for x of shape (2, 4), got (1, 5)"),
    "lstm-h": ("lstm", {"state": (ones(3, H), ones(N, H))}, "h: expected shape (2, 5)"),
    "lstm-c": ("lstm", {"state": (ones(N, H), ones(H))}, "c: expected shape (2, 5) for x of shape (3, 2, 4), got (5,)"),
    "lstm-three": ("lstm", {"state": (ones(N, H),) * 3}, "state: expected a pair (h, c), got 3 values"),
    "weight_hh-square": ("lstm", {"weight_hh": ones(5, 5)}, "weight_hh: expected shape (4 * H, H), got (5, 5)"),
    "weight_hh-of-another-op": ("gru_cell", {"weight_hh": ones(20, 5)}, "weight_hh: expected shape (3 * H, H)"),
    "weight_hh-rank": ("rnn", {"weight_hh": ones(5)}, "weight_hh: expected shape (H, H), got (5,)"),
    "weight_ih-rows": ("rnn", {"weight_ih": ones(6, INPUTS)}, "weight_ih: expected shape (5, I) for weight_hh of shape "
                       "(5, 5), got (6, 4)"),
    "weight_ih-rank": ("lstm_cell", {"weight_ih": ones(20)}, "weight_ih: expected shape (20, I)"),
    "bias_ih": ("lstm", {"bias_ih": ones(5)}, "bias_ih: expected shape (20,), got (5,)"),
    "bias_hh-rank": ("gru", {"bias_hh": ones(1, 15)}, "bias_hh: expected shape (15,), got (1, 15)"),
}


@pytest.mark.parametrize(("op", "changes", "message"), SHAPES.values(), ids=SHAPES)
def test_shapes_must_fit(op, changes, message):
    call_wrongly(op, changes, ValueError, message)


LENGTHS = {  # lengths, the exception, the message
    "too-few": ([T], ValueError, "lengths: expected shape (2,), got (1,)"),
    "too-many": ([T] * 3, ValueError, "lengths: expected shape (2,), got (3,)"),
    "scalar": (T, ValueError, "lengths: expected shape (2,), got ()"),
    "matrix": ([[T, T]], ValueError, "lengths: expected shape (2,), got (1, 2)"),
    "ragged": ([[1], [1, 2]], ValueError, "lengths: expected an array, got [[1], [1, 2]]"),
    "empty": ([], ValueError, "lengths: expected shape (2,), got (0,)"),
    "negative": ([T, -1], ValueError, "lengths: expected integers in [0, 3], got -1 for row 1"),
    "too-long": ([T + 1, T], ValueError, "lengths: expected integers in [0, 3], got 4 for row 0"),
    "huge": ([T, HUGE], ValueError, f"lengths: expected integers in [0, 3], got {HUGE} for row 1"),
    "beyond-int64": (np.array([T, 2**63 + 1], np.uint64), ValueError, f"got {2**63 + 1} for row 1"),
    "beyond-64-bits": ([T, 10**30], TypeError, "lengths: expected integers, got dtype object"),
    "floats": ([3.0, 2.0], TypeError, "lengths: expected integers, got dtype float64"),
    "bools": ([True, True], TypeError, "lengths: expected integers, got dtype bool"),
    "text": ("ab", TypeError, "lengths: expected integers, got dtype <U2"),
    "none-inside": ([T, None], TypeError, "lengths: expected integers, got dtype object"),
}


@pytest.mark.parametrize(("lengths", "error", "message"), LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("op", GATES)
def test_lengths_must_be_integers_within_the_sequence(op, lengths, error, message):
    call_wrongly(op, {"lengths": lengths}, error, message)


VALUES = {  # an op, the arguments changed, the exception, the message
    "nonlinearity": ("rnn", {"nonlinearity": "gelu"}, ValueError, "nonlinearity: expected one of 'tanh', 'relu', "
                     "got 'gelu'"),
    "nonlinearity-none": ("rnn_cell", {"nonlinearity": None}, ValueError, "nonlinearity: expected one of"),
    "reverse-number": ("gru", {"reverse": 1}, TypeError, "reverse: expected True or False, got 1"),
    "reverse-none": ("lstm", {"reverse": None}, TypeError, "reverse: expected True or False, got None"),
    "lstm-state-array": ("lstm", {"state": ones(2, N, H)}, TypeError, "state: expected a pair (h, c), got ndarray"),
    "lstm-state-half": ("lstm", {"state": (ones(N, H), None)}, TypeError, "state: expected two arrays (h, c) or None "
                        "for zeros, got c = None"),
    "lstm-cell-state-half": ("lstm_cell", {"state": (None, ones(N, H))}, TypeError, "got h = None"),
}


@pytest.mark.parametrize(("op", "changes", "error", "message"), VALUES.values(), ids=VALUES)
def test_values_must_be_known(op, changes, error, message):
    call_wrongly(op, changes, error, message)


OUTPUTS = {  # out, the exception, the message
    "shape": (ones(N, 6), ValueError, "out: expected shape (2, 5), got (2, 6)"),
    "dtype": (ones(N, H, dtype=np.float64), TypeError, "out: expected dtype float32, got float64"),
    "list": ([[0.0] * H] * N, TypeError, "out: expected a NumPy array, got list"),
    "read-only": (np.broadcast_to(np.float32(1), (N, H)), ValueError, "out: expected a writeable, C-contiguous"),
    "fortran": (np.asfortranarray(ones(N, H)), ValueError, "out: expected a writeable, C-contiguous"),
}


@pytest.mark.parametrize(("out", "error", "message"), OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize("op", ["rnn_cell", "gru_cell"])
def test_out_must_fit(op, out, error, message):
    call_wrongly(op, {"out": out}, error, message)
    assert np.all(np.asarray(out) == np.asarray(out).flat[0])


@pytest.mark.parametrize("op", ["rnn_cell", "gru_cell"])
def test_out_must_not_be_an_input(op):
    arguments = right_call(op)
    expect(ValueError, "out: must not overlap h", getattr(F, op), **arguments, out=arguments["h"])
    np.testing.assert_array_equal(arguments["h"], ones(N, H))


def test_a_result_beyond_all_memory_is_a_memory_error():
    x = np.broadcast_to(np.float32(1), (2**40, 2**20, 0))
    for op, rows in GATES.items():
        weights = ones(rows * 2**4, 0), ones(rows * 2**4, 2**4)
        with pytest.raises(MemoryError):
            getattr(F, op)(x, None, *weights)


BACKWARD = {  # an op, changes of the arguments (dy, ctx of, the rest), the exception, the message
    "dy-shape": ("rnn", {"dy": ones(T, N, 6)}, ValueError, "dy: expected shape (3, 2, 5), got (3, 2, 6)"),
    "dy-dtype": ("gru", {"dy": ones(T, N, H, dtype=np.float64)}, TypeError, "dy: expected dtype float32 as x has"),
    "dy-list": ("lstm", {"dy": [1.0]}, TypeError, "dy: expected a NumPy array"),
    "dstate-shape": ("gru", {"dstate": ones(H)}, ValueError, "dstate: expected shape (2, 5), got (5,)"),
    "dstate-dtype": ("rnn", {"dstate": ones(N, H, dtype=np.float64)}, TypeError, "dstate: expected dtype float32"),
    "lstm-dstate-array": ("lstm", {"dstate": ones(N, H)}, TypeError, "dstate: expected a pair (h, c), got ndarray"),
    "lstm-dstate-one": ("lstm", {"dstate": (ones(N, H),)}, ValueError, "dstate: expected a pair (h, c), got 1 values"),
    "lstm-dc-shape": ("lstm", {"dstate": (None, ones(H))}, ValueError, "dc: expected shape (2, 5), got (5,)"),
    "need-short": ("rnn", {"need": (True, False)}, ValueError, "need: expected 6 bools, one for each gradient"),
    "need-numbers": ("gru", {"need": (1,) * 6}, ValueError, "need: expected 6 bools"),
    "ctx-none": ("lstm", {"ctx": None}, TypeError, "ctx: expected a LSTMContext, as the forward function returns"),
    "cell-dh-none": ("rnn_cell", {"dh": None}, TypeError, "dh: expected a NumPy array"),
    "cell-dh-shape": ("gru_cell", {"dh": ones(H)}, ValueError, "dh: expected shape (2, 5), got (5,)"),
    "lstm-cell-array": ("lstm_cell", {"dstate": ones(N, H)}, TypeError, "dstate: expected a pair (h, c), got ndarray"),
    "lstm-cell-dh": ("lstm_cell", {"dstate": (ones(H), None)}, ValueError, "dh: expected shape (2, 5), got (5,)"),
}


@pytest.mark.parametrize(("op", "changes", "error", "message"), BACKWARD.values(), ids=BACKWARD)
def test_backward_arguments_must_fit(op, changes, error, message):
    _, ctx = getattr(F, op + "_forward")(**right_call(op))
    first = "dy" if "_" not in op else "dstate" if op == "lstm_cell" else "dh"
    given = (ones(N, H), None) if first == "dstate" else ones(N, H) if first == "dh" else ones(T, N, H)
    expect(error, message, getattr(F, op + "_backward"), **{first: given, "ctx": ctx, **changes})


def test_backward_refuses_the_ctx_of_another_op():
    _, ctx = F.gru_forward(**right_call("gru"))
    expect(TypeError, "ctx: expected a RNNContext, as the forward function returns, got GRUContext",
           F.rnn_backward, ones(T, N, H), ctx)
