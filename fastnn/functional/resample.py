"""Images of another size."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import _backend, _check, _geometry, _memory
from .._typing import Array, ArrayLike, Extent, Interpolation, OutputSize, Shape
from .conv import batched

__all__ = [
    "adaptive_avg_pool2d", "adaptive_avg_pool2d_forward", "adaptive_avg_pool2d_backward",
    "interpolate", "interpolate_forward", "interpolate_backward",
]  # fmt: skip


class AdaptiveAvgPool2dContext(NamedTuple):
    """What `adaptive_avg_pool2d_backward` reads."""

    x_shape: Shape
    dtype: np.dtype[Any]
    y_shape: Shape
    geo: _geometry.PoolGeometry | None  # where the windows are all alike


class InterpolateContext(NamedTuple):
    """What `interpolate_backward` reads."""

    x_shape: Shape
    dtype: np.dtype[Any]
    y_shape: Shape
    mode: str
    axes: tuple[Any, ...]  # for the rows and for the columns: which pixels are read


def adaptive_avg_pool2d(x: ArrayLike, output_size: OutputSize, *, out: Array | None = None) -> Array:
    """Return means over windows that are as large as it takes to make images of output_size.

    x: (N, C, H, W), or one image (C, H, W), float32 or float64. output_size: an int or (height, width); None for either
    keeps x's. Window p reaches from row p*H//P up to ceil((p+1)*H/P); neighbours may share one.
    out: an array of y's shape to write the result into.
    Returns y: (N, C, P, Q), or (C, P, Q). Raises TypeError for a wrong dtype or kind of argument, ValueError for a
    shape or value that does not fit.
    """
    return adaptive_avg_pool2d_forward(x, output_size, out=out)[0]


def adaptive_avg_pool2d_forward(x: ArrayLike, output_size: OutputSize, *,
                                out: Array | None = None) -> tuple[Array, AdaptiveAvgPool2dContext]:
    """As `adaptive_avg_pool2d`; returns (y, ctx) with what `adaptive_avg_pool2d_backward` needs."""
    x, output_size = _check.array("x", x, (3, 4)), check_output_size(output_size)
    image = _check_image(x)
    size = tuple(n if wanted is None else wanted for n, wanted in zip(image, output_size))
    y = _check.output(out, (*x.shape[:-2], *size), x.dtype, x=x)
    geo = None
    if image[0] % size[0] == 0 and image[1] % size[1] == 0:
        window = image[0] // size[0], image[1] // size[1]
        geo, _ = _geometry.pool2d(x.shape, window, window, 0, 1, False)
        _backend.active().avg_pool2d_forward(batched(x), batched(y), geo, True)
    else:
        _backend.active().adaptive_avg_pool2d_forward(batched(x), batched(y))
    return y, AdaptiveAvgPool2dContext(x.shape, x.dtype, y.shape, geo)


def adaptive_avg_pool2d_backward(dy: ArrayLike, ctx: AdaptiveAvgPool2dContext) -> Array:
    """Return dx of `adaptive_avg_pool2d`, for dy of y's shape."""
    x_shape, dtype, y_shape, geo = _check.context(ctx, AdaptiveAvgPool2dContext)
    dy, dx = _check_dy(dy, y_shape, dtype), _memory.empty(x_shape, dtype)
    if geo is None:
        _backend.active().adaptive_avg_pool2d_backward_input(batched(dy), batched(dx))
    else:
        _backend.active().avg_pool2d_backward_input(batched(dy), batched(dx), geo, True)
    return dx


def interpolate(x: ArrayLike, size: Extent | None = None, scale_factor: float | tuple[float, float] | None = None,
                mode: Interpolation = "nearest", align_corners: bool | None = None, *,
                out: Array | None = None) -> Array:
    """Return the images enlarged or reduced, to `size` or by `scale_factor`, of which one must be given.

    x: (N, C, H, W), float32 or float64. size: an int or (height, width). scale_factor: a number or a pair of them; y's
    extents are H and W times it, rounded down.
    mode: "nearest": y's pixel p is x's pixel floor(p * H/P), in float32 arithmetic as PyTorch's; or "bilinear": a blend
    of the four pixels around it. A scale factor that was given takes the place of P/H.
    align_corners: for "bilinear", whether the centres of the corner pixels of x and y coincide, or (False, None) the
    images' edges.
    out: an array of y's shape to write the result into.
    Returns y: (N, C, P, Q). Raises TypeError for a wrong dtype or kind of argument, ValueError for a shape or value
    that does not fit.
    """
    return interpolate_forward(x, size, scale_factor, mode, align_corners, out=out)[0]


