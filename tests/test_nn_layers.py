"""Each layer against the functions it stands for: values, gradients, initial values, and the table of errors."""

import numpy as np
import pytest

from fastnn import functional as F
from fastnn import nn

RNG = np.random.default_rng(5)


def randn(*shape):
    return RNG.standard_normal(shape)


IMAGES, SEQUENCES, ROWS = (2, 4, 7, 6), (2, 4, 9), (3, 5)
WITH_PARAMETERS = {"conv1d", "conv2d", "conv_transpose2d", "linear"}
CONV = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
# layer, shape of x, op, the op's keyword arguments
CASES = {
    "conv2d": (lambda **k: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, **k), IMAGES, "conv2d", CONV),
    "conv2d-same": (lambda **k: nn.Conv2d(4, 2, 3, padding="same", bias=False, **k), IMAGES, "conv2d",
                    {"padding": "same"}),
    "conv2d-four_sided": (lambda **k: nn.Conv2d(4, 2, 3, padding=((0, 1), (2, 0)), **k), IMAGES, "conv2d",
                          {"padding": ((0, 1), (2, 0))}),
    "conv2d-unbatched": (lambda **k: nn.Conv2d(4, 2, 3, **k), IMAGES[1:], "conv2d", {}),
    "conv1d": (lambda **k: nn.Conv1d(4, 6, 3, 2, (2, 0), 1, 2, **k), SEQUENCES, "conv1d",
               {"stride": 2, "padding": (2, 0), "groups": 2}),
    "conv1d-same": (lambda **k: nn.Conv1d(4, 2, 3, padding="same", **k), SEQUENCES[1:], "conv1d", {"padding": "same"}),
    "conv_transpose2d": (lambda **k: nn.ConvTranspose2d(4, 6, (3, 2), 2, (1, 0), 1, 2, **k), IMAGES, "conv_transpose2d",
                         {"stride": 2, "padding": (1, 0), "output_padding": 1, "groups": 2}),
    "linear": (lambda **k: nn.Linear(5, 2, **k), ROWS, "linear", {}),
    "linear-no_bias-leading_axes": (lambda **k: nn.Linear(6, 2, bias=False, **k), IMAGES, "linear", {}),
    "max_pool2d": (lambda: nn.MaxPool2d((3, 2), (2, 1), 1, 2), IMAGES, "max_pool2d",
                   {"kernel_size": (3, 2), "stride": (2, 1), "padding": 1, "dilation": 2}),
    "max_pool2d-ceil": (lambda: nn.MaxPool2d(2, ceil_mode=True), IMAGES, "max_pool2d",
                        {"kernel_size": 2, "ceil_mode": True}),
    "max_pool1d": (lambda: nn.MaxPool1d(3, 2, 1), SEQUENCES, "max_pool1d",
                   {"kernel_size": 3, "stride": 2, "padding": 1}),
    "avg_pool2d": (lambda: nn.AvgPool2d(3, 2, 1, True, False), IMAGES, "avg_pool2d",
                   {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    "adaptive_avg_pool2d": (lambda: nn.AdaptiveAvgPool2d((3, None)), IMAGES, "adaptive_avg_pool2d",
                            {"output_size": (3, None)}),
    "upsample": (lambda: nn.Upsample(scale_factor=2), IMAGES, "interpolate", {"scale_factor": 2}),
    "upsample-bilinear": (lambda: nn.Upsample((9, 5), mode="bilinear", align_corners=True), IMAGES, "interpolate",
                          {"size": (9, 5), "mode": "bilinear", "align_corners": True}),
    "global_max_pool2d": (nn.GlobalMaxPool2d, IMAGES, "global_max_pool2d", {}),
    "global_avg_pool2d": (nn.GlobalAvgPool2d, IMAGES, "global_avg_pool2d", {}),
    "relu": (nn.ReLU, ROWS, "relu", {}),
    "leaky_relu": (lambda: nn.LeakyReLU(0.2), ROWS, "leaky_relu", {"negative_slope": 0.2}),
    "elu": (lambda: nn.ELU(1.5), ROWS, "elu", {"alpha": 1.5}),
    "gelu": (lambda: nn.GELU("tanh"), ROWS, "gelu", {"approximate": "tanh"}),
    "silu": (nn.SiLU, ROWS, "silu", {}),
    "sigmoid": (nn.Sigmoid, ROWS, "sigmoid", {}),
    "tanh": (nn.Tanh, ROWS, "tanh", {}),
    "softmax": (lambda: nn.Softmax(dim=0), ROWS, "softmax", {"dim": 0}),
    "log_softmax": (lambda: nn.LogSoftmax(-1), ROWS, "log_softmax", {"dim": -1}),
}


@pytest.mark.parametrize("make, shape, op, options", CASES.values(), ids=CASES)
def test_layer_equals_its_function(make, shape, op, options, dtype):
    has_parameters = op in WITH_PARAMETERS
    layer = make(dtype=dtype, rng=0) if has_parameters else make()
    x = randn(*shape).astype(dtype)
    args = (layer.weight, layer.bias) if has_parameters else ()
    wanted, ctx = getattr(F, f"{op}_forward")(x, *args, **options)
    y, backprop = layer.forward(x)
    np.testing.assert_array_equal(y, wanted)
    np.testing.assert_array_equal(layer(x), wanted)
    assert y.dtype == dtype

    dy = randn(*y.shape).astype(dtype)
    grads = getattr(F, f"{op}_backward")(dy, ctx)
    dx, *dparameters = grads if has_parameters else (grads,)
    np.testing.assert_array_equal(backprop(dy), dx)
    for parameter, grad in zip(layer.parameters(), dparameters):
        np.testing.assert_array_equal(parameter.grad, grad)
    assert len(list(layer.parameters())) == sum(grad is not None for grad in dparameters)


# loss, shape of the target (None: class numbers), op, the op's keyword arguments
LOSSES = {
    "cross_entropy": (nn.CrossEntropyLoss, None, "cross_entropy", {}),
    "cross_entropy-options": (lambda: nn.CrossEntropyLoss(np.arange(1.0, 6), 2, "sum", 0.1), None, "cross_entropy",
                              {"weight": np.arange(1.0, 6), "ignore_index": 2, "reduction": "sum",
                               "label_smoothing": 0.1}),
    "nll_loss": (lambda: nn.NLLLoss(reduction="sum"), None, "nll_loss", {"reduction": "sum"}),
    "mse_loss": (nn.MSELoss, ROWS, "mse_loss", {}),
    "l1_loss": (lambda: nn.L1Loss("sum"), ROWS, "l1_loss", {"reduction": "sum"}),
    "huber_loss": (lambda: nn.HuberLoss(delta=0.5), ROWS, "huber_loss", {"delta": 0.5}),
    "bce_with_logits": (lambda: nn.BCEWithLogitsLoss(pos_weight=np.full(5, 3.0)), ROWS,
                        "binary_cross_entropy_with_logits", {"pos_weight": np.full(5, 3.0)}),
}


@pytest.mark.parametrize("make, target_shape, op, options", LOSSES.values(), ids=LOSSES)
def test_loss_equals_its_function(make, target_shape, op, options):
    criterion, x = make(), randn(*ROWS)
    target = RNG.integers(0, 5, len(x)) if target_shape is None else RNG.random(target_shape)
    wanted, ctx = getattr(F, f"{op}_forward")(x, target, **options)
    loss, backprop = criterion.forward(x, target)
    assert loss == wanted == criterion(x, target)
    np.testing.assert_array_equal(backprop(), getattr(F, f"{op}_backward")(None, ctx))
    np.testing.assert_allclose(backprop(3.0), 3 * backprop(), rtol=1e-14)


def test_loss_without_reduction_takes_the_gradient_of_each_sample():
    x, target = randn(3, 5), np.array([0, 4, 2])
    loss, backprop = nn.CrossEntropyLoss(reduction="none").forward(x, target)
    assert loss.shape == (3,)
    dx = backprop(np.array([0.0, 1.0, 0.0]))
    assert not dx[0].any() and dx[1].any() and not dx[2].any()


def test_max_pool_layer_returns_indices_where_asked():
    layer, x = nn.MaxPool2d(2, return_indices=True), randn(1, 2, 4, 4)
    (y, indices), backprop = layer.forward(x)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(np.take_along_axis(x.reshape(1, 2, 16), indices.reshape(1, 2, 4), -1),
                                  y.reshape(1, 2, 4))
    assert np.count_nonzero(backprop(np.ones_like(y))) == 8
    np.testing.assert_array_equal(layer(x)[1], indices)


@pytest.mark.parametrize("dims, shape", [((1, -1), (2, 24)), ((0, 1), (4, 3, 4)), ((-2, -1), (2, 2, 12)),
                                         ((2, 2), (2, 2, 3, 4))], ids=["all_but_batch", "first", "last", "one"])
def test_flatten_joins_axes_and_undoes_it(dims, shape):
    x = randn(2, 2, 3, 4)
    y, backprop = nn.Flatten(*dims).forward(x)
    assert y.shape == shape
    np.testing.assert_array_equal(backprop(y), x)
    np.testing.assert_array_equal(nn.Flatten(*dims)(x), y)


def test_flatten_of_an_empty_batch_keeps_its_features():
    assert nn.Flatten()(np.zeros((0, 3, 4))).shape == (0, 12)


def test_dropout_scales_what_stays_and_owns_its_generator():
    layer, x = nn.Dropout(0.25, rng=3), np.ones((100, 100), np.float32)
    y, backprop = layer.forward(x)
    assert set(np.unique(y)) == {0, np.float32(4 / 3)} and abs(np.mean(y == 0) - 0.25) < 0.02
    np.testing.assert_array_equal(backprop(x), y)
    assert not np.array_equal(layer(x), y)  # the generator went on
    np.testing.assert_array_equal(nn.Dropout(0.25, rng=3)(x), y)
    np.testing.assert_array_equal(layer.eval()(x), x)
    np.testing.assert_array_equal(layer.forward(x)[1](y), y)


def test_dropout2d_drops_whole_channels():
    layer, x = nn.Dropout2d(0.25, rng=3), np.ones((50, 40, 2, 3), np.float32)
    y, backprop = layer.forward(x)
    assert (y == y[..., :1, :1]).all() and abs(np.mean(y == 0) - 0.25) < 0.05
    np.testing.assert_array_equal(backprop(x), y)
    np.testing.assert_array_equal(nn.Dropout2d(0.25, rng=3)(x[:, :, 0])[..., 0], y[..., 0, 0])
    np.testing.assert_array_equal(layer.eval()(x), x)


def test_embedding_reads_rows_and_trains_all_but_the_padding(dtype):
    layer, x = nn.Embedding(5, 3, -1, dtype=dtype, rng=0), np.array([[4, 2], [2, 0]])
    assert layer.weight.dtype == dtype and layer.weight[:4].all() and not layer.weight[4].any()
    y, backprop = layer.forward(x)
    np.testing.assert_array_equal(y, layer.weight[x])
    np.testing.assert_array_equal(layer(x), y)
    assert backprop(np.ones_like(y)) is None
    np.testing.assert_array_equal(layer.get_parameter("weight").grad[:, 0], [1, 0, 2, 0, 0])
    assert list(layer.state_dict()) == ["weight"] and repr(layer) == "Embedding(5, 3, padding_idx=4)"
    values = nn.Embedding(200, 50, rng=1).weight
    assert abs(values.mean()) < 0.05 and abs(values.std() - 1) < 0.05


def test_embedding_begins_a_net():
    model = nn.Sequential(nn.Embedding(5, 3, rng=0), nn.Linear(3, 2, rng=0))
    y, backprop = model.forward(np.array([1, 3]))
    assert backprop(y) is None and backprop(y, need_dx=False) is None
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("size, shape", [((2, 3, 4), (5, 2, 3, 4)), ((-1, 6), (5, 4, 6)), ((24,), (5, 24))], ids=str)
def test_unflatten_splits_an_axis_and_undoes_it(size, shape):
    x = randn(5, 24)
    y, backprop = nn.Unflatten(1, size).forward(x)
    assert y.shape == shape and np.shares_memory(x, y)
    np.testing.assert_array_equal(backprop(y), x)
    np.testing.assert_array_equal(nn.Unflatten(-1, size)(x), y)


def fan_in(layer):
    return getattr(layer, "hidden_size", None) or int(np.prod(layer.weight.shape[1:]))


INITIAL = {
    "conv1d": lambda **k: nn.Conv1d(8, 40, 7, **k),
    "conv_transpose2d": lambda **k: nn.ConvTranspose2d(8, 32, (3, 5), groups=2, **k),
    "conv2d": lambda **k: nn.Conv2d(8, 32, (3, 5), groups=2, **k), "linear": lambda **k: nn.Linear(40, 100, **k),
    "rnn": lambda **k: nn.RNN(30, 50, 2, **k), "lstm": lambda **k: nn.LSTM(30, 20, **k),
    "gru_cell": lambda **k: nn.GRUCell(30, 25, **k),
}


@pytest.mark.parametrize("make", INITIAL.values(), ids=INITIAL)
def test_initial_values_fill_torchs_interval_evenly(make):
    layer = make(rng=0)
    bound = 1 / np.sqrt(fan_in(layer))
    values = np.concatenate([p.data.ravel() for p in layer.parameters()])
    assert np.abs(values).max() <= np.float32(bound)
    counts, _ = np.histogram(values, bins=10, range=(-bound, bound))
    expected = values.size / 10
    assert np.sum((counts - expected) ** 2 / expected) < 33.7  # chi-squared, 9 degrees of freedom, 1 in 10,000


@pytest.mark.parametrize("make", INITIAL.values(), ids=INITIAL)
def test_seed_gives_one_net_in_both_dtypes(make):
    single, double = make(rng=7), make(rng=np.random.default_rng(7), dtype=np.float64)
    for name, array in double.state_dict().items():
        np.testing.assert_array_equal(single.state_dict()[name], array.astype(np.float32))
    assert not np.array_equal(next(make().parameters()).data, next(make().parameters()).data)


X = np.zeros((2, 4, 7, 6), np.float32)
SEQ = np.zeros((3, 2, 4), np.float32)
ERRORS = {
    "conv2d-channels": (lambda: nn.Conv2d(0, 2, 3), ValueError, "in_channels: expected an integer in"),
    "conv2d-groups": (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "groups: expected a divisor of out_channels"),
    "conv2d-kernel": (lambda: nn.Conv2d(4, 2, (3, 3, 3)), ValueError, "kernel_size: expected an integer or a pair"),
    "conv2d-stride": (lambda: nn.Conv2d(4, 2, 3, stride=0), ValueError, "stride: expected an integer in"),
    "conv2d-padding": (lambda: nn.Conv2d(4, 2, 3, padding="full"), ValueError, "padding: expected one of 'same'"),
    "conv2d-padding_mode": (lambda: nn.Conv2d(4, 2, 3, padding_mode="reflect"), ValueError,
                            "padding_mode: expected one of 'zeros', got 'reflect'"),
    "conv2d-bias": (lambda: nn.Conv2d(4, 2, 3, bias=1), TypeError, "bias: expected True or False, got 1"),
    "conv2d-dtype": (lambda: nn.Conv2d(4, 2, 3, dtype=np.int32), TypeError, "dtype: expected float32 or float64"),
    "conv2d-no_dtype": (lambda: nn.Conv2d(4, 2, 3, dtype=None), TypeError, "dtype: expected float32 or float64"),
    "conv2d-x_dtype": (lambda: nn.Conv2d(4, 2, 3)(X.astype(np.float64)), TypeError, "weight: expected dtype float64"),
    "conv2d-x_shape": (lambda: nn.Conv2d(3, 2, 3)(X), ValueError, "weight: expected 4/1 channels"),
    "conv1d-kernel": (lambda: nn.Conv1d(4, 2, (3, 3)), ValueError, "kernel_size: expected an integer or a sequence of"),
    "conv1d-groups": (lambda: nn.Conv1d(4, 3, 3, groups=2), ValueError, "groups: expected a divisor of out_channels"),
    "conv1d-padding": (lambda: nn.Conv1d(4, 2, 3, padding="full"), ValueError, "padding: expected one of 'same'"),
    "conv_transpose2d-groups": (lambda: nn.ConvTranspose2d(3, 4, 3, groups=2), ValueError, "groups: expected a div"),
    "conv_transpose2d-padding": (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), TypeError, "padding: expected"),
    "conv_transpose2d-x": (lambda: nn.ConvTranspose2d(3, 4, 3)(X), ValueError, "weight: expected 4 channels first"),
    "max_pool1d-kernel": (lambda: nn.MaxPool1d(0), ValueError, "kernel_size: expected an integer in"),
    "adaptive_avg_pool2d-size": (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), ValueError, "output_size: expected an int"),
    "upsample-size": (nn.Upsample, ValueError, "size: expected either size or scale_factor, got neither"),
    "upsample-mode": (lambda: nn.Upsample(2, mode="linear"), ValueError, "mode: expected one of 'nearest', 'bilinear'"),
    "dropout2d-p": (lambda: nn.Dropout2d(-1), ValueError, "p: expected a number in"),
    "embedding-padding": (lambda: nn.Embedding(4, 2, 4), ValueError, "padding_idx: expected an integer in"),
    "embedding-rows": (lambda: nn.Embedding(0, 2), ValueError, "num_embeddings: expected an integer in"),
    "embedding-x": (lambda: nn.Embedding(4, 2)(np.array([4])), ValueError, r"x: expected integers in \[0, 3\]"),
    "unflatten-size": (lambda: nn.Unflatten(1, 3), TypeError, "unflattened_size: expected a sequence of integers"),
    "unflatten-two_free": (lambda: nn.Unflatten(1, (-1, -1)), ValueError, "unflattened_size: expected -1 once at most"),
    "unflatten-x": (lambda: nn.Unflatten(1, (3, 3))(X), ValueError, "x: expected an axis 1 that splits into"),
    "unflatten-rank": (lambda: nn.Unflatten(4, (3, 3))(X), ValueError, "x: expected a rank in which axis 4 exists"),
    "linear-rng": (lambda: nn.Linear(4, 2, rng="seed"), TypeError, "rng: expected a numpy.random.Generator"),
    "linear-features": (lambda: nn.Linear(2.0, 2), TypeError, "in_features: expected an integer, got 2.0"),
    "max_pool2d-kernel": (lambda: nn.MaxPool2d(0), ValueError, "kernel_size: expected an integer in"),
    "avg_pool2d-ceil_mode": (lambda: nn.AvgPool2d(2, ceil_mode=0), TypeError, "ceil_mode: expected True or False"),
    "gelu-approximate": (lambda: nn.GELU("fast"), ValueError, "approximate: expected one of 'none', 'tanh'"),
    "dropout-p": (lambda: nn.Dropout(1.5), ValueError, r"p: expected a number in \[0, 1\], got 1.5"),
    "flatten-rank": (lambda: nn.Flatten()(np.zeros(3)), ValueError, "x: expected a rank in which axes 1 to -1 exist"),
    "cross_entropy-reduction": (lambda: nn.CrossEntropyLoss(reduction="avg"), ValueError,
                                "reduction: expected one of 'mean', 'sum', 'none', got 'avg'"),
    "cross_entropy-smoothing": (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, "label_smoothing: exp"),
    "lstm-hidden": (lambda: nn.LSTM(4, 0), ValueError, "hidden_size: expected an integer in"),
    "rnn-nonlinearity": (lambda: nn.RNN(4, 3, nonlinearity="gelu"), ValueError, "nonlinearity: expected one of"),
    "rnn-rank": (lambda: nn.RNN(4, 3)(X), ValueError, "x: expected 2 or 3 dimensions"),
    "rnn-features": (lambda: nn.RNN(5, 3)(SEQ), ValueError, r"x: expected shape \(T, N, 5\)"),
    "gru-state": (lambda: nn.GRU(4, 3, 2)(SEQ, np.zeros((1, 2, 3), np.float32)), ValueError,
                  r"state: expected shape \(2, 2, 3\), got \(1, 2, 3\)"),
    "lstm-state_array": (lambda: nn.LSTM(4, 3)(SEQ, np.zeros((1, 2, 3), np.float32)), TypeError,
                         r"state: expected a pair \(h, c\), got ndarray"),
    "lstm-state_half": (lambda: nn.LSTM(4, 3)(SEQ, (np.zeros((1, 2, 3), np.float32), None)), TypeError, "state: "),
    "lstm-state_three": (lambda: nn.LSTM(4, 3)(SEQ, (SEQ, SEQ, SEQ)), ValueError, r"state: expected a pair \(h, c\)"),
    "lstm-lengths": (lambda: nn.LSTM(4, 3)(SEQ, lengths=[4, 1]), ValueError, r"lengths: expected integers in \[0, 3\]"),
    "gru-dy": (lambda: nn.GRU(4, 3).forward(SEQ)[1](SEQ), ValueError, r"dy: expected shape \(3, 2, 3\)"),
    "gru-dstate": (lambda: nn.GRU(4, 3).forward(SEQ)[1](None, SEQ), ValueError, r"dstate: expected shape \(1, 2, 3\)"),
    "cell-input": (lambda: nn.LSTMCell(4, 3)(SEQ), ValueError, r"x: expected shape \(N, 4\) or \(4\)"),
    "module-mode": (lambda: nn.ReLU().train("yes"), TypeError, "mode: expected True or False, got 'yes'"),
}


@pytest.mark.parametrize("call, error, message", ERRORS.values(), ids=ERRORS)
def test_wrong_call_names_the_argument(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
