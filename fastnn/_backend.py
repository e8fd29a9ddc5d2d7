"""Which implementation runs: the compiled one, or the NumPy reference."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Literal

NAMES = ("native", "reference")


def _load(name: str) -> ModuleType:
    if name not in NAMES:
        raise ValueError(f"backend: expected one of {', '.join(map(repr, NAMES))}, got {name!r}")
    return importlib.import_module(f"fastnn.{name}.backend")


_default = _load(os.environ.get("FASTNN_BACKEND", "native"))
_active: ContextVar[ModuleType] = ContextVar("fastnn_backend", default=_default)

active = _active.get  # the module whose functions the functional layer calls


def name() -> str:
    """The name of the backend in use: "native" or "reference"."""
    return active().__name__.split(".")[1]


@contextmanager
def use_backend(name: Literal["native", "reference"]) -> Iterator[None]:
    """Run everything inside the `with` block on the backend `name`: "native" or "reference".

    The choice holds for the current thread (or asyncio task) only. Raises ValueError for any other name.
    """
    token = _active.set(_load(name))
    try:
        yield
    finally:
        _active.reset(token)
