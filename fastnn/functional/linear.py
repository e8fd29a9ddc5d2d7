"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .. import _backend, _check, _memory
from .._typing import AffineGradients, Array, ArrayLike, Need

__all__ = ["linear", "linear_forward", "linear_backward"]


class LinearContext(NamedTuple):
    """What `linear_backward` reads."""

    x: Array
    weight: Array
    has_bias: bool


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, *, out: Array | None = None) -> Array:
    """Return x @ weight.T + bias.

    x: (..., I); weight: (O, I); bias: (O,) or None; all of one dtype, float32 or float64.
    out: an array of shape (..., O) to write the result into.
    Returns y: (..., O). Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """
    x, weight, bias = _check_linear(x, weight, bias)
    return _linear(x, weight, bias, out)


def linear_forward(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, *,
                   out: Array | None = None) -> tuple[Array, LinearContext]:
    """As `linear`; returns (y, ctx) with what `linear_backward` needs."""
    x, weight, bias = _check_linear(x, weight, bias)
    return _linear(x, weight, bias, out), LinearContext(x, weight, bias is not None)


def linear_backward(dy: ArrayLike, ctx: LinearContext, *, need: Need = None) -> AffineGradients:
    """Return (dx, dweight, dbias) of `linear`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others, and dbias where there was no bias, are None.
    """
    need_x, need_weight, need_bias = _check.need(need, 3)
    x, weight, has_bias = _check.context(ctx, LinearContext)
    dy = _check.array("dy", dy)
    _check.same_dtype(x=x, dy=dy)
    _check.shape("dy", dy, (*x.shape[:-1], weight.shape[0]))
    dy_2d, x_2d = _rows(dy), _rows(x)
    backend = _backend.active()
    dx = dweight = dbias = None
    if need_x:
        dx = _memory.empty(x.shape, x.dtype)
        backend.linear_backward_input(dy_2d, weight, _rows(dx))
    if need_weight:
        dweight = _memory.empty(weight.shape, x.dtype)
    if need_bias and has_bias:
        dbias = _memory.empty(weight.shape[:1], x.dtype)
    if dweight is not None or dbias is not None:
        backend.linear_backward_weight(dy_2d, x_2d, dweight, dbias)
    return dx, dweight, dbias


def _linear(x: Array, weight: Array, bias: Array | None, out: Array | None) -> Array:
    shape = (*x.shape[:-1], weight.shape[0])
    if out is None:
        y = _memory.empty(shape, x.dtype)
    else:
        y = _check.output(out, shape, x.dtype, x=x, weight=weight, bias=bias)
    _backend.active().linear_forward(_rows(x), weight, bias, _rows(y))
    return y


def _rows(array: Array) -> Array:
    """The array with its leading axes as one (a view)."""
    return array if array.ndim == 2 else array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


def _check_linear(x: Any, weight: Any, bias: Any) -> tuple[Array, Array, Array | None]:
    if x is None or weight is None or not _check.ready(x, weight, bias):
        x, weight, bias = _check.array("x", x), _check.array("weight", weight), _check.optional("bias", bias)
        _check.same_dtype(x=x, weight=weight, bias=bias)
    if weight.ndim != 2:
        raise ValueError(f"weight: expected 2 dimensions (O, I), got shape {weight.shape}")
    if x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"x: expected shape (..., {weight.shape[1]}) for weight of shape {weight.shape}, "
                         f"got {x.shape}")
    if bias is not None:
        _check.shape("bias", bias, weight.shape[:1])
    return x, weight, bias
