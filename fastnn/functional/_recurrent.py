"""What the recurrent functions share: the checks of their arguments, and the arrays of a backward pass.

A cell is a sequence of one step, so that both are one computation: (N, I) is seen as (1, N, I), and (I,) as (1, 1, I).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check, _memory
from .._typing import Array, IntArray, Shape

CELL, SEQUENCE = 1, 2  # the rank of an x without its batch axis
RNN, LSTM, GRU = 0, 1, 2  # what `recurrent_ready` calls them


class Layout(NamedTuple):
    """The caller's shapes, and which of the optional arguments were there."""

    x: Shape
    y: Shape
    state: Shape
    extents: Shape  # (T, N, H)
    batched: bool
    has_state: bool
    has_bias_ih: bool
    has_bias_hh: bool


def check(rank, gates, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, h_name="h"):
    """Return (x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, layout) as a backend takes them: x (T, N, I),
    h0 and c0 (N, H). rank: CELL or SEQUENCE. h None: zeros. c0 is None but for an LSTM.
    """
    given = x is not None and weight_ih is not None and weight_hh is not None
    if not (given and _check.ready(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)):
        x, h, c = _check.array("x", x), _check.optional(h_name, h), _check.optional("c", c)
        weight_ih, weight_hh = _check.array("weight_ih", weight_ih), _check.array("weight_hh", weight_hh)
        bias_ih, bias_hh = _check.optional("bias_ih", bias_ih), _check.optional("bias_hh", bias_hh)
        _check.same_dtype(**{"x": x, h_name: h, "c": c, "weight_ih": weight_ih, "weight_hh": weight_hh,
                             "bias_ih": bias_ih, "bias_hh": bias_hh})
    layout = _fit(
        rank, gates, h_name, x.shape, None if h is None else h.shape, None if c is None else c.shape,
        weight_ih.shape, weight_hh.shape,
        None if bias_ih is None else bias_ih.shape, None if bias_hh is None else bias_hh.shape)
    if not layout.batched:
        x = x[..., None, :]
        h, c = None if h is None else h[None], None if c is None else c[None]
    if rank == CELL:
        x = x[None]
    if h is None:
        h = np.zeros(layout.extents[1:], x.dtype)
        c = np.zeros_like(h) if gates == 4 else None
    return x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, layout


@functools.lru_cache(maxsize=1024)
def _fit(rank: int, gates: int, h_name: str, x: Shape, h: Shape | None, c: Shape | None, weight_ih: Shape,
         weight_hh: Shape, bias_ih: Shape | None, bias_hh: Shape | None) -> Layout:
    """Check the shapes against each other; return the Layout that they make."""
    if len(weight_hh) != 2 or weight_hh[0] != gates * weight_hh[1]:
        raise ValueError(f"weight_hh: expected shape ({'' if gates == 1 else f'{gates} * '}H, H), got {weight_hh}")
    rows, hidden = weight_hh
    if len(weight_ih) != 2 or weight_ih[0] != rows:
        raise ValueError(f"weight_ih: expected shape ({rows}, I) for weight_hh of shape {weight_hh}, got {weight_ih}")
    for name, bias in (("bias_ih", bias_ih), ("bias_hh", bias_hh)):
        if bias is not None and bias != (rows,):
            raise ValueError(f"{name}: expected shape ({rows},), got {bias}")
    if len(x) not in (rank, rank + 1) or x[-1] != weight_ih[1]:
        axes = "(T, " if rank == SEQUENCE else "("
        raise ValueError(f"x: expected shape {axes}N, {weight_ih[1]}) or {axes}{weight_ih[1]}) "
                         f"for weight_ih of shape {weight_ih}, got {x}")
    batched = len(x) > rank
    n_steps, n_rows = x[0] if rank == SEQUENCE else 1, x[-2] if batched else 1
    state = (n_rows, hidden) if batched else (hidden,)
    for name, given in ((h_name, h), ("c", c)):
        if given is not None and given != state:
            raise ValueError(f"{name}: expected shape {state} for x of shape {x}, got {given}")
    return Layout(x, (*x[:-1], hidden), state, (n_steps, n_rows, hidden), batched,
                  h is not None, bias_ih is not None, bias_hh is not None)


def check_pair(name, value):
    """The two values of a pair (h, c), as they are; (None, None) for None."""
    if value is None:
        return None, None
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name}: expected a pair (h, c), got {type(value).__name__}")
    if len(value) != 2:
        raise ValueError(f"{name}: expected a pair (h, c), got {len(value)} values")
    return value


def check_state_pair(state):
    """(h, c) from an LSTM's state: two arrays, or both None for None."""
    h, c = check_pair("state", state)
    if (h is None or c is None) and state is not None:
        raise TypeError(f"state: expected two arrays (h, c) or None for zeros, got {'h' if h is None else 'c'} = None")
    return h, c


def check_lengths(lengths: Any, layout: Layout) -> IntArray | None:
    """Return lengths as int64 (N,), or None. Always a copy: the backends index with it, in backward too."""
    if lengths is None:
        return None
    n_steps, n_rows, _ = layout.extents
    given = np.array(_check.any_array("lengths", lengths))
    if given.dtype.kind not in "iu" and not (given.size == 0 and isinstance(lengths, (list, tuple))):
        raise TypeError(f"lengths: expected integers, got dtype {given.dtype}")
    _check.shape("lengths", given, layout.state[:-1])
    given = given.reshape(n_rows)
    wrong = np.flatnonzero((given < 0) | (given > n_steps))
    if wrong.size:
        raise ValueError(f"lengths: expected integers in [0, {n_steps}], got {given[wrong[0]]} for row {wrong[0]}")
    return given.astype(np.int64)


def check_out(out: Array | None, x: Array, h: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array | None,
              bias_hh: Array | None, layout: Layout) -> Array:
    """The caller's array for a cell's result, as (N, H); a new one for None."""
    if out is None:
        return _memory.empty(h.shape, x.dtype)
    return _check.output(out, layout.state, x.dtype, x=x, h=h, weight_ih=weight_ih, weight_hh=weight_hh,
                         bias_ih=bias_ih, bias_hh=bias_hh).reshape(h.shape)


def check_gradient(name: str, value: Any, like: Array, shape: Shape) -> Any:
    """A gradient that came in, checked to be of the caller's `shape`, as an array of like's shape; None stays None."""
    if value is None:
        return None
    if _check.is_like(value, like.shape, like) and shape == like.shape:
        return value
    value = _check.array(name, value)
    _check.same_dtype(**{"x": like, name: value})
    _check.shape(name, value, shape)
    return value.reshape(like.shape)


def empty_like_if(needed: bool, like: Array) -> Array | None:
    return _memory.empty_like(like) if needed else None


def empty_parameter_gradients(need: Sequence[bool], layout: Layout, weight_ih: Array,
                              weight_hh: Array) -> tuple[Array | None, Array | None, Array | None, Array | None]:
    """New arrays for (dweight_ih, dweight_hh, dbias_ih, dbias_hh); None for each that is not needed or not there."""
    need_weight_ih, need_weight_hh, need_bias_ih, need_bias_hh = need
    rows, dtype = weight_ih.shape[:1], weight_ih.dtype
    return (empty_like_if(need_weight_ih, weight_ih), empty_like_if(need_weight_hh, weight_hh),
            _memory.empty(rows, dtype) if need_bias_ih and layout.has_bias_ih else None,
            _memory.empty(rows, dtype) if need_bias_hh and layout.has_bias_hh else None)


def reshaped(array: Array | None, shape: Shape) -> Array | None:
    return None if array is None else array.reshape(shape)
