"""Trains a small CNN, and an LSTM that reads a digit row by row, on scikit-learn's 1,797 handwritten digits.

Shows progress and held-out accuracy, writes pictures, and ends with each kernel's time against the NumPy reference's.

    python examples/demo_digits.py --output demo
"""

import argparse
import time
from pathlib import Path

import digit_pictures as pictures
import numpy as np
from common import print_epoch
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import CosineAnnealingLR
from fastnn.training import accuracy

SEED = 7
BATCH = 32


class RowReader(nn.Module):
    """An LSTM over the rows of an image; the last step's output is classified."""

    def __init__(self, rng):
        self.lstm = nn.LSTM(8, 64, rng=rng)
        self.head = nn.Linear(64, 10, rng=rng)

    def __call__(self, images):
        y, _ = self.lstm(rows_first(images))
        return self.head(y[-1])

    def forward(self, images):
        (y, _), backprop_lstm = self.lstm.forward(rows_first(images))
        logits, backprop_head = self.head.forward(y[-1])

        def backprop(dlogits, *, need_dx=True):
            dy = np.zeros_like(y)
            dy[-1] = backprop_head(dlogits)
            dx, _ = backprop_lstm(dy, need_dx=need_dx)
            return dx.transpose(1, 0, 2)[:, None] if need_dx else None

        return logits, backprop


def rows_first(images):
    """(N, 1, H, W) -> (H, N, W): a row of pixels a step"""
    return np.ascontiguousarray(images[:, 0].transpose(1, 0, 2))


def make_cnn(rng):
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2, rng=rng), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3, rng=rng), nn.Linear(32 * 4 * 4, 10, rng=rng))


def load():
    """((images, labels) to train on, (images, labels) held out); images (N, 1, 8, 8) in [0, 1]."""
    digits = load_digits()
    images = (digits.images[:, None] / 16).astype(np.float32)
    x, held_x, y, held_y = train_test_split(images, digits.target, test_size=0.25, random_state=SEED,
                                            stratify=digits.target)
    return (x, y), (held_x, held_y)


def train(name, model, data, held_out, epochs, lr):
    """Train with Adam, the learning rate falling to zero as a half cosine; returns one (loss, accuracy) an epoch."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    batches = -(-len(data[0]) // BATCH)
    history = fastnn.fit(model, nn.CrossEntropyLoss(), optimizer, data, epochs=epochs, batch_size=BATCH, rng=SEED,
                         scheduler=CosineAnnealingLR(optimizer, epochs * batches), step_scheduler="batch",
                         validation=held_out, metrics={"accuracy": accuracy}, callbacks=[print_epoch(f"{name}, ")])
    return list(zip(history["loss"], history["val_accuracy"]))


def print_confusion(name, matrix):
    right, count = np.trace(matrix), matrix.sum()
    print(f"\n{name}: {right} of {count} held-out digits right, {right / count:.2%}."
          " A row for each true digit, a column for each answer:")
    print("     " + "".join(f"{digit:4}" for digit in range(10)))
    for digit, row in enumerate(matrix):
        print(f"  {digit}  " + "".join(f"{count or '.':>4}" for count in row))


def kernel_calls(rng):
    """(name, function that calls the kernels forward, one that calls them forward and backward) at the demo's sizes."""
    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    weights = {gates: (normal(gates * 64, 8), normal(gates * 64, 64), normal(gates * 64), normal(gates * 64))
               for gates in (1, 3, 4)}
    x, h = normal(8, BATCH, 8), normal(BATCH, 64)
    cases = [
        ("conv2d", "1 -> 16, 5x5, 8x8", F.conv2d, (normal(BATCH, 1, 8, 8), normal(16, 1, 5, 5), normal(16), 1, 2)),
        ("conv2d", "16 -> 32, 3x3, 8x8", F.conv2d, (normal(BATCH, 16, 8, 8), normal(32, 16, 3, 3), normal(32), 1, 1)),
        ("max_pool2d", "32 channels, 8x8, 2x2", F.max_pool2d, (normal(BATCH, 32, 8, 8), 2)),
        ("avg_pool2d", "32 channels, 8x8, 2x2", F.avg_pool2d, (normal(BATCH, 32, 8, 8), 2)),
        ("rnn", "8 steps, 8 -> 64", F.rnn, (x, h, *weights[1])),
        ("gru", "8 steps, 8 -> 64", F.gru, (x, h, *weights[3])),
        ("lstm", "8 steps, 8 -> 64", F.lstm, (x, (h, h), *weights[4])),
        ("linear", "512 -> 10", F.linear, (normal(BATCH, 512), normal(10, 512), normal(10))),
    ]
    for op, what, forward, args in cases:
        keep, backward = getattr(F, f"{op}_forward"), getattr(F, f"{op}_backward")
        result = forward(*args)
        dy = np.ones_like(result[0] if isinstance(result, tuple) else result)
        yield (op, what, lambda forward=forward, args=args: forward(*args),
               lambda keep=keep, backward=backward, args=args, dy=dy: backward(dy, keep(*args)[1]))


def microseconds(call, seconds=0.2):
    """The time of the fastest call: the others were disturbed by whatever else runs on the machine."""
    call()
    times, deadline = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < deadline:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6


def print_kernel_table():
    print(f"\nEach kernel against the NumPy reference, batch {BATCH}, float32, {fastnn.get_num_threads()} threads;"
          " the fastest call, in microseconds")
    print(f"{'':34}{'forward':^30}{'forward and gradients':^30}")
    print(f"{'kernel':12}{'size':22}" + f"{'fastnn':>10}{'NumPy':>10}{'ratio':>8}  " * 2)
    for op, what, *calls in kernel_calls(np.random.default_rng(SEED)):
        line = f"{op:12}{what:22}"
        for call in calls:
            mine = microseconds(call)
            with fastnn.use_backend("reference"):
                reference = microseconds(call)
            line += f"{mine:10.1f}{reference:10.1f}{reference / mine:7.1f}x  "
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for the pictures")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    fastnn.show_config()
    data, held_out = load()
    print(f"\n{len(data[0])} digits to train on, {len(held_out[0])} held out")

    cnn, reader = make_cnn(np.random.default_rng(SEED)), RowReader(np.random.default_rng(SEED))
    histories = {"CNN": train("CNN", cnn, data, held_out, epochs=15, lr=3e-3),
                 "LSTM": train("LSTM", reader, data, held_out, epochs=20, lr=1e-2)}
    matrices = {name: confusion_matrix(held_out[1], model(held_out[0]).argmax(axis=1))
                for name, model in (("CNN", cnn), ("LSTM", reader))}
    for name, matrix in matrices.items():
        print_confusion(name, matrix)

    digit = held_out[0][np.flatnonzero(held_out[1] == 3)[0]]
    pictures.filters(cnn[0].weight, digit[0], cnn[:2](digit[None])[0], folder / "filters.png")
    pictures.learning_curves(histories, folder / "learning_curves.png")
    pictures.confusion(matrices, folder / "confusion.png")
    print(f"\npictures: {', '.join(str(path) for path in sorted(folder.glob('*.png')))}")
    print_kernel_table()


if __name__ == "__main__":
    main()
