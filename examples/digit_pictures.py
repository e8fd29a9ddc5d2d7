"""The pictures of the demo."""

import numpy as np
from common import BLUE, RED, plt

COLOURS = {"CNN": BLUE, "LSTM": RED}


def filters(weight, digit, maps, path):
    """The first layer's filters, each above what it makes of one digit. weight: (K, 1, R, S); maps: (K, H, W)."""
    columns = len(weight) // 2
    figure = plt.figure(figsize=(10.5, 4.4))
    left, right = figure.subfigures(1, 2, width_ratios=[1, 3.4])
    _image(left.subplots(), digit, "gray_r", "a held-out digit")
    axes = right.subplots(4, columns, gridspec_kw={"hspace": 0.06, "wspace": 0.06})
    limit = np.abs(weight).max()
    for k, (kernel, feature_map) in enumerate(zip(weight[:, 0], maps, strict=True)):
        row = 2 * (k // columns)
        _image(axes[row, k % columns], kernel, "RdBu_r", vmin=-limit, vmax=limit)
        _image(axes[row + 1, k % columns], feature_map, "magma", vmin=0, vmax=max(feature_map.max(), 1e-6))
    for row, text in enumerate(["filters", "maps"] * 2):
        axes[row, 0].set_ylabel(text, fontsize=9)
    figure.suptitle(f"The first layer's {len(weight)} learned filters (blue negative, red positive) "
                    "and the feature maps that they make of one digit", fontsize=11)
    _save(figure, path)


def learning_curves(histories, path):
    """Training loss and held-out error by epoch, one line for each model."""
    figure, (loss_axis, error_axis) = plt.subplots(1, 2, figsize=(10, 3.8))
    for name, history in histories.items():
        losses, accuracies = np.array(history).T
        epochs = np.arange(1, len(history) + 1)
        style = {"color": COLOURS[name], "marker": "o"}
        loss_axis.plot(epochs, losses, **style, label=name)
        error_axis.plot(epochs, 100 * accuracies, **style, label=f"{name}: {accuracies[-1]:.2%} at the end")
    loss_axis.set(title="training loss", xlabel="epoch", yscale="log")
    error_axis.set(title="held-out accuracy, %", xlabel="epoch", ylim=(80, 100.5))
    for axis in (loss_axis, error_axis):
        axis.legend()
    _save(figure, path)


def confusion(matrices, path):
    """The confusion matrices side by side: right answers in blue, mistakes in red."""
    figure, axes = plt.subplots(1, len(matrices), figsize=(10.4, 5.6))
    for axis, (name, matrix) in zip(axes, matrices.items(), strict=True):
        right = np.eye(10, dtype=bool)
        axis.imshow(np.ma.masked_array(matrix, ~right), cmap="Blues", vmin=0, vmax=2 * matrix.max())
        axis.imshow(np.ma.masked_array(matrix, right | (matrix == 0)), cmap="Reds", vmin=-1, vmax=6)
        for (wanted, found), count in np.ndenumerate(matrix):
            if count:
                axis.text(found, wanted, count, ha="center", va="center", fontsize=9)
        axis.set(title=f"{name}: {np.trace(matrix) / matrix.sum():.2%} of {matrix.sum()} held-out digits",
                 xlabel="answer", ylabel="true digit", xticks=range(10), yticks=range(10))
        axis.set_xticks(np.arange(11) - 0.5, minor=True)
        axis.set_yticks(np.arange(11) - 0.5, minor=True)
        axis.grid(False)
        axis.grid(which="minor")
        axis.spines[:].set_visible(False)
        axis.tick_params(which="both", length=0)
    _save(figure, path)


def _image(axis, pixels, colours, title="", **limits):
    axis.imshow(pixels, cmap=colours, **limits)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=10)
    axis.spines[:].set_visible(False)


def _save(figure, path):
    figure.savefig(path, dpi=100)
    plt.close(figure)
