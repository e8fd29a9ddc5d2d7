"""The fully connected layer, and those that flatten what comes before it and unfold what comes behind."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .. import _check
from .._typing import Array, ArrayLike, Backprop, DTypeLike, Seed, Shape
from .module import Module
from .op import Affine


class Linear(Affine, op="linear"):
    """y = x W^T + b over the last axis.

    x: (..., in_features); y: (..., out_features); weight: (out_features, in_features); bias: (out_features,) or None;
    all of `dtype`. Initial values: U(-1/sqrt(in_features), 1/sqrt(in_features)), drawn from `rng`.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """

    _takes_activation = True

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: DTypeLike = np.float32,
                 rng: Seed = None) -> None:
        self.in_features = _check.integer("in_features", in_features, 0)
        self.out_features = _check.integer("out_features", out_features, 0)
        self._init_parameters((self.out_features, self.in_features), bias, dtype, rng)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """The axes start_dim to end_dim as one; by default all but the batch axis. y is a view of x where it can be.

    Raises ValueError for an x without these axes.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = _check.integer("start_dim", start_dim, -_check.MAX_INT)
        self.end_dim = _check.integer("end_dim", end_dim, -_check.MAX_INT)

    def __call__(self, x: ArrayLike) -> Array:
        x = _check.array("x", x)
        return x.reshape(self._flat(x.shape))

    def forward(self, x: ArrayLike) -> tuple[Array, Backprop]:
        x = _check.array("x", x)
        x_shape, y_shape = x.shape, self._flat(x.shape)

        def backprop(dy):
            dy = _check.array("dy", dy)
            _check.shape("dy", dy, y_shape)
            return dy.reshape(x_shape)

        return x.reshape(y_shape), backprop

    def _flat(self, shape: Shape) -> Shape:
        """The shape with its axes start_dim to end_dim as one."""
        rank = len(shape)
        start, end = (dim + rank if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < rank:
            raise ValueError(f"x: expected a rank in which axes {self.start_dim} to {self.end_dim} exist, "
                             f"got shape {shape}")
        return *shape[:start], math.prod(shape[start:end + 1]), *shape[end + 1:]

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The axis `dim` as several, of the extents in `unflattened_size`; one of them may be -1. y is a view of x.

    Raises ValueError for an x whose axis cannot be split so.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = _check.integer("dim", dim, -_check.MAX_INT)
        if not isinstance(unflattened_size, (tuple, list)) or not unflattened_size:
            raise TypeError(f"unflattened_size: expected a sequence of integers, got {unflattened_size!r}")
        self.unflattened_size = tuple(_check.integer("unflattened_size", n, -1) for n in unflattened_size)
        if self.unflattened_size.count(-1) > 1:
            raise ValueError(f"unflattened_size: expected -1 once at most, got {unflattened_size!r}")

    def __call__(self, x: ArrayLike) -> Array:
        x = _check.array("x", x)
        return x.reshape(self._unfolded(x.shape))

    def forward(self, x: ArrayLike) -> tuple[Array, Backprop]:
        x = _check.array("x", x)
        x_shape, y_shape = x.shape, self._unfolded(x.shape)

        def backprop(dy):
            dy = _check.array("dy", dy)
            _check.shape("dy", dy, y_shape)
            return dy.reshape(x_shape)

        return x.reshape(y_shape), backprop

    def _unfolded(self, shape: Shape) -> Shape:
        dim, size = self.dim + len(shape) * (self.dim < 0), self.unflattened_size
        if not 0 <= dim < len(shape):
            raise ValueError(f"x: expected a rank in which axis {self.dim} exists, got shape {shape}")
        if -1 in size:
            rest = math.prod(n for n in size if n != -1)
            size = tuple(shape[dim] // max(rest, 1) if n == -1 else n for n in size)
        if math.prod(size) != shape[dim]:
            raise ValueError(f"x: expected an axis {self.dim} that splits into {self.unflattened_size}, "
                             f"got shape {shape}")
        return *shape[:dim], *size, *shape[dim + 1:]

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
