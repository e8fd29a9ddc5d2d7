"""Where the arrays that the library returns come from."""

import numpy as np


def empty(shape, dtype):
    """An uninitialised C-contiguous array. The backends overwrite every element."""
    try:
        return np.empty(shape, dtype)
    except ValueError:  # more bytes than can be addressed; too many for this machine is a MemoryError already
        raise MemoryError(f"a result of shape {tuple(shape)} does not fit in memory") from None
