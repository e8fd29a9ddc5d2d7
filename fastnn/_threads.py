"""How many threads the compiled backend uses."""

from __future__ import annotations

import os

from . import _check
from .native import _runtime


def set_num_threads(n: int) -> None:
    """Use at most `n` threads from now on, in the whole process. Results do not depend on it, not in a bit.

    Raises TypeError or ValueError unless n is an integer >= 1.
    """
    _runtime.set_threads(_check.integer("n", n, 1, 1024))


def get_num_threads() -> int:
    """The number of threads in use: what was asked for, or less where OpenMP's own limit has been lowered since."""
    return _runtime.get_threads()


def _cpu_quota() -> int | None:
    """The cgroup's CPU limit in whole CPUs, or None where there is none."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, round(int(quota) / int(period)))


def _from_environment() -> int:
    for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdecimal() and int(value) > 0:
            return min(int(value), 1024)
        if value and name == "FASTNN_NUM_THREADS":
            raise ValueError(f"FASTNN_NUM_THREADS: expected an integer >= 1, got {value!r}")
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cpus, _cpu_quota() or cpus)


_runtime.set_threads(_from_environment())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_runtime.run_serially)
