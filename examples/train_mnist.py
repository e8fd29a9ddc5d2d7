"""Train a small convolutional net on MNIST: python examples/train_mnist.py --data FOLDER

FOLDER holds the four files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and
t10k-labels-idx1-ubyte.gz. One seed gives the same weights, bit for bit, on every run and at any number of threads.
"""

import argparse
import hashlib
import math
import sys

import numpy as np
from mnist_data import DataError, load

import fastnn
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR
from fastnn.training import accuracy


def make_model(seed):
    """Two convolutions, each halved by a max-pool, then two linear layers: 421,642 parameters."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),  # (32, 14, 14)
        nn.Conv2d(32, 64, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),  # (64, 7, 7)
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128, rng=rng), nn.ReLU(), nn.Dropout(0.3, rng=rng),
        nn.Linear(128, 10, rng=rng),
    )  # fmt: skip


def checksum(model):
    """The SHA-256 of all weights, in order."""
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.data.tobytes())
    return digest.hexdigest()


def positive(kind):
    """An argument type for argparse: a finite number of `kind` above 0."""

    def parse(text):
        value = kind(text)
        if not 0 < value < math.inf:
            raise ValueError
        return value

    parse.__name__ = f"positive {kind.__name__}"  # what argparse calls it: "invalid positive int value: '-1'"
    return parse


def report(training):
    """Print a line for the epoch that has just ended."""
    row = training.history[-1]
    print(f"epoch {row['epoch']}: loss {row['loss']:.4f}, test accuracy {row['val_accuracy']:.2%}, "
          f"{row['seconds']:.1f} s of training", flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", required=True, metavar="FOLDER", help="where the four .gz files of MNIST are")
    parser.add_argument("--epochs", type=positive(int), default=4, help="passes over the training images (%(default)s)")
    parser.add_argument("--batch-size", type=positive(int), default=64, help="images a step (%(default)s)")
    parser.add_argument("--lr", type=positive(float), default=2e-3, help="Adam's highest learning rate (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and dropout (%(default)s)")
    parser.add_argument("--threads", type=positive(int), help="how many to use (all that the machine lends)")
    parser.add_argument("--limit", type=positive(int), help="train on the first LIMIT images only")
    arguments = parser.parse_args()
    if arguments.seed < 0:
        parser.error(f"argument --seed: expected a number from 0, got {arguments.seed}")
    return arguments


def main():
    arguments = parse_arguments()
    try:
        images, labels = load(arguments.data, "train")
        test_images, test_labels = load(arguments.data, "t10k")
    except DataError as error:
        sys.exit(f"train_mnist.py: {error}")
    images, labels = images[:arguments.limit], labels[:arguments.limit]
    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)

    model = make_model(arguments.seed)
    optimizer = optim.Adam(model.parameters(), lr=arguments.lr)
    steps = math.ceil(len(images) / arguments.batch_size)
    fastnn.fit(
        model, nn.CrossEntropyLoss(), optimizer, (images, labels), epochs=arguments.epochs,
        batch_size=arguments.batch_size, rng=np.random.default_rng([arguments.seed, 1]),
        scheduler=OneCycleLR(optimizer, arguments.lr, epochs=arguments.epochs, steps_per_epoch=steps, pct_start=0.1,
                             cycle_momentum=False), step_scheduler="batch",
        validation=(test_images, test_labels), metrics={"accuracy": accuracy}, callbacks=[report])
    print(f"SHA-256 of the weights: {checksum(model)}")


if __name__ == "__main__":
    main()
