"""Settings of the whole process, and what it runs on. Threads have a file of their own, `_threads.py`."""

import os
import sys

from . import _backend, _check, _threads
from .native import _blocks, _runtime

DEFAULT_MEMORY_LIMIT = 1 << 28


def show_config() -> dict[str, object]:
    """Print the version, backend, instruction sets, OpenMP and threads; return the same as a dict."""
    from . import __version__

    config: dict[str, object] = {
        "version": __version__,
        "backend": _backend.name(),
        "isa_built": _runtime.isa_built(),
        "isa_usable": _runtime.isa_usable(),
        "isa_active": _runtime.isa_active(),
        "openmp": _runtime.HAVE_OPENMP,
        "threads": _threads.get_num_threads(),
    }
    for key, value in config.items():
        print(f"{key:10}  {', '.join(value) if isinstance(value, tuple) else value}")
    return config


def set_memory_limit(limit):
    """Keep at most `limit` bytes of the memory that results have left, for later results (256 MiB at first).

    0 switches the pool off; lowering the limit gives memory back to the system at once. The environment variable
    FASTNN_MEMORY_LIMIT sets it at import. Memory still held by arrays does not count. Raises TypeError or ValueError
    unless limit is an integer >= 0.
    """
    _blocks.set_limit(_check.integer("limit", limit, 0, sys.maxsize))


def memory_stats():
    """Return a dict: `limit`, `kept` (waiting for reuse) and `in_use` in bytes; `hits` and `misses` in blocks."""
    return dict(zip(("limit", "kept", "in_use", "hits", "misses"), _blocks.stats()))


def _memory_limit_from_environment():
    value = os.environ.get("FASTNN_MEMORY_LIMIT", "")
    if not value:
        return DEFAULT_MEMORY_LIMIT
    if not value.isdecimal() or int(value) > sys.maxsize:
        raise ValueError(f"FASTNN_MEMORY_LIMIT: expected a number of bytes, got {value!r}")
    return int(value)


_blocks.set_limit(_memory_limit_from_environment())
