"""Convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import _backend, _check, _geometry, _memory
from .._typing import Activation, AffineGradients, Algorithm, Array, ArrayLike, Extent, Need, Padding, Shape

__all__ = ["conv2d", "conv2d_forward", "conv2d_backward"]


class Conv2dContext(NamedTuple):
    """What `conv2d_backward` reads."""

    x: Array
    weight: Array
    has_bias: bool
    y_shape: Shape
    geo: _geometry.Conv2dGeometry
    activated: Array | None = None  # y, where an activation is part of it


def conv2d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Extent = 1, padding: Padding = 0,
           dilation: Extent = 1, groups: int = 1, *, algorithm: Algorithm = "auto",
           activation: Activation | None = None, out: Array | None = None) -> Array:
    """Return the 2-D cross-correlation of images with filters, plus a bias for each filter.

    x: (N, C, H, W), or one image (C, H, W); weight: (K, C/groups, R, S); bias: (K,) or None; all of one dtype,
    float32 or float64. Filter k sees the channels of group k // (K/groups) only.
    stride, dilation: an int or (height, width).
    padding: an int, (height, width), ((top, bottom), (left, right)), "valid" (none), or "same": as much as makes
    y's extents ceil(H/stride) and ceil(W/stride), an odd pixel going to the bottom and the right.
    algorithm: "auto", "direct", or "winograd" (rounds a little worse; 3x3 or 5x5 with stride 1, 3x3 to 4x4 with
    stride 2).
    activation: None, or "relu" for relu(y), to the same bits, without a pass over y of its own.
    out: an array of y's shape to write the result into.
    Returns y: (N, K, P, Q), or (K, P, Q), with P = (H + top + bottom - dilation*(R-1) - 1) // stride + 1.
    Raises TypeError for a wrong or mixed dtype or a wrong kind of argument, ValueError for a shape or value that
    does not fit, or a y without pixels.
    """
    x, weight, bias, plan = _check_conv2d(x, weight, bias, stride, padding, dilation, groups, algorithm)
    return _conv2d(x, weight, bias, plan, out, _check.activation(activation))


def conv2d_forward(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Extent = 1,
                   padding: Padding = 0, dilation: Extent = 1, groups: int = 1, *, algorithm: Algorithm = "auto",
                   activation: Activation | None = None, out: Array | None = None) -> tuple[Array, Conv2dContext]:
    """As `conv2d`; returns (y, ctx) with what `conv2d_backward` needs: y too, not to be changed before, where there is
    an activation."""
    x, weight, bias, plan = _check_conv2d(x, weight, bias, stride, padding, dilation, groups, algorithm)
    y = _conv2d(x, weight, bias, plan, out, _check.activation(activation))
    return y, Conv2dContext(x, weight, bias is not None, plan[1], plan[0], None if activation is None else y)


def conv2d_backward(dy: ArrayLike, ctx: Conv2dContext, *, need: Need = None) -> AffineGradients:
    """Return (dx, dweight, dbias) of `conv2d`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others, and dbias where there was no bias, are None.
    """
    need_x, need_weight, need_bias = _check.need(need, 3)
    x, weight, has_bias, y_shape, geo, activated = _check.context(ctx, Conv2dContext)
    dy = _check.gradient("dy", dy, y_shape, x)
    if activated is not None:
        dy = before_activation(dy, activated)
    dy = batched(dy)
    backend = _backend.active()
    dx = dweight = dbias = None
    if need_x:
        dx = _memory.empty_like(x)
        backend.conv2d_backward_input(dy, weight, batched(dx), geo)
    if need_weight:
        dweight = _memory.empty_like(weight)
    if need_bias and has_bias:
        dbias = _memory.empty(weight.shape[:1], x.dtype)
    if dweight is not None or dbias is not None:
        backend.conv2d_backward_weight(dy, batched(x), dweight, dbias, geo)
    return dx, dweight, dbias


def before_activation(dy: Array, y: Array) -> Array:
    """The gradient of what relu made y of."""
    dx = _memory.empty_like(dy)
    _backend.active().relu_backward_input(dy, y, dx)
    return dx


def batched(images: Array) -> Array:
    """(C, H, W) as (1, C, H, W), a view; (N, C, H, W) as it is."""
    return images if images.ndim == 4 else images[None]


# What a call needs to know, and its like need not find out again: the geometry, y's shape, dtype and allocator.
_Plan: TypeAlias = tuple[_geometry.Conv2dGeometry, Shape, np.dtype[Any], Callable[..., Array]]
_known: dict[bytes, _Plan] = {}


def _conv2d(x: Array, weight: Array, bias: Array | None, plan: _Plan, out: Array | None,
            activation: Activation | None) -> Array:
    geo, y_shape, dtype, new = plan
    y = new(y_shape, dtype) if out is None else _check.output(out, y_shape, dtype, x=x, weight=weight, bias=bias)
    if len(y_shape) == 4:
        _backend.active().conv2d_forward(x, weight, bias, y, geo, activation)
    else:
        _backend.active().conv2d_forward(x[None], weight, bias, y[None], geo, activation)
    return y


def _check_conv2d(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any, algorithm: Any,
) -> tuple[Array, Array, Array | None, _Plan]:
    key = _check.signature(x, weight, bias, stride, padding, dilation, groups, algorithm)
    plan = _known.get(key)  # type: ignore[arg-type]  # None is no key
    if plan is None:
        x, weight, bias = _check.array("x", x), _check.array("weight", weight), _check.optional("bias", bias)
        _check.same_dtype(x=x, weight=weight, bias=bias)
        geo, y_shape = _geometry.conv2d(x.shape, weight.shape, None if bias is None else bias.shape,
                                        stride, padding, dilation, groups, algorithm)
        plan = _check.remember(_known, key, (geo, y_shape, x.dtype, _memory.allocator(y_shape, x.dtype)))
    return x, weight, bias, plan
