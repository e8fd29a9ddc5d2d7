"""Times fastnn, its NumPy reference and the peers that are installed, each in a process of its own, in rounds in turn.

Every contender is verified before it is timed. Prints a table of ratios with their geometric means, and writes
results.json, table.md and ratios.png to --output. `--mode verify` does so, briefly, for one case of each family.
"""

import argparse
import datetime
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cases  # noqa: E402
import machine  # noqa: E402
import numpy as np  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
from inputs import make  # noqa: E402
from verify import Oracle  # noqa: E402

OWN, PEERS = ("fastnn", "reference"), ("torch", "onnxruntime", "jax")
HOLD_TO = {  # what holds the others to an instruction set; onnxruntime cannot be held
    "baseline": {"OPENBLAS_CORETYPE": "Nehalem"},
    "avx2": {"OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
             "MKL_ENABLE_INSTRUCTIONS": "AVX2", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
}
BUDGETS = {"full": 0.12, "verify": 0.01}  # seconds of timing for a contender in one round
QUIET, TRIES = 0.2, 4  # a sample is taken anew while other processes keep more CPUs than this busy


class Contender:
    """The worker process of one contender, as seen from here."""

    def __init__(self, name, python, threads, environment):
        self.name = name
        self.process = subprocess.Popen([python, str(HERE / "worker.py"), name, str(threads)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        first = self._read()
        self.missing, self.versions = first.get("missing"), first.get("versions", {})

    def ask(self, do, **arguments):
        self._signal("SIGCONT")
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        self._signal("SIGSTOP")  # or its threads would spin on the cores that the next contender needs
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    def results(self, direction):
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "results.npz"))
            self.ask("save", direction=direction, path=path)
            with np.load(path) as archive:
                return list(archive.values())

    def stop(self):
        self._signal("SIGCONT")
        self.process.stdin.close()
        self.process.wait()

    def _signal(self, name):
        if hasattr(signal, name) and self.process.poll() is None:
            self.process.send_signal(getattr(signal, name))

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: its process ended with status {self.process.wait()}")
        return json.loads(line)


def main():
    options = parse_arguments()
    chosen = cases.select(options.family, options.case)
    if options.mode == "verify":
        chosen = list({case.family: case for case in reversed(chosen)}.values())[::-1]
    contenders, missing = start(options)
    rows, failures = [], []
    for case in chosen:
        rows += measure(case, contenders, options, failures)
    for contender in contenders:
        contender.stop()
    results = {
        "date": datetime.date.today().isoformat(), "machine": machine.describe(), "threads": options.threads,
        "limits": machine.limits(options.threads), "isa": options.isa or "best", "rounds": options.rounds,
        "quiet": QUIET,
        "versions": {k: v for contender in contenders for k, v in contender.versions.items()},
        "missing": missing, "failures": failures, "rows": rows,
    }
    write(results, options.output)
    return 1 if any(failure["contender"] in OWN for failure in failures) else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=BUDGETS, default="full")
    parser.add_argument("--threads", type=int, default=machine.describe()["cpus"])
    parser.add_argument("--isa", help="baseline, avx2 or avx512, for all that can be held to one")
    parser.add_argument("--family", choices=sorted({case.family for case in cases.CASES}))
    parser.add_argument("--case", help="a regular expression that the case's name matches")
    parser.add_argument("--direction", choices=cases.DIRECTIONS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contenders", default=",".join(OWN + PEERS), help="default: %(default)s")
    parser.add_argument("--peers-python", default=sys.executable, help="a Python that has torch, onnxruntime or jax")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser.parse_args()


def start(options):
    """The contenders that are installed, and why the others are missing."""
    isa = {"FASTNN_ISA": options.isa, **HOLD_TO.get(options.isa, {})} if options.isa else {}
    contenders, missing = [], {}
    for name in options.contenders.split(","):
        environment = {**os.environ, **isa}
        python = options.peers_python if name in PEERS else sys.executable
        contender = Contender(name, python, options.threads, environment)
        if contender.missing:
            missing[name] = contender.missing
            print(f"{name} is left out: {contender.missing}", flush=True)
        else:
            contenders.append(contender)
    return contenders, missing


def measure(case, contenders, options, failures):
    """The rows of one case: {"case", "direction", "seconds": {contender: median}}, one for each direction."""
    oracle = Oracle(case, make(case))
    directions = [d for d in cases.DIRECTIONS if options.direction in (None, d)]
    able = {direction: [] for direction in directions}
    for contender in contenders:
        try:
            offered = contender.ask("prepare", case=case.name)["directions"]
            wrong = {d: oracle.mismatch(d, contender.results(d)) for d in directions if d in offered}
        except RuntimeError as error:
            wrong = {"prepare": str(error)}
        for direction, difference in wrong.items():
            if difference:
                failures.append({"case": case.name, "direction": direction, "contender": contender.name,
                                 "difference": difference})
                print(f"WRONG {case.name} {direction} {contender.name}: {difference}", flush=True)
            else:
                able[direction].append(contender)
    rows = [time_rounds(case, direction, able[direction], options) for direction in directions]
    for row in rows:
        print(report.line(row), flush=True)
    return rows


def time_rounds(case, direction, contenders, options):
    samples, disturbance = {contender.name: [] for contender in contenders}, 0.0
    for _ in range(options.rounds if options.mode == "full" else 1):
        for contender in contenders:
            answer = quiet_sample(contender, direction, options.mode)
            samples[contender.name].append(answer["seconds"])
            disturbance = max(disturbance, answer["disturbance"])
    flops, moved = case.work(direction)
    return {"case": case.name, "family": case.family, "what": case.what, "direction": direction, "dtype": case.dtype,
            "flops": flops, "bytes": moved, "rounds": samples, "disturbance": round(disturbance, 2),
            "seconds": {name: statistics.median(values) for name, values in samples.items()}}


def quiet_sample(contender, direction, mode):
    """One sample, the least disturbed of a few where the machine is not quiet."""
    answers = []
    for _ in range(TRIES if mode == "full" else 1):
        answers.append(contender.ask("time", direction=direction, budget=BUDGETS[mode]))
        if answers[-1]["disturbance"] <= QUIET:
            break
    return min(answers, key=lambda answer: answer["disturbance"])


def write(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    table = report.markdown(results)
    (folder / "table.md").write_text(table)
    print("\n" + table)
    plot.ratios(results, folder / "ratios.png")
    print(f"wrote results.json, table.md and ratios.png to {folder}")


if __name__ == "__main__":
    sys.exit(main())
