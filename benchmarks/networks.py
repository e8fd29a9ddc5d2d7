"""Whole networks for end_to_end.py: how fastnn takes a training step. networks_torch.py has the same in PyTorch.

`build()` returns a function that takes one training step and returns the loss, and the initial weights by name.
"""

import numpy as np
from network_data import SEED, data

from fastnn import nn, optim


class BasicBlock(nn.Module):
    """ResNet's basic block (He et al. 2015, figure 2): two 3x3 convolutions with batch norm, and a shortcut."""

    def __init__(self, channels, rng):
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False, rng=rng)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False, rng=rng)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x):
        y, back = x, []
        for layer in (self.conv1, self.bn1, self.relu, self.conv2, self.bn2):
            y, step = layer.forward(y)
            back.append(step)
        y += x
        y, back_relu = self.relu.forward(y)

        def backprop(dy):
            dy = dx = back_relu(dy)
            for step in reversed(back):
                dx = step(dx)
            return dx + dy

        return y, backprop


class Tagger(nn.Module):
    """A recurrent net over a sequence, and a linear layer at each of its steps."""

    def __init__(self, recurrent, classes, width, rng, symbols=None):
        self.embedding = None if symbols is None else nn.Embedding(symbols, recurrent.input_size, rng=rng)
        self.recurrent, self.linear = recurrent, nn.Linear(width, classes, rng=rng)

    def forward(self, x):
        if self.embedding is not None:
            x, back_embedding = self.embedding.forward(x)
        (h, _), back_recurrent = self.recurrent.forward(x)
        y, back_linear = self.linear.forward(h)

        def backprop(dy):
            dx, _ = back_recurrent(back_linear(dy), need_dx=self.embedding is not None)
            if self.embedding is not None:
                back_embedding(dx)

        return y, backprop


def mnist_cnn(rng):
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128, rng=rng), nn.ReLU(), nn.Linear(128, 10, rng=rng))
    return model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3)


def resnet_block(rng):
    model = BasicBlock(64, rng)
    return model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)


def char_lstm(rng):
    model = Tagger(nn.LSTM(64, 256, rng=rng), 96, 256, rng, symbols=96)
    return model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3)


def speech_gru(rng):
    model = Tagger(nn.GRU(80, 256, num_layers=2, bidirectional=True, rng=rng), 40, 512, rng)
    return model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3)


NETWORKS = {
    "mnist_cnn": (mnist_cnn, "N64 1x28x28: two 3x3 convolutions, two linear layers; Adam"),
    "resnet_block": (resnet_block, "N8 64x56x56: ResNet's basic block with batch norm; SGD"),
    "char_lstm": (char_lstm, "T64 N32: embedding of 96 characters, LSTM of 256, linear; Adam"),
    "speech_gru": (speech_gru, "T160 N32 I80: two bidirectional layers of GRU of 256, linear; Adam"),
}


def build(name):
    model, criterion, optimizer = NETWORKS[name][0](np.random.default_rng(SEED))
    x, target = data(name)

    def step():
        y, backprop = model.forward(x)
        classes = y.reshape(-1, y.shape[-1]) if target.dtype.kind == "i" else y
        loss, backprop_loss = criterion.forward(classes, target.reshape(-1) if classes is not y else target)
        dy = backprop_loss().reshape(y.shape)
        backprop(dy, need_dx=False) if isinstance(model, nn.Sequential) else backprop(dy)
        optimizer.step()
        optimizer.zero_grad()
        return float(loss)

    return step, model.state_dict()
