"""Normalisation layers. y has x's shape; so has dx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from .. import _check
from .. import functional as F
from .._typing import Array, ArrayLike, DTypeLike, LayerBackprop, MaybeArray, Shape
from ..functional.layer_norm import check_normalized_shape
from . import init
from .module import Module
from .op import Affine
from .parameter import Parameter


def _init_scale(layer: Module, shape: Shape, weight: bool, bias: bool, dtype: DTypeLike) -> np.dtype[Any]:
    """Give `layer` a weight of ones and a bias of zeros, or None where not wanted; return the dtype."""
    dtype = init.float_dtype(dtype)
    layer.register_parameter("weight", Parameter(np.ones(shape, dtype)) if weight else None)
    layer.register_parameter("bias", Parameter(np.zeros(shape, dtype)) if bias else None)
    return dtype


class _BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share."""

    ranks: ClassVar[Shape]
    weight: MaybeArray
    bias: MaybeArray
    running_mean: MaybeArray
    running_var: MaybeArray
    num_batches_tracked: MaybeArray

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, *, dtype: DTypeLike = np.float32) -> None:
        self.num_features = _check.integer("num_features", num_features, 1)
        self.eps = _check.number("eps", eps, 0)
        self.momentum = None if momentum is None else _check.number("momentum", momentum, 0, 1)
        self.affine = _check.flag("affine", affine)
        self.track_running_stats = _check.flag("track_running_stats", track_running_stats)
        shape = (self.num_features,)
        dtype = _init_scale(self, shape, self.affine, self.affine, dtype)
        tracked = self.track_running_stats
        self.register_buffer("running_mean", np.zeros(shape, dtype) if tracked else None)
        self.register_buffer("running_var", np.ones(shape, dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0, np.int64) if tracked else None)

    def __call__(self, x: ArrayLike) -> Array:
        return self._counted(F.batch_norm, x)

    def forward(self, x: ArrayLike) -> tuple[Array, LayerBackprop]:
        y, ctx = self._counted(F.batch_norm_forward, x)

        def backprop(dy, *, need_dx=True):
            dx, dweight, dbias = F.batch_norm_backward(dy, ctx, need=(need_dx, True, True))
            self._add_grads(weight=dweight, bias=dbias)
            return dx

        return y, backprop

    def _counted(self, op: Callable[..., Any], x: Any) -> Any:
        """What `op` returns; the batch counts in training, unless an error comes up."""
        x = _check.array("x", x, self.ranks)
        if x.shape[1] != self.num_features:
            raise ValueError(f"x: expected {self.num_features} channels, got shape {x.shape}")
        momentum, counts = self.momentum, self.training and self.num_batches_tracked is not None
        if counts and momentum is None:
            momentum = 1 / (int(self.num_batches_tracked) + 1)
        of_batch = self.training or self.running_mean is None
        result = op(x, self.running_mean, self.running_var, self.weight, self.bias, of_batch, momentum or 0.0, self.eps)
        if counts:
            self.num_batches_tracked += 1
        return result

    def extra_repr(self) -> str:
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"track_running_stats={self.track_running_stats}")


class BatchNorm1d(_BatchNorm):
    """Each channel less its mean, over its standard deviation, times weight plus bias: (N, C) or (N, C, L).

    num_features: C; weight and bias: (C,), ones and zeros at first, trained if `affine`; all of `dtype`.
    In training mode mean and variance are the batch's, and the buffers running_mean and running_var move towards them
    by the factor `momentum` (None: they become the mean over all batches); in evaluation these stand in for them. With
    track_running_stats False it is always the batch's.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit, or a single value a channel
    in training. Source: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images, (N, C, H, W)."""

    ranks = (4,)


class LayerNorm(Affine, op="layer_norm"):
    """Each sample less its mean, over its standard deviation, times weight plus bias, over the last axes.

    x: (..., *normalized_shape); normalized_shape: an int or several; weight and bias: normalized_shape, ones and zeros
    at first, trained if `elementwise_affine` (and, for the bias, `bias`); all of `dtype`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.
    """

    arguments = ("normalized_shape", "eps")

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
                 bias: bool = True, *, dtype: DTypeLike = np.float32) -> None:
        self.normalized_shape = check_normalized_shape(normalized_shape)
        self.eps = _check.number("eps", eps, 0)
        self.elementwise_affine, bias = _check.flag("elementwise_affine", elementwise_affine), _check.flag("bias", bias)
        _init_scale(self, self.normalized_shape, self.elementwise_affine, self.elementwise_affine and bias, dtype)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Affine, op="group_norm"):
    """Each group of channels of a sample less its mean, over its standard deviation, times weight plus bias.

    x: (N, num_channels, ...); num_groups: a divisor of num_channels; weight and bias: (num_channels,), ones and zeros
    at first, trained if `affine`; all of `dtype`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    Source: Y. Wu, K. He, "Group normalization", ECCV 2018.
    """

    arguments = ("num_groups", "eps")

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *,
                 dtype: DTypeLike = np.float32) -> None:
        self.num_groups = _check.integer("num_groups", num_groups, 1)
        self.num_channels = _check.integer("num_channels", num_channels, 1)
        if self.num_channels % self.num_groups:
            raise ValueError(f"num_groups: expected a divisor of num_channels = {self.num_channels}, "
                             f"got {self.num_groups}")
        self.eps, self.affine = _check.number("eps", eps, 0), _check.flag("affine", affine)
        _init_scale(self, (self.num_channels,), self.affine, self.affine, dtype)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
