"""Window arithmetic shared by convolution and pooling: padding, output extents, and their errors.

Everything here is a pure function of shapes and arguments, so the work of a small call is one look-up in a cache.
The cached functions take normalised arguments only: 1, 1.0 and True are equal keys, but only 1 is an integer.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from . import _check
from ._typing import Algorithm, Extent, Padding, Shape

CACHED_SHAPES = 1024
ALGORITHMS = ("auto", "direct", "winograd")

Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))


class Conv2dGeometry(NamedTuple):
    """How a filter walks over an image. Padding is (top, bottom, left, right)."""

    stride_h: int
    stride_w: int
    pad_top: int
    pad_bottom: int
    pad_left: int
    pad_right: int
    dilation_h: int
    dilation_w: int
    groups: int
    algorithm: str = "auto"


class PoolGeometry(NamedTuple):
    """How a pooling window walks over an image. The bottom and right padding is what the output extent implies."""

    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int


def conv2d(x_shape: Shape, weight_shape: Shape, bias_shape: Shape | None, stride: Any, padding: Any, dilation: Any,
           groups: Any, algorithm: Any) -> tuple[Conv2dGeometry, Shape]:
    """Return (Conv2dGeometry, the shape of y) for checked arrays of these shapes; bias_shape may be None."""
    if not (type(groups) is int and type(algorithm) is str
            and (type(stride) is type(padding) is type(dilation) is int  # the quick way to what the next line says
                 or (_is_key(stride) and _is_padding_key(padding) and _is_key(dilation)))):
        stride, dilation = _check.pair("stride", stride, 1), _check.pair("dilation", dilation, 1)
        padding = normal_padding(padding)
        groups = _check.integer("groups", groups, 1)
        _check.choice("algorithm", algorithm, ALGORITHMS)
    return _conv2d(x_shape, weight_shape, bias_shape, stride, padding, dilation, groups, algorithm)


def pool2d(x_shape: Shape, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
           ceil_mode: Any) -> tuple[PoolGeometry, Shape]:
    """Return (PoolGeometry, the shape of y) for a checked x of this shape."""
    if stride is None:
        stride = kernel_size
    if not (type(kernel_size) is type(stride) is type(padding) is type(dilation) is int
            or (_is_key(kernel_size) and _is_key(stride) and _is_key(padding) and _is_key(dilation))):
        kernel_size = _check.pair("kernel_size", kernel_size, 1)
        stride, dilation = _check.pair("stride", stride, 1), _check.pair("dilation", dilation, 1)
        padding = _check.pair("padding", padding, 0)
    if type(ceil_mode) is not bool:
        ceil_mode = _check.flag("ceil_mode", ceil_mode)
    return _pool2d(x_shape, kernel_size, stride, padding, dilation, ceil_mode)


def _is_key(value: Any) -> bool:
    """Whether `value` is an int or a pair of ints, not something that merely equals one."""
    return type(value) is int or (
        type(value) is tuple and len(value) == 2 and type(value[0]) is int and type(value[1]) is int)


def _is_padding_key(value: Any) -> bool:
    return type(value) is str or _is_key(value) or (
        type(value) is tuple and len(value) == 2 and _is_key(value[0]) and _is_key(value[1]))


def _winograd_can(kernel: list[int], stride: tuple[int, int], dilation: tuple[int, int]) -> bool:
    return ((stride == (1, 1) and kernel in ([3, 3], [5, 5]))
            or (stride == (2, 2) and dilation == (1, 1) and {*kernel} <= {3, 4}))


@functools.lru_cache(maxsize=CACHED_SHAPES)
def _conv2d(x_shape: Shape, weight_shape: Shape, bias_shape: Shape | None, stride: Extent, padding: Padding,
            dilation: Extent, groups: int, algorithm: Algorithm) -> tuple[Conv2dGeometry, Shape]:
    image, (n_filters, _, *kernel) = _image(x_shape), _weight(weight_shape)
    stride, dilation = _check.pair("stride", stride, 1), _check.pair("dilation", dilation, 1)
    _check.integer("groups", groups, 1)
    _check_channels(x_shape, weight_shape, groups)
    _check.choice("algorithm", algorithm, ALGORITHMS)
    if algorithm == "winograd" and not _winograd_can(kernel, stride, dilation):
        raise ValueError(f"algorithm: 'winograd' needs a 3x3 or 5x5 kernel with stride 1, or 3 or 4 taps a side with "
                         f"stride 2 and dilation 1, got {_by(kernel)} with stride {stride} and dilation {dilation}")
    if bias_shape is not None and bias_shape != (n_filters,):
        raise ValueError(f"bias: expected shape ({n_filters},) for weight of shape {weight_shape}, got {bias_shape}")

    windows = [_window(n, k, s, d) for n, k, s, d in zip(image, kernel, stride, dilation)]
    pads = _resolve_padding(padding, windows)
    extents = [_n_steps(window, before + after) for window, (before, after) in zip(windows, pads)]
    if min(extents) < 1:
        raise ValueError(f"x: an image of {_by(image)} with padding {pads} is smaller than the kernel, {_by(kernel)} "
                         f"with dilation {dilation}")
    geometry = Conv2dGeometry(*stride, *pads[0], *pads[1], *dilation, groups, algorithm)
    return geometry, (*x_shape[:-3], n_filters, *extents)


@functools.lru_cache(maxsize=CACHED_SHAPES)
def conv_transpose2d(x_shape: Shape, weight_shape: Shape, stride: tuple[int, int], padding: tuple[int, int],
                     output_padding: tuple[int, int], groups: int,
                     dilation: tuple[int, int]) -> tuple[Conv2dGeometry, Shape]:
    """Return (Conv2dGeometry, y's shape): the convolution that leads from y back to x.

    All but the shapes are pairs of ints, groups an int; x_shape has the rank 3 or 4.
    """
    image, (n_filters, group_channels, *kernel) = _image(x_shape), _weight(weight_shape)
    if n_filters % groups:
        raise ValueError(f"groups: expected a divisor of the {n_filters} channels that weight takes, got {groups}")
    if x_shape[-3] != n_filters:
        raise ValueError(f"weight: expected {x_shape[-3]} channels first, as x has, got shape {weight_shape}")
    for name, extra, s, d in zip(("height", "width"), output_padding, stride, dilation):
        if extra >= max(s, d):
            raise ValueError(f"output_padding: expected less than stride {s} or dilation {d} in {name}, got {extra}")
    windows = [_window(n, k, s, d) for n, k, s, d in zip(image, kernel, stride, dilation)]
    extents = [(w.size - 1) * w.stride - 2 * pad + w.reach + extra
               for w, pad, extra in zip(windows, padding, output_padding)]
    if not all(1 <= extent <= _check.MAX_INT for extent in extents):
        raise ValueError(f"x: an image of {_by(image)} with stride {stride} and padding {padding} makes one of "
                         f"{_by(extents)}; expected at least one pixel and at most {_check.MAX_INT} a side")
    geometry = Conv2dGeometry(*stride, padding[0], padding[0], padding[1], padding[1], *dilation, groups)
    return geometry, (*x_shape[:-3], groups * group_channels, *extents)


@functools.lru_cache(maxsize=CACHED_SHAPES)
def _pool2d(x_shape: Shape, kernel: Extent, stride: Extent, padding: Extent, dilation: Extent,
            ceil_mode: bool) -> tuple[PoolGeometry, Shape]:
    image = _image(x_shape)
    kernel, stride = _check.pair("kernel_size", kernel, 1), _check.pair("stride", stride, 1)
    padding, dilation = _check.pair("padding", padding, 0), _check.pair("dilation", dilation, 1)
    if kernel[0] * kernel[1] > _check.MAX_INT:
        raise ValueError(f"kernel_size: a window has at most {_check.MAX_INT} elements, got {_by(kernel)}")
    windows = [_window(n, k, s, d) for n, k, s, d in zip(image, kernel, stride, dilation)]
    if padding[0] > kernel[0] // 2 or padding[1] > kernel[1] // 2:
        raise ValueError(f"padding: expected at most half of kernel_size {kernel}, got {padding}")
    extents = [_n_steps(window, 2 * pad, ceil_mode) for window, pad in zip(windows, padding)]
    # In ceil mode a last window that would start in the right-hand padding, or past it, is left out.
    extents = [n - (ceil_mode and (n - 1) * window.stride >= window.size + pad)
               for n, window, pad in zip(extents, windows, padding)]
    if min(extents) < 1:
        raise ValueError(f"x: an image of {_by(image)} with padding {padding} is smaller than the window, "
                         f"{_by(kernel)} with dilation {dilation}")
    if not all(_always_touches(window, n, pad) for window, n, pad in zip(windows, extents, padding)):
        raise ValueError(f"padding: a window of {_by(kernel)} with dilation {dilation} and padding {padding} "
                         f"does not touch the image of {_by(image)}")
    return PoolGeometry(*kernel, *stride, *padding, *dilation), (*x_shape[:-2], *extents)


class _Window(NamedTuple):
    """One axis of a window: the image's size, the extent from the first tap to the last, and the steps."""

    size: int
    reach: int
    stride: int
    dilation: int


def _window(size: int, kernel: int, stride: int, dilation: int) -> _Window:
    reach = (kernel - 1) * dilation + 1
    if reach > _check.MAX_INT:
        raise ValueError(f"dilation: a kernel may reach over {_check.MAX_INT} pixels, got {kernel} taps "
                         f"with dilation {dilation}")
    return _Window(size, reach, stride, dilation)


def _n_steps(window: _Window, padding: int, ceil_mode: bool = False) -> int:
    """How many windows fit one axis, when its padding is `padding` in all."""
    if window.size + padding > _check.MAX_INT:
        raise ValueError(f"padding: a padded image may have {_check.MAX_INT} pixels a side, "
                         f"got {window.size} with padding of {padding} in all")
    room = window.size + padding - window.reach
    if room < 0 and not ceil_mode:
        return 0
    return (room + (window.stride - 1 if ceil_mode else 0)) // window.stride + 1


def _always_touches(window: _Window, n_windows: int, pad: int) -> bool:
    """Whether each window has a tap on the image. Only a dilated window that starts in the padding may have none."""
    if window.dilation <= window.size:
        return True
    starts = range(-pad, min(0, (n_windows - 1) * window.stride - pad + 1), window.stride)
    return all(start % window.dilation < window.size for start in starts)


def _resolve_padding(padding: Padding, windows: list[_Window]) -> Sides:
    """Return ((top, bottom), (left, right))."""
    padding = normal_padding(padding)
    if padding == "same":
        rows, columns = windows
        return _same_padding(rows), _same_padding(columns)
    return ((0, 0), (0, 0)) if padding == "valid" else padding


def _same_padding(window: _Window) -> tuple[int, int]:
    """The padding with which ceil(size / stride) windows fit; an odd one out goes behind, as in torch and ONNX."""
    n_windows = -(-window.size // window.stride)
    total = max(0, (n_windows - 1) * window.stride + window.reach - window.size)
    return total // 2, total - total // 2


def normal_padding(padding: Any) -> Sides | Literal["same", "valid"]:
    """Return the padding of a convolution as "same", "valid" or ((top, bottom), (left, right))."""
    if isinstance(padding, str):
        return _check.choice("padding", padding, ("same", "valid"))
    if not isinstance(padding, (tuple, list)):
        return (_check.pair("padding", padding, 0),) * 2
    if len(padding) != 2:
        raise ValueError("padding: expected an integer, (height, width), ((top, bottom), (left, right)), 'same' "
                         f"or 'valid', got {padding!r}")
    rows, columns = padding
    return _check.pair("padding", rows, 0), _check.pair("padding", columns, 0)


def _image(x_shape: Shape) -> Shape:
    if len(x_shape) not in (3, 4):
        raise ValueError(f"x: expected shape (N, C, H, W) or (C, H, W), got {x_shape}")
    if 0 in x_shape[-2:]:
        raise ValueError(f"x: expected images of at least one pixel, got shape {x_shape}")
    return x_shape[-2:]


def _weight(shape: Shape) -> Shape:
    if len(shape) != 4 or 0 in shape[2:]:
        raise ValueError(f"weight: expected shape (K, C/groups, R, S) with R, S >= 1, got {shape}")
    return shape


def _check_channels(x_shape: Shape, weight_shape: Shape, groups: int) -> None:
    channels, (n_filters, group_channels) = x_shape[-3], weight_shape[:2]
    if n_filters % groups:
        raise ValueError(f"groups: expected a divisor of the {n_filters} filters of weight, got {groups}")
    if channels != groups * group_channels:
        raise ValueError(f"weight: expected {channels}/{groups} channels a filter (x has {channels} channels in "
                         f"{groups} groups), got shape {weight_shape}")


def _by(extents: Sequence[int]) -> str:
    return "x".join(map(str, extents))
