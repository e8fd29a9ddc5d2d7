"""Train a small convolutional net on MNIST: python examples/train_mnist.py --data FOLDER

FOLDER holds the four files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and
t10k-labels-idx1-ubyte.gz. One seed gives the same weights, bit for bit, on every run and at any number of threads. A
picture shows what the first layer's filters were and became, and what each layer makes of one digit.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
from common import BLUE, number_from, plt, print_epoch, show_image, tiled
from mnist_data import digits_or_exit, nearest, shifted

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR
from fastnn.training import accuracy

EPOCHS, BATCH, LR = 6, 64, 2e-3
WEIGHT_DECAY = 0.3  # what a filter does not need fades
SHIFT = 2  # pixels by which a training image is moved at most, anew each epoch


def make_model(seed):
    """Two convolutions, each halved by a max-pool, then two linear layers: 422,154 parameters."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2, rng=rng), nn.ReLU(), nn.MaxPool2d(2),  # (32, 14, 14)
        nn.Conv2d(32, 64, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),  # (64, 7, 7)
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128, rng=rng), nn.ReLU(), nn.Dropout(0.3, rng=rng),
        nn.Linear(128, 10, rng=rng),
    )  # fmt: skip


class Shifted:
    """The batches of an epoch: the images in a new order, each moved a little."""

    def __init__(self, images, labels, batch_size, rng):
        self.images, self.labels, self.batch_size, self.rng = images, labels, batch_size, rng

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __iter__(self):
        order = self.rng.permutation(len(self.images))
        for start in range(0, len(order), self.batch_size):
            rows = order[start:start + self.batch_size]
            yield shifted(self.images[rows], SHIFT, self.rng), self.labels[rows]


def tiles(maps, columns):
    """Maps (K, H, W), each scaled to its own range, side by side."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    return tiled((maps - low) / np.maximum(high - low, 1e-9), columns)


def draw(before, model, image, path):
    """The first layer's filters before and after, and the maps of one digit (1, 28, 28) behind each stage."""
    figure = plt.figure(figsize=(10, 7.4))
    axes = figure.subplot_mosaic([["before", "after"], ["first", "first"], ["second", "second"], ["digit", "answer"]],
                                 height_ratios=[2.1, 1.25, 2.5, 1.6])
    first, second = model[:3](image[None])[0], model[:6](image[None])[0]
    for name, maps, columns, colours, title in (
            ("before", before[:, 0], 8, "gray", "the first layer's 32 filters before training: random numbers"),
            ("after", model[0].weight[:, 0], 8, "gray", "and after: edges and strokes"),
            ("first", first, 16, "magma", "what they make of the digit below, halved by a max-pool: 32 maps, 14x14"),
            ("second", second, 16, "magma", "what the second convolution makes of those, halved again: 64 maps, 7x7")):
        show_image(axes[name], tiles(maps, columns), colours, title)
    show_image(axes["digit"], image[0], title="a test image")
    chances = F.softmax(model(image[None])[0], 0)
    bars = axes["answer"].bar(range(10), chances, color=BLUE)
    axes["answer"].bar_label(bars, [f"{chance:.1%}" if chance >= 0.001 else "" for chance in chances], fontsize=9)
    axes["answer"].set(xticks=range(10), ylim=(0, 1.2), yticks=[], title="the answer: the probability of each digit")
    axes["answer"].spines["left"].set_visible(False)
    axes["answer"].grid(False)
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", required=True, metavar="FOLDER", help="where the four .gz files of MNIST are")
    parser.add_argument("--epochs", type=number_from(1), default=EPOCHS, help="passes over the images (%(default)s)")
    parser.add_argument("--batch-size", type=number_from(1), default=BATCH, help="images a step (%(default)s)")
    parser.add_argument("--lr", type=number_from(1e-9, float), default=LR,
                        help="AdamW's highest learning rate (%(default)s)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of weights, order and dropout (%(default)s)")
    parser.add_argument("--threads", type=number_from(1), help="how many to use (all that the machine lends)")
    parser.add_argument("--limit", type=number_from(1), help="train on the first LIMIT images only")
    parser.add_argument("--output", type=Path, default=Path("pictures"), help="folder for the picture (%(default)s)")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    (images, labels), (test_images, test_labels) = digits_or_exit(arguments)
    images, labels = images[:arguments.limit], labels[:arguments.limit]
    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)

    model = make_model(arguments.seed)
    before = model[0].weight.copy()
    optimizer = optim.AdamW(model.parameters(), lr=arguments.lr, weight_decay=WEIGHT_DECAY)
    batches = Shifted(images, labels, arguments.batch_size, np.random.default_rng([arguments.seed, 1]))
    history = fastnn.fit(
        model, nn.CrossEntropyLoss(), optimizer, batches, epochs=arguments.epochs, batch_size=500,
        scheduler=OneCycleLR(optimizer, arguments.lr, epochs=arguments.epochs, steps_per_epoch=len(batches),
                             cycle_momentum=False), step_scheduler="batch",
        validation=(test_images, test_labels), metrics={"accuracy": accuracy}, callbacks=[print_epoch()])
    weights = b"".join(parameter.data.tobytes() for parameter in model.parameters())
    print(f"SHA-256 of the weights: {hashlib.sha256(weights).hexdigest()}")
    reached = next((row["epoch"] for row in history if row["val_accuracy"] >= 0.99), None)
    if reached:
        print(f"99% after {reached} epochs: {sum(history['seconds'][:reached]):.1f} s of training")
    found = labels[nearest(images, test_images)]
    print(f"no network, the nearest training image: {np.mean(found == test_labels):.2%}")
    path = arguments.output / "train_mnist.png"
    draw(before, model, test_images[np.flatnonzero(test_labels == 4)[0]], path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
