"""Whole nets, end to end in float64: the gradients that backprop returns and adds, against finite differences."""

import numpy as np
from finite_differences import assert_gradients

from fastnn import nn


def check(model, x, run, dys, dx):
    """Check dx, and the gradients that backprop has added to the parameters, of sum(dy * run(x))."""
    parameters = list(model.parameters())

    def of_everything(x, *values):
        for p, value in zip(parameters, values, strict=True):
            p.data = value
        return run(x)

    arrays = [x, *(p.data.copy() for p in parameters)]
    assert_gradients(of_everything, arrays, dys, [dx, *(p.grad for p in parameters)])


def test_cnn_gradients_match_finite_differences():
    rng, as64 = np.random.default_rng(0), {"dtype": np.float64}
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, **as64, rng=rng), nn.GELU(), nn.AvgPool2d(2),
        nn.Conv2d(3, 4, 2, groups=1, stride=2, **as64, rng=rng), nn.Tanh(), nn.MaxPool2d(1),
        nn.Flatten(), nn.Linear(4, 3, **as64, rng=rng),
    )  # fmt: skip
    x, labels, criterion = rng.standard_normal((2, 2, 6, 5)), np.array([2, 0]), nn.CrossEntropyLoss()
    logits, backprop = model.forward(x)
    _, backprop_loss = criterion.forward(logits, labels)
    check(model, x, lambda x: criterion(model(x), labels), np.float64(1), backprop(backprop_loss()))


def test_bidirectional_lstm_gradients_match_finite_differences():
    rng = np.random.default_rng(1)
    model = nn.LSTM(2, 3, 2, bidirectional=True, dtype=np.float64, rng=rng)
    x, lengths = rng.standard_normal((4, 3, 2)), [4, 2, 0]
    state = rng.standard_normal((2, 4, 3, 3))
    (y, (h, c)), backprop = model.forward(x, tuple(state), lengths)
    dys = tuple(rng.standard_normal(array.shape) for array in (y, h, c))
    dx, (dh, dc) = backprop(dys[0], dys[1:])

    def run(x):
        y, (h, c) = model(x, tuple(state), lengths)
        return y, h, c

    def of_state(h0, c0):
        y, (h, c) = model(x, (h0, c0), lengths)
        return y, h, c

    assert_gradients(of_state, list(state), dys, [dh, dc])
    check(model, x, run, dys, dx)
