"""Where the arrays that the library returns come from.

Large results lie in memory that earlier ones have left (native/_blocks.pyx): to write to pages that the system maps
anew takes up to ten times as long as to write to warm ones. Small results are NumPy's own affair.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ._typing import Array, Shape
from .native import _blocks

POOLED_BYTES = 1 << 18  # from here on an allocation costs page faults, and the pool's 0.5 us do not matter


def empty(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """An uninitialised C-contiguous array. The backends overwrite every element."""
    size = dtype.itemsize
    for extent in shape:
        size *= extent
    if size < POOLED_BYTES:
        return np.empty(shape, dtype)
    if size > sys.maxsize:
        raise MemoryError(f"a result of shape {tuple(shape)} does not fit in memory")
    return np.ndarray(shape, dtype, _blocks.Block(size))  # type: ignore[arg-type]  # it has a buffer, not a name
