"""Settings of the whole process, and what it runs on. Threads have a file of their own, `_threads.py`."""

from __future__ import annotations

import os
import sys
from typing import Any

from . import _check, _threads
from .native import _blocks, _runtime

DEFAULT_MEMORY_LIMIT = 1 << 28


def show_config() -> dict[str, Any]:
    """Print the version, backend, instruction sets, OpenMP and threads; return the same as a dict."""
    from . import __version__, _backend

    config: dict[str, object] = {
        "version": __version__,
        "backend": _backend.name(),
        "isa_built": _runtime.isa_built(),
        "isa_usable": _runtime.isa_usable(),
        "isa_active": _runtime.isa_active(),
        "openmp": _runtime.HAVE_OPENMP,
        "threads": _threads.get_num_threads(),
        "conv_algorithm": get_conv_algorithm(),
    }
    for key, value in config.items():
        print(f"{key:14}  {', '.join(value) if isinstance(value, tuple) else value}")
    return config


def set_memory_limit(limit: int) -> None:
    """Keep at most `limit` bytes of the memory that results have left, for later results (256 MiB at first).

    0 switches the pool off; lowering the limit gives memory back to the system at once. The environment variable
    FASTNN_MEMORY_LIMIT sets it at import. Memory still held by arrays does not count. Raises TypeError or ValueError
    unless limit is an integer >= 0.
    """
    _blocks.set_limit(_check.integer("limit", limit, 0, sys.maxsize))


def memory_stats() -> dict[str, int]:
    """Return a dict: `limit`, `kept` (waiting for reuse) and `in_use` in bytes; `hits` and `misses` in blocks."""
    return dict(zip(("limit", "kept", "in_use", "hits", "misses"), _blocks.stats()))


def set_conv_algorithm(algorithm: str) -> None:
    """What `algorithm="auto"` of a convolution stands for from now on, in the whole process.

    "auto" (at first): the way that a cost model expects to be the faster one for the shape; "direct": no Winograd
    convolution anywhere; "winograd": one wherever it can be used. The environment variable FASTNN_CONV_ALGORITHM sets
    it at import. The reference backend computes directly in any case. Raises ValueError for any other name.
    """
    from .native import conv2d  # here, because not every program needs it

    conv2d.set_algorithm(_check.choice("algorithm", algorithm, conv2d.ALGORITHMS))


def get_conv_algorithm() -> str:
    """What `algorithm="auto"` of a convolution stands for."""
    from .native import conv2d

    return conv2d.get_algorithm()


def _memory_limit_from_environment() -> int:
    value = os.environ.get("FASTNN_MEMORY_LIMIT", "")
    if not value:
        return DEFAULT_MEMORY_LIMIT
    if not value.isdecimal() or int(value) > sys.maxsize:
        raise ValueError(f"FASTNN_MEMORY_LIMIT: expected a number of bytes, got {value!r}")
    return int(value)


_blocks.set_limit(_memory_limit_from_environment())
