"""Convolution and max pooling of sequences: those of images one pixel high, through views."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

import numpy as np

from .. import _backend, _check, _geometry
from .._typing import AffineGradients, Array, ArrayLike, IntArray, Need, Padding1d, Shape, Single
from .conv import Conv2dContext, batched, conv2d_backward
from .pool import MaxPool2dContext, max_pool2d_backward, max_pool2d_forward

__all__ = [
    "conv1d", "conv1d_forward", "conv1d_backward",
    "max_pool1d", "max_pool1d_forward", "max_pool1d_backward",
]  # fmt: skip


class Conv1dContext(NamedTuple):
    """What `conv1d_backward` reads."""

    of_images: Conv2dContext


class MaxPool1dContext(NamedTuple):
    """What `max_pool1d_backward` reads."""

    of_images: MaxPool2dContext


def conv1d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Single = 1, padding: Padding1d = 0,
           dilation: Single = 1, groups: int = 1, *, out: Array | None = None) -> Array:
    """Return the 1-D cross-correlation of sequences with filters, plus a bias for each filter.

    x: (N, C, L), or one sequence (C, L); weight: (K, C/groups, S); bias: (K,) or None; all of one dtype, float32 or
    float64. Filter k sees the channels of group k // (K/groups) only.
    stride, dilation: an int. padding: an int, (left, right), "valid" (none), or "same": as much as makes y's length
    ceil(L/stride), an odd element going to the right.
    out: an array of y's shape to write the result into.
    Returns y: (N, K, Q), or (K, Q), with Q = (L + left + right - dilation*(S-1) - 1) // stride + 1.
    Raises TypeError for a wrong or mixed dtype or a wrong kind of argument, ValueError for a shape or value that does
    not fit, or a y without elements.
    """
    return conv1d_forward(x, weight, bias, stride, padding, dilation, groups, out=out)[0]


def conv1d_forward(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Single = 1,
                   padding: Padding1d = 0, dilation: Single = 1, groups: int = 1, *,
                   out: Array | None = None) -> tuple[Array, Conv1dContext]:
    """As `conv1d`; returns (y, ctx) with what `conv1d_backward` needs."""
    x, weight = _check.array("x", x, (2, 3)), _check.array("weight", weight, 3)
    bias = _check.optional("bias", bias)
    _check.same_dtype(x=x, weight=weight, bias=bias)
    images, filters = _as_image(x), _as_image(weight)
    stride, dilation = _check.single("stride", stride, 1), _check.single("dilation", dilation, 1)
    geo, y_shape = _geometry.conv2d(
        images.shape, filters.shape, None if bias is None else bias.shape, (1, stride), normal_padding(padding),
        (1, dilation), groups, "auto")
    y = _check.output(out, (*y_shape[:-2], y_shape[-1]), x.dtype, x=x, weight=weight, bias=bias)
    _backend.active().conv2d_forward(batched(images), filters, bias, batched(_as_image(y)), geo)
    return y, Conv1dContext(Conv2dContext(images, filters, bias is not None, y_shape, geo))


def conv1d_backward(dy: ArrayLike, ctx: Conv1dContext, *, need: Need = None) -> AffineGradients:
    """Return (dx, dweight, dbias) of `conv1d`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others, and dbias where there was no bias, are None.
    """
    of_images = _check.context(ctx, Conv1dContext).of_images
    dy = _check_dy(dy, of_images.y_shape, of_images.x.dtype)
    dx, dweight, dbias = conv2d_backward(dy, of_images, need=need)
    return (None if dx is None else _as_sequence(dx)), (None if dweight is None else _as_sequence(dweight)), dbias


@overload
def max_pool1d(x: ArrayLike, kernel_size: Single, stride: Single | None = None, padding: Single = 0,
               dilation: Single = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
               out: Array | None = None) -> Array: ...
@overload
def max_pool1d(x: ArrayLike, kernel_size: Single, stride: Single | None = None, padding: Single = 0,
               dilation: Single = 1, ceil_mode: bool = False, *, return_indices: Literal[True],
               out: Array | None = None) -> tuple[Array, IntArray]: ...
def max_pool1d(x: ArrayLike, kernel_size: Single, stride: Single | None = None, padding: Single = 0,
               dilation: Single = 1, ceil_mode: bool = False, return_indices: bool = False, *,
               out: Array | None = None) -> Array | tuple[Array, IntArray]:
    """Return the largest element of each window.

    x: (N, C, L), or one sequence (C, L), float32 or float64. kernel_size, stride (None: as kernel_size), padding,
    dilation: an int. Padding never wins a window, and is half of kernel_size at most.
    ceil_mode: whether to add a last window that hangs over the padded sequence, if it starts on the sequence.
    return_indices: return (y, indices) instead: int64, where in its row of L each element of y stood.
    out: an array of y's shape to write the result into.
    Of equal elements the first wins; a NaN wins over numbers. Returns y: (N, C, Q), or (C, Q).
    Raises TypeError for a wrong dtype or kind of argument, ValueError for a shape or value that does not fit, or a
    window without an element of x.
    """
    return max_pool1d_forward(  # type: ignore[call-overload, misc]
        x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out=out)[0]


@overload
def max_pool1d_forward(x: ArrayLike, kernel_size: Single, stride: Single | None = None, padding: Single = 0,
                       dilation: Single = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
                       out: Array | None = None) -> tuple[Array, MaxPool1dContext]: ...
@overload
def max_pool1d_forward(x: ArrayLike, kernel_size: Single, stride: Single | None = None, padding: Single = 0,
                       dilation: Single = 1, ceil_mode: bool = False, *, return_indices: Literal[True],
                       out: Array | None = None) -> tuple[tuple[Array, IntArray], MaxPool1dContext]: ...
def max_pool1d_forward(x: ArrayLike, kernel_size: Single, stride: Single | None = None, padding: Single = 0,
                       dilation: Single = 1, ceil_mode: bool = False, return_indices: bool = False, *,
                       out: Array | None = None) -> tuple[Array | tuple[Array, IntArray], MaxPool1dContext]:
    """As `max_pool1d`; returns (y, ctx), or ((y, indices), ctx), with what `max_pool1d_backward` needs."""
    x = _check.array("x", x, (2, 3))
    kernel_size = _check.single("kernel_size", kernel_size, 1)
    stride = kernel_size if stride is None else _check.single("stride", stride, 1)
    windows: Any = [(1, kernel_size), (1, stride), (0, _check.single("padding", padding, 0)),
                    (1, _check.single("dilation", dilation, 1)), ceil_mode]
    return_indices = _check.flag("return_indices", return_indices)
    image = _as_image(x)
    if out is not None:
        y_shape = _geometry.pool2d(image.shape, *windows)[1]
        out = _check.output(out, (*y_shape[:-2], y_shape[-1]), x.dtype, x=x)
    y: Any
    y, of_images = max_pool2d_forward(  # type: ignore[call-overload]
        image, *windows, return_indices, out=None if out is None else _as_image(out))
    ctx = MaxPool1dContext(of_images)
    if return_indices:
        y, indices = y
        return (_as_sequence(y) if out is None else out, _as_sequence(indices)), ctx
    return _as_sequence(y) if out is None else out, ctx


def max_pool1d_backward(dy: ArrayLike, ctx: MaxPool1dContext) -> Array:
    """Return dx of `max_pool1d`, for dy of y's shape."""
    of_images = _check.context(ctx, MaxPool1dContext).of_images
    dy = _check_dy(dy, of_images.argmax.shape, of_images.dtype)
    return _as_sequence(max_pool2d_backward(dy, of_images))


def normal_padding(padding: Any) -> Any:
    """Return the padding of a 1-D convolution as `_geometry.conv2d` takes it."""
    if isinstance(padding, str):
        return padding
    if isinstance(padding, (tuple, list)) and len(padding) == 2:
        return (0, 0), tuple(_check.integer("padding", side, 0) for side in padding)
    return 0, _check.single("padding", padding, 0)


def _as_image(sequences: Array) -> Array:
    """(..., L) as (..., 1, L), a view."""
    return sequences.reshape(*sequences.shape[:-1], 1, sequences.shape[-1])


def _as_sequence(images: Array) -> Array:
    """(..., 1, L) as (..., L), a view."""
    return images.reshape(*images.shape[:-2], images.shape[-1])


def _check_dy(dy: ArrayLike, image_shape: Shape, dtype: np.dtype[Any]) -> Array:
    """dy as of images."""
    dy = _check.array("dy", dy)
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected dtype {dtype} as x has, got {dy.dtype}")
    _check.shape("dy", dy, (*image_shape[:-2], image_shape[-1]))
    return dy.reshape(image_shape)
