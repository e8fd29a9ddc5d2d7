"""The normalisation layers: their state, their modes, and what they hand to the functions."""

import numpy as np
import pytest

from fastnn import functional as F
from fastnn import nn

X = np.random.default_rng(3).standard_normal((5, 4, 3, 2)).astype(np.float32)


def test_batch_norm_state_has_torchs_names_and_dtypes():
    state = nn.BatchNorm2d(4).state_dict()
    assert list(state) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert [(a.dtype, a.shape) for a in state.values()] == [(np.float32, (4,))] * 4 + [(np.int64, ())]
    assert [name for name, _ in nn.BatchNorm2d(4).named_parameters()] == ["weight", "bias"]
    assert list(nn.BatchNorm1d(4, affine=False).state_dict()) == ["running_mean", "running_var", "num_batches_tracked"]
    assert list(nn.BatchNorm1d(4, track_running_stats=False).state_dict()) == ["weight", "bias"]
    assert nn.BatchNorm1d(4, dtype=np.float64).running_mean.dtype == np.float64


def test_batch_norm_trains_on_the_batch_and_evaluates_on_running_statistics(dtype):
    layer, x = nn.BatchNorm2d(4, momentum=0.5, dtype=dtype), X.astype(dtype)
    mean, var = np.zeros(4, dtype), np.ones(4, dtype)
    for _ in range(2):
        wanted, ctx = F.batch_norm_forward(x, mean, var, layer.weight, layer.bias, True, 0.5)
        y, backprop = layer.forward(x)
        np.testing.assert_array_equal(y, wanted)
    np.testing.assert_array_equal(layer.running_mean, mean)
    np.testing.assert_array_equal(layer.running_var, var)
    assert layer.num_batches_tracked == 2
    dx, dweight, dbias = F.batch_norm_backward(y, ctx)
    np.testing.assert_array_equal(backprop(y), dx)
    np.testing.assert_array_equal(layer.get_parameter("weight").grad, dweight)
    np.testing.assert_array_equal(layer.get_parameter("bias").grad, dbias)
    assert backprop(y, need_dx=False) is None

    layer.eval()
    np.testing.assert_array_equal(layer(x), F.batch_norm(x, mean, var, layer.weight, layer.bias))
    np.testing.assert_array_equal(layer.forward(x)[0], layer(x))
    assert layer.num_batches_tracked == 2


@pytest.mark.parametrize("x", [np.ones((1, 3), np.float32), np.ones((4, 3)), np.ones((4, 2), np.float32)],
                         ids=["one-value-a-channel", "dtype", "channels"])
def test_batch_norm_counts_no_batch_that_is_an_error(x):
    layer = nn.BatchNorm1d(3, momentum=None)
    for call in (layer, layer.forward):
        with pytest.raises((TypeError, ValueError)):
            call(x)
    assert layer.num_batches_tracked == 0 and not layer.running_mean.any()


def test_batch_norm_without_momentum_averages_all_batches():
    layer = nn.BatchNorm1d(4, momentum=None)
    for scale in (1, 2, 6):
        layer(scale * X[..., 0])
    np.testing.assert_allclose(layer.running_mean, 3 * X[..., 0].mean((0, 2)), rtol=1e-5, atol=1e-6)


def test_batch_norm_without_running_statistics_evaluates_on_the_batch():
    layer = nn.BatchNorm2d(4, track_running_stats=False)
    trained = layer(X)
    np.testing.assert_array_equal(layer.eval()(X), trained)


def test_group_and_layer_norm_equal_their_functions(dtype):
    x = X.astype(dtype)
    layers = {nn.GroupNorm(2, 4, dtype=dtype): lambda *p: F.group_norm(x, 2, *p),
              nn.LayerNorm((3, 2), 0.1, dtype=dtype): lambda *p: F.layer_norm(x, (3, 2), *p, eps=0.1)}
    for layer, function in layers.items():
        layer.weight *= 3
        layer.bias += 1
        y, backprop = layer.forward(x)
        np.testing.assert_array_equal(y, function(layer.weight, layer.bias))
        np.testing.assert_array_equal(layer(x), y)
        assert backprop(y).dtype == dtype and all(p.grad is not None for p in layer.parameters())
    assert list(nn.LayerNorm(4, bias=False).state_dict()) == ["weight"]
    assert list(nn.LayerNorm(4, elementwise_affine=False).state_dict()) == []
    assert list(nn.GroupNorm(2, 4, affine=False).state_dict()) == []


def test_norm_layers_show_their_arguments():
    assert repr(nn.BatchNorm2d(4)) == "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"
    assert repr(nn.LayerNorm([2, 4])) == "LayerNorm((2, 4), eps=1e-05, elementwise_affine=True)"
    assert repr(nn.GroupNorm(2, 4)) == "GroupNorm(2, 4, eps=1e-05, affine=True)"


ERRORS = {
    "batch_norm2d-rank": (lambda: nn.BatchNorm2d(4)(X[0]), ValueError, "x: expected 4 dimensions, got shape"),
    "batch_norm1d-rank": (lambda: nn.BatchNorm1d(4)(X), ValueError, "x: expected 2 or 3 dimensions, got shape"),
    "batch_norm-channels": (lambda: nn.BatchNorm2d(3)(X), ValueError, "x: expected 3 channels, got shape"),
    "batch_norm-dtype": (lambda: nn.BatchNorm2d(4)(X.astype(np.float64)), TypeError, "weight: expected dtype float64"),
    "batch_norm-features": (lambda: nn.BatchNorm2d(0), ValueError, "num_features: expected an integer in"),
    "batch_norm-momentum": (lambda: nn.BatchNorm2d(4, momentum=-1), ValueError, "momentum: expected a number in"),
    "batch_norm-one_value": (lambda: nn.BatchNorm1d(4)(X[:1, :, 0, 0]), ValueError, "x: expected more than one value"),
    "group_norm-groups": (lambda: nn.GroupNorm(3, 4), ValueError, "num_groups: expected a divisor of num_channels = 4"),
    "layer_norm-shape": (lambda: nn.LayerNorm([]), ValueError, "normalized_shape: expected an integer or a sequence"),
    "layer_norm-x": (lambda: nn.LayerNorm(4)(X), ValueError, r"x: expected shape \(\.\.\., 4\)"),
    "layer_norm-dtype": (lambda: nn.LayerNorm(4, dtype=int), TypeError, "dtype: expected float32 or float64"),
}


@pytest.mark.parametrize("call, error, message", ERRORS.values(), ids=ERRORS)
def test_wrong_call_of_a_norm_names_the_argument(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
