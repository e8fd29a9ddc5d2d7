"""What training.py hands from fastnn's process to PyTorch's, and what both do alike. Needs NumPy only."""

import json
import time
from pathlib import Path

import numpy as np

FIGURES = {  # of the outputs and the targets, by the loss
    "cross_entropy": lambda output, target: np.mean(output.argmax(axis=1) == target),
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
