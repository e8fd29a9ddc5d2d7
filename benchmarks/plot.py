"""The ratios of a comparison as one picture: a row for each case, a dot for each contender."""

import matplotlib
import report

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

COLOURS = {"torch": "#c4442a", "onnxruntime": "#2a6fb0", "jax": "#3f8f4f", "reference": "#9a9a9a"}


def ratios(results, path):
    """Both directions side by side; the horizontal axis is logarithmic, to the right of 1 fastnn is faster."""
    names = list(dict.fromkeys(row["case"] for row in results["rows"]))
    height = 1.6 + 0.2 * len(names)
    figure, axes = plt.subplots(1, 2, figsize=(12, height), sharey=True, layout="constrained")
    for axis, direction in zip(axes, ("forward", "training"), strict=True):
        _direction(axis, [row for row in results["rows"] if row["direction"] == direction], names)
        axis.set_title(direction)
    axes[0].set_yticks(range(len(names)), names, fontsize=7.5)
    axes[0].invert_yaxis()
    handles = {label: handle for axis in axes
               for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    machine = results["machine"]
    figure.suptitle(f"Time of others divided by fastnn's: {machine['processor']}, {results['threads']} threads, "
                    f"{results['date']}", fontsize=11)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _direction(axis, rows, names):
    for contender, colour in COLOURS.items():
        points = [(value, names.index(row["case"])) for row in rows if (value := report.ratio(row, contender))]
        if points:
            axis.scatter(*zip(*points, strict=True), s=20, color=colour, label=contender, zorder=3,
                         marker="|" if contender == "reference" else "o")
    axis.axvline(1, color="black", linewidth=1)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.grid(axis="x", which="both", color="#e4e4e4", linewidth=0.5)
    axis.grid(axis="y", color="#f0f0f0", linewidth=0.5)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
