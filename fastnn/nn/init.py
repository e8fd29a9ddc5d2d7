"""Initial values, drawn as PyTorch's layers draw theirs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _check
from .._typing import Shape
from .parameter import Parameter


def float_dtype(dtype: Any) -> np.dtype[Any]:
    """`dtype` as np.dtype; raises TypeError unless it is float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if dtype is None or found not in (_check.F32, _check.F64):
        raise TypeError(f"dtype: expected float32 or float64, got {dtype!r}")
    return found


def uniform(shape: Shape, fan_in: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Parameter:
    """A Parameter drawn from U(-b, b) with b = 1 / sqrt(fan_in).

    That is He et al.'s "Delving deep into rectifiers" (2015), equation 14, for a leaky slope of sqrt(5), which is
    what PyTorch's linear, convolutional and (fan_in = hidden size) recurrent layers begin with. Drawn in float64 and
    rounded, so that one seed gives the same net in both dtypes.
    """
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    return Parameter(rng.uniform(-bound, bound, shape).astype(dtype))


def normal(shape: Shape, rng: np.random.Generator, dtype: np.dtype[Any]) -> Parameter:
    """A Parameter drawn from N(0, 1) in float64 and rounded."""
    return Parameter(rng.standard_normal(shape).astype(dtype))
