"""Arguments of rnn, lstm and gru, and the shape of a call, shared by their tests."""

import numpy as np

KINDS = ["rnn-tanh", "rnn-relu", "lstm", "gru"]
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def draw_arrays(rng, kind, n_inputs, n_hidden, scale=1.0, lead=(), rows=()):
    """[x, h, (c), weight_ih, weight_hh, bias_ih, bias_hh], uniform in +-1, the parameters in +-scale."""
    op = kind.split("-")[0]
    size = GATES[op] * n_hidden
    states = [(*rows, n_hidden)] * (2 if op == "lstm" else 1)
    arrays = [rng.uniform(-1, 1, shape) for shape in ((*lead, *rows, n_inputs), *states)]
    return arrays + [rng.uniform(-scale, scale, shape) for shape in ((size, n_inputs), (size, n_hidden), size, size)]


def options(kind):
    return {"nonlinearity": kind.split("-")[1]} if "-" in kind else {}


def call(kind, fn, arrays, *args):
    """fn(x, state, weights..., *args), with the arrays that `draw_arrays` returns."""
    n_states = len(arrays) - 5
    state = arrays[1] if n_states == 1 else tuple(arrays[1:3])
    return fn(arrays[0], state, *arrays[1 + n_states:], *args, **options(kind))


def flat(value):
    return tuple(part for item in value for part in flat(item)) if isinstance(value, tuple) else (value,)


def damping(n_inputs, n_hidden):
    """A scale of the parameters at which no sum of a step exceeds 1, and a step passes on less than it was given."""
    return 1 / (n_inputs + n_hidden + 2)


def error_bound(dtype, n_steps, n_inputs, n_hidden):
    """How far a state may be off with such parameters: each step rounds its sums of n_inputs + n_hidden + 2 terms, and
    a dozen gate operations on values of at most 1, and the steps' errors add up.
    """
    return 2 * np.finfo(dtype).eps * n_steps * (n_inputs + n_hidden + 14)
