"""One step through a stack of recurrent layers: each runs a sequence of one step, on the h of the one below it."""

from .gru import gru_forward
from .lstm import lstm_forward
from .rnn import rnn_forward


def recurrent_step(op, x, h, c, parameters, y, h_n, c_n, nonlinearity):
    rows = x.shape[0] if x.ndim == 2 else 1
    below = x.reshape(1, rows, x.shape[-1])
    for k in range(len(h)):
        weights = parameters[4 * k:4 * k + 4]
        h0, h1 = (state[k].reshape(rows, state.shape[-1]) for state in (h, h_n))
        if op == "lstm":
            c0, c1 = (state[k].reshape(h0.shape) for state in (c, c_n))
            lstm_forward(below, h0, c0, *weights, None, h1[None], h1, c1, None, None, False)
        elif op == "gru":
            gru_forward(below, h0, *weights, None, h1[None], h1, None, False)
        else:
            rnn_forward(below, h0, *weights, None, h1[None], h1, False, nonlinearity)
        below = h1[None]
    y[...] = h_n[-1]


def recurrent_ready(kind, is_cell, x, state, weight_ih, weight_hh, bias_ih, bias_hh, reverse, relu):
    """None: here every call goes the long way, through rnn_forward, lstm_forward or gru_forward."""
