"""The networks of networks.py in PyTorch, from the same initial weights."""

import torch
from network_data import data
from torch import nn


class BasicBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + x)


class Tagger(nn.Module):
    def __init__(self, recurrent, classes, width, symbols=None):
        super().__init__()
        self.embedding = None if symbols is None else nn.Embedding(symbols, recurrent.input_size)
        self.recurrent, self.linear = recurrent, nn.Linear(width, classes)

    def forward(self, x):
        return self.linear(self.recurrent(x if self.embedding is None else self.embedding(x))[0])


def mnist_cnn():
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10))
    return model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-3)


def resnet_block():
    model = BasicBlock(64)
    return model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)


def char_lstm():
    model = Tagger(nn.LSTM(64, 256), 96, 256, symbols=96)
    return model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-3)


def speech_gru():
    model = Tagger(nn.GRU(80, 256, num_layers=2, bidirectional=True), 40, 512)
    return model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-3)


def build(name, weights):
    model, criterion, optimizer = globals()[name]()
    model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    x, target = map(torch.from_numpy, data(name))
    x.requires_grad_(name == "resnet_block")  # a block stands inside a net: the layers below want its gradient

    def step():
        optimizer.zero_grad()
        x.grad = None
        y = model(x)
        if target.dtype == torch.int64:
            loss = criterion(y.reshape(-1, y.shape[-1]), target.reshape(-1))
        else:
            loss = criterion(y, target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
