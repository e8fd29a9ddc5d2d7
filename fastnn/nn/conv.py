"""Convolution."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .. import _check, _geometry
from .._typing import DTypeLike, Extent, Padding, Padding1d, Seed, Single
from ..functional.conv1d import normal_padding
from .op import Affine


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
    _takes_activation = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Extent, stride: Extent = 1,
                 padding: Padding = 0, dilation: Extent = 1, groups: int = 1, bias: bool = True,
                 padding_mode: Literal["zeros"] = "zeros", *, dtype: DTypeLike = np.float32, rng: Seed = None) -> None:
        self.in_channels = _check.integer("in_channels", in_channels, 1)
        self.out_channels = _check.integer("out_channels", out_channels, 1)
        self.kernel_size = _check.pair("kernel_size", kernel_size, 1)
        self.stride = _check.pair("stride", stride, 1)
        self.dilation = _check.pair("dilation", dilation, 1)
        self.groups = _check.integer("groups", groups, 1)
        self.padding: Padding = _geometry.normal_padding(padding)
        if not isinstance(self.padding, str) and all(before == after for before, after in self.padding):
            self.padding = tuple(before for before, _ in self.padding)  # type: ignore[assignment]
        self.padding_mode = _check.choice("padding_mode", padding_mode, ("zeros",))
        _check_groups(self)
        self._init_parameters((self.out_channels, self.in_channels // self.groups, *self.kernel_size), bias, dtype, rng)

    def extra_repr(self) -> str:
        return _describe(self, {"padding": (0, 0), "dilation": (1, 1), "groups": 1})


class Conv1d(Affine, op="conv1d"):
    """The 1-D cross-correlation of sequences with learned filters, plus a bias for each filter.

    x: (N, in_channels, L) or (in_channels, L); y: (N, out_channels, Q) or (out_channels, Q);
    weight: (out_channels, in_channels/groups, kernel_size); bias: (out_channels,) or None; all of `dtype`.
    kernel_size, stride, dilation: an int. padding: an int, (left, right), "same" (at any stride) or "valid", filled
    with zeros. Initial values: U(-b, b), b = 1/sqrt(in_channels/groups * kernel_size), drawn from `rng`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape or a value that does not fit.
    """

    arguments = ("stride", "padding", "dilation", "groups")

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Single, stride: Single = 1,
                 padding: Padding1d = 0, dilation: Single = 1, groups: int = 1, bias: bool = True,
                 padding_mode: Literal["zeros"] = "zeros", *, dtype: DTypeLike = np.float32, rng: Seed = None) -> None:
        self.in_channels = _check.integer("in_channels", in_channels, 1)
        self.out_channels = _check.integer("out_channels", out_channels, 1)
        self.kernel_size = _check.single("kernel_size", kernel_size, 1)
        self.stride = _check.single("stride", stride, 1)
        self.dilation = _check.single("dilation", dilation, 1)
        self.groups = _check.integer("groups", groups, 1)
        sides: Any = _geometry.normal_padding(normal_padding(padding))
        if not isinstance(sides, str):
            left, right = sides[1]
            sides = left if left == right else (left, right)
        self.padding = sides
        self.padding_mode = _check.choice("padding_mode", padding_mode, ("zeros",))
        _check_groups(self)
        self._init_parameters((self.out_channels, self.in_channels // self.groups, self.kernel_size), bias, dtype, rng)

    def extra_repr(self) -> str:
        return _describe(self, {"padding": 0, "dilation": 1, "groups": 1})


class ConvTranspose2d(Affine, op="conv_transpose2d"):
    """The transpose of Conv2d: each pixel puts a copy of the learned filter into y, scaled by it; plus a bias.

    x: (N, in_channels, H, W) or (in_channels, H, W); y: (N, out_channels, P, Q) or (out_channels, P, Q), with
    P = (H - 1)*stride - 2*padding + dilation*(R - 1) + output_padding + 1;
    weight: (in_channels, out_channels/groups, R, S); bias: (out_channels,) or None; all of `dtype`.
    kernel_size, stride, padding (cut off on each side), output_padding (added at the bottom and the right), dilation:
    an int or (height, width). Initial values: U(-b, b), b = 1/sqrt(out_channels/groups * R * S), drawn from `rng`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape or a value that does not fit.
    """

    arguments = ("stride", "padding", "output_padding", "groups", "dilation")

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Extent, stride: Extent = 1,
                 padding: Extent = 0, output_padding: Extent = 0, groups: int = 1, bias: bool = True,
                 dilation: Extent = 1, padding_mode: Literal["zeros"] = "zeros", *, dtype: DTypeLike = np.float32,
                 rng: Seed = None) -> None:
        self.in_channels = _check.integer("in_channels", in_channels, 1)
        self.out_channels = _check.integer("out_channels", out_channels, 1)
        self.kernel_size = _check.pair("kernel_size", kernel_size, 1)
        self.stride = _check.pair("stride", stride, 1)
        self.padding = _check.pair("padding", padding, 0)
        self.output_padding = _check.pair("output_padding", output_padding, 0)
        self.dilation = _check.pair("dilation", dilation, 1)
        self.groups = _check.integer("groups", groups, 1)
        self.padding_mode = _check.choice("padding_mode", padding_mode, ("zeros",))
        _check_groups(self)
        self._init_parameters((self.in_channels, self.out_channels // self.groups, *self.kernel_size), bias, dtype, rng,
                              self.out_channels)

    def extra_repr(self) -> str:
        return _describe(self, {"padding": (0, 0), "output_padding": (0, 0), "dilation": (1, 1), "groups": 1})


def _check_groups(layer: Conv2d | Conv1d | ConvTranspose2d) -> None:
    for name in ("in_channels", "out_channels"):
        if getattr(layer, name) % layer.groups:
            raise ValueError(f"groups: expected a divisor of {name} = {getattr(layer, name)}, got {layer.groups}")


def _describe(layer: Conv2d | Conv1d | ConvTranspose2d, defaults: dict[str, Any]) -> str:
    text = f"{layer.in_channels}, {layer.out_channels}, kernel_size={layer.kernel_size}, stride={layer.stride}"
    for name, default in defaults.items():
        value = getattr(layer, name)
        text += f", {name}={value!r}" if value != default else ""
    return text + (", bias=False" if layer.bias is None else "")
