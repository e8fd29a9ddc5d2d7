"""One time step through a stack of recurrent layers: what a stream needs, and no more.

It is no op of its own: the arithmetic is that of rnn, lstm and gru, to the same bits, for sequences of one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Array
from . import _recurrent


def step(op: str, x: Any, state: Any, parameters: Sequence[Array | None], hidden: int,
         nonlinearity: str = "tanh") -> tuple[Array, Any]:
    """Return (y, state') of the layers whose weight_ih, weight_hh, bias_ih and bias_hh are `parameters`, in turn.

    op: "rnn", "lstm" or "gru"; x: (N, I) or (I,); state: (L, N, H) or (L, H) for L layers, a pair of such arrays for
    "lstm", None for zeros. y: (N, H) or (H,). The results' memory is that of earlier ones which nobody holds any more.
    """
    is_lstm, weight = op == "lstm", parameters[0]
    assert weight is not None
    h, c = _recurrent.check_state_pair(state) if is_lstm else (state, None)
    if x is None or not _check.ready(x, h, c, weight):
        x, h, c = _check.array("x", x), _check.optional("state", h), _check.optional("state", c)
        _check.same_dtype(weight_ih=weight, x=x, state=h, c=c)
    shape, inputs = x.shape, weight.shape[1]
    if len(shape) not in (1, 2) or shape[-1] != inputs:
        raise ValueError(f"x: expected one step, (N, {inputs}) or ({inputs},), got shape {shape}")
    dtype, shape = x.dtype, (len(parameters) // 4, *shape[:-1], hidden)
    if h is None:
        h, c = np.zeros(shape, dtype), np.zeros(shape, dtype) if is_lstm else None
    elif h.shape != shape or (c is not None and c.shape != shape):
        found = h.shape if h.shape != shape or c is None else c.shape
        raise ValueError(f"state: expected shape {shape} for x of shape {x.shape}, got {found}")
    y, h_n = _memory.recycled(shape[1:], dtype), _memory.recycled(shape, dtype)
    c_n = _memory.recycled(shape, dtype) if is_lstm else None
    _backend.active().recurrent_step(op, x, h, c, parameters, y, h_n, c_n, nonlinearity)
    return y, (h_n, c_n) if is_lstm else h_n
