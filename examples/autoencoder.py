"""Compress digits to a few numbers each and draw them back; with two numbers, a map of all digits.

    python examples/autoencoder.py                       # scikit-learn's digits
    python examples/autoencoder.py --data FOLDER         # MNIST: the folder of its four .gz files

Beside the convolutional autoencoder, which never sees a label: principal components, the best that a linear map can
do with as many numbers. Shows held-out squared errors, and how well a digit's neighbours in the map agree with it.
"""

import argparse
from pathlib import Path

import numpy as np
from common import in_parts, number_from, plt, print_epoch, show_image
from mnist_data import digits_or_exit
from sklearn.neighbors import KNeighborsClassifier

import fastnn
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR

CODES = (2, 16)  # numbers that an image becomes
SHOWN = 2000  # held-out images on the map


class Autoencoder(nn.Module):
    """Images (N, 1, 28, 28) -> the same, by way of `code` numbers each."""

    def __init__(self, code, rng):
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1, rng=rng), nn.ReLU(),  # (16, 14, 14)
            nn.Conv2d(16, 32, 3, stride=2, padding=1, rng=rng), nn.ReLU(),  # (32, 7, 7)
            nn.Flatten(), nn.Linear(32 * 7 * 7, 128, rng=rng), nn.ReLU(), nn.Linear(128, code, rng=rng))
        self.decoder = nn.Sequential(
            nn.Linear(code, 128, rng=rng), nn.ReLU(), nn.Linear(128, 32 * 7 * 7, rng=rng), nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1, rng=rng), nn.ReLU(),  # (16, 14, 14)
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1, rng=rng))  # (1, 28, 28)

    def forward(self, images):
        codes, back_encoder = self.encoder.forward(images)
        drawn, back_decoder = self.decoder.forward(codes)
        return drawn, lambda dy: back_encoder(back_decoder(dy), need_dx=False)


class Components:
    """The principal components of the images: encoder and decoder as above, by linear algebra."""

    def __init__(self, code, images):
        flat = images.reshape(len(images), -1)
        self.mean = flat.mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov(flat.T))
        self.axes = vectors[:, :-code - 1:-1].astype(np.float32)

    def encoder(self, images):
        return (images.reshape(len(images), -1) - self.mean) @ self.axes

    def decoder(self, codes):
        return (codes @ self.axes.T + self.mean).reshape(-1, 1, 28, 28)


def train(code, images, held_out, epochs, seed):
    """An autoencoder by Adam, the learning rate rising and then falling to nothing."""
    model = Autoencoder(code, np.random.default_rng([seed, code]))
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    fastnn.fit(model, nn.MSELoss(), optimizer, (images, images), epochs=epochs, batch_size=64, rng=seed,
               scheduler=OneCycleLR(optimizer, 3e-3, total_steps=epochs * -(-len(images) // 64), cycle_momentum=False),
               step_scheduler="batch", validation=(held_out, held_out), callbacks=[print_epoch(f"{code} numbers, ")])
    return model


def draw(rows, maps, labels, path):
    """rows: {title: ten images (10, 1, 28, 28)}; maps: {title: (N, 2)}, coloured by label."""
    figure = plt.figure(figsize=(10, 9.4))
    above, below = figure.subfigures(2, 1, height_ratios=[len(rows), 6])
    for axis, (title, images) in zip(above.subplots(len(rows), 1), rows.items()):
        show_image(axis, np.concatenate(images[:, 0], axis=1), vmin=-0.42, vmax=2.8)
        axis.text(-0.01, 0.5, title, transform=axis.transAxes, ha="right", va="center", fontsize=9)
    for axis, (title, codes) in zip(below.subplots(1, len(maps)), maps.items()):
        for digit in range(10):
            axis.scatter(*codes[labels == digit].T, s=5, color=plt.cm.tab10(digit), linewidths=0)
        for digit in range(10):
            axis.text(*np.median(codes[labels == digit], axis=0), str(digit), fontsize=13, fontweight="bold",
                      ha="center", va="center", bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "alpha": 0.8,
                                                      "ec": plt.cm.tab10(digit)})
        low, high = np.percentile(codes, [1, 99], axis=0)
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[], title=title)
        axis.spines[:].set_visible(True)
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="FOLDER", help="of MNIST's four .gz files (without: scikit-learn's digits)")
    parser.add_argument("--epochs", type=number_from(1), help="passes over the images (MNIST 6, scikit-learn's 60)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of weights and order (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("pictures"), help="folder for the picture (%(default)s)")
    parser.add_argument("--small", action="store_true", help="few images and epochs, to see that it runs")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    (x, y), (held_x, held_y) = digits_or_exit(arguments)
    epochs = arguments.epochs or (6 if arguments.data else 60)
    if arguments.small:
        x, y, held_x, held_y, epochs = x[:200], y[:200], held_x[:100], held_y[:100], 1

    ten = [np.flatnonzero(held_y == digit)[0] for digit in range(10)]
    rows, maps, lines = {"held out": held_x[ten]}, {}, []
    for code in CODES:
        for name, model in ((f"autoencoder, {code}", train(code, x, held_x, epochs, arguments.seed)),
                            (f"components, {code}", Components(code, x))):
            codes, held_codes = in_parts(model.encoder, x), in_parts(model.encoder, held_x)
            drawn = in_parts(model.decoder, held_codes)
            agree = KNeighborsClassifier(10).fit(codes, y).score(held_codes, held_y)  # ten neighbours vote
            lines.append(f"{name + ' numbers':30} {np.mean((drawn - held_x)**2):10.4f} {agree:15.1%}")
            rows[name] = drawn[ten]
            if code == 2:
                maps[f"{name} numbers: {agree:.1%} beside their like"] = held_codes[:SHOWN]
    print(f"\n{'':30} {'held-out error':>10} {'neighbours agree':>15}", *lines, sep="\n")
    path = arguments.output / "autoencoder.png"
    draw(rows, maps, held_y[:SHOWN], path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
