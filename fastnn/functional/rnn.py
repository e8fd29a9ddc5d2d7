"""The Elman network: one step, and a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Array, ArrayLike, Lengths, Need, Nonlinearity, RecurrentGradients
from . import _recurrent
from ._recurrent import CELL, RNN, SEQUENCE

__all__ = ["rnn", "rnn_backward", "rnn_cell", "rnn_cell_backward", "rnn_cell_forward", "rnn_forward"]

NONLINEARITIES = ("tanh", "relu")


class RNNContext(NamedTuple):
    """What `rnn_backward` and `rnn_cell_backward` read."""

    x: Array  # (T, N, I)
    h0: Array  # (N, H)
    y: Array  # (T, N, H)
    weight_ih: Array
    weight_hh: Array
    lengths: Array | None
    reverse: bool
    nonlinearity: str
    layout: _recurrent.Layout


def rnn_cell(x: ArrayLike, h: ArrayLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
             bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, nonlinearity: Nonlinearity = "tanh", *,
             out: Array | None = None) -> Array:
    """Return h' = nonlinearity(x W_ih^T + b_ih + h W_hh^T + b_hh).

    x: (N, I) or (I,); h: (N, H) or (H,), None for zeros; weight_ih: (H, I); weight_hh: (H, H); biases: (H,) or None;
    all of one dtype, float32 or float64. nonlinearity: "tanh" or "relu". out: an array of h's shape for the result.
    Returns h' in h's shape. Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    Source: J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990.
    """
    if out is None and isinstance(nonlinearity, str) and nonlinearity in NONLINEARITIES:
        done = _backend.active().recurrent_ready(RNN, True, x, h, weight_ih, weight_hh, bias_ih, bias_hh, False,
                                                 nonlinearity == "relu")
        if done is not None:
            return done
    return _rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity, out, keep=False)[0]


def rnn_cell_forward(x: ArrayLike, h: ArrayLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
                     bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None,
                     nonlinearity: Nonlinearity = "tanh", *, out: Array | None = None) -> tuple[Array, RNNContext]:
    """As `rnn_cell`; returns (h', ctx) with what `rnn_cell_backward` needs."""
    return _rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity, out, keep=True)


def rnn_cell_backward(dh: ArrayLike, ctx: RNNContext, *, need: Need = None) -> RecurrentGradients:
    """Return (dx, dh, dweight_ih, dweight_hh, dbias_ih, dbias_hh) of `rnn_cell`, for dh of the shape of h'.

    need: six bools, which of them to compute; the others, and those of inputs that were None, are None.
    """
    return _backward("dh", _check.array("dh", dh), ctx, None, need)


def rnn(x: ArrayLike, state: ArrayLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
        bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, lengths: Lengths = None,
        reverse: bool = False, nonlinearity: Nonlinearity = "tanh") -> tuple[Array, Array]:
    """Run `rnn_cell` over a sequence; return (y, state').

    x: (T, N, I), or (T, I) without a batch; state: (N, H) or (H,), None for zeros; weight_ih: (H, I);
    weight_hh: (H, H); biases: (H,) or None; all of one dtype, float32 or float64. nonlinearity: "tanh" or "relu".
    lengths: N integers in [0, T]. A row that has ended keeps its state, and its y is 0.
    reverse: run from each row's last step to its first; y stays in the order of x.
    Returns y: (T, N, H) or (T, H), every step's state, and the last state, in the shape of `state`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape or a length that does not fit.
    """
    if lengths is None and type(reverse) is bool and isinstance(nonlinearity, str) and nonlinearity in NONLINEARITIES:
        done = _backend.active().recurrent_ready(RNN, False, x, state, weight_ih, weight_hh, bias_ih, bias_hh, reverse,
                                                 nonlinearity == "relu")
        if done is not None:
            return done
    return _rnn(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, nonlinearity, keep=False)[0]


def rnn_forward(x: ArrayLike, state: ArrayLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
                bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, lengths: Lengths = None,
                reverse: bool = False, nonlinearity: Nonlinearity = "tanh") -> tuple[tuple[Array, Array], RNNContext]:
    """As `rnn`; returns ((y, state'), ctx) with what `rnn_backward` needs."""
    return _rnn(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, nonlinearity, keep=True)


def rnn_backward(dy: ArrayLike | None, ctx: RNNContext, *, dstate: ArrayLike | None = None,
                 need: Need = None) -> RecurrentGradients:
    """Return (dx, dstate, dweight_ih, dweight_hh, dbias_ih, dbias_hh) of `rnn`.

    dy: of y's shape, or None where only dstate flows; dstate: of the last state's shape, or None. What dy holds past
    a row's end is not read, and dx is 0 there.
    need: six bools, which of them to compute; the others, and those of inputs that were None, are None.
    """
    return _backward("dy", dy, ctx, dstate, need)


def _rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity, out, keep):
    _check.choice("nonlinearity", nonlinearity, NONLINEARITIES)
    x, h0, _, weight_ih, weight_hh, bias_ih, bias_hh, layout = _recurrent.check(
        CELL, 1, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)
    h_n = _recurrent.check_out(out, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, layout)
    y = _memory.empty(layout.extents, x.dtype)
    _backend.active().rnn_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, None, y, h_n, False, nonlinearity)
    result = out if out is not None else h_n if layout.batched else h_n[0]
    return result, RNNContext(x, h0, y, weight_ih, weight_hh, None, False, nonlinearity, layout) if keep else None


def _rnn(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, nonlinearity, keep):
    _check.choice("nonlinearity", nonlinearity, NONLINEARITIES)
    reverse = _check.flag("reverse", reverse)
    x, h0, _, weight_ih, weight_hh, bias_ih, bias_hh, layout = _recurrent.check(
        SEQUENCE, 1, x, state, None, weight_ih, weight_hh, bias_ih, bias_hh, "state")
    lengths = _recurrent.check_lengths(lengths, layout)
    y, h_n = _memory.empty(layout.extents, x.dtype), _memory.empty(h0.shape, x.dtype)
    _backend.active().rnn_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, reverse, nonlinearity)
    result = (y, h_n) if layout.batched else (y[:, 0], h_n[0])
    return result, RNNContext(x, h0, y, weight_ih, weight_hh, lengths, reverse, nonlinearity, layout) if keep else None


def _backward(name: str, dy: ArrayLike | None, ctx: RNNContext, dstate: ArrayLike | None,
              need: Need) -> RecurrentGradients:
    need = _check.need(need, 6)
    x, h0, y, weight_ih, weight_hh, lengths, reverse, nonlinearity, layout = _check.context(ctx, RNNContext)
    dy = _recurrent.check_gradient(name, dy, y, layout.y)
    dh_n = _recurrent.check_gradient("dstate", dstate, h0, layout.state)
    if dy is None:
        dy = np.zeros_like(y)
    dx = _recurrent.empty_like_if(need[0], x)
    dh0 = _recurrent.empty_like_if(need[1] and layout.has_state, h0)
    dparameters = _recurrent.empty_parameter_gradients(need[2:], layout, weight_ih, weight_hh)
    _backend.active().rnn_backward(dy, dh_n, x, h0, y, weight_ih, weight_hh, lengths, dx, dh0, *dparameters, reverse,
                                   nonlinearity)
    return _recurrent.reshaped(dx, layout.x), _recurrent.reshaped(dh0, layout.state), *dparameters
