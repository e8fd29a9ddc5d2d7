"""Window arithmetic shared by convolution and pooling: padding, output extents, and their errors."""

from typing import NamedTuple


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
