"""The long short-term memory: one step, and a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Array, ArrayLike, GradientPair, Lengths, LSTMGradients, Need, StatePair, StatePairLike
from . import _recurrent
from ._recurrent import CELL, LSTM, SEQUENCE

__all__ = ["lstm", "lstm_backward", "lstm_cell", "lstm_cell_backward", "lstm_cell_forward", "lstm_forward"]


class LSTMContext(NamedTuple):
    """What `lstm_backward` and `lstm_cell_backward` read."""

    x: Array  # (T, N, I)
    h0: Array  # (N, H)
    c0: Array  # (N, H)
    y: Array  # (T, N, H)
    gates: Array  # (T, N, 4, H): i, f, g, o
    cells: Array  # (T, N, H)
    weight_ih: Array
    weight_hh: Array
    lengths: Array | None
    reverse: bool
    layout: _recurrent.Layout


def lstm_cell(x: ArrayLike, state: StatePairLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
              bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None) -> StatePair:
    """Return (h', c') = (o tanh(c'), f c + i g), one step of a long short-term memory.

    i, f, o (sigmoid) and g (tanh) come from the quarters, in the order i, f, g, o, of
    x W_ih^T + b_ih + h W_hh^T + b_hh.
    x: (N, I) or (I,); state: (h, c), each (N, H) or (H,), None for zeros; weight_ih: (4 H, I); weight_hh: (4 H, H);
    biases: (4 H,) or None; all of one dtype, float32 or float64.
    Returns two arrays in h's shape. Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not
    fit.
    Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997, with forget gates.
    """
    done = _backend.active().recurrent_ready(LSTM, True, x, state, weight_ih, weight_hh, bias_ih, bias_hh, False, False)
    if done is not None:
        return done
    return _lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh, keep=False)[0]


def lstm_cell_forward(x: ArrayLike, state: StatePairLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
                      bias_ih: ArrayLike | None = None,
                      bias_hh: ArrayLike | None = None) -> tuple[StatePair, LSTMContext]:
    """As `lstm_cell`; returns ((h', c'), ctx) with what `lstm_cell_backward` needs."""
    return _lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh, keep=True)


def lstm_cell_backward(dstate: GradientPair, ctx: LSTMContext, *, need: Need = None) -> LSTMGradients:
    """Return (dx, (dh, dc), dweight_ih, dweight_hh, dbias_ih, dbias_hh) of `lstm_cell`.

    dstate: the pair of the gradients of h' and c'; either may be None.
    need: six bools, which of them to compute; the others, and those of inputs that were None, are None.
    """
    dh, dc = _recurrent.check_pair("dstate", dstate)
    return _backward("dh", dh, ctx, (None, dc), need)


def lstm(x: ArrayLike, state: StatePairLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
         bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, lengths: Lengths = None,
         reverse: bool = False) -> tuple[Array, StatePair]:
    """Run `lstm_cell` over a sequence; return (y, (h', c')).

    x: (T, N, I), or (T, I) without a batch; state: (h, c), each (N, H) or (H,), None for zeros; weight_ih: (4 H, I);
    weight_hh: (4 H, H); biases: (4 H,) or None; all of one dtype, float32 or float64.
    lengths: N integers in [0, T]. A row that has ended keeps its state, and its y is 0.
    reverse: run from each row's last step to its first; y stays in the order of x.
    Returns y: (T, N, H) or (T, H), every step's h, and the last h and c, in the shape of those in `state`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape or a length that does not fit.
    """
    if lengths is None and type(reverse) is bool:
        done = _backend.active().recurrent_ready(LSTM, False, x, state, weight_ih, weight_hh, bias_ih, bias_hh, reverse,
                                                 False)
        if done is not None:
            return done
    return _lstm(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, keep=False)[0]


def lstm_forward(x: ArrayLike, state: StatePairLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
                 bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, lengths: Lengths = None,
                 reverse: bool = False) -> tuple[tuple[Array, StatePair], LSTMContext]:
    """As `lstm`; returns ((y, (h', c')), ctx) with what `lstm_backward` needs."""
    return _lstm(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, keep=True)


def lstm_backward(dy: ArrayLike | None, ctx: LSTMContext, *, dstate: GradientPair | None = None,
                  need: Need = None) -> LSTMGradients:
    """Return (dx, (dh, dc), dweight_ih, dweight_hh, dbias_ih, dbias_hh) of `lstm`.

    dy: of y's shape, or None where only dstate flows; dstate: the pair of the gradients of the last h and c, either of
    them or the whole None for zero. What dy holds past a row's end is not read, and dx is 0 there.
    need: six bools, which of them to compute; the others, and those of inputs that were None, are None.
    """
    return _backward("dy", dy, ctx, _recurrent.check_pair("dstate", dstate), need)


def _lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh, keep):
    h, c = _recurrent.check_state_pair(state)
    x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, layout = _recurrent.check(
        CELL, 4, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
    (h_n, c_n), ctx = _run(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, None, False, layout, keep)[1:]
    return (h_n, c_n) if layout.batched else (h_n[0], c_n[0]), ctx


def _lstm(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, keep):
    reverse = _check.flag("reverse", reverse)
    h, c = _recurrent.check_state_pair(state)
    x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, layout = _recurrent.check(
        SEQUENCE, 4, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
    lengths = _recurrent.check_lengths(lengths, layout)
    y, (h_n, c_n), ctx = _run(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, layout, keep)
    return (y, (h_n, c_n)) if layout.batched else (y[:, 0], (h_n[0], c_n[0])), ctx


def _run(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, layout, keep):
    dtype, (n_steps, n_rows, hidden) = x.dtype, layout.extents
    y = _memory.empty(layout.extents, dtype)
    h_n, c_n = _memory.empty(h0.shape, dtype), _memory.empty(h0.shape, dtype)
    gates = _memory.empty((n_steps, n_rows, 4, hidden), dtype) if keep else None
    cells = _memory.empty(layout.extents, dtype) if keep else None
    _backend.active().lstm_forward(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, c_n, gates,
                                   cells, reverse)
    if not keep:
        return y, (h_n, c_n), None
    return y, (h_n, c_n), LSTMContext(x, h0, c0, y, gates, cells, weight_ih, weight_hh, lengths, reverse, layout)


def _backward(name: str, dy: ArrayLike | None, ctx: LSTMContext, dstate: GradientPair, need: Need) -> LSTMGradients:
    need = _check.need(need, 6)
    x, h0, c0, y, gates, cells, weight_ih, weight_hh, lengths, reverse, layout = _check.context(ctx, LSTMContext)
    dy = _recurrent.check_gradient(name, dy, y, layout.y)
    dh_n = _recurrent.check_gradient("dh", dstate[0], h0, layout.state)
    dc_n = _recurrent.check_gradient("dc", dstate[1], c0, layout.state)
    if dy is None:
        dy = np.zeros_like(y)
    need_state = need[1] and layout.has_state
    dx = _recurrent.empty_like_if(need[0], x)
    dh0, dc0 = _recurrent.empty_like_if(need_state, h0), _recurrent.empty_like_if(need_state, c0)
    dparameters = _recurrent.empty_parameter_gradients(need[2:], layout, weight_ih, weight_hh)
    _backend.active().lstm_backward(dy, dh_n, dc_n, x, h0, c0, y, gates, cells, weight_ih, weight_hh, lengths, dx, dh0,
                                    dc0, *dparameters, reverse)
    dinitial = None if dh0 is None or dc0 is None else (dh0.reshape(layout.state), dc0.reshape(layout.state))
    return _recurrent.reshaped(dx, layout.x), dinitial, *dparameters
