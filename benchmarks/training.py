"""Nets of examples/ trained to the end, beside PyTorch: python benchmarks/training.py --program watch_ball [--seeds 3]

Each contender trains in a process of its own, in turn, from the same weights on the same batches in the same order; by
chance only dropout differs. Prints the held-out figures of every seed and the seconds of an epoch.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "examples")]

from worker import pin_threads  # noqa: E402

CONTENDERS = ("fastnn", "torch")


def main():
    options = parse_arguments()
    if options.child:
        return child(options)
    results = {c: [] for c in CONTENDERS}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as options.folder:
            for contender in CONTENDERS:
                results[contender].append(run(contender, seed, options))
                last = results[contender][-1]
                print(f"{options.program}, seed {seed}, {contender}: {last['figures'][-1]:.2%} held out, "
                      f"{sum(last['seconds']):.1f} s of training", flush=True)
    print(f"\n| {options.program}, {options.seeds} seeds, {options.threads} threads | fastnn | PyTorch |")
    print("|---|---|---|")
    rows = {"held out, mean (lowest to highest)": figures,
            "seconds an epoch, median": lambda runs: f"{median(runs, 'seconds'):.2f}",
            "processor seconds an epoch, median": lambda runs: f"{median(runs, 'cpu'):.2f}"}
    if options.until:
        rows[f"seconds of training to {options.until:.0%}, by seed"] = lambda runs: until(runs, options.until)
    for title, row in rows.items():
        print(f"| {title} | {row(results['fastnn'])} | {row(results['torch'])} |")
    ratios = [median(results["torch"], kind) / median(results["fastnn"], kind) for kind in ("seconds", "cpu")]
    print("PyTorch takes {:.2f} times as long, and {:.2f} times the processor's time".format(*ratios))
    return 0


def figures(runs):
    last = [run["figures"][-1] for run in runs]
    return f"{statistics.mean(last):.2%} ({min(last):.2%} to {max(last):.2%})"


def median(runs, kind):
    return statistics.median(value for run in runs for value in run[kind])


def until(runs, wanted):
    """The seconds of training up to the end of the first epoch whose figure is as wanted, seed by seed."""
    reached = [next((sum(run["seconds"][:k + 1]) for k, figure in enumerate(run["figures"]) if figure >= wanted), None)
               for run in runs]
    return ", ".join("never" if spent is None else f"{spent:.1f}" for spent in reached)


def run(contender, seed, options):
    python = options.peers_python if contender == "torch" else sys.executable
    command = [python, str(HERE / "training.py"), "--child", contender, "--program", options.program, "--seed",
               str(seed), "--threads", str(options.threads), "--folder", options.folder]
    if options.data:
        command += ["--data", options.data]
    if options.epochs:
        command += ["--epochs", str(options.epochs)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{contender} failed on {options.program}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def child(options):
    pin_threads(options.threads)
    if options.child == "fastnn":
        import training_fastnn as contender
    else:
        import torch
        import training_torch as contender

        torch.set_num_threads(options.threads)
    print(json.dumps(contender.train(options)))
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True, help="one of those in training_fastnn.py")
    parser.add_argument("--data", help="the folder that the program reads, where it reads one")
    parser.add_argument("--seeds", type=int, default=3, help="how many trainings of each")
    parser.add_argument("--epochs", type=int, help="other than the program's own")
    parser.add_argument("--until", type=float, help="also show the time to this figure")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--peers-python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
