"""Where the arrays that the library returns come from.

Large results lie in memory that earlier ones have left (native/_blocks.pyx): to write to pages that the system maps
anew takes up to ten times as long as to write to warm ones. Small results are NumPy's own affair.
"""

from __future__ import annotations

import math
import sys
from _thread import _local  # what threading.local is; importing threading costs a millisecond
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from ._typing import Array, Shape
from .native import _blocks

POOLED_BYTES = 1 << 18  # from here on an allocation costs page faults, and the pool's 0.5 us do not matter
RECYCLED = 8  # arrays of one shape, and shapes, that each thread keeps for `recycled`


def allocator(shape: Shape, dtype: np.dtype[Any]) -> Callable[[Shape, np.dtype[Any]], Array]:
    """The function that makes such an array: `empty`, or what it calls for small ones."""
    size = dtype.itemsize * math.prod(shape)
    return np.empty if size < POOLED_BYTES else empty


def empty_like(array: Array) -> Array:
    """`empty`, of that array's shape and dtype."""
    return (np.empty if array.nbytes < POOLED_BYTES else empty)(array.shape, array.dtype)


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


class _Recycled(_local):
    """The small arrays that `recycled` has made for this thread, the oldest of a shape first."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[Shape, np.dtype[Any]], list[Array]] = {}


_recycled = _Recycled()


def recycled(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """As `empty`, but small arrays too are used again: one that it made earlier and that nobody holds any more.

    A view, a memoryview or another library's array over it holds it as well as a name does.
    """
    kept = _recycled.arrays
    ring = kept.get((shape, dtype))
    if ring is None:
        if len(kept) == RECYCLED:
            kept.clear()
        ring = kept[shape, dtype] = []
    array = _first_held_by(ring, UNHELD)
    if array is None:
        array = empty(shape, dtype)
        if array.nbytes < POOLED_BYTES:
            if len(ring) == RECYCLED:
                del ring[0]
            ring.append(array)
    return array


def _first_held_by(arrays: Sequence[Array], references: int) -> Array | None:
    for array in arrays:
        if getrefcount(array) <= references:
            return array
    return None


# What getrefcount says in the loop above of an array that only the list holds: it differs between Pythons.
UNHELD = next(count for count in range(10) if _first_held_by([np.empty(0)], count) is not None)
