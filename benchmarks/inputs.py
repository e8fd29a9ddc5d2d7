"""The arrays of a case: the same numbers in every process, of the size that trained networks have."""

import zlib

import numpy as np


def make(case):
    """Inputs by name, and dy. Standard normal activations; weights scaled so that outputs are of order one."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    arrays = {name: rng.standard_normal(shape) * _scale(name, shape) for name, shape in case.shapes.items()}
    arrays["dy"] = rng.standard_normal(case.output)
    return {name: array.astype(case.dtype) for name, array in arrays.items()}


def _scale(name, shape):
    if name.startswith("weight"):
        return (np.prod(shape[1:]) if len(shape) > 1 else 1) ** -0.5
    return 0.1 if name.startswith("bias") else 1.0
