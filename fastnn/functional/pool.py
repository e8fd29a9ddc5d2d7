"""Pooling."""

from typing import NamedTuple

import numpy as np

from .. import _backend, _check, _geometry, _memory
from .conv import batched

__all__ = [
    "avg_pool2d", "avg_pool2d_forward", "avg_pool2d_backward",
    "global_avg_pool2d", "global_avg_pool2d_forward", "global_avg_pool2d_backward",
    "global_max_pool2d", "global_max_pool2d_forward", "global_max_pool2d_backward",
    "max_pool2d", "max_pool2d_forward", "max_pool2d_backward",
]  # fmt: skip


class MaxPool2dContext(NamedTuple):
    """What `max_pool2d_backward` reads."""

    x_shape: tuple
    dtype: np.dtype
    argmax: np.ndarray
    geo: _geometry.PoolGeometry


class AvgPool2dContext(NamedTuple):
    """What `avg_pool2d_backward` reads."""

    x_shape: tuple
    dtype: np.dtype
    y_shape: tuple
    geo: _geometry.PoolGeometry
    count_include_pad: bool


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False, *, out=None):
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
    x, geo, y_shape = _check_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    return_indices = _check.flag("return_indices", return_indices)
    y, argmax = _max_pool2d(x, geo, y_shape, out, return_indices)
    return (y, _flat_indices(argmax, geo, x.shape)) if return_indices else y


def max_pool2d_forward(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False,
                       *, out=None):
    """As `max_pool2d`; returns (y, ctx), or ((y, indices), ctx), with what `max_pool2d_backward` needs."""
    x, geo, y_shape = _check_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    return_indices = _check.flag("return_indices", return_indices)
    y, argmax = _max_pool2d(x, geo, y_shape, out, keep_argmax=True)
    ctx = MaxPool2dContext(x.shape, x.dtype, argmax, geo)
    return ((y, _flat_indices(argmax, geo, x.shape)) if return_indices else y), ctx


def max_pool2d_backward(dy, ctx):
    """Return dx of `max_pool2d`, for dy of y's shape."""
    x_shape, dtype, argmax, geo = _check.context(ctx, MaxPool2dContext)
    dy = _check_gradient(dy, argmax.shape, dtype)
    dx = _memory.empty(x_shape, dtype)
    _backend.active().max_pool2d_backward_input(batched(dy), batched(argmax), batched(dx), geo)
    return dx


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, *, out=None):
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
    x, geo, y_shape = _check_pool2d(x, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool2d(x, geo, y_shape, _check.flag("count_include_pad", count_include_pad), out)


def avg_pool2d_forward(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, *, out=None):
    """As `avg_pool2d`; returns (y, ctx) with what `avg_pool2d_backward` needs."""
    x, geo, y_shape = _check_pool2d(x, kernel_size, stride, padding, 1, ceil_mode)
    count_include_pad = _check.flag("count_include_pad", count_include_pad)
    y = _avg_pool2d(x, geo, y_shape, count_include_pad, out)
    return y, AvgPool2dContext(x.shape, x.dtype, y_shape, geo, count_include_pad)


def avg_pool2d_backward(dy, ctx):
    """Return dx of `avg_pool2d`, for dy of y's shape."""
    x_shape, dtype, y_shape, geo, count_include_pad = _check.context(ctx, AvgPool2dContext)
    dy = _check_gradient(dy, y_shape, dtype)
    dx = _memory.empty(x_shape, dtype)
    _backend.active().avg_pool2d_backward_input(batched(dy), batched(dx), geo, count_include_pad)
    return dx


def global_max_pool2d(x, *, out=None):
    """Return the largest element of each plane: (N, C, H, W) -> (N, C, 1, 1), (C, H, W) -> (C, 1, 1).

    Dtypes and errors are those of `max_pool2d` with a window of H x W.
    """
    x = _check.array("x", x, (3, 4))
    return max_pool2d(x, _plane(x), out=out)


def global_max_pool2d_forward(x, *, out=None):
    """As `global_max_pool2d`; returns (y, ctx) with what `global_max_pool2d_backward` needs."""
    x = _check.array("x", x, (3, 4))
    return max_pool2d_forward(x, _plane(x), out=out)


def global_max_pool2d_backward(dy, ctx):
    """Return dx of `global_max_pool2d`, for dy of y's shape."""
    return max_pool2d_backward(dy, ctx)


def global_avg_pool2d(x, *, out=None):
    """Return the mean of each plane: (N, C, H, W) -> (N, C, 1, 1), (C, H, W) -> (C, 1, 1).

    Dtypes and errors are those of `avg_pool2d` with a window of H x W.
    """
    x = _check.array("x", x, (3, 4))
    return avg_pool2d(x, _plane(x), out=out)


def global_avg_pool2d_forward(x, *, out=None):
    """As `global_avg_pool2d`; returns (y, ctx) with what `global_avg_pool2d_backward` needs."""
    x = _check.array("x", x, (3, 4))
    return avg_pool2d_forward(x, _plane(x), out=out)


def global_avg_pool2d_backward(dy, ctx):
    """Return dx of `global_avg_pool2d`, for dy of y's shape."""
    return avg_pool2d_backward(dy, ctx)


def _max_pool2d(x, geo, y_shape, out, keep_argmax):
    y, argmax = _output(out, y_shape, x), None
    if keep_argmax:
        argmax = _memory.empty(y_shape, np.dtype(np.uint8 if geo.kernel_h * geo.kernel_w <= 256 else np.int32))
    _backend.active().max_pool2d_forward(
        batched(x), batched(y), batched(argmax) if keep_argmax else None, geo)
    return y, argmax


def _avg_pool2d(x, geo, y_shape, count_include_pad, out):
    y = _output(out, y_shape, x)
    _backend.active().avg_pool2d_forward(batched(x), batched(y), geo, count_include_pad)
    return y


def _output(out, y_shape, x):
    return _memory.empty(y_shape, x.dtype) if out is None else _check.output(out, y_shape, x.dtype, x=x)


def _flat_indices(argmax, geo, x_shape):
    """From the tap that won each window to the pixel's index in its plane."""
    r, s = np.divmod(argmax.astype(np.int64), geo.kernel_w)
    top = np.arange(argmax.shape[-2], dtype=np.int64) * geo.stride_h - geo.pad_h
    left = np.arange(argmax.shape[-1], dtype=np.int64) * geo.stride_w - geo.pad_w
    return (top[:, None] + r * geo.dilation_h) * x_shape[-1] + (left + s * geo.dilation_w)


def _plane(x):
    height, width = x.shape[-2:]
    return max(1, height), max(1, width)  # of an image without pixels, `max_pool2d` complains in its own words


def _check_gradient(dy, y_shape, dtype):
    dy = _check.array("dy", dy)
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected dtype {dtype} as x has, got {dy.dtype}")
    _check.shape("dy", dy, y_shape)
    return dy


def _check_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode):
    x = _check.array("x", x)
    geo, y_shape = _geometry.pool2d(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    return x, geo, y_shape
