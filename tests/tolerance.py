"""How far a sum may lie from the exact one: computed from its terms, never tuned."""

import numpy as np


def assert_contraction(actual, exact, magnitude, terms, c=2.0, name=""):
    """Check |actual - exact| <= c * eps * terms * magnitude, eps being that of actual's dtype.

    exact: the same contraction in float64; magnitude: that of the operands' absolute values; terms: how many
    products each output sums (the bound of any order of summation, Higham, Accuracy and Stability, 2nd ed., eq. 3.5).
    """
    assert actual.shape == exact.shape, f"{name}: shape {actual.shape}, wanted {exact.shape}"
    bound = c * np.finfo(actual.dtype).eps * max(terms, 1) * magnitude
    error = np.abs(actual.astype(np.float64) - exact)
    worst = np.argmax(error - bound) if error.size else 0
    assert np.all(error <= bound), (
        f"{name}: at {np.unravel_index(worst, error.shape)} off by {error.flat[worst]:.3g}, "
        f"allowed {bound.flat[worst]:.3g}; got {actual.flat[worst]!r}, wanted {exact.flat[worst]!r}")
