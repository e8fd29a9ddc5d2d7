"""Pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, overload

import numpy as np

from .. import _backend, _check, _geometry, _memory
from .._typing import Array, ArrayLike, Extent, IntArray, Shape
from .conv import batched

__all__ = [
    "avg_pool2d", "avg_pool2d_forward", "avg_pool2d_backward",
    "global_avg_pool2d", "global_avg_pool2d_forward", "global_avg_pool2d_backward",
    "global_max_pool2d", "global_max_pool2d_forward", "global_max_pool2d_backward",
    "max_pool2d", "max_pool2d_forward", "max_pool2d_backward",
]  # fmt: skip

UINT8, INT32 = np.dtype(np.uint8), np.dtype(np.int32)


class MaxPool2dContext(NamedTuple):
    """What `max_pool2d_backward` reads."""

    x_shape: Shape
    dtype: np.dtype[Any]
    argmax: Array
    geo: _geometry.PoolGeometry


class AvgPool2dContext(NamedTuple):
    """What `avg_pool2d_backward` reads."""

    x_shape: Shape
    dtype: np.dtype[Any]
    y_shape: Shape
    geo: _geometry.PoolGeometry
    count_include_pad: bool


@overload
def max_pool2d(x: ArrayLike, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
               dilation: Extent = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
               out: Array | None = None) -> Array: ...
@overload
def max_pool2d(x: ArrayLike, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
               dilation: Extent = 1, ceil_mode: bool = False, *, return_indices: Literal[True],
               out: Array | None = None) -> tuple[Array, IntArray]: ...
def max_pool2d(x: ArrayLike, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
               dilation: Extent = 1, ceil_mode: bool = False, return_indices: bool = False, *,
               out: Array | None = None) -> Array | tuple[Array, IntArray]:
    """Return the largest element of each window.

    x: (N, C, H, W), or one image (C, H, W), float32 or float64.
    kernel_size, stride (None: as kernel_size), padding, dilation: an int or (height, width). Padding never wins a
    window, and is half of kernel_size at most.
    ceil_mode: whether to add a last window that hangs over the padded image, if it starts on the image.
    return_indices: return (y, indices) instead: int64, where in its H*W plane each element of y stood.
    out: an array of y's shape to write the result into.
    Of equal elements the first in the window's row-major order wins; a NaN wins over numbers, the last over others.
    Returns y: (N, C, P, Q), or (C, P, Q).
    Raises TypeError for a wrong dtype or kind of argument, ValueError for a shape or value that does not fit, or a
    window without an element of x.
    """
    x, plan = _check_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    y, argmax = _max_pool2d(x, plan, out, _check.flag("return_indices", return_indices))
    return y if argmax is None else (y, _flat_indices(argmax, plan[0], x.shape))


@overload
def max_pool2d_forward(x: ArrayLike, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
                       dilation: Extent = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
                       out: Array | None = None) -> tuple[Array, MaxPool2dContext]: ...
@overload
def max_pool2d_forward(x: ArrayLike, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
                       dilation: Extent = 1, ceil_mode: bool = False, *, return_indices: Literal[True],
                       out: Array | None = None) -> tuple[tuple[Array, IntArray], MaxPool2dContext]: ...
def max_pool2d_forward(x: ArrayLike, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
                       dilation: Extent = 1, ceil_mode: bool = False, return_indices: bool = False, *,
                       out: Array | None = None) -> tuple[Array | tuple[Array, IntArray], MaxPool2dContext]:
    """As `max_pool2d`; returns (y, ctx), or ((y, indices), ctx), with what `max_pool2d_backward` needs."""
    x, plan = _check_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    return_indices = _check.flag("return_indices", return_indices)
    y, argmax = _max_pool2d(x, plan, out, True)
    ctx = MaxPool2dContext(x.shape, x.dtype, argmax, plan[0])
    return ((y, _flat_indices(argmax, plan[0], x.shape)) if return_indices else y), ctx


def max_pool2d_backward(dy: ArrayLike, ctx: MaxPool2dContext) -> Array:
    """Return dx of `max_pool2d`, for dy of y's shape."""
    x_shape, dtype, argmax, geo = _check.context(ctx, MaxPool2dContext)
    dy = _check_gradient(dy, argmax.shape, dtype)
    dx = _memory.empty(x_shape, dtype)
    _backend.active().max_pool2d_backward_input(batched(dy), batched(argmax), batched(dx), geo)
    return dx


