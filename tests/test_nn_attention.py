"""MultiheadAttention against its heads, one at a time; its masks, its axes, its gradients."""

import numpy as np
import pytest
from finite_differences import assert_gradients

from fastnn import nn

RNG = np.random.default_rng(11)
E, HEADS, N, L, S = 6, 3, 2, 4, 5


def layer_of(**options):
    layer = nn.MultiheadAttention(E, HEADS, dtype=np.float64, rng=0, **options)
    for p in layer.parameters():
        p.data = RNG.standard_normal(p.data.shape)
    return layer


def inputs():
    """query, key and value, batch first."""
    return [RNG.standard_normal((N, length, E)) for length in (L, S, S)]


def by_heads(layer, query, key, value, bias):
    """(y, weights of each head), from the definition; bias: (N, HEADS, L, S), added to the scores."""
    d = E // HEADS
    projected = [x @ w.T + b for x, w, b in zip((query, key, value), np.split(layer.in_proj_weight, 3),
                                                np.split(layer.in_proj_bias, 3))]
    heads, weights = [], []
    for h in range(HEADS):
        q, k, v = (x[..., h * d:(h + 1) * d] for x in projected)
        e = np.exp(q @ k.swapaxes(1, 2) / d**0.5 + bias[:, h])
        total = e.sum(-1, keepdims=True)
        weights.append(np.divide(e, total, out=np.zeros_like(e), where=total > 0))
        heads.append(weights[-1] @ v)
    return np.concatenate(heads, -1) @ layer.out_proj.weight.T + layer.out_proj.bias, np.stack(weights, 1)


PADDING = np.arange(S) >= np.array([[3], [5]])
LEFT_OUT = RNG.random((L, S)) > 0.6
MASKS = {
    "none": {}, "padding": {"key_padding_mask": PADDING}, "pairs": {"attn_mask": LEFT_OUT},
    "causal": {"is_causal": True},
    "numbers": {"attn_mask": RNG.standard_normal((N * HEADS, L, S))},
    "both": {"key_padding_mask": PADDING, "attn_mask": LEFT_OUT},
    "numbers-and-padding": {"key_padding_mask": PADDING, "attn_mask": RNG.standard_normal((L, S))},
    "all-of-one-sample": {"key_padding_mask": np.array([[True], [False]]) & np.ones(S, bool)},
}


def bias_of(key_padding_mask=None, attn_mask=None, is_causal=False):
    bias = np.zeros((N, HEADS, L, S))
    for mask in ([] if key_padding_mask is None else [key_padding_mask[:, None, None]],
                 [] if attn_mask is None else [attn_mask if attn_mask.ndim == 2 else attn_mask.reshape(bias.shape)],
                 [~np.tri(L, S, dtype=bool)] if is_causal else []):
        for part in mask:
            bias = bias + (np.where(part, -np.inf, 0) if part.dtype == bool else part)
    return bias


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("batch_first", [False, True], ids=["length-first", "batch-first"])
def test_attention_is_that_of_its_heads(masks, batch_first):
    layer, arrays = layer_of(batch_first=batch_first), inputs()
    wanted, weights = by_heads(layer, *arrays, bias_of(**masks))
    given = arrays if batch_first else [x.swapaxes(0, 1) for x in arrays]
    y, mean = layer(*given, **masks)
    np.testing.assert_allclose(y if batch_first else y.swapaxes(0, 1), wanted, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(mean, weights.mean(1), rtol=1e-11, atol=1e-13)
    y, each = layer(*given, **masks, average_attn_weights=False)
    np.testing.assert_allclose(each, weights, rtol=1e-11, atol=1e-13)
    assert layer(*given, **masks, need_weights=False)[1] is None


def test_attention_gradients_match_finite_differences():
    for given in (inputs(), inputs()[:2], inputs()[:1]):
        layer = layer_of(batch_first=True)
        (y, _), backprop = layer.forward(*given)
        dy = RNG.standard_normal(y.shape)
        found = backprop(dy)
        assert found[len(given):] == (None,) * (3 - len(given))
        assert all(p.grad is not None for p in layer.parameters())
        parameters = list(layer.parameters())

        def run(*values, layer=layer, parameters=parameters, given=given):
            for p, value in zip(parameters, values[len(given):]):
                p.data = value
            return layer(*values[:len(given)])[0]

        arrays = [*given, *(p.data.copy() for p in parameters)]
        assert_gradients(run, arrays, dy, [*found[:len(given)], *(p.grad for p in parameters)], slack=1000)
        assert backprop(dy, need_dx=False) == (None, None, None)


def test_self_attention_is_attention_with_the_query_as_key_and_value():
    layer, (x, *_) = layer_of(), inputs()
    (y, weights), backprop = layer.forward(x)
    (all_y, all_weights), all_backprop = layer.forward(x, x, x)
    np.testing.assert_allclose(y, all_y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(weights, all_weights, rtol=1e-12)
    np.testing.assert_allclose(backprop(y)[0], sum(all_backprop(y)), rtol=1e-10, atol=1e-10)


def test_attention_takes_one_sequence_without_a_batch():
    layer, arrays = layer_of(batch_first=True), inputs()
    (y, weights), backprop = layer.forward(*(x[0] for x in arrays), key_padding_mask=PADDING[0])
    (wanted, batch_weights), batch_backprop = layer.forward(*(x[:1] for x in arrays), key_padding_mask=PADDING[:1])
    np.testing.assert_array_equal(y, wanted[0])
    np.testing.assert_array_equal(weights, batch_weights[0])
    for found, batch in zip(backprop(y), batch_backprop(wanted)):
        np.testing.assert_array_equal(found, batch[0])


def test_attention_drops_weights_in_training_only():
    layer, (x, *_) = nn.MultiheadAttention(E, HEADS, 0.5, rng=1, dtype=np.float64), inputs()
    first, second = layer(x, average_attn_weights=False)[1], layer(x)[1]
    assert (first == 0).any() and not np.array_equal(first.mean(1), second)
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0], layer(x)[0])


