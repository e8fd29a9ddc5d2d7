"""The table of vectors that words or other numbers stand for."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Array, ArrayLike, IntArray, Integers, Shape

__all__ = ["embedding", "embedding_forward", "embedding_backward"]


class EmbeddingContext(NamedTuple):
    """What `embedding_backward` reads."""

    indices: IntArray  # int64, of x's shape
    shape: Shape  # of weight
    dtype: np.dtype[Any]
    padding_idx: int  # -1: none


def embedding(x: Integers, weight: ArrayLike, padding_idx: int | None = None, *, out: Array | None = None) -> Array:
    """Return the rows of `weight` that the numbers in x name.

    x: integers in [0, V), of any shape; weight: (V, D), float32 or float64.
    padding_idx: a number in [-V, V) whose row gets no gradient (it is read as any other); None for none.
    out: an array of y's shape to write the result into.
    Returns y: (*x.shape, D). Raises TypeError for a wrong dtype, ValueError for a shape or a number that does not fit.
    """
    return embedding_forward(x, weight, padding_idx, out=out)[0]


def embedding_forward(x: Integers, weight: ArrayLike, padding_idx: int | None = None, *,
                      out: Array | None = None) -> tuple[Array, EmbeddingContext]:
    """As `embedding`; returns (y, ctx) with what `embedding_backward` needs."""
    weight = _check.array("weight", weight, 2)
    index = _check_index(x, len(weight))
    padding_idx = check_padding_idx(padding_idx, len(weight))
    y = _check.output(out, (*index.shape, weight.shape[1]), weight.dtype, weight=weight)
    _backend.active().embedding_forward(index.reshape(-1), weight, y.reshape(index.size, weight.shape[1]))
    return y, EmbeddingContext(index, weight.shape, weight.dtype, padding_idx)


def embedding_backward(dy: ArrayLike, ctx: EmbeddingContext) -> Array:
    """Return dweight of `embedding`, for dy of y's shape: for each row the sum of dy where it was named."""
    index, shape, dtype, padding_idx = _check.context(ctx, EmbeddingContext)
    dy = _check.array("dy", dy)
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected dtype {dtype} as weight has, got {dy.dtype}")
    _check.shape("dy", dy, (*index.shape, shape[1]))
    dweight = _memory.empty(shape, dtype)
    _backend.active().embedding_backward_weight(
        dy.reshape(index.size, shape[1]), index.reshape(-1), dweight, padding_idx)
    return dweight


def check_padding_idx(value: Any, n_rows: int) -> int:
    """Return padding_idx counted from the front, -1 for None."""
    if value is None:
        return -1
    value = _check.integer("padding_idx", value, -n_rows, n_rows - 1)
    return value + n_rows if value < 0 else value


def _check_index(x: Any, n_rows: int) -> IntArray:
    """x as a new int64 array, every element of which names a row: the backends index with it, in backward too."""
    given = _check.any_array("x", x)
    if given.dtype.kind not in "iu" and not (given.size == 0 and isinstance(x, (list, tuple))):
        raise TypeError(f"x: expected integers, got dtype {given.dtype}")
    if given.size and not (given.min() >= 0 and given.max() < n_rows):
        wrong = given[(given < 0) | (given >= n_rows)]
        raise ValueError(f"x: expected integers in [0, {n_rows - 1}], as many as weight has rows, got {wrong[0]}")
    return np.array(given, np.int64, order="C")
