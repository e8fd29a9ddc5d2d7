"""Dropout."""

from typing import NamedTuple

import numpy as np

from .. import _check, _memory

__all__ = ["dropout", "dropout_forward", "dropout_backward"]


class DropoutContext(NamedTuple):
    """What `dropout_backward` reads."""

    kept: np.ndarray | None  # bool, of x's shape; None where nothing was dropped
    scale: float
    shape: tuple
    dtype: np.dtype


def dropout(x, p=0.5, training=True, rng=None, *, out=None):
    """Return x with each element zeroed with probability p, the others divided by 1 - p; x itself if not training.

    x: any shape, float32 or float64; p: in [0, 1]; rng: a numpy.random.Generator, which this advances, a seed, or None
    for a new one each time. One seed drops the same elements in float32 and float64.
    out: an array of x's shape to write the result into.
    Raises TypeError for a wrong dtype or kind of argument, ValueError for a p or shape that does not fit.
    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.
    """
    return dropout_forward(x, p, training, rng, out=out)[0]


def dropout_forward(x, p=0.5, training=True, rng=None, *, out=None):
    """As `dropout`; returns (y, ctx) with what `dropout_backward` needs."""
    x, p, training = _check.array("x", x), _check.number("p", p, 0, 1), _check.flag("training", training)
    rng = _check.generator("rng", rng)
    drops = training and p > 0
    y = x if out is None and not drops else _check.output(out, x.shape, x.dtype, x=x)
    kept = rng.random(x.shape, np.float32) >= p if drops else None
    scale = 1.0 if not drops else 1 / (1 - p) if p < 1 else 0.0
    if y is not x:
        _scale(x, kept, scale, y)
    return y, DropoutContext(kept, scale, x.shape, x.dtype)


def dropout_backward(dy, ctx):
    """Return dx of `dropout`: dy with the same elements zeroed and the others scaled."""
    kept, scale, shape, dtype = _check.context(ctx, DropoutContext)
    dy = _check.array("dy", dy)
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected dtype {dtype} as x has, got {dy.dtype}")
    _check.shape("dy", dy, shape)
    dx = _memory.empty(shape, dtype)
    _scale(dy, kept, scale, dx)
    return dx


@np.errstate(over="ignore", invalid="ignore")
def _scale(x, kept, scale, y):
    np.multiply(x, scale, out=y)
    if kept is not None:
        y *= kept
