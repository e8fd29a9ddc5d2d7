"""Attention with several heads."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .. import _check
from .. import functional as F
from .._typing import AffineGradients, Array, ArrayLike, DTypeLike, MaybeArray, Seed
from ..functional.attention import check_mask, weights_used
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter


class MultiheadAttention(Module):
    """Attention of `num_heads` heads of embed_dim/num_heads features each, between learned projections.

    `y, weights = layer(query)` is self-attention; key and value may be given too: key is query unless given, value is
    key unless given. query: (L, N, E) with E = embed_dim; key and value: (S, N, E); batch_first: (N, L, E); all may
    lack the N. y: as query. weights: (N, L, S), the mean over the heads (average_attn_weights False: (N, heads, L, S)),
    or None unless need_weights.
    key_padding_mask: (N, S), keys left out. attn_mask: (L, S) or (N * num_heads, L, S). Each is bools, True where a key
    is left out, or numbers to be added to the scores. A query that sees no key has attention 0.
    dropout: of the weights, in training mode, drawn from `rng` too.

    `(y, weights), backprop = layer.forward(query, key, value, ...)`; `dquery, dkey, dvalue = backprop(dy)`, where dkey
    or dvalue is None if it was not given: its part is in the gradient of what stood for it. Weights have no gradient.
    in_proj_weight: (3 * E, E); in_proj_bias: (3 * E,) or None; out_proj: a Linear. Initial values: Glorot's uniform
    distribution for in_proj_weight, zeros for the biases, Linear's for out_proj.weight.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    Source: A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """

    in_proj_weight: Array
    in_proj_bias: MaybeArray

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, *,
                 batch_first: bool = False, dtype: DTypeLike = np.float32, rng: Seed = None) -> None:
        self.embed_dim = _check.integer("embed_dim", embed_dim, 1)
        self.num_heads = _check.integer("num_heads", num_heads, 1)
        if self.embed_dim % self.num_heads:
            raise ValueError(f"num_heads: expected a divisor of embed_dim = {self.embed_dim}, got {self.num_heads}")
        self.dropout = _check.number("dropout", dropout, 0, 1)
        self.batch_first = _check.flag("batch_first", batch_first)
        self._rng, dtype, bias = _check.generator("rng", rng), init.float_dtype(dtype), _check.flag("bias", bias)
        e = self.embed_dim
        limit = math.sqrt(6 / (4 * e))  # of E inputs and 3 E outputs
        weight = self._rng.uniform(-limit, limit, (3 * e, e)).astype(dtype)
        self.register_parameter("in_proj_weight", Parameter(weight))
        self.register_parameter("in_proj_bias", Parameter(np.zeros(3 * e, dtype)) if bias else None)
        self.out_proj = Linear(e, e, bias, dtype=dtype, rng=self._rng)
        if bias:
            self.out_proj.bias = np.zeros(e, dtype)

    def __call__(self, query: ArrayLike, key: ArrayLike | None = None, value: ArrayLike | None = None,
                 key_padding_mask: ArrayLike | None = None, need_weights: bool = True,
                 attn_mask: ArrayLike | None = None, average_attn_weights: bool = True,
                 is_causal: bool = False) -> tuple[Array, MaybeArray]:
        return self.forward(query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights,
                            is_causal)[0]

    def forward(self, query: ArrayLike, key: ArrayLike | None = None, value: ArrayLike | None = None,
                key_padding_mask: ArrayLike | None = None, need_weights: bool = True,
                attn_mask: ArrayLike | None = None, average_attn_weights: bool = True,
                is_causal: bool = False) -> tuple[tuple[Array, MaybeArray], Callable[..., AffineGradients]]:
        given = self._check_inputs(query, key, value)
        batched = given[0].ndim == 3
        parts = self._parts(given)
        projected, projections = [], []
        for x, (first, end) in parts:
            y, projection = F.linear_forward(
                x, self.in_proj_weight[first:end], None if self.in_proj_bias is None else self.in_proj_bias[first:end])
            projections.append(projection)
            projected += [self._split(part, batched) for part in np.split(y, (end - first) // self.embed_dim, axis=-1)]
        mask = self._mask(key_padding_mask, attn_mask, is_causal, projected[0], projected[1])
        q, k, v = projected
        attended, ctx = F.scaled_dot_product_attention_forward(
            q, k, v, mask, self.dropout if self.training else 0.0, rng=self._rng)
        y, backprop_out = self.out_proj.forward(self._join(attended, batched))

        def backprop(dy, *, need_dx=True):
            heads = F.scaled_dot_product_attention_backward(self._split(backprop_out(dy), batched), ctx)
            joined = [self._join(d, batched) for d in heads]
            gradients, dweights, dbiases = [], [], []
            for (_, (first, end)), projection in zip(parts, projections, strict=True):
                d = np.concatenate(joined[first // self.embed_dim:end // self.embed_dim], axis=-1)
                dx, dweight, dbias = F.linear_backward(d, projection, need=(need_dx, True, True))
                gradients.append(dx)
                dweights.append(dweight)
                dbiases.append(dbias)
            self._add_grads(in_proj_weight=np.concatenate(dweights),
                            in_proj_bias=None if self.in_proj_bias is None else np.concatenate(dbiases))
            return tuple(gradients) + (None,) * (3 - len(gradients))

        return (y, self._weights(ctx, batched, need_weights, average_attn_weights)), backprop

    def _check_inputs(self, query, key, value):
        """The arrays given: query, query and key, or all three."""
        if key is None and value is not None:
            raise ValueError("key: expected an array where value is given, got None")
        given = [_check.array(name, x, (2, 3)) for name, x in (("query", query), ("key", key), ("value", value))
                 if x is not None or name == "query"]
        for name, x in zip(("query", "key", "value"), given):
            if x.shape[-1] != self.embed_dim or x.ndim != given[0].ndim:
                raise ValueError(f"{name}: expected {given[0].ndim} dimensions, the last of {self.embed_dim}, "
                                 f"got shape {x.shape}")
        batch = 0 if self.batch_first else 1
        for name, x in zip(("key", "value"), given[1:]):
            if x.ndim == 3 and x.shape[batch] != given[0].shape[batch]:
                raise ValueError(f"{name}: expected a batch of {given[0].shape[batch]} as query has, got {x.shape}")
        if len(given) == 3 and given[2].shape != given[1].shape:
            raise ValueError(f"value: expected shape {given[1].shape} as key has, got {given[2].shape}")
        return given

    def _parts(self, given):
        """[(x, rows)]: which rows of in_proj_weight each of the arrays given is projected with."""
        e = self.embed_dim
        bounds = {1: [0, 3], 2: [0, 1, 3], 3: [0, 1, 2, 3]}[len(given)]
        return [(x, (first * e, end * e)) for x, first, end in zip(given, bounds, bounds[1:])]

    def _split(self, x, batched):
        """From the caller's axes to (N, heads, length, features of a head)."""
        x = x.reshape(*x.shape[:-1], self.num_heads, self.embed_dim // self.num_heads)
        if not batched:
            return np.ascontiguousarray(x.transpose(1, 0, 2)[None])
        return np.ascontiguousarray(x.transpose((0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3)))

    def _join(self, x, batched):
        """The way back."""
        if not batched:
            x = x[0].transpose(1, 0, 2)
        else:
            x = x.transpose((0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3))
        return np.ascontiguousarray(x).reshape(*x.shape[:-2], self.embed_dim)

    def _mask(self, key_padding_mask, attn_mask, is_causal, query, key):
        """One mask for `scaled_dot_product_attention`, whose bools say the opposite; None where there is none."""
        (n, heads, n_queries), n_keys, dtype = query.shape[:3], key.shape[2], query.dtype
        masks = []
        if key_padding_mask is not None:
            mask = _check.any_array("key_padding_mask", key_padding_mask)
            mask = mask[None] if mask.ndim == 1 else mask
            _check.shape("key_padding_mask", mask, (n, n_keys))
            masks.append(check_mask("key_padding_mask", mask, (n, n_keys), dtype)[:, None, None])
        if attn_mask is not None:
            mask = _check.any_array("attn_mask", attn_mask)
            wanted = (n_queries, n_keys) if mask.ndim == 2 else (n * heads, n_queries, n_keys)
            _check.shape("attn_mask", mask, wanted)
            mask = check_mask("attn_mask", mask, wanted, dtype)
            masks.append(mask if mask.ndim == 2 else mask.reshape(n, heads, n_queries, n_keys))
        if _check.flag("is_causal", is_causal):
            masks.append(~np.tri(n_queries, n_keys, dtype=bool))
        if all(mask.dtype == bool for mask in masks):
            return ~np.logical_or.reduce(np.broadcast_arrays(*masks)) if masks else None
        return sum(np.where(mask, -np.inf, 0).astype(dtype) if mask.dtype == bool else mask for mask in masks)

    def _weights(self, ctx, batched, need_weights, average):
        if not _check.flag("need_weights", need_weights):
            return None
        weights = weights_used(ctx)
        weights = weights.mean(axis=1) if _check.flag("average_attn_weights", average) else weights
        return weights if batched else weights[0]

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}, dropout={self.dropout}, batch_first={self.batch_first}"
