"""Transposed convolution: the gradient of a convolution's input, as an op of its own."""

from __future__ import annotations

from typing import NamedTuple

from .. import _backend, _check, _geometry, _memory
from .._typing import AffineGradients, Array, ArrayLike, Extent, Need, Shape
from ._reduction import quiet
from .conv import batched

__all__ = ["conv_transpose2d", "conv_transpose2d_forward", "conv_transpose2d_backward"]


class ConvTranspose2dContext(NamedTuple):
    """What `conv_transpose2d_backward` reads."""

    x: Array
    weight: Array
    has_bias: bool
    y_shape: Shape
    geo: _geometry.Conv2dGeometry  # of the convolution that leads from y to x


def conv_transpose2d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Extent = 1,
                     padding: Extent = 0, output_padding: Extent = 0, groups: int = 1, dilation: Extent = 1, *,
                     out: Array | None = None) -> Array:
    """Return the images whose convolution with the filters has x as its gradient, plus a bias for each channel.

    Each pixel of x puts a copy of the filter, scaled by it, into y, `stride` pixels after its neighbour's; they add up.
    x: (N, C, H, W), or one image (C, H, W); weight: (C, K/groups, R, S); bias: (K,) or None; all of one dtype, float32
    or float64. The channels of group g, C/groups of them, make the K/groups channels of y's group g only.
    stride, dilation, padding (what is cut off on each side), output_padding (what is added at the bottom and the right;
    less than stride or dilation): an int or (height, width).
    out: an array of y's shape to write the result into.
    Returns y: (N, K, P, Q), or (K, P, Q), P = (H - 1)*stride - 2*padding + dilation*(R - 1) + output_padding + 1.
    Raises TypeError for a wrong or mixed dtype or a wrong kind of argument, ValueError for a shape or value that does
    not fit, or a y without pixels.
    """
    return conv_transpose2d_forward(x, weight, bias, stride, padding, output_padding, groups, dilation, out=out)[0]


def conv_transpose2d_forward(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Extent = 1,
                             padding: Extent = 0, output_padding: Extent = 0, groups: int = 1, dilation: Extent = 1, *,
                             out: Array | None = None) -> tuple[Array, ConvTranspose2dContext]:
    """As `conv_transpose2d`; returns (y, ctx) with what `conv_transpose2d_backward` needs."""
    x, weight, bias = _check.array("x", x), _check.array("weight", weight), _check.optional("bias", bias)
    _check.same_dtype(x=x, weight=weight, bias=bias)
    geo, y_shape = _geometry.conv_transpose2d(
        x.shape, weight.shape, _check.pair("stride", stride, 1), _check.pair("padding", padding, 0),
        _check.pair("output_padding", output_padding, 0), _check.integer("groups", groups, 1),
        _check.pair("dilation", dilation, 1))
    _check.shape("bias", bias, y_shape[-3:-2])
    y = _check.output(out, y_shape, x.dtype, x=x, weight=weight, bias=bias)
    _backend.active().conv2d_backward_input(batched(x), weight, batched(y), geo)
    if bias is not None:
        _add_bias(y, bias)
    return y, ConvTranspose2dContext(x, weight, bias is not None, y_shape, geo)


def conv_transpose2d_backward(dy: ArrayLike, ctx: ConvTranspose2dContext, *, need: Need = None) -> AffineGradients:
    """Return (dx, dweight, dbias) of `conv_transpose2d`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others, and dbias where there was no bias, are None.
    """
    need_x, need_weight, need_bias = _check.need(need, 3)
    x, weight, has_bias, y_shape, geo = _check.context(ctx, ConvTranspose2dContext)
    dy = _check.array("dy", dy)
    _check.same_dtype(x=x, dy=dy)
    _check.shape("dy", dy, y_shape)
    backend, dy = _backend.active(), batched(dy)
    dx = dweight = dbias = None
    if need_x:
        dx = _memory.empty(x.shape, x.dtype)
        backend.conv2d_forward(dy, weight, None, batched(dx), geo)
    if need_weight:
        dweight = _memory.empty(weight.shape, x.dtype)
        backend.conv2d_backward_weight(batched(x), dy, dweight, None, geo)
    if need_bias and has_bias:
        dbias = _sum_of_channels(dy)
    return dx, dweight, dbias


@quiet
def _add_bias(y: Array, bias: Array) -> None:
    y += bias[:, None, None]


@quiet
def _sum_of_channels(dy: Array) -> Array:
    return dy.sum(axis=(2, 3)).sum(axis=0)
