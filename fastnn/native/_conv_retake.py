"""Convolutions again that had sums spoilt by weights that are not finite, times zeros of the padding.

Which are spoilt depends on how the work is shared out: some ways leave taps outside the image out. What
_conv_exact.pyx forms in their place is right, but has not the bits of a sum that was whole at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import Array


def retake(convolve: Any, x: Array, weight: Array, out: Array, geo: Any, *more: Any) -> None:
    """Give what meets none of those weights the bits that it has where they are zeros. more: bias and activation."""
    finite = np.isfinite(weight)
    again, met = np.empty_like(out), np.empty_like(out[:1])
    zeros_there, ones_there = np.where(finite, weight, 0), np.where(finite, 0, weight.dtype.type(1))
    if more:
        convolve(x, zeros_there, more[0], again, geo, more[1])
        convolve(np.ones_like(x[:1]), ones_there, None, met, geo)
    else:
        convolve(x, zeros_there, again, geo)
        convolve(np.ones_like(x[:1]), ones_there, met, geo)
    np.copyto(out, again, where=met < 0.5)  # how many it meets
