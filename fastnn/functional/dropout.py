"""Dropout."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check, _memory
from .._typing import Array, ArrayLike, Seed, Shape

__all__ = [
    "dropout", "dropout_forward", "dropout_backward",
    "dropout2d", "dropout2d_forward", "dropout2d_backward",
]  # fmt: skip


class DropoutContext(NamedTuple):
    """What `dropout_backward` reads."""

    kept: Array | None  # bool, of x's shape, or (N, C, 1, ...) for whole channels; None where nothing was dropped
    scale: float
    shape: Shape
    dtype: np.dtype[Any]


def dropout(x: ArrayLike, p: float = 0.5, training: bool = True, rng: Seed = None, *,
            out: Array | None = None) -> Array:
    """Return x with each element zeroed with probability p, the others divided by 1 - p; x itself if not training.

    x: any shape, float32 or float64; p: in [0, 1]; rng: a numpy.random.Generator, which this advances, a seed, or None
    for a new one each time. One seed drops the same elements in float32 and float64.
    out: an array of x's shape to write the result into.
    Raises TypeError for a wrong dtype or kind of argument, ValueError for a p or shape that does not fit.
    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.
    """
    return dropout_forward(x, p, training, rng, out=out)[0]


def dropout_forward(x: ArrayLike, p: float = 0.5, training: bool = True, rng: Seed = None, *,
                    out: Array | None = None) -> tuple[Array, DropoutContext]:
    """As `dropout`; returns (y, ctx) with what `dropout_backward` needs."""
    x = _check.array("x", x)
    return _forward(x, x.shape, p, training, rng, out)


def dropout_backward(dy: ArrayLike, ctx: DropoutContext) -> Array:
    """Return dx of `dropout`: dy with the same elements zeroed and the others scaled."""
    kept, scale, shape, dtype = _check.context(ctx, DropoutContext)
    dy = _check.array("dy", dy)
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected dtype {dtype} as x has, got {dy.dtype}")
    _check.shape("dy", dy, shape)
    dx = _memory.empty(shape, dtype)
    _scale(dy, kept, scale, dx)
    return dx


def dropout2d(x: ArrayLike, p: float = 0.5, training: bool = True, rng: Seed = None, *,
              out: Array | None = None) -> Array:
    """Return x with each channel of each sample zeroed with probability p, the others divided by 1 - p.

    x: (N, C, H, W) or (N, C, L), float32 or float64. The rest is as with `dropout`.
    Source: J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
    """
    return dropout2d_forward(x, p, training, rng, out=out)[0]


def dropout2d_forward(x: ArrayLike, p: float = 0.5, training: bool = True, rng: Seed = None, *,
                      out: Array | None = None) -> tuple[Array, DropoutContext]:
    """As `dropout2d`; returns (y, ctx) with what `dropout2d_backward` needs."""
    x = _check.array("x", x, (3, 4))
    return _forward(x, (*x.shape[:2], *(1,) * (x.ndim - 2)), p, training, rng, out)


def dropout2d_backward(dy: ArrayLike, ctx: DropoutContext) -> Array:
    """Return dx of `dropout2d`: dy with the same channels zeroed and the others scaled."""
    return dropout_backward(dy, ctx)


def _forward(x: Array, mask_shape: Shape, p: float, training: bool, rng: Seed,
             out: Array | None) -> tuple[Array, DropoutContext]:
    p, training = _check.number("p", p, 0, 1), _check.flag("training", training)
    drops = training and p > 0
    if rng is not None:  # a new one takes 10 us: it is made only where something is drawn
        rng = _check.generator("rng", rng)
    y = x if out is None and not drops else _check.output(out, x.shape, x.dtype, x=x)
    kept = _check.generator("rng", rng).random(mask_shape, np.float32) >= p if drops else None
    scale = 1.0 if not drops else 1 / (1 - p) if p < 1 else 0.0
    if y is not x:
        _scale(x, kept, scale, y)
    return y, DropoutContext(kept, scale, x.shape, x.dtype)


@np.errstate(over="ignore", invalid="ignore")
def _scale(x: Array, kept: Array | None, scale: float, y: Array) -> None:
    np.multiply(x, scale, out=y)
    if kept is not None:
        y *= kept
