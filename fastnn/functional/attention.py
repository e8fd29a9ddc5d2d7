"""Attention: means of values, weighted by how well their keys fit a query."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import AffineGradients, Array, ArrayLike, Need, Seed
from ._reduction import quiet

__all__ = [
    "scaled_dot_product_attention", "scaled_dot_product_attention_forward", "scaled_dot_product_attention_backward",
]  # fmt: skip


class AttentionContext(NamedTuple):
    """What `scaled_dot_product_attention_backward` reads."""

    query: Array  # times the scale
    key: Array
    value: Array
    weights: Array  # (..., L, S), as softmax makes them
    kept: np.ndarray[Any, np.dtype[np.bool_]] | None  # bool (..., L, S): which weights were not dropped
    scale: float
    keep_scale: float  # what those were multiplied with


def scaled_dot_product_attention(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, attn_mask: ArrayLike | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, *, rng: Seed = None, out: Array | None = None,
) -> Array:
    """Return softmax(query key^T * scale + mask) value.

    query: (..., L, E); key: (..., S, E); value: (..., S, D); all with the same leading axes and of one dtype, float32
    or float64. scale: a number, None for 1/sqrt(E).
    attn_mask: broadcastable to (..., L, S); bools, True where a key takes part, or numbers of query's dtype to be added
    (no gradient of them is formed). is_causal: query i sees the keys 0 to i only; not together with attn_mask.
    A query that sees no key at all has the result 0.
    dropout_p: each weight is zeroed with this probability and the others are scaled by 1 / (1 - dropout_p); the mask
    comes from rng, a numpy.random.Generator or a seed. Pass 0 for inference.
    out: an array of y's shape to write the result into.
    Returns y: (..., L, D). Raises TypeError for a wrong or mixed dtype or a wrong kind of argument, ValueError for a
    shape or value that does not fit. Source: A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """
    return scaled_dot_product_attention_forward(
        query, key, value, attn_mask, dropout_p, is_causal, scale, rng=rng, out=out)[0]


@quiet
def scaled_dot_product_attention_forward(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, attn_mask: ArrayLike | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, *, rng: Seed = None, out: Array | None = None,
) -> tuple[Array, AttentionContext]:
    """As `scaled_dot_product_attention`; returns (y, ctx) with what `scaled_dot_product_attention_backward` needs."""
    query, key, value = _check_inputs(query, key, value)
    dropout_p, is_causal = _check.number("dropout_p", dropout_p, 0, 1), _check.flag("is_causal", is_causal)
    scale = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else _check.number("scale", scale)
    shape = (*query.shape[:-1], key.shape[-2])
    mask = _check_mask(attn_mask, is_causal, shape, query.dtype)
    y = _check.output(out, (*query.shape[:-1], value.shape[-1]), query.dtype, query=query, key=key, value=value)

    scaled: Array = query * query.dtype.type(scale)
    weights = _product(scaled, key, shape, transpose_b=True)
    blind = _apply_mask(weights, mask)
    rows = weights.reshape(math.prod(shape[:-1]), shape[-1])
    _backend.active().softmax_forward(rows, rows)
    if blind is not None:
        weights[blind] = 0
    kept, keep_scale, used = None, 1.0, weights
    if dropout_p:
        kept = _check.generator("rng", rng).random(shape, np.float32) >= dropout_p
        keep_scale = 1 / (1 - dropout_p) if dropout_p < 1 else 0.0
        used = _dropped(weights, kept, keep_scale)
    _product(used, value, y.shape, out=y)
    return y, AttentionContext(scaled, key, value, weights, kept, scale, keep_scale)


@quiet
def scaled_dot_product_attention_backward(dy: ArrayLike, ctx: AttentionContext, *,
                                          need: Need = None) -> AffineGradients:
    """Return (dquery, dkey, dvalue) of `scaled_dot_product_attention`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others are None.
    """
    need_query, need_key, need_value = _check.need(need, 3)
    query, key, value, weights, kept, scale, keep_scale = _check.context(ctx, AttentionContext)
    dy = _check.array("dy", dy)
    if dy.dtype != query.dtype:
        raise TypeError(f"dy: expected dtype {query.dtype} as query has, got {dy.dtype}")
    _check.shape("dy", dy, (*query.shape[:-1], value.shape[-1]))
    dquery = dkey = dvalue = None
    if need_value:
        used = weights if kept is None else _dropped(weights, kept, keep_scale)
        dvalue = _product(used, dy, value.shape, transpose_a=True)
    if need_query or need_key:
        dscores = _product(dy, value, weights.shape, transpose_b=True)
        if kept is not None:
            dscores *= keep_scale
            dscores *= kept
        rows = dscores.reshape(math.prod(weights.shape[:-1]), weights.shape[-1])
        _backend.active().softmax_backward_input(rows, weights.reshape(rows.shape), rows)
        if need_query:
            dquery = _product(dscores, key, query.shape)
            dquery *= query.dtype.type(scale)
        if need_key:
            dkey = _product(dscores, query, key.shape, transpose_a=True)
    return dquery, dkey, dvalue


def weights_used(ctx):
    """The weights that the values were multiplied with, after dropout: (..., L, S)."""
    return ctx.weights if ctx.kept is None else _dropped(ctx.weights, ctx.kept, ctx.keep_scale)


def _product(a, b, shape, transpose_a=False, transpose_b=False, out=None):
    """The product of two stacks of matrices, each transposed or not, of this shape."""
    out = _memory.empty(shape, a.dtype) if out is None else out
    _backend.active().bmm(_stack(a), _stack(b), _stack(out), transpose_a, transpose_b)
    return out


def _stack(array):
    """The leading axes as one: a view."""
    return array if array.ndim == 3 else array.reshape(math.prod(array.shape[:-2]), *array.shape[-2:])


def _apply_mask(scores, mask):
    """Mask the scores in place; return which rows have no score left, None if there is no mask."""
    if mask is None:
        return None
    if mask.dtype == bool:
        np.copyto(scores, -np.inf, where=~mask)
    else:
        scores += mask
    return scores.max(axis=-1, initial=-np.inf) == -np.inf


def _dropped(weights, kept, keep_scale):
    used = weights * weights.dtype.type(keep_scale)
    used *= kept
    return used


def _check_inputs(query: Any, key: Any, value: Any) -> tuple[Array, Array, Array]:
    query, key, value = _check.array("query", query), _check.array("key", key), _check.array("value", value)
    _check.same_dtype(query=query, key=key, value=value)
    if query.ndim < 2:
        raise ValueError(f"query: expected shape (..., L, E), got {query.shape}")
    lead = query.shape[:-2]
    if key.shape[:-2] != lead or key.ndim != query.ndim or key.shape[-1] != query.shape[-1]:
        wanted = ", ".join(map(str, (*lead, "S", query.shape[-1])))
        raise ValueError(f"key: expected shape ({wanted}) for query of shape {query.shape}, got {key.shape}")
    if value.shape[:-1] != key.shape[:-1]:
        wanted = ", ".join(map(str, (*key.shape[:-1], "D")))
        raise ValueError(f"value: expected shape ({wanted}) for key of shape {key.shape}, got {value.shape}")
    return query, key, value


def _check_mask(mask, is_causal, shape, dtype):
    """The mask as bools or numbers that broadcast to `shape`, or None."""
    if is_causal:
        if mask is not None:
            raise ValueError("is_causal: expected False together with attn_mask")
        return np.tri(*shape[-2:], dtype=bool)
    return None if mask is None else check_mask("attn_mask", mask, shape, dtype)


def check_mask(name, mask, shape, dtype):
    """Return `mask` as an array of bools, or of `dtype`, that broadcasts to `shape`."""
    mask = _check.any_array(name, mask)
    if mask.dtype != bool:
        if mask.dtype != dtype:
            raise TypeError(f"{name}: expected bools or numbers of dtype {dtype}, got dtype {mask.dtype}")
        mask = _check.array(name, mask)
    try:
        fits = np.broadcast_shapes(mask.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name}: expected a shape that broadcasts to {shape}, got {mask.shape}")
    return mask
