"""Pooling. x: (N, C, H, W) or (C, H, W); y: (N, C, P, Q) or (C, P, Q)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _check
from .._typing import ArrayLike, Backprop, Extent, MaybeArray, Single
from .op import Function


class MaxPool2d(Function, op="max_pool2d"):
    """The largest element of each window; the first of equals.

    kernel_size, stride (None: as kernel_size), padding, dilation: an int or (height, width).
    return_indices: `y, indices = layer(x)` instead of y; indices are int64 and flat in H*W.
    ceil_mode: whether to add a last window that hangs over the edge.
    Raises TypeError for a wrong dtype, ValueError for a shape or a value that does not fit.
    """

    arguments = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")

    if TYPE_CHECKING:  # with return_indices it is (y, indices)

        def __call__(self, x: ArrayLike) -> MaybeArray: ...
        def forward(self, x: ArrayLike) -> tuple[MaybeArray, Backprop]: ...

    def __init__(self, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0, dilation: Extent = 1,
                 return_indices: bool = False, ceil_mode: bool = False) -> None:
        self.kernel_size = _check.pair("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _check.pair("stride", stride, 1)
        self.padding = _check.pair("padding", padding, 0)
        self.dilation = _check.pair("dilation", dilation, 1)
        self.return_indices = _check.flag("return_indices", return_indices)
        self.ceil_mode = _check.flag("ceil_mode", ceil_mode)


class MaxPool1d(Function, op="max_pool1d"):
    """The largest element of each window of a sequence, (N, C, L) or (C, L); the first of equals.

    kernel_size, stride (None: as kernel_size), padding, dilation: an int.
    return_indices: `y, indices = layer(x)` instead of y; indices are int64, in L.
    ceil_mode: whether to add a last window that hangs over the end.
    Raises TypeError for a wrong dtype, ValueError for a shape or a value that does not fit.
    """

    arguments = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")

    def __init__(self, kernel_size: Single, stride: Single | None = None, padding: Single = 0, dilation: Single = 1,
                 return_indices: bool = False, ceil_mode: bool = False) -> None:
        self.kernel_size = _check.single("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _check.single("stride", stride, 1)
        self.padding = _check.single("padding", padding, 0)
        self.dilation = _check.single("dilation", dilation, 1)
        self.return_indices = _check.flag("return_indices", return_indices)
        self.ceil_mode = _check.flag("ceil_mode", ceil_mode)


class AvgPool2d(Function, op="avg_pool2d"):
    """The mean of each window.

    kernel_size, stride (None: as kernel_size), padding: an int or (height, width).
    ceil_mode: whether to add a last window that hangs over the edge.
    count_include_pad: whether the zeros of the padding count as elements of the window.
    Raises TypeError for a wrong dtype, ValueError for a shape or a value that does not fit.
    """

    arguments = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

    def __init__(self, kernel_size: Extent, stride: Extent | None = None, padding: Extent = 0,
                 ceil_mode: bool = False, count_include_pad: bool = True) -> None:
        self.kernel_size = _check.pair("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _check.pair("stride", stride, 1)
        self.padding = _check.pair("padding", padding, 0)
        self.ceil_mode = _check.flag("ceil_mode", ceil_mode)
        self.count_include_pad = _check.flag("count_include_pad", count_include_pad)


class GlobalMaxPool2d(Function, op="global_max_pool2d"):
    """The largest element of each plane: (N, C, H, W) -> (N, C, 1, 1)."""


class GlobalAvgPool2d(Function, op="global_avg_pool2d"):
    """The mean of each plane: (N, C, H, W) -> (N, C, 1, 1)."""
