"""Normalisation of groups of channels, each sample on its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import AffineGradients, Array, ArrayLike, Need
from ._reduction import quiet
from .batch_norm import check_dy, check_scaled, scale_and_shift

__all__ = ["group_norm", "group_norm_forward", "group_norm_backward"]


class GroupNormContext(NamedTuple):
    """What `group_norm_backward` reads."""

    x: Array
    weight: Array | None
    has_bias: bool
    mean: Array  # (N, groups)
    rstd: Array  # (N, groups)


def group_norm(x: ArrayLike, num_groups: int, weight: ArrayLike | None = None, bias: ArrayLike | None = None,
               eps: float = 1e-5, *, out: Array | None = None) -> Array:
    """Return (x - mean) / sqrt(var + eps) * weight + bias, mean and var being those of a group of channels of a sample.

    x: (N, C) or (N, C, ...), with C a multiple of num_groups; weight and bias: (C,) or None; all of one dtype, float32
    or float64. out: an array of x's shape to write the result into.
    Returns y, of x's shape. Raises TypeError for a wrong or mixed dtype, ValueError for a shape or value that does not
    fit. Source: Y. Wu, K. He, "Group normalization", ECCV 2018.
    """
    return group_norm_forward(x, num_groups, weight, bias, eps, out=out)[0]


@quiet
def group_norm_forward(x: ArrayLike, num_groups: int, weight: ArrayLike | None = None, bias: ArrayLike | None = None,
                       eps: float = 1e-5, *, out: Array | None = None) -> tuple[Array, GroupNormContext]:
    """As `group_norm`; returns (y, ctx) with what `group_norm_backward` needs."""
    num_groups, eps = _check.integer("num_groups", num_groups, 1), _check.number("eps", eps, 0)
    x, weight, bias = check_scaled(x, weight, bias)
    n, c = x.shape[:2]
    if c % num_groups:
        raise ValueError(f"num_groups: expected a divisor of the {c} channels of x, got {num_groups}")
    y = _check.output(out, x.shape, x.dtype, x=x, weight=weight, bias=bias)
    mean, var = np.empty((2, n, num_groups), x.dtype)
    _backend.active().channel_moments(_as_channels(x, n * num_groups), mean.reshape(-1), var.reshape(-1))
    rstd = 1 / np.sqrt(var + eps)
    scale, shift = scale_and_shift(_each_channel(rstd, c), weight, bias)
    _backend.active().channel_scale(_as_channels(x, n * c), _each_channel(mean, c).reshape(-1), scale.reshape(-1),
                                    np.tile(shift, n), _as_channels(y, n * c))
    return y, GroupNormContext(x, weight, bias is not None, mean, rstd)


@quiet
def group_norm_backward(dy: ArrayLike, ctx: GroupNormContext, *, need: Need = None) -> AffineGradients:
    """Return (dx, dweight, dbias) of `group_norm`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others, and those of what was not given, are None.
    """
    need_x, need_weight, need_bias = _check.need(need, 3)
    x, weight, has_bias, mean, rstd = _check.context(ctx, GroupNormContext)
    dy, dx, (n, c), groups = check_dy(dy, x), None, x.shape[:2], mean.shape[1]
    mean, each_rstd = _each_channel(mean, c), _each_channel(rstd, c)
    dshift, dscale = np.empty((2, n, c), x.dtype)
    _backend.active().channel_sums(_as_channels(dy, n * c), _as_channels(x, n * c), mean.reshape(-1),
                                   dshift.reshape(-1), dscale.reshape(-1))
    if need_x:
        by_dy = each_rstd if weight is None else each_rstd * weight
        of_scale, of_shift = (
            _each_channel((part if weight is None else part * weight).reshape(n, groups, c // groups).sum(axis=2), c)
            for part in (dscale, dshift))
        share = each_rstd / max(x.size // max(n * groups, 1), 1)
        by_x, shift = -share * each_rstd * each_rstd * of_scale, -share * of_shift
        dx = _memory.empty(x.shape, x.dtype)
        _backend.active().channel_combine(
            _as_channels(dy, n * c), _as_channels(x, n * c), mean.reshape(-1), by_dy.reshape(-1), by_x.reshape(-1),
            shift.reshape(-1), _as_channels(dx, n * c))
    dweight = (dscale * each_rstd).sum(axis=0) if need_weight and weight is not None else None
    return dx, dweight, dshift.sum(axis=0) if need_bias and has_bias else None


def _as_channels(x: Array, count: int) -> Array:
    """x as one sample of `count` channels (1, count, M), a view."""
    return x.reshape(1, count, x.size // max(count, 1))


def _each_channel(of_groups: Array, n_channels: int) -> Array:
    """(N, groups) as (N, C): the same number for each channel of a group."""
    return np.repeat(of_groups, n_channels // of_groups.shape[1], axis=1)
