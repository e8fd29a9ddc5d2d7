"""Normalisation of each sample, or row, over its last axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import AffineGradients, Array, ArrayLike, Need, Shape
from .batch_norm import check_dy

__all__ = ["layer_norm", "layer_norm_forward", "layer_norm_backward"]


class LayerNormContext(NamedTuple):
    """What `layer_norm_backward` reads."""

    x: Array
    weight: Array | None
    has_bias: bool
    shape: Shape  # of the last axes
    mean: Array  # (rows,)
    rstd: Array  # (rows,), 1 / standard deviation


def layer_norm(x: ArrayLike, normalized_shape: int | Sequence[int], weight: ArrayLike | None = None,
               bias: ArrayLike | None = None, eps: float = 1e-5, *, out: Array | None = None) -> Array:
    """Return (x - mean) / sqrt(var + eps) * weight + bias, mean and var being those over the last axes.

    x: (..., *normalized_shape); weight and bias: normalized_shape or None; all of one dtype, float32 or float64.
    normalized_shape: an int or a sequence of ints, the extents of the last axes.
    out: an array of x's shape to write the result into.
    Returns y, of x's shape. Raises TypeError for a wrong or mixed dtype, ValueError for a shape or value that does not
    fit. Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.
    """
    return layer_norm_forward(x, normalized_shape, weight, bias, eps, out=out)[0]


def layer_norm_forward(x: ArrayLike, normalized_shape: int | Sequence[int], weight: ArrayLike | None = None,
                       bias: ArrayLike | None = None, eps: float = 1e-5, *,
                       out: Array | None = None) -> tuple[Array, LayerNormContext]:
    """As `layer_norm`; returns (y, ctx) with what `layer_norm_backward` needs."""
    x, weight, bias, (normalized_shape, eps) = _check_layer_norm(x, normalized_shape, weight, bias, eps)
    y = _check.output(out, x.shape, x.dtype, x=x, weight=weight, bias=bias)
    x_rows, y_rows = _rows(x, normalized_shape), _rows(y, normalized_shape)
    mean, rstd = np.empty((2, len(x_rows)), x.dtype)
    _backend.active().row_normalize(x_rows, _flat(weight), _flat(bias), mean, rstd, y_rows, eps)
    return y, LayerNormContext(x, weight, bias is not None, normalized_shape, mean, rstd)


def layer_norm_backward(dy: ArrayLike, ctx: LayerNormContext, *, need: Need = None) -> AffineGradients:
    """Return (dx, dweight, dbias) of `layer_norm`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others, and those of what was not given, are None.
    """
    need_x, need_weight, need_bias = _check.need(need, 3)
    x, weight, has_bias, shape, mean, rstd = _check.context(ctx, LayerNormContext)
    dy, backend, dx = check_dy(dy, x), _backend.active(), None
    dy_rows, x_rows = _rows(dy, shape), _rows(x, shape)
    if need_x:
        dx = _memory.empty(x.shape, x.dtype)
        backend.row_normalize_backward_input(dy_rows, x_rows, _flat(weight), mean, rstd, _rows(dx, shape))
    dweight = _memory.empty(shape, x.dtype) if need_weight and weight is not None else None
    dbias = _memory.empty(shape, x.dtype) if need_bias and has_bias else None
    if dweight is not None or dbias is not None:
        backend.row_normalize_backward_weight(dy_rows, x_rows, mean, rstd, _flat(dweight), _flat(dbias))
    return dx, dweight, dbias


# What a call needs to know, and its like need not find out again: normalized_shape as a tuple, and eps.
_known: dict[bytes, tuple[Shape, float]] = {}


def _check_layer_norm(
    x: Any, normalized_shape: Any, weight: Any, bias: Any, eps: Any,
) -> tuple[Array, Array | None, Array | None, tuple[Shape, float]]:
    key = _check.signature(x, normalized_shape, weight, bias, eps)
    plan = _known.get(key)  # type: ignore[arg-type]  # None is no key
    if plan is None:
        normalized_shape, eps = check_normalized_shape(normalized_shape), _check.number("eps", eps, 0)
        x, weight, bias = _check.array("x", x), _check.optional("weight", weight), _check.optional("bias", bias)
        _check.same_dtype(x=x, weight=weight, bias=bias)
        if x.shape[-len(normalized_shape):] != normalized_shape:
            raise ValueError(f"x: expected shape (..., {', '.join(map(str, normalized_shape))}), got {x.shape}")
        _check.shape("weight", weight, normalized_shape)
        _check.shape("bias", bias, normalized_shape)
        plan = _check.remember(_known, key, (normalized_shape, eps))
    return x, weight, bias, plan


def check_normalized_shape(value: Any) -> Shape:
    """Return normalized_shape as a tuple of at least one int."""
    if not isinstance(value, (tuple, list)):
        return (_check.integer("normalized_shape", value, 1),)
    if not value:
        raise ValueError(f"normalized_shape: expected an integer or a sequence of at least one, got {value!r}")
    return tuple(_check.integer("normalized_shape", extent, 1) for extent in value)


def _rows(array: Array, shape: Shape) -> Array:
    """The array with its last axes, of this shape, as one, and those before them as one: a view."""
    columns = math.prod(shape)
    return array.reshape(array.size // columns, columns)


def _flat(array: Array | None) -> Any:
    return None if array is None else array.reshape(-1)
