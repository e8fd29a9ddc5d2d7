"""The fully connected layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Activation, AffineGradients, Array, ArrayLike, Need, Shape
from .conv import before_activation

__all__ = ["linear", "linear_forward", "linear_backward"]


class LinearContext(NamedTuple):
    """What `linear_backward` reads."""

    x: Array
    weight: Array
    has_bias: bool
    activated: Array | None = None  # y, where an activation is part of it


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, *, activation: Activation | None = None,
           out: Array | None = None) -> Array:
    """Return x @ weight.T + bias.

    x: (..., I); weight: (O, I); bias: (O,) or None; all of one dtype, float32 or float64.
    activation: None, or "relu" for relu(y), to the same bits, in the same call.
    out: an array of shape (..., O) to write the result into.
    Returns y: (..., O). Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """
    x, weight, bias, plan = _check_linear(x, weight, bias)
    return _linear(x, weight, bias, plan, out, _check.activation(activation))


def linear_forward(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, *,
                   activation: Activation | None = None,
                   out: Array | None = None) -> tuple[Array, LinearContext]:
    """As `linear`; returns (y, ctx) with what `linear_backward` needs: y too, not to be changed before, where there is
    an activation."""
    x, weight, bias, plan = _check_linear(x, weight, bias)
    y = _linear(x, weight, bias, plan, out, _check.activation(activation))
    return y, LinearContext(x, weight, bias is not None, None if activation is None else y)


def linear_backward(dy: ArrayLike, ctx: LinearContext, *, need: Need = None) -> AffineGradients:
    """Return (dx, dweight, dbias) of `linear`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others, and dbias where there was no bias, are None.
    """
    need_x, need_weight, need_bias = _check.need(need, 3)
    x, weight, has_bias, activated = _check.context(ctx, LinearContext)
    dy = _check.gradient("dy", dy, (*x.shape[:-1], weight.shape[0]), x)
    if activated is not None:
        dy = before_activation(dy, activated)
    dy_2d = _rows(dy)
    backend = _backend.active()
    dx = dweight = dbias = None
    if need_x:
        dx = _memory.empty_like(x)
        backend.linear_backward_input(dy_2d, weight, _rows(dx))
    if need_weight:
        dweight = _memory.empty_like(weight)
    if need_bias and has_bias:
        dbias = _memory.empty(weight.shape[:1], x.dtype)
    if dweight is not None or dbias is not None:
        backend.linear_backward_weight(dy_2d, _rows(x), dweight, dbias)
    return dx, dweight, dbias


# What a call needs to know, and its like need not find out again: y's shape, dtype and allocator.
_Plan: TypeAlias = tuple[Shape, np.dtype[Any], Callable[..., Array]]
_known: dict[bytes, _Plan] = {}


def _linear(x: Array, weight: Array, bias: Array | None, plan: _Plan, out: Array | None,
            activation: Activation | None) -> Array:
    shape, dtype, new = plan
    y = new(shape, dtype) if out is None else _check.output(out, shape, dtype, x=x, weight=weight, bias=bias)
    if len(shape) == 2:
        _backend.active().linear_forward(x, weight, bias, y, activation)
    else:
        _backend.active().linear_forward(_rows(x), weight, bias, _rows(y), activation)
    return y


def _rows(array: Array) -> Array:
    """The array with its leading axes as one (a view)."""
    return array if array.ndim == 2 else array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


def _check_linear(x: Any, weight: Any, bias: Any) -> tuple[Array, Array, Array | None, _Plan]:
    key = _check.signature(x, weight, bias)
    plan = _known.get(key)  # type: ignore[arg-type]  # None is no key
    if plan is None:
        x, weight, bias = _check.array("x", x), _check.array("weight", weight), _check.optional("bias", bias)
        _check.same_dtype(x=x, weight=weight, bias=bias)
        if weight.ndim != 2:
            raise ValueError(f"weight: expected 2 dimensions (O, I), got shape {weight.shape}")
        if x.ndim == 0 or x.shape[-1] != weight.shape[1]:
            raise ValueError(f"x: expected shape (..., {weight.shape[1]}) for weight of shape {weight.shape}, "
                             f"got {x.shape}")
        _check.shape("bias", bias, weight.shape[:1])
        shape = (*x.shape[:-1], weight.shape[0])
        plan = _check.remember(_known, key, (shape, x.dtype, _memory.allocator(shape, x.dtype)))
    return x, weight, bias, plan
