"""What the losses share: from a loss for each element or sample to the result, and the gradient's way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._typing import Array, Reduction, Shape

REDUCTIONS = ("mean", "sum", "none")

quiet = np.errstate(over="ignore", divide="ignore", invalid="ignore")  # inf and NaN are results here, not accidents


def check_reduction(reduction: Reduction) -> Reduction:
    return _check.choice("reduction", reduction, REDUCTIONS)


def reduce(losses: Array, reduction: Reduction, count: Any) -> Any:
    """The result: the array itself for "none", else a scalar of its dtype; the mean of nothing is NaN.

    count: what the sum is divided by for "mean".
    """
    if reduction == "none":
        return losses
    total = losses.sum()
    return total / losses.dtype.type(count) if reduction == "mean" else total


def spread(dy: Any, shape: Shape, dtype: np.dtype[Any], reduction: Reduction, count: Any) -> Any:
    """The gradient of each of the losses: an array of their shape for "none", else one scalar. dy None: one.

    Raises TypeError or ValueError, naming dy, for one that does not fit the result's shape and dtype.
    """
    if reduction == "none" and shape:
        dy = np.ones(shape, dtype) if dy is None else _check.array("dy", dy)
        _check_dtype(dy, dtype)
        _check.shape("dy", dy, shape)
        return dy
    if dy is None:
        dy = 1.0
    elif isinstance(dy, (np.ndarray, np.generic)):
        _check_dtype(dy, dtype)
        _check.shape("dy", dy, ())
    elif isinstance(dy, bool) or not isinstance(dy, (int, float)):
        raise TypeError(f"dy: expected a number or an array of shape (), got {type(dy).__name__}")
    return dtype.type(dy) / dtype.type(count if reduction == "mean" else 1)


def _check_dtype(dy: Any, dtype: np.dtype[Any]) -> None:
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected dtype {dtype} as input has, got {dy.dtype}")
