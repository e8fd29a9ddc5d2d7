"""A stream of steps: python benchmarks/stream.py [--steps 1000000]

Runs `layer.step` that often, for an LSTM and a stack of two GRUs of 64 units, and prints the time of a step and the
memory along the way: what Python has allocated (tracemalloc, in a run of its own: it slows things down) and the
resident size of the process. Exits with 1 where memory has grown after the first tenth.
"""

import argparse
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

from fastnn import nn

SIZE = 64
LAYERS = {"LSTM": lambda: nn.LSTM(SIZE, SIZE, rng=0), "GRU, 2 layers": lambda: nn.GRU(SIZE, SIZE, 2, rng=0)}
ALLOWED = {"python": 4096, "resident": 1 << 20}  # bytes; the resident size moves by pages of other things too


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    steps = parser.parse_args().steps
    grown = False
    print("| layer | steps | microseconds a step | bytes of Python: 10%, 50%, 100% | resident MB: 10%, 50%, 100% |")
    print("|---|---|---|---|---|")
    for name, make in LAYERS.items():
        seconds, resident = run(make(), steps, resident_bytes)
        tracemalloc.start()
        _, allocated = run(make(), steps, lambda: tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        print(f"| {name} {SIZE} | {steps} | {seconds / steps * 1e6:.2f} | {', '.join(map(str, allocated))} | "
              f"{', '.join(f'{size / 1e6:.2f}' for size in resident)} |", flush=True)
        grown |= allocated[-1] - allocated[0] > ALLOWED["python"] or resident[-1] - resident[0] > ALLOWED["resident"]
    return int(grown)


def run(layer, steps, measure):
    """(seconds, [what `measure` says after a tenth, half and all of the steps])."""
    inputs = np.random.default_rng(0).standard_normal((100, SIZE)).astype(np.float32)
    state, seen, marks = None, [], {steps // 10, steps // 2, steps}
    start = time.perf_counter()
    for t in range(1, steps + 1):
        _, state = layer.step(inputs[t % 100], state)
        if t in marks:
            seen.append(measure())
    return time.perf_counter() - start, seen


def resident_bytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    sys.exit(main())
