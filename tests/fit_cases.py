"""A small task and net for the tests of the training loop."""

import numpy as np

from fastnn import nn, optim
from fastnn.training import fit


def make_data(n=50, seed=0):
    """Three classes of points in a plane, apart from each other."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    centres = np.array([[0, 2], [2, -1], [-2, -1]])
    return (centres[labels] + 0.5 * rng.standard_normal((n, 2))).astype(np.float32), labels


def make_net(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Linear(2, 8, rng=rng), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2, rng=rng),
                         nn.Linear(8, 3, rng=rng))


def train(net=None, data=None, optimizer=None, criterion=None, **options):
    """`fit` of the net above, unless told otherwise."""
    net = make_net() if net is None else net
    optimizer = optim.Adam(net.parameters(), lr=0.01) if optimizer is None else optimizer
    options = {"epochs": 2, "batch_size": 8, "rng": 1, "progress": False} | options
    history = fit(net, nn.CrossEntropyLoss() if criterion is None else criterion, optimizer,
                  make_data() if data is None else data, **options)
    return net, history
