"""Rounding errors of convolution beside PyTorch's: python benchmarks/accuracy.py [--peers-python PATH]

Each algorithm of fastnn, and PyTorch in a process of its own, takes the cases of cases.py in float32; the errors are
those against the NumPy reference in float64, RMS(error) / RMS(result) and, after it, max|error| / max|result|.
"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cases  # noqa: E402
import numpy as np  # noqa: E402
import own  # noqa: E402
from compare import Contender  # noqa: E402
from inputs import make  # noqa: E402

import fastnn  # noqa: E402

ALGORITHMS = ("direct", "winograd", "auto")
RESULTS = ("y", "dx", "dweight")


def main():
    options = parse_arguments()
    torch = Contender("torch", options.peers_python, 1, {**os.environ})
    columns = ALGORITHMS if torch.missing else (*ALGORITHMS, "PyTorch")
    print(f"| case | result | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")
    for case in cases.select("conv2d", options.case):
        if case.dtype == "float32":
            for line in compare(case, torch):
                print(line, flush=True)
    torch.stop()


def compare(case, torch):
    arrays = make(case)
    with fastnn.use_backend("reference"):
        exact = results(case, {name: array.astype(np.float64) for name, array in arrays.items()})
    found = [attempt(case, arrays, name) for name in ALGORITHMS]
    if not torch.missing:
        torch.ask("prepare", case=case.name)
        found.append(torch.results("training"))
    for index, name in enumerate(RESULTS):
        cells = [errors(each[index], exact[index]) if each else "" for each in found]
        yield f"| {case.name} | {name} | {' | '.join(cells)} |"


def attempt(case, arrays, algorithm):
    """The results, or None where the algorithm does not take the case."""
    try:
        return results(dataclasses.replace(case, options={**case.options, "algorithm": algorithm}), arrays)
    except ValueError:
        return None


def results(case, arrays):
    return own.flat(own.build(case, arrays)["training"]())


def errors(actual, exact):
    """(RMS, worst) of the error, each relative to that of the exact values."""
    error = actual.reshape(exact.shape) - exact
    rms = np.sqrt(np.mean(error**2) / np.mean(exact**2))
    return f"{rms:.1e} {np.abs(error).max() / np.abs(exact).max():.1e}"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", help="a regular expression that the case's name matches")
    parser.add_argument("--peers-python", default=sys.executable, help="a Python that has PyTorch")
    return parser.parse_args()


if __name__ == "__main__":
    main()
