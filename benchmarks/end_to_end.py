"""Whole training steps beside PyTorch: python benchmarks/end_to_end.py [--threads 2] [--peers-python PATH]

Each contender runs in a process of its own, in rounds in turn, from the same weights on the same batch. The losses of
the first steps must agree before a time counts. Prints milliseconds a step and peak memory.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from worker import pin_threads  # noqa: E402

CONTENDERS = ("fastnn", "torch")
STEPS_COMPARED = 3


def main():
    options = parse_arguments()
    if options.child:
        return child(options)
    import networks

    print(f"milliseconds a training step and peak memory, {options.threads} threads, float32, "
          f"median of {options.rounds} rounds")
    print("| network | fastnn | PyTorch | ratio | fastnn MB | PyTorch MB |\n|---|---|---|---|---|---|")
    for name in options.network or networks.NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            options.weights = str(Path(folder, "weights.npz"))
            rounds = [{c: run(name, c, options) for c in CONTENDERS} for _ in range(options.rounds)]
        check(name, rounds[0])
        ms = {c: statistics.median(r[c]["seconds"] for r in rounds) * 1e3 for c in CONTENDERS}
        mb = {c: statistics.median(r[c]["megabytes"] for r in rounds) for c in CONTENDERS}
        print(f"| {name}: {networks.NETWORKS[name][1]} | {ms['fastnn']:.2f} | {ms['torch']:.2f} | "
              f"{ms['torch'] / ms['fastnn']:.2f} | {mb['fastnn']:.0f} | {mb['torch']:.0f} |", flush=True)
    return 0


def run(name, contender, options):
    python = options.peers_python if contender == "torch" else sys.executable
    command = [python, str(HERE / "end_to_end.py"), "--child", contender, "--network", name, "--threads",
               str(options.threads), "--seconds", str(options.seconds), "--weights", options.weights]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{contender} failed on {name}:\n{done.stderr}")
    return json.loads(done.stdout)


def check(name, results):
    ours, theirs = (results[c]["losses"] for c in CONTENDERS)
    if not all(abs(a - b) <= 1e-3 * abs(b) for a, b in zip(ours, theirs)):
        sys.exit(f"{name}: the losses differ: {ours} and {theirs}")


def child(options):
    pin_threads(options.threads)
    import numpy as np

    name = options.network[0]
    if options.child == "fastnn":
        import networks

        step, weights = networks.build(name)
        np.savez(options.weights, **weights)
    else:
        import networks_torch
        import torch

        torch.set_num_threads(options.threads)
        with np.load(options.weights) as weights:
            step = networks_torch.build(name, dict(weights))
    losses = [step() for _ in range(STEPS_COMPARED)]
    samples, end = [], time.perf_counter() + options.seconds
    while len(samples) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        samples.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps({"seconds": statistics.median(samples), "megabytes": peak, "losses": losses}))
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", action="append", help="one of networks.py (default: all; may be repeated)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of timing for a contender in one round")
    parser.add_argument("--peers-python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