def avg_pool2d(x: ArrayLike, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
               ceil_mode: bool = False, count_include_pad: bool = True, *, out: Array | None = None) -> Array:
    """Return the mean of each window.

    x: (N, C, H, W), or one image (C, H, W), float32 or float64.
    kernel_size, stride (None: as kernel_size), padding: an int or (height, width). The padding is zeros, half of
    kernel_size at most.
    ceil_mode: whether to add a last window that hangs over the padded image, if it starts on the image.
    count_include_pad: whether zeros of the padding count as elements of the window; what hangs over the padding
    never does.
    out: an array of y's shape to write the result into.
    Returns y: (N, C, P, Q), or (C, P, Q).
    Raises TypeError for a wrong dtype or kind of argument, ValueError for a shape or value that does not fit.
    """
    x, plan = _check_pool2d(x, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool2d(x, plan, _check.flag("count_include_pad", count_include_pad), out)


def avg_pool2d_forward(x: ArrayLike, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
                       ceil_mode: bool = False, count_include_pad: bool = True, *,
                       out: Array | None = None) -> tuple[Array, AvgPool2dContext]:
    """As `avg_pool2d`; returns (y, ctx) with what `avg_pool2d_backward` needs."""
    x, plan = _check_pool2d(x, kernel_size, stride, padding, 1, ceil_mode)
    count_include_pad = _check.flag("count_include_pad", count_include_pad)
    y = _avg_pool2d(x, plan, count_include_pad, out)
    return y, AvgPool2dContext(x.shape, x.dtype, y.shape, plan[0], count_include_pad)


def avg_pool2d_backward(dy: ArrayLike, ctx: AvgPool2dContext) -> Array:
    """Return dx of `avg_pool2d`, for dy of y's shape."""
    x_shape, dtype, y_shape, geo, count_include_pad = _check.context(ctx, AvgPool2dContext)
    dy = _check_gradient(dy, y_shape, dtype)
    dx = _memory.empty(x_shape, dtype)
    _backend.active().avg_pool2d_backward_input(batched(dy), batched(dx), geo, count_include_pad)
    return dx


def global_max_pool2d(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Return the largest element of each plane: (N, C, H, W) -> (N, C, 1, 1), (C, H, W) -> (C, 1, 1).

    Dtypes and errors are those of `max_pool2d` with a window of H x W.
    """
    x = _check.array("x", x, (3, 4))
    return max_pool2d(x, _plane(x), out=out)


def global_max_pool2d_forward(x: ArrayLike, *, out: Array | None = None) -> tuple[Array, MaxPool2dContext]:
    """As `global_max_pool2d`; returns (y, ctx) with what `global_max_pool2d_backward` needs."""
    x = _check.array("x", x, (3, 4))
    return max_pool2d_forward(x, _plane(x), out=out)


def global_max_pool2d_backward(dy: ArrayLike, ctx: MaxPool2dContext) -> Array:
    """Return dx of `global_max_pool2d`, for dy of y's shape."""
    return max_pool2d_backward(dy, ctx)


def global_avg_pool2d(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Return the mean of each plane: (N, C, H, W) -> (N, C, 1, 1), (C, H, W) -> (C, 1, 1).

    Dtypes and errors are those of `avg_pool2d` with a window of H x W.
    """
    x = _check.array("x", x, (3, 4))
    return avg_pool2d(x, _plane(x), out=out)


def global_avg_pool2d_forward(x: ArrayLike, *, out: Array | None = None) -> tuple[Array, AvgPool2dContext]:
    """As `global_avg_pool2d`; returns (y, ctx) with what `global_avg_pool2d_backward` needs."""
    x = _check.array("x", x, (3, 4))
    return avg_pool2d_forward(x, _plane(x), out=out)


def global_avg_pool2d_backward(dy: ArrayLike, ctx: AvgPool2dContext) -> Array:
    """Return dx of `global_avg_pool2d`, for dy of y's shape."""
    return avg_pool2d_backward(dy, ctx)


# What a call needs to know, and its like need not find out again: the geometry, y's shape, dtype and allocator.
_Plan: TypeAlias = tuple[_geometry.PoolGeometry, Shape, np.dtype[Any], Callable[..., Array]]
_known: dict[bytes, _Plan] = {}


def _max_pool2d(x: Array, plan: _Plan, out: Array | None, keep_argmax: bool) -> tuple[Array, Any]:
    geo, y_shape, dtype, new = plan
    y = new(y_shape, dtype) if out is None else _check.output(out, y_shape, dtype, x=x)
    argmax: Any = None
    if keep_argmax:
        argmax = _memory.empty(y_shape, UINT8 if geo.kernel_h * geo.kernel_w <= 256 else INT32)
    if len(y_shape) == 4:
        _backend.active().max_pool2d_forward(x, y, argmax, geo)
    else:
        _backend.active().max_pool2d_forward(x[None], y[None], argmax[None] if keep_argmax else None, geo)
    return y, argmax


def _avg_pool2d(x: Array, plan: _Plan, count_include_pad: bool, out: Array | None) -> Array:
    geo, y_shape, dtype, new = plan
    y = new(y_shape, dtype) if out is None else _check.output(out, y_shape, dtype, x=x)
    if len(y_shape) == 4:
        _backend.active().avg_pool2d_forward(x, y, geo, count_include_pad)
    else:
        _backend.active().avg_pool2d_forward(x[None], y[None], geo, count_include_pad)
    return y


def _flat_indices(argmax: Any, geo: _geometry.PoolGeometry, x_shape: Shape) -> IntArray:
    """From the tap that won each window to the pixel's index in its plane."""
    r, s = np.divmod(argmax.astype(np.int64), geo.kernel_w)
    top = np.arange(argmax.shape[-2], dtype=np.int64) * geo.stride_h - geo.pad_h
    left = np.arange(argmax.shape[-1], dtype=np.int64) * geo.stride_w - geo.pad_w
    return (top[:, None] + r * geo.dilation_h) * x_shape[-1] + (left + s * geo.dilation_w)


def _plane(x: Array) -> tuple[int, int]:
    height, width = x.shape[-2:]
    return max(1, height), max(1, width)  # of an image without pixels, `max_pool2d` complains in its own words


def _check_gradient(dy: ArrayLike, y_shape: Shape, dtype: np.dtype[Any]) -> Array:
    dy = _check.array("dy", dy)
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected dtype {dtype} as x has, got {dy.dtype}")
    _check.shape("dy", dy, y_shape)
    return dy


def _check_pool2d(
    x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any,
) -> tuple[Array, _Plan]:
    key = _check.signature(x, kernel_size, stride, padding, dilation, ceil_mode)
    plan = _known.get(key)  # type: ignore[arg-type]  # None is no key
    if plan is None:
        x = _check.array("x", x)
        geo, y_shape = _geometry.pool2d(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
        plan = _check.remember(_known, key, (geo, y_shape, x.dtype, _memory.allocator(y_shape, x.dtype)))
    return x, plan
