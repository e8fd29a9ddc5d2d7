"""fastnn itself, compiled or on its NumPy reference: what the worker runs for the contenders of those names."""

import numpy as np

import fastnn
from fastnn import functional as F

STATES = {"lstm": 2, "lstm_cell": 2, "rnn": 1, "rnn_cell": 1, "gru": 1, "gru_cell": 1}


def versions():
    return {"fastnn": fastnn.__version__, "numpy": np.__version__}


def build(case, arrays):
    """{direction: function}; each returns the op's results, in training then the gradients of its inputs."""
    (args, named), dy = arguments(case, arrays), arrays["dy"]
    forward, keep, backward = (getattr(F, case.op + suffix) for suffix in ("", "_forward", "_backward"))
    options = {**named, **case.options}

    def training():
        result, ctx = keep(*args, **options)
        return result, backward(upstream, ctx)

    upstream = (dy, None) if case.op == "lstm_cell" else dy
    return {"forward": lambda: forward(*args, **options), "training": training}


def arguments(case, arrays):
    """The op's arguments by place and by name; an LSTM's state is a pair."""
    first, *others = case.shapes
    if case.op not in STATES:
        return [arrays[first]], {name: arrays[name] for name in others}
    values = [arrays[name] for name in case.shapes]
    if STATES[case.op] == 2:
        x, h, c, *weights = values
        return [x, (h, c), *weights], {}
    return values, {}


def flat(results):
    """Nested tuples of arrays as one list, without the Nones."""
    if results is None:
        return []
    if isinstance(results, (tuple, list)):
        return [array for part in results for array in flat(part)]
    return [np.asarray(results)]
