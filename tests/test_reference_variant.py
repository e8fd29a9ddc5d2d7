"""Recurrent layers with options: the reference against their definition, and its gradients by finite differences."""

import numpy as np
import pytest
from finite_differences import assert_gradients
from variant_cases import NORM_EPS, VARIANTS, Variety

import fastnn

pytestmark = pytest.mark.usefixtures("on_reference")
names = pytest.mark.parametrize("name", VARIANTS)
lengths = pytest.mark.parametrize("lengths", [False, True], ids=["full", "lengths"])
directions = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


@pytest.fixture
def on_reference():
    with fastnn.use_backend("reference"):
        yield


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normal(a):
    return (a - a.mean()) / np.sqrt(a.var() + NORM_EPS)


def step_by_definition(net, x, h, c, masks):
    """(h', c') of one row, from the papers' equations."""
    drop, zone_h, zone_c = masks
    over_x, over_h = net.weight_ih @ x, net.weight_hh @ h
    if net.norm is not None:
        over_x, over_h = net.norm.weight_ih * normal(over_x), net.norm.weight_hh * normal(over_h)
    over_x, over_h = over_x + net.bias_ih, over_h + net.bias_hh
    n, both = len(drop), over_x + over_h
    part = [slice(k * n, (k + 1) * n) for k in range(4)]
    if net.kind == "rnn":
        new = drop * (np.tanh(both) if net.nonlinearity == "tanh" else np.maximum(both, 0))
    elif net.kind == "gru":
        r, z = sigmoid(both[part[0]]), sigmoid(both[part[1]])
        new = (1 - z) * drop * np.tanh(over_x[part[2]] + r * over_h[part[2]]) + z * h
    else:
        i, f, g, o = (fn(both[p]) for fn, p in zip((sigmoid, sigmoid, np.tanh, sigmoid), part, strict=True))
        inner = f * c + i * drop * g
        seen = inner if net.norm is None else net.norm.weight_c * normal(inner) + net.norm.bias_c
        new = o * np.tanh(seen)
        new = new if net.weight_hr is None else net.weight_hr @ new
        c = zone_c * c + (1 - zone_c) * inner
    return zone_h * h + (1 - zone_h) * new, c


def run_by_definition(case):
    x, state, net, lengths = case.call(case.arrays)
    masks = [np.broadcast_to(plain if mask is None else mask, (case.steps, case.rows, size)) for mask, plain, size in
             zip(case.masks, (1.0, 0.0, 0.0), (case.units, case.hidden, case.units), strict=True)]
    h, c = state if case.op == "lstm" else (state, np.zeros((case.rows, case.units)))
    h, c = h.copy(), c.copy()
    y = np.zeros((case.steps, case.rows, case.hidden))
    for n in range(case.rows):
        end = case.steps if lengths is None else lengths[n]
        for t in reversed(range(end)) if case.reverse else range(end):
            h[n], c[n] = step_by_definition(net, x[t, n], h[n], c[n], [mask[t, n] for mask in masks])
            y[t, n] = h[n]
    return (y, h, c) if case.op == "lstm" else (y, h)


@directions
@lengths
@names
def test_variant_equals_the_definition(name, lengths, reverse):
    case = Variety(name, (4, 5, 3, 6), lengths=lengths, reverse=reverse)
    for found, wanted in zip(case.run(), run_by_definition(case), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=200 * np.finfo(np.float64).eps)


@directions
@lengths
@names
def test_variant_gradients_match_finite_differences(name, lengths, reverse):
    case = Variety(name, (3, 3, 2, 4), lengths=lengths, reverse=reverse, bias=not (lengths and reverse))
    rng = np.random.default_rng(1)
    dresults = tuple(rng.standard_normal(part.shape) for part in case.run())
    # A normalisation's third derivative is larger than its values.
    slack = 100 if "norm" in name or "everything" in name else 10
    assert_gradients(case.run, case.arrays, dresults, case.train(dresults)[1], slack)