def test_attention_state_and_initial_values():
    layer = nn.MultiheadAttention(32, 4, rng=0)
    assert list(layer.state_dict()) == ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    assert list(nn.MultiheadAttention(4, 2, bias=False).state_dict()) == ["in_proj_weight", "out_proj.weight"]
    limit = np.sqrt(6 / 128)
    assert 0.95 * limit < np.abs(layer.in_proj_weight).max() <= limit
    assert not layer.in_proj_bias.any() and not layer.out_proj.bias.any() and layer.out_proj.weight.any()
    assert repr(layer).startswith("MultiheadAttention(32, 4, dropout=0.0, batch_first=False\n  (out_proj): Linear(")


X = np.zeros((L, N, E))
ERRORS = {
    "heads": (lambda: nn.MultiheadAttention(6, 4), ValueError, "num_heads: expected a divisor of embed_dim = 6, got 4"),
    "dropout": (lambda: nn.MultiheadAttention(6, 2, 1.5), ValueError, "dropout: expected a number in"),
    "rank": (lambda: layer_of()(X[None]), ValueError, "query: expected 2 or 3 dimensions"),
    "features": (lambda: layer_of()(X[..., :5]), ValueError, "query: expected 3 dimensions, the last of 6, got shape"),
    "key-rank": (lambda: layer_of()(X, X[:, 0]), ValueError, "key: expected 3 dimensions, the last of 6, got shape"),
    "key-batch": (lambda: layer_of()(X, X[:, :1]), ValueError, "key: expected a batch of 2 as query has, got"),
    "value-length": (lambda: layer_of()(X, X, X[:3]), ValueError, r"value: expected shape \(4, 2, 6\) as key has"),
    "value-alone": (lambda: layer_of()(X, None, X), ValueError, "key: expected an array where value is given"),
    "dtype": (lambda: layer_of()(X.astype(np.float32)), TypeError, "weight: expected dtype float32 as x has"),
    "padding-shape": (lambda: layer_of()(X, key_padding_mask=PADDING), ValueError, "key_padding_mask: expected shape"),
    "padding-integers": (lambda: layer_of()(X, key_padding_mask=np.zeros((N, L), int)), TypeError,
                         "key_padding_mask: expected bools or numbers of dtype float64, got dtype int64"),
    "mask-shape": (lambda: layer_of()(X, attn_mask=LEFT_OUT), ValueError, r"attn_mask: expected shape \(4, 4\)"),
    "mask-dtype": (lambda: layer_of()(X, attn_mask=np.zeros((L, L), np.float32)), TypeError, "attn_mask: expected"),
    "weights-flag": (lambda: layer_of()(X, need_weights=1), TypeError, "need_weights: expected True or False, got 1"),
    "causal-flag": (lambda: layer_of()(X, is_causal=1), TypeError, "is_causal: expected True or False, got 1"),
    "dy": (lambda: layer_of().forward(X)[1](X[:2]), ValueError, "dy: expected shape"),
}


@pytest.mark.parametrize("call, error, message", ERRORS.values(), ids=ERRORS)
def test_wrong_call_of_attention_names_the_argument(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