def interpolate_forward(x: ArrayLike, size: Extent | None = None,
                        scale_factor: float | tuple[float, float] | None = None, mode: Interpolation = "nearest",
                        align_corners: bool | None = None, *,
                        out: Array | None = None) -> tuple[Array, InterpolateContext]:
    """As `interpolate`; returns (y, ctx) with what `interpolate_backward` needs."""
    x = _check.array("x", x, 4)
    image = _check_image(x)
    wanted, factors, corners = check_interpolation(size, scale_factor, mode, align_corners)
    ratios: Any = (None, None)
    if factors is not None:
        ratios = tuple(1 / factor for factor in factors)
        wanted = tuple(math.floor(n * factor) for n, factor in zip(image, factors))
        if not all(1 <= n <= _check.MAX_INT for n in wanted):
            raise ValueError(f"scale_factor: expected 1 to {_check.MAX_INT} pixels a side of an image of "
                             f"{image[0]}x{image[1]}, got {wanted[0]}x{wanted[1]} with {factors}")
    y = _check.output(out, (*x.shape[:2], *wanted), x.dtype, x=x)
    axes: tuple[Any, ...]
    if mode == "nearest":
        axes = tuple(_nearest(*axis) for axis in zip(image, wanted, ratios))
        _backend.active().nearest2d_forward(x, y, *axes)
    else:
        axes = tuple(_bilinear(*axis, corners, x.dtype) for axis in zip(image, wanted, ratios))
        _backend.active().bilinear2d_forward(x, y, *axes)
    return y, InterpolateContext(x.shape, x.dtype, y.shape, mode, axes)


def interpolate_backward(dy: ArrayLike, ctx: InterpolateContext) -> Array:
    """Return dx of `interpolate`, for dy of y's shape."""
    x_shape, dtype, y_shape, mode, axes = _check.context(ctx, InterpolateContext)
    dy, dx = _check_dy(dy, y_shape, dtype), _memory.empty(x_shape, dtype)
    backend = _backend.active()
    run = backend.nearest2d_backward_input if mode == "nearest" else backend.bilinear2d_backward_input
    run(dy, dx, *axes)
    return dx


def check_output_size(output_size: Any) -> tuple[int | None, int | None]:
    """Return (height, width) of an adaptive pooling, each an int or None."""
    if not isinstance(output_size, (tuple, list)):
        output_size = (output_size, output_size)
    if len(output_size) != 2:
        raise ValueError(f"output_size: expected an integer or a pair (height, width), got {output_size!r}")
    height, width = (None if n is None else _check.integer("output_size", n, 1) for n in output_size)
    return height, width


def check_interpolation(size: Any, scale_factor: Any, mode: str, align_corners: Any) -> tuple[Any, Any, bool]:
    """Return (size, scale_factor, align_corners) as a pair or None, a pair or None, and a bool."""
    _check.choice("mode", mode, ("nearest", "bilinear"))
    if (size is None) == (scale_factor is None):
        given = "neither" if size is None else "both"
        raise ValueError(f"size: expected either size or scale_factor, got {given}")
    if size is not None:
        size = _check.pair("size", size, 1)
    else:
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * 2
        if len(factors) != 2:
            raise ValueError(f"scale_factor: expected a number or a pair (height, width), got {scale_factor!r}")
        scale_factor = tuple(_check.number("scale_factor", factor, math.ulp(0.0), 2.0**31) for factor in factors)
    if align_corners is not None:
        align_corners = _check.flag("align_corners", align_corners)
        if mode == "nearest":
            raise ValueError(f"align_corners: expected None with mode 'nearest', got {align_corners}")
    return size, scale_factor, bool(align_corners)


@lru_cache(maxsize=64)  # a network asks for a few, and small images take longer to look at than to enlarge
def _nearest(n: int, n_out: int, ratio: Any) -> Array:
    """The pixel that each output pixel of an axis reads. float32, whose rounding decides ties, is what PyTorch uses."""
    if ratio is None or n_out in (n, 2 * n):  # these two PyTorch takes by their extents, whatever the factor
        ratio = np.float32(n) / np.float32(n_out)
    ratio = np.float32(ratio)
    return np.minimum(np.floor(np.arange(n_out, dtype=np.float32) * ratio).astype(np.intp), n - 1)


@lru_cache(maxsize=64)
def _bilinear(n: int, n_out: int, ratio: Any, align_corners: bool, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """(low, high, share): the pixels between which each output pixel of an axis lies, and the second one's share."""
    if align_corners:
        position = np.arange(n_out) * ((n - 1) / max(n_out - 1, 1))
    else:
        ratio = n / n_out if ratio is None or n_out == n else ratio
        position = np.maximum((np.arange(n_out) + 0.5) * ratio - 0.5, 0)
    low = np.minimum(np.floor(position).astype(np.intp), n - 1)
    return low, np.minimum(low + 1, n - 1), np.minimum(position - low, 1).astype(dtype)


def _check_image(x: Array) -> Shape:
    if 0 in x.shape[-2:]:
        raise ValueError(f"x: expected images of at least one pixel, got shape {x.shape}")
    return x.shape[-2:]


def _check_dy(dy: ArrayLike, y_shape: Shape, dtype: np.dtype[Any]) -> Array:
    dy = _check.array("dy", dy)
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected dtype {dtype} as x has, got {dy.dtype}")
    _check.shape("dy", dy, y_shape)
    return dy
