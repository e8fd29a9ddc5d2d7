"""A model of a dependent package: a convolution whose feature rows an LSTM reads, one row of the image a step."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fastnn import functional as F
from fastnn import nn, optim

__all__ = ["RowReader", "probabilities", "train_step"]

Array = NDArray[np.float32]


class RowReader(nn.Module):
    """Classifies (N, 1, H, W) images into `classes` classes."""

    def __init__(self, width: int, channels: int, hidden: int, classes: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.conv = nn.Conv2d(1, channels, 3, padding=1, rng=rng)
        self.relu = nn.ReLU()
        self.lstm = nn.LSTM(width * channels, hidden, rng=rng)
        self.head = nn.Linear(hidden, classes, rng=rng)

    def __call__(self, images: Array) -> Array:
        outputs, _ = self.lstm(_rows_first(self.relu(self.conv(images))))
        logits: Array = self.head(outputs[-1])
        return logits

    def forward(self, images: Array) -> tuple[Array, Callable[[Array], None]]:
        features, backprop_conv = self.conv.forward(images)
        features, backprop_relu = self.relu.forward(features)
        (outputs, _), backprop_lstm = self.lstm.forward(_rows_first(features))
        logits, backprop_head = self.head.forward(outputs[-1])

        def backprop(dlogits: Array) -> None:
            doutputs = np.zeros_like(outputs)
            doutputs[-1] = backprop_head(dlogits)
            drows, _ = backprop_lstm(doutputs)
            backprop_conv(backprop_relu(_channels_first(drows, features.shape)), need_dx=False)

        return logits, backprop


def probabilities(model: RowReader, images: Array) -> Array:
    """(N, classes), each row summing to one."""
    return F.softmax(model(images))


def train_step(model: RowReader, optimizer: optim.Adam, images: Array, labels: NDArray[np.int64]) -> float:
    """One step of gradient descent; returns the loss before it."""
    logits, backprop = model.forward(images)
    loss, backprop_loss = nn.CrossEntropyLoss().forward(logits, labels)
    backprop(backprop_loss())
    optimizer.step()
    optimizer.zero_grad()
    return float(loss)


def _rows_first(features: Array) -> Array:
    """(N, C, H, W) -> (H, N, C * W)"""
    n, c, h, w = features.shape
    return np.ascontiguousarray(features.transpose(2, 0, 1, 3)).reshape(h, n, c * w)


def _channels_first(rows: Array, shape: tuple[int, ...]) -> Array:
    """(H, N, C * W) -> (N, C, H, W)"""
    n, c, h, w = shape
    return np.ascontiguousarray(rows.reshape(h, n, c, w).transpose(1, 2, 0, 3))
