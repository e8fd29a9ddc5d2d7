"""Recurrent layers with recurrent dropout, zoneout, a projection or layer normalisation: one layer, one direction.

The masks are arguments, so that these are functions like all others; `nn` draws them. See reference/variant.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Array, Lengths, Shape
from .._variant import Kept, StepGradients, Variant
from . import _recurrent
from ._recurrent import Layout


class VariantContext(NamedTuple):
    """What `variant_backward` reads."""

    net: Variant
    x: Array  # (T, N, I)
    h0: Array  # (N, P)
    c0: Array | None  # (N, H)
    y: Array  # (T, N, P)
    lengths: Array | None
    kept: Kept
    layout: Layout


def variant(x: Any, state: Any, net: Variant, lengths: Lengths = None) -> tuple[Array, Any]:
    """Return (y, state') of `net`. x: (T, N, I) or (T, I); state: (N, P) or (P,), for an LSTM with c (N, H) or (H,)."""
    return _run(x, state, net, lengths, keep=False)[0]


def variant_forward(x: Any, state: Any, net: Variant, lengths: Lengths = None) -> tuple[tuple[Array, Any],
                                                                                        VariantContext]:
    """As `variant`; returns ((y, state'), ctx) with what `variant_backward` needs."""
    return _run(x, state, net, lengths, keep=True)


def variant_backward(dy: Any, ctx: VariantContext, *, dstate: Any = None, need_dx: bool = True) -> tuple[Any, ...]:
    """Return (dx, dstate, dweight_ih, dweight_hh, dbias_ih, dbias_hh, dweight_hr, then those of the norm's weight_ih,
    weight_hh, weight_c and bias_c), None for what the layer does not have.
    """
    net, x, h0, c0, y, lengths, kept, layout = ctx
    is_lstm, dtype = c0 is not None, x.dtype
    dh_n, dc_n = _recurrent.check_pair("dstate", dstate) if is_lstm else (dstate, None)
    dy = _recurrent.check_gradient("dy", dy, y, layout.y)
    dh_n = _recurrent.check_gradient("dh" if is_lstm else "dstate", dh_n, h0, layout.state)
    if c0 is not None:
        dc_n = _recurrent.check_gradient("dc", dc_n, c0, (*layout.state[:-1], c0.shape[-1]))
    over_x = (*y.shape[:2], len(net.weight_ih))
    dsums = _memory.empty(over_x, dtype)
    grads = StepGradients(
        _recurrent.empty_like_if(need_dx, x),
        _recurrent.empty_like_if(layout.has_state, h0),
        None if c0 is None else _recurrent.empty_like_if(layout.has_state, c0),
        dsums,
        dsums if net.kind != "gru" and net.norm is None else _memory.empty(over_x, dtype),
        None if net.norm is None else _memory.empty(over_x, dtype),
        None if net.norm is None or kept.inner is None else _memory.empty(kept.inner.shape, dtype),
        None if net.weight_hr is None else _memory.empty(y.shape, dtype))
    _backend.active().variant_backward(net, np.zeros_like(y) if dy is None else dy, dh_n, dc_n, x, h0, c0, lengths, y,
                                       kept, grads)
    dinitial: Any = _recurrent.reshaped(grads.dh0, layout.state)
    if c0 is not None and dinitial is not None:
        dinitial = dinitial, _recurrent.reshaped(grads.dc0, (*layout.state[:-1], c0.shape[-1]))
    return _recurrent.reshaped(grads.dx, layout.x), dinitial, *_parameter_gradients(ctx, grads)


def _run(x, state, net, lengths, keep):
    x, h0, c0, layout = _check_arguments(x, state, net)
    lengths = _recurrent.check_lengths(lengths, layout)
    y, h_n = _memory.empty((*x.shape[:2], h0.shape[1]), x.dtype), _memory.empty(h0.shape, x.dtype)
    c_n = None if c0 is None else _memory.empty(c0.shape, x.dtype)
    kept = _empty_kept(net, x) if keep else None
    _backend.active().variant_forward(net, x, h0, c0, lengths, y, h_n, c_n, kept)
    ctx = VariantContext(net, x, h0, c0, y, lengths, kept, layout) if keep else None
    if not layout.batched:
        y, h_n, c_n = y[:, 0], h_n[0], None if c_n is None else c_n[0]
    return (y, h_n if c_n is None else (h_n, c_n)), ctx


def _check_arguments(x, state, net):
    """(x, h0, c0, layout), with x (T, N, I), h0 (N, P), c0 (N, H) or None."""
    is_lstm, inputs, hidden = net.kind == "lstm", net.weight_ih.shape[1], net.weight_hh.shape[1]
    units = hidden if net.weight_hr is None else net.weight_hr.shape[1]
    h, c = _recurrent.check_state_pair(state) if is_lstm else (state, None)
    x, h, c = _check.array("x", x), _check.optional("state", h), _check.optional("c", c)
    _check.same_dtype(weight_ih=net.weight_ih, x=x, state=h, c=c)
    if x.ndim not in (2, 3) or x.shape[-1] != inputs:
        raise ValueError(f"x: expected shape (T, N, {inputs}) or (T, {inputs}), got {x.shape}")
    batched = x.ndim == 3
    rows = x.shape[1:-1]
    _check.shape("state", h, (*rows, hidden))
    _check.shape("c", c, (*rows, units))
    n_rows = x.shape[1] if batched else 1
    layout = Layout(x.shape, (*x.shape[:-1], hidden), (*rows, hidden), (x.shape[0], n_rows, hidden), batched,
                    h is not None, net.bias_ih is not None, net.bias_hh is not None)
    h = np.zeros((n_rows, hidden), x.dtype) if h is None else h.reshape(n_rows, hidden)
    if is_lstm:
        c = np.zeros((n_rows, units), x.dtype) if c is None else c.reshape(n_rows, units)
    return x.reshape(x.shape[0], n_rows, inputs), h, c, layout


def _empty_kept(net, x):
    n_steps, n_rows, _ = x.shape
    sums = len(net.weight_ih)
    units = sums // {"rnn": 1, "gru": 3, "lstm": 4}[net.kind]

    def empty(needed, *shape):
        return _memory.empty((n_steps, n_rows, *shape), x.dtype) if needed else None

    has_norm, gates = net.norm is not None, empty(True, 1 if net.kind == "rnn" else 4, units)
    inner = empty(net.kind == "lstm", units)
    cells = inner if net.zone_c is None else empty(True, units)
    return Kept(gates, inner, cells, empty(net.weight_hr is not None, units), empty(has_norm, sums),
                empty(has_norm, sums), _memory.empty((6, n_steps, n_rows), x.dtype) if has_norm else None)


def _parameter_gradients(ctx, grads):
    """What the gradients of the sums give to the parameters, summed over the rows of all steps in their order."""
    net, kept = ctx.net, ctx.kept
    live = None  # the rows that were run, counted over all steps
    if ctx.lengths is not None:
        live = np.flatnonzero(np.arange(len(ctx.x))[:, None] < ctx.lengths)
    bias_ih, bias_hh = (net.bias_ih, net.bias_hh) if net.norm is None else (None, None)
    before = _states_before(ctx.y, ctx.h0, ctx.lengths, net.reverse)
    dweight_ih, dbias_ih = _product(grads.dsums_ih, ctx.x, live, net.weight_ih, bias_ih)
    dweight_hh, dbias_hh = _product(grads.dsums_hh, before, live, net.weight_hh, bias_hh)
    dweight_hr = None
    if net.weight_hr is not None:
        dweight_hr, _ = _product(grads.dhidden, kept.hidden, live, net.weight_hr, None)
    if net.norm is None:
        return dweight_ih, dweight_hh, dbias_ih, dbias_hh, dweight_hr, None, None, None, None
    stats, norm = kept.stats, net.norm
    dnorm_ih, dbias_ih = _normalisation(grads.dgates, kept.sums_ih, stats[:2], live, norm.weight_ih, net.bias_ih)
    dnorm_hh, dbias_hh = _normalisation(grads.dgates, kept.sums_hh, stats[2:4], live, norm.weight_hh, net.bias_hh)
    dnorm_c, dbias_c = _normalisation(grads.dcells, kept.inner, stats[4:], live, norm.weight_c, norm.bias_c)
    return dweight_ih, dweight_hh, dbias_ih, dbias_hh, dweight_hr, dnorm_ih, dnorm_hh, dnorm_c, dbias_c


def _product(dsums, inputs, live, weight, bias):
    """(dweight, dbias) of inputs W^T + b."""
    dweight, dbias = _recurrent.empty_like_if(True, weight), _recurrent.empty_like_if(bias is not None, bias)
    _backend.active().linear_backward_weight(_rows(dsums, live), _rows(inputs, live), dweight, dbias)
    return dweight, dbias


def _normalisation(dnormal, raw, stats, live, weight, bias):
    """(dweight, dbias) of the rows of `raw`, normalised."""
    dweight, dbias = _recurrent.empty_like_if(True, weight), _recurrent.empty_like_if(bias is not None, bias)
    mean, rstd = (_rows(stat[..., None], live)[:, 0] for stat in stats)
    _backend.active().row_normalize_backward_weight(
        _rows(dnormal, live), _rows(raw, live), np.ascontiguousarray(mean), np.ascontiguousarray(rstd), dweight, dbias)
    return dweight, dbias


def _rows(array, live):
    """The rows of all steps that were run, one behind the other."""
    array = array.reshape(array.shape[0] * array.shape[1], array.shape[2])
    return array if live is None else array[live]


def _states_before(y, h0, lengths, reverse):
    """The h in which each step found each row, (T, N, P)."""
    before = _memory.empty(y.shape, y.dtype)
    if len(y) == 0:
        return before
    if not reverse:
        before[0], before[1:] = h0, y[:-1]
        return before
    before[-1], before[:-1] = h0, y[1:]
    if lengths is not None:
        started = np.flatnonzero(lengths)
        before[lengths[started] - 1, started] = h0[started]
    return before


def drop_mask(rng: np.random.Generator, p: float, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """0 with probability p, else 1 / (1 - p): so that the mean is 1."""
    return np.multiply(rng.random(shape, np.float32) >= p, 1 / (1 - p) if p < 1 else 0.0, dtype=dtype)


def zone_mask(rng: np.random.Generator, p: float, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """1 with probability p, else 0."""
    return (rng.random(shape, np.float32) < p).astype(dtype)
