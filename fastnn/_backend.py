"""Which implementation runs: the compiled one, or the NumPy reference."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

NAMES = ("native", "reference")


def _load(name):
    if name not in NAMES:
        raise ValueError(f"backend: expected one of {', '.join(map(repr, NAMES))}, got {name!r}")
    return importlib.import_module(f"fastnn.{name}.backend")


_active = ContextVar("fastnn_backend", default=_load(os.environ.get("FASTNN_BACKEND", "native")))  # noqa: B039 a module

active = _active.get  # the module whose functions the functional layer calls


def name():
    """The name of the backend in use: "native" or "reference"."""
    return active().__name__.split(".")[1]


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Run everything inside the `with` block on the backend `name`: "native" or "reference".

    The choice holds for the current thread (or asyncio task) only. Raises ValueError for any other name.
    """
    token = _active.set(_load(name))
    try:
        yield
    finally:
        _active.reset(token)
