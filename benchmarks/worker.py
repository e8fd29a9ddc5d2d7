"""One contender in a process of its own. Reads commands from stdin, a line of JSON each, and answers in the same way.

    {"do": "prepare", "case": name}                     -> {"directions": [...]}
    {"do": "save", "direction": d, "path": file}        -> {} ; the results of one call, as an .npz file
    {"do": "time", "direction": d, "budget": seconds}   -> {"seconds": median of a call, "disturbance": CPUs that other
                                                           processes kept busy meanwhile}

Run by compare.py as `worker.py CONTENDER THREADS`; THREADS are pinned before anything is imported.
"""

import contextlib
import gc
import importlib
import json
import os
import statistics
import sys
import time

MODULES = {"fastnn": "own", "reference": "own", "torch": "peer_torch", "onnxruntime": "peer_onnxruntime",
           "jax": "peer_jax"}
PEERS = {"torch", "onnxruntime", "onnx", "jax"}  # packages that may be missing; no other may
MIN_SAMPLE = 2e-4  # seconds; shorter calls are repeated within a sample
SETTLE = 0.03  # seconds, for what the calls before have left behind
THREAD_VARIABLES = ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def pin_threads(threads):
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def busy_elsewhere():
    """CPU seconds that other processes have used since the machine started; 0 where /proc does not say."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _idle, _wait, irq, softirq, *_ = map(int, file.readline().split()[1:])
    except OSError:
        return 0.0
    own = os.times()
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK") - own.user - own.system


def median_seconds(call, budget):
    """The median of at least three samples, and as many more as fit into the budget."""
    clock = time.perf_counter
    call()
    start = clock()
    call()
    once = clock() - start
    repeats = max(1, int(MIN_SAMPLE / max(once, 1e-7)))
    samples, deadline = [], clock() + budget
    while len(samples) < 3 or clock() < deadline:
        start = clock()
        for _ in range(repeats):
            call()
        samples.append((clock() - start) / repeats)
    return statistics.median(samples)


class Worker:
    def __init__(self, contender, threads):
        if contender == "reference":
            os.environ["FASTNN_BACKEND"] = "reference"
        self.module = importlib.import_module(MODULES[contender])
        if hasattr(self.module, "start"):
            self.module.start(threads)

    def prepare(self, case):
        import cases
        import inputs

        chosen = cases.find(case)
        self.calls = self.module.build(chosen, inputs.make(chosen))
        return {"directions": list(self.calls)}

    def save(self, direction, path):
        import numpy as np

        np.savez(path, *map(np.asarray, self.module.flat(self.calls[direction]())))
        return {}

    def time(self, direction, budget):
        gc.collect()
        time.sleep(SETTLE)
        start, busy = time.perf_counter(), busy_elsewhere()
        seconds = median_seconds(self.calls[direction], budget)
        return {"seconds": seconds, "disturbance": (busy_elsewhere() - busy) / (time.perf_counter() - start)}


def main():
    contender, threads = sys.argv[1], int(sys.argv[2])
    pin_threads(threads)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints does not mix with the answers

    def answer(content):
        print(json.dumps(content), file=answers, flush=True)

    try:
        worker = Worker(contender, threads)
    except ModuleNotFoundError as error:
        if error.name not in PEERS:
            raise
        return answer({"missing": str(error)})
    answer({"versions": worker.module.versions()})
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer(getattr(worker, command.pop("do"))(**command))
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}"})
    return None


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main()
