"""What training.py hands from fastnn's process to PyTorch's, and what both do alike. Needs NumPy only."""

import json
import time
from pathlib import Path

import numpy as np


def spans(tags):
    """The names of a row of tags: O is 0, B of type k is 2 * k - 1, I is 2 * k; what I follows no name begins one."""
    found, first = set(), None
    for n, tag in enumerate([*tags, 0]):
        goes_on = first is not None and tag > 0 and tag % 2 == 0 and tag == 2 * ((tags[first] + 1) // 2)
        if first is not None and not goes_on:
            found.add((first, n, (tags[first] + 1) // 2))
            first = None
        if first is None and tag > 0:
            first = n
    return found


def names_f1(output, target):
    """The F1 of whole names; target -1 behind the end of a row."""
    right = wanted = found = 0
    for scores, tags in zip(output, target):
        count = int((tags >= 0).sum())
        ours, theirs = spans(scores.argmax(axis=0)[:count].tolist()), spans(tags[:count].tolist())
        right, found, wanted = right + len(ours & theirs), found + len(ours), wanted + len(theirs)
    return 2 * right / max(found + wanted, 1)


def written(output, target):
    """How often the likeliest letters, without the gaps between them, are the word."""
    letters = output.argmax(axis=2)
    return np.mean([row[row > 0].tolist() == word[word > 0].tolist() for row, word in zip(letters, target)])


FIGURES = {  # of the outputs and the targets, by the loss
    "cross_entropy": lambda output, target: np.mean(output.argmax(axis=1) == target),
    "names": names_f1,
    "words": written,
    "binary": lambda output, target: np.mean((output > 0) == (target > 0)),
}


def save(folder, plan, arrays, weights):
    """plan: numbers and names; arrays: the data; weights: the initial ones."""
    Path(folder, "plan.json").write_text(json.dumps(plan))
    for name, part in (("arrays", arrays), ("weights", weights)):
        np.savez(Path(folder, f"{name}.npz"), **part)


def load(folder):
    """(plan, arrays, weights) as they were saved."""
    parts = []
    for name in ("arrays", "weights"):
        with np.load(Path(folder, f"{name}.npz")) as file:
            parts.append(dict(file))
    return json.loads(Path(folder, "plan.json").read_text()), *parts


class Batches:
    """The batches (x, y) of an epoch, in a new order each time; shifted by up to plan["shift"] pixels.

    seconds, cpu: by epoch, the time from the first batch to the end of the last one's step, and the processor's."""

    def __init__(self, plan, arrays):
        self.x, self.y, self.size, self.shift = arrays["x"], arrays["y"], plan["batch_size"], plan.get("shift", 0)
        self.rng, self.seconds, self.cpu = np.random.default_rng([plan["seed"], 1]), [], []

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __iter__(self):
        began, began_cpu = time.perf_counter(), time.process_time()
        order = self.rng.permutation(len(self.x))
        for start in range(0, len(order), self.size):
            rows = order[start:start + self.size]
            x = self.x[rows]
            if self.shift:
                from mnist_data import shifted

                x = shifted(x, self.shift, self.rng)
            yield x, self.y[rows]
        self.seconds.append(time.perf_counter() - began)
        self.cpu.append(time.process_time() - began_cpu)
