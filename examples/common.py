"""What several of these programs need: arguments, errors in a sentence, a line an epoch, and pictures of one style."""

import argparse
import contextlib
import math
import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

plt.rcParams |= {"figure.constrained_layout.use": True, "savefig.dpi": 100, "axes.titlesize": 10, "axes.grid": True,
                 "grid.color": "#e4e4e4", "grid.linewidth": 0.6, "axes.spines.top": False, "axes.spines.right": False,
                 "legend.frameon": False, "lines.linewidth": 1.8, "lines.markersize": 4}
BLUE, RED, YELLOW, GREEN, GREY = "#2a6fb0", "#c4442a", "#d99a2b", "#4a9a5f", "#777777"


@contextlib.contextmanager
def explained():
    """Ends the program with a sentence where its data cannot be had or its folder cannot be made."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")


def number_from(least, kind=int):
    """A type for argparse: finite numbers from `least` on."""
    def number(text):
        value = kind(text)
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f"expected a number from {least}, got {text}")
        return value

    number.__name__ = kind.__name__  # argparse names the type of what is no number at all
    return number


def new_file(ending):
    """A type for argparse: a name with that ending, in a folder that is there."""
    def file(text):
        path = Path(text)
        if path.suffix != ending or not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"expected a name that ends in {ending}, in a folder that is there, "
                                             f"got {text}")
        return path

    return file


def print_epoch(title=""):
    """A callback of `fastnn.fit`: a line for each epoch, with the last of the held-out figures."""
    def report(training):
        row = training.history[-1]
        name, value = list(row.items())[-1]
        held = f", held-out {name[4:]} {value:{'.4f' if name == 'val_loss' else '.2%'}}" if "val_" in name else ""
        print(f"{title}epoch {row['epoch']}/{training.epochs}: loss {row['loss']:.4f}{held}, {row['seconds']:.1f} s",
              flush=True)

    return report


def in_parts(function, x, size=500):
    """`function` of x, a part of its rows at a time: never more memory than `size` rows take."""
    return np.concatenate([function(x[start:start + size]) for start in range(0, len(x), size)])


def show_image(axis, pixels, colours="gray_r", title="", **limits):
    """An image without axes around it."""
    axis.imshow(pixels, cmap=colours, **limits)
    axis.set_title(title)
    axis.axis("off")


def tiled(maps, columns):
    """Maps (K, H, W), side by side in rows of `columns`, with gaps of NaN."""
    maps = np.pad(maps, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    rows = maps.reshape(-1, columns, *maps.shape[1:]).swapaxes(1, 2)
    return rows.reshape(-1, columns * maps.shape[2])[:-1, :-1]
