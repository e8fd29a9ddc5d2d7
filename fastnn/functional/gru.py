"""The gated recurrent unit: one step, and a whole sequence."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Array, ArrayLike, Lengths, Need, RecurrentGradients
from . import _recurrent
from ._recurrent import CELL, GRU, SEQUENCE

__all__ = ["gru", "gru_backward", "gru_cell", "gru_cell_backward", "gru_cell_forward", "gru_forward"]


class GRUContext(NamedTuple):
    """What `gru_backward` and `gru_cell_backward` read."""

    x: Array  # (T, N, I)
    h0: Array  # (N, H)
    y: Array  # (T, N, H)
    gates: Array  # (T, N, 4, H): r, z, n, and the product that r multiplies
    weight_ih: Array
    weight_hh: Array
    lengths: Array | None
    reverse: bool
    layout: _recurrent.Layout


def gru_cell(x: ArrayLike, h: ArrayLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
             bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, *, out: Array | None = None) -> Array:
    """Return h' = (1 - z) n + z h, one step of a gated recurrent unit.

    r and z are sigmoids of the first and second third of the rows of x W_ih^T + b_ih + h W_hh^T + b_hh;
    n = tanh(x W_in^T + b_in + r (h W_hn^T + b_hn)) comes from the last third, the reset applied after the product.
    x: (N, I) or (I,); h: (N, H) or (H,), None for zeros; weight_ih: (3 H, I); weight_hh: (3 H, H); biases: (3 H,) or
    None; all of one dtype, float32 or float64. out: an array of h's shape for the result.
    Returns h' in h's shape. Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, in cuDNN's variant.
    """
    if out is None:
        done = _backend.active().recurrent_ready(GRU, True, x, h, weight_ih, weight_hh, bias_ih, bias_hh, False, False)
        if done is not None:
            return done
    return _gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh, out, keep=False)[0]


def gru_cell_forward(x: ArrayLike, h: ArrayLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
                     bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, *,
                     out: Array | None = None) -> tuple[Array, GRUContext]:
    """As `gru_cell`; returns (h', ctx) with what `gru_cell_backward` needs."""
    return _gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh, out, keep=True)


def gru_cell_backward(dh: ArrayLike, ctx: GRUContext, *, need: Need = None) -> RecurrentGradients:
    """Return (dx, dh, dweight_ih, dweight_hh, dbias_ih, dbias_hh) of `gru_cell`, for dh of the shape of h'.

    need: six bools, which of them to compute; the others, and those of inputs that were None, are None.
    """
    return _backward("dh", _check.array("dh", dh), ctx, None, need)


def gru(x: ArrayLike, state: ArrayLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
        bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, lengths: Lengths = None,
        reverse: bool = False) -> tuple[Array, Array]:
    """Run `gru_cell` over a sequence; return (y, state').

    x: (T, N, I), or (T, I) without a batch; state: (N, H) or (H,), None for zeros; weight_ih: (3 H, I);
    weight_hh: (3 H, H); biases: (3 H,) or None; all of one dtype, float32 or float64.
    lengths: N integers in [0, T]. A row that has ended keeps its state, and its y is 0.
    reverse: run from each row's last step to its first; y stays in the order of x.
    Returns y: (T, N, H) or (T, H), every step's state, and the last state, in the shape of `state`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape or a length that does not fit.
    """
    if lengths is None and type(reverse) is bool:
        done = _backend.active().recurrent_ready(GRU, False, x, state, weight_ih, weight_hh, bias_ih, bias_hh, reverse,
                                                 False)
        if done is not None:
            return done
    return _gru(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, keep=False)[0]


def gru_forward(x: ArrayLike, state: ArrayLike | None, weight_ih: ArrayLike, weight_hh: ArrayLike,
                bias_ih: ArrayLike | None = None, bias_hh: ArrayLike | None = None, lengths: Lengths = None,
                reverse: bool = False) -> tuple[tuple[Array, Array], GRUContext]:
    """As `gru`; returns ((y, state'), ctx) with what `gru_backward` needs."""
    return _gru(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, keep=True)


def gru_backward(dy: ArrayLike | None, ctx: GRUContext, *, dstate: ArrayLike | None = None,
                 need: Need = None) -> RecurrentGradients:
    """Return (dx, dstate, dweight_ih, dweight_hh, dbias_ih, dbias_hh) of `gru`.

    dy: of y's shape, or None where only dstate flows; dstate: of the last state's shape, or None. What dy holds past
    a row's end is not read, and dx is 0 there.
    need: six bools, which of them to compute; the others, and those of inputs that were None, are None.
    """
    return _backward("dy", dy, ctx, dstate, need)


def _gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh, out, keep):
    x, h0, _, weight_ih, weight_hh, bias_ih, bias_hh, layout = _recurrent.check(
        CELL, 3, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)
    h_n = _recurrent.check_out(out, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, layout)
    y, gates = _memory.empty(layout.extents, x.dtype), _empty_gates(layout, x.dtype) if keep else None
    _backend.active().gru_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, None, y, h_n, gates, False)
    result = out if out is not None else h_n if layout.batched else h_n[0]
    return result, GRUContext(x, h0, y, gates, weight_ih, weight_hh, None, False, layout) if keep else None


def _gru(x, state, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse, keep):
    reverse = _check.flag("reverse", reverse)
    x, h0, _, weight_ih, weight_hh, bias_ih, bias_hh, layout = _recurrent.check(
        SEQUENCE, 3, x, state, None, weight_ih, weight_hh, bias_ih, bias_hh, "state")
    lengths = _recurrent.check_lengths(lengths, layout)
    y, h_n = _memory.empty(layout.extents, x.dtype), _memory.empty(h0.shape, x.dtype)
    gates = _empty_gates(layout, x.dtype) if keep else None
    _backend.active().gru_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, gates, reverse)
    result = (y, h_n) if layout.batched else (y[:, 0], h_n[0])
    return result, GRUContext(x, h0, y, gates, weight_ih, weight_hh, lengths, reverse, layout) if keep else None


def _empty_gates(layout: _recurrent.Layout, dtype: np.dtype[Any]) -> Array:
    n_steps, n_rows, hidden = layout.extents
    return _memory.empty((n_steps, n_rows, 4, hidden), dtype)


def _backward(name: str, dy: ArrayLike | None, ctx: GRUContext, dstate: ArrayLike | None,
              need: Need) -> RecurrentGradients:
    need = _check.need(need, 6)
    x, h0, y, gates, weight_ih, weight_hh, lengths, reverse, layout = _check.context(ctx, GRUContext)
    dy = _recurrent.check_gradient(name, dy, y, layout.y)
    dh_n = _recurrent.check_gradient("dstate", dstate, h0, layout.state)
    if dy is None:
        dy = np.zeros_like(y)
    dx = _recurrent.empty_like_if(need[0], x)
    dh0 = _recurrent.empty_like_if(need[1] and layout.has_state, h0)
    dparameters = _recurrent.empty_parameter_gradients(need[2:], layout, weight_ih, weight_hh)
    _backend.active().gru_backward(dy, dh_n, x, h0, y, gates, weight_ih, weight_hh, lengths, dx, dh0, *dparameters,
                                   reverse)
    return _recurrent.reshaped(dx, layout.x), _recurrent.reshaped(dh0, layout.state), *dparameters
