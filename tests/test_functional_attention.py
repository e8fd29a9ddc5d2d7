"""scaled_dot_product_attention against its definition and finite differences, on both backends; bmm on any threads."""

import math

import numpy as np
import pytest
from finite_differences import assert_gradients
from tolerance import assert_contraction

import fastnn.functional as F
from fastnn.native import backend as native


def by_definition(query, key, value, bias, scale):
    """One query of one head at a time. bias: what is added to the scores, (L, S)."""
    y = np.zeros((*query.shape[:-1], value.shape[-1]))
    for index in np.ndindex(query.shape[:-1]):
        lead, row = index[:-1], index[-1]
        scores = [float(query[index] @ k) * scale + b for k, b in zip(key[lead], bias[index])]
        if max(scores, default=-math.inf) == -math.inf:
            continue
        weights = [math.exp(score - max(scores)) for score in scores]
        y[(*lead, row)] = sum(w / sum(weights) * v for w, v in zip(weights, value[lead]))
    return y


def inputs(rng, dtype, lead=(2, 3), n_queries=4, n_keys=6, features=5, out_features=7):
    return [rng.standard_normal((*lead, *shape)).astype(dtype)
            for shape in ((n_queries, features), (n_keys, features), (n_keys, out_features))]


def check(rng, arrays, mask=None, bias=0.0, scale=None, **options):
    y = F.scaled_dot_product_attention(*arrays, mask, scale=scale, **options)
    shape = (*arrays[0].shape[:-1], arrays[1].shape[-2])
    scale = arrays[0].shape[-1] ** -0.5 if scale is None else scale
    exact = by_definition(*(a.astype(np.float64) for a in arrays), np.broadcast_to(bias, shape), scale)
    # Rounding of the scores, of exp and of two sums, for scores of a size below 100.
    assert_contraction(y, exact, np.abs(arrays[2]).max(initial=0), 100 * (arrays[0].shape[-1] + shape[-1]))


MASKS = {
    "none": (None, 0.0),
    "keys": (np.array([True, False, True, True, False, True]), None),
    "queries-and-keys": (np.arange(24).reshape(4, 6) % 5 != 0, None),
    "a-blind-query": (np.arange(4)[:, None] != np.arange(6) * 0 + 2, None),
    "each-sample": (np.arange(2 * 4 * 6).reshape(2, 1, 4, 6) % 7 != 3, None),
    "numbers": (np.linspace(-3, 3, 24).reshape(4, 6), None),
    "numbers-and-minus-infinity": (np.where(np.arange(6) < 3, 0.5, -np.inf), None),
}


@pytest.mark.parametrize("mask", [mask for mask, _ in MASKS.values()], ids=MASKS)
def test_attention_equals_its_definition(mask, backend, dtype, rng):
    if mask is not None and mask.dtype != bool:
        mask = mask.astype(dtype)
    bias = 0.0 if mask is None else mask if mask.dtype != bool else np.where(mask, 0, -np.inf)
    check(rng, inputs(rng, dtype), mask, bias)
    check(rng, inputs(rng, dtype), mask, bias, scale=0.2)


def test_attention_that_is_causal_sees_no_later_key(backend, dtype, rng):
    for n_queries, n_keys in ((4, 4), (3, 5), (5, 2)):
        arrays = inputs(rng, dtype, (), n_queries, n_keys)
        bias = np.where(np.arange(n_keys) <= np.arange(n_queries)[:, None], 0, -np.inf)
        check(rng, arrays, bias=bias, is_causal=True)


@pytest.mark.parametrize("sizes", [{"lead": ()}, {"lead": (0,)}, {"n_keys": 0}, {"n_queries": 0}, {"features": 0},
                                   {"out_features": 0}, {"lead": (1,), "n_queries": 1, "n_keys": 1}], ids=str)
def test_attention_of_any_extents(sizes, backend, dtype, rng):
    arrays = inputs(rng, dtype, **sizes)
    if sizes.get("features") != 0:
        check(rng, arrays)
    y, ctx = F.scaled_dot_product_attention_forward(*arrays)
    for gradient, array in zip(F.scaled_dot_product_attention_backward(y, ctx), arrays, strict=True):
        assert gradient.shape == array.shape


@pytest.mark.parametrize("mask", [MASKS[name][0] for name in ("none", "a-blind-query", "numbers")],
                         ids=["none", "a-blind-query", "numbers"])
def test_attention_gradients_match_finite_differences(mask, backend, rng):
    arrays = inputs(rng, np.float64, (2,))
    y, ctx = F.scaled_dot_product_attention_forward(*arrays, mask, scale=0.7)
    dy = rng.standard_normal(y.shape)
    assert_gradients(lambda *a: F.scaled_dot_product_attention(*a, mask, scale=0.7), arrays, dy,
                     F.scaled_dot_product_attention_backward(dy, ctx), slack=100)


def test_attention_dropout_gradients_match_finite_differences(backend, rng):
    arrays = inputs(rng, np.float64, (2,))
    y, ctx = F.scaled_dot_product_attention_forward(*arrays, dropout_p=0.4, rng=3)
    assert ctx.kept is not None and 0 < ctx.kept.mean() < 1
    dy = rng.standard_normal(y.shape)
    assert_gradients(lambda *a: F.scaled_dot_product_attention(*a, dropout_p=0.4, rng=3), arrays, dy,
                     F.scaled_dot_product_attention_backward(dy, ctx), slack=100)
    assert not F.scaled_dot_product_attention(*arrays, dropout_p=1).any()


def test_attention_of_large_scores_does_not_overflow(backend, dtype):
    key = np.array([[1e3], [2e3]], dtype)
    y = F.scaled_dot_product_attention(key, key, np.array([[1], [7]], dtype))
    np.testing.assert_array_equal(y, [[7], [7]])


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)], ids=str)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (5, 7, 3, 9), (3, 33, 17, 65), (2, 64, 64, 64), (4, 5, 0, 6),
                                   (0, 2, 3, 4), (1, 130, 20, 200)], ids=str)
def test_bmm_is_a_product_for_each_of_the_batch(shape, transposed, isa, threads, dtype, guards, rng):
    batch, m, k, n = shape
    a, b = (rng.standard_normal((batch, *s)).astype(dtype) for s in ((m, k), (k, n)))
    c = guards.output((batch, m, n), dtype)
    native.bmm(*(guards.input(np.ascontiguousarray(x.swapaxes(1, 2)) if t else x)
                 for x, t in zip((a, b), transposed)), c, *transposed)
    exact, size = (np.matmul(x.astype(np.float64), y.astype(np.float64)) for x, y in ((a, b), (abs(a), abs(b))))
    assert_contraction(c, exact, size, k)


def test_attention_has_the_same_bits_on_any_number_of_threads(dtype, bits_by_threads, rng):
    arrays = inputs(rng, dtype, (2, 3), 40, 70, 16, 24)

    def run():
        y, ctx = F.scaled_dot_product_attention_forward(*arrays, is_causal=True)
        return y, *F.scaled_dot_product_attention_backward(y, ctx)

    bits_by_threads(run)
