"""Convolution."""

from typing import Any

import numpy as np

from .. import _check, _geometry
from . import init
from .op import Affine

Extent = int | tuple[int, int]


class Conv2d(Affine, op="conv2d"):
    """The 2-D cross-correlation of images with learned filters, plus a bias for each filter.

    x: (N, in_channels, H, W) or (in_channels, H, W); y: (N, out_channels, P, Q) or (out_channels, P, Q);
    weight: (out_channels, in_channels/groups, R, S); bias: (out_channels,) or None; all of `dtype`.
    kernel_size, stride, dilation: an int or (height, width). padding: an int, (height, width),
    ((top, bottom), (left, right)), "same" (at any stride) or "valid", filled with zeros.
    Initial values: U(-b, b), b = 1/sqrt(in_channels/groups * R * S), drawn from `rng`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape or a value that does not fit.
    """

    arguments = ("stride", "padding", "dilation", "groups")

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Extent, stride: Extent = 1,
                 padding: Extent | str | tuple[tuple[int, int], tuple[int, int]] = 0, dilation: Extent = 1,
                 groups: int = 1, bias: bool = True, padding_mode: str = "zeros", *, dtype: Any = np.float32,
                 rng: init.Seed = None) -> None:
        self.in_channels = _check.integer("in_channels", in_channels, 1)
        self.out_channels = _check.integer("out_channels", out_channels, 1)
        self.kernel_size = _check.pair("kernel_size", kernel_size, 1)
        self.stride = _check.pair("stride", stride, 1)
        self.dilation = _check.pair("dilation", dilation, 1)
        self.groups = _check.integer("groups", groups, 1)
        self.padding = _geometry.normal_padding(padding)
        if not isinstance(self.padding, str) and all(before == after for before, after in self.padding):
            self.padding = tuple(before for before, _ in self.padding)
        self.padding_mode = _check.choice("padding_mode", padding_mode, ("zeros",))
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise ValueError(f"groups: expected a divisor of {name} = {getattr(self, name)}, got {self.groups}")
        self._init_parameters((self.out_channels, self.in_channels // self.groups, *self.kernel_size), bias, dtype, rng)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, default in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            value = getattr(self, name)
            text += f", {name}={value!r}" if value != default else ""
        return text + (", bias=False" if self.bias is None else "")
