"""Filters learned from the digits 0 to 4, frozen, let a new head learn 5 to 9 from ten examples of each.

    python examples/transfer.py                          # scikit-learn's digits
    python examples/transfer.py --data FOLDER            # MNIST: the folder of its four .gz files

Beside it, on the same examples: the same net from random weights, the new head on random filters, and no network at
all, the nearest example. A frozen layer needs no gradient, so its results are computed once.
"""

import argparse
from pathlib import Path

import numpy as np
from common import BLUE, GREY, RED, YELLOW, in_parts, number_from, plt, show_image, tiled
from mnist_data import digits_or_exit, nearest
from tqdm import tqdm

import fastnn
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import CosineAnnealingLR
from fastnn.training import accuracy, evaluate

EXAMPLES = (1, 3, 10, 30, 100)  # of each of the five new digits
COLOURS = {"filters of 0 to 4, frozen": BLUE, "random filters, frozen": YELLOW, "all from scratch": RED,
           "no network: nearest example": GREY}


def make_filters(rng):
    """Images (N, 1, 28, 28) -> features (N, 64 * 7 * 7)"""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())


def make_head(rng):
    return nn.Sequential(nn.Dropout(0.3, rng=rng), nn.Linear(64 * 7 * 7, 5, rng=rng))


def train(model, x, y, epochs, rng, batch_size=50, lr=2e-3, **options):
    optimizer = optim.Adam(model.parameters(), lr=lr)
    steps = epochs * -(-len(x) // batch_size)
    fastnn.fit(model, nn.CrossEntropyLoss(), optimizer, (x, y), epochs=epochs, batch_size=batch_size, rng=rng,
               scheduler=CosineAnnealingLR(optimizer, steps), step_scheduler="batch", **options)
    return model


def right(model, x, y):
    return evaluate(model, nn.CrossEntropyLoss(), (x, y), metrics={"accuracy": accuracy}, batch_size=500)["accuracy"]


def compare(views, labels, held_views, held_labels, count, rng, steps):
    """The held-out accuracies, in the order of COLOURS, from `count` examples of each digit.

    views: the images themselves as "pixels", and what the "learned" and the "random" filters make of them.
    """
    drawn = np.concatenate([rng.choice(np.flatnonzero(labels == digit), count, replace=False) for digit in range(5)])
    y, epochs = labels[drawn], max(1, steps // -(-len(drawn) // 50))
    found = []
    for view, model in (("learned", make_head(rng)), ("random", make_head(rng)),
                        ("pixels", nn.Sequential(*make_filters(rng), *make_head(rng)))):
        train(model, views[view][drawn], y, epochs, rng, progress=False)
        found.append(right(model, held_views[view], held_labels))
    near = y[nearest(views["pixels"][drawn], held_views["pixels"])]
    return [*found, np.mean(near == held_labels)]


def draw(weights, examples, table, counts, path):
    """The learned filters and ten examples of each new digit; the accuracies by the number of examples."""
    figure = plt.figure(figsize=(10, 4.6))
    left, chart = figure.subfigures(1, 2, width_ratios=[1, 1.5])
    above, below = left.subplots(2, 1, height_ratios=[4, 5])
    show_image(above, tiled(weights[:, 0], 8), "gray", "32 filters, learned from 0 to 4")
    show_image(below, tiled(examples[:, 0], 10), title="ten examples of each new digit")
    axis = chart.subplots()
    for (name, colour), values in zip(COLOURS.items(), 100 * table.transpose(2, 1, 0)):
        axis.plot(counts, values.mean(axis=0), color=colour, marker="o", label=name)
        axis.fill_between(counts, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    axis.set(xscale="log", xticks=counts, xticklabels=counts, xlabel="examples of each of the digits 5 to 9",
             ylabel="held-out digits 5 to 9 right, %", title="mean and range over the draws")
    axis.minorticks_off()
    axis.legend(loc="lower right")
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="FOLDER", help="of MNIST's four .gz files (without: scikit-learn's digits)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of weights, order and draws (%(default)s)")
    parser.add_argument("--draws", type=number_from(1), default=5,
                        help="of the examples, for mean and range (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("pictures"), help="folder for the picture (%(default)s)")
    parser.add_argument("--small", action="store_true", help="few images and steps, to see that it runs")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    (x, y), (held_x, held_y) = digits_or_exit(arguments)
    if arguments.small:
        x, y, held_x, held_y, arguments.draws = x[:600], y[:600], held_x[:300], held_y[:300], 1
    counts, steps = (EXAMPLES[:3], 20) if arguments.small else (EXAMPLES, 200)
    rng = np.random.default_rng(arguments.seed)

    old, held_old = y < 5, held_y < 5
    filters, untrained = make_filters(rng), make_filters(rng)
    whole = nn.Sequential(*filters, *make_head(rng))
    train(whole, x[old], y[old], 2 if arguments.data or arguments.small else 20, rng)
    print(f"digits 0 to 4, {old.sum()} images: {right(whole, held_x[held_old], held_y[held_old]):.2%} held out")

    new, held_new = x[~old], held_x[~held_old]
    views, held_views = ({"pixels": images, "learned": in_parts(filters, images),
                          "random": in_parts(untrained, images)} for images in (new, held_new))
    labels, held_labels = y[~old] - 5, held_y[~held_old] - 5
    rounds = [(count, draw) for count in counts for draw in range(arguments.draws)]
    results = [compare(views, labels, held_views, held_labels, count, np.random.default_rng([arguments.seed, draw]),
                       steps) for count, draw in tqdm(rounds, desc="new heads", leave=False, disable=None)]
    table = np.array(results).reshape(len(counts), arguments.draws, len(COLOURS))

    print(f"digits 5 to 9, {len(held_new)} held out, mean of {arguments.draws} draws\n{'examples of each digit':30}"
          + "".join(f"{count:>8}" for count in counts))
    for k, name in enumerate(COLOURS):
        print(f"{name:30}" + "".join(f"{share:8.1%}" for share in table[:, :, k].mean(axis=1)))
    first = np.concatenate([np.flatnonzero(labels == digit)[:10] for digit in range(5)])
    path = arguments.output / "transfer.png"
    draw(filters[0].weight, new[first], table, counts, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
