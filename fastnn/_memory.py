"""Where the arrays that the library returns come from."""

import sys

import numpy as np


def empty(shape, dtype):
    """An uninitialised C-contiguous array. The backends overwrite every element."""
    count = 1
    for extent in shape:
        count *= extent
    if count * dtype.itemsize > sys.maxsize:
        raise MemoryError(f"a result of shape {tuple(shape)} does not fit in memory")
    return np.empty(shape, dtype)
