"""What a contender must compute, and how far it may be off: the reference in float64, and computed tolerances.

The inputs are random and independent, so the rounding errors of a sum of n products behave like a random walk: they
grow as eps sqrt(n) times the length sqrt(sum a^2 b^2) of the vector of products, which the reference computes on
squared inputs. A recurrence amplifies errors by an amount that no simple formula gives; there, a contender may be
a few times as far from the float64 result as the reference itself is when it runs in the contender's precision.
"""

import numpy as np
import own

import fastnn

SUM_FACTOR = 16  # a fast algorithm (Winograd) may cost a few times the direct sum's error
RECURRENCE_FACTOR = 8
COMPOSED = ("norm", "attention")  # sums of sums: what holds for recurrences holds for them
FLOOR = 16  # in ulp of the largest value: what a polynomial for exp or tanh may cost


class Oracle:
    """The expected results of one case, computed once, in the order of `own.flat`."""

    def __init__(self, case, arrays):
        self.case = case
        exact = _reference(case, {name: array.astype(np.float64) for name, array in arrays.items()})
        self.expected = exact
        self.tolerance = self._tolerance(arrays, exact)

    def mismatch(self, direction, results):
        """None if the results agree, else what differs. Results beyond the given ones are not asked for."""
        expected = self.expected if direction == "training" else self.expected[:self._count_forward()]
        if len(results) != len(expected):
            return f"expected {len(expected)} arrays, got {len(results)}"
        for index, (got, want, tolerance) in enumerate(zip(results, expected, self.tolerance, strict=False)):
            if got.size != want.size:
                return f"result {index}: expected shape {want.shape}, got {got.shape}"
            error = np.abs(got.reshape(want.shape) - want)
            if not (error <= tolerance).all():
                worst = np.unravel_index(np.argmax(error - tolerance), want.shape)
                return (f"result {index} at {tuple(map(int, worst))}: expected {want[worst]:.9g}, "
                        f"got {got.reshape(want.shape)[worst]:.9g}, off by {error[worst]:.3g}")
        return None

    def _count_forward(self):
        return 1 + own.STATES.get(self.case.op, 0) - self.case.op.endswith("_cell")

    def _tolerance(self, arrays, exact):
        case, eps = self.case, np.finfo(self.case.dtype).eps
        if case.op == "max_pool2d":
            return [0.0, FLOOR * eps * np.abs(exact[1]).max()]
        if case.terms:
            squares = _reference(case, {name: np.square(array, dtype=np.float64) for name, array in arrays.items()})
            return [SUM_FACTOR * eps * np.sqrt(n) * np.sqrt(np.abs(square)) + FLOOR * eps * np.abs(want)
                    for n, square, want in zip(case.terms.values(), squares, exact, strict=True)]
        if case.op in own.STATES or case.family in COMPOSED:
            single = _reference(case, {name: array.astype(np.float32) for name, array in arrays.items()})
            scale = eps / np.finfo(np.float32).eps
            return [scale * RECURRENCE_FACTOR * np.abs(rounded - want).max() + FLOOR * eps * np.abs(want).max()
                    for rounded, want in zip(single, exact, strict=True)]
        return [FLOOR * eps * (1 + np.abs(want)) for want in exact]


def _reference(case, arrays):
    with fastnn.use_backend("reference"):
        return own.flat(own.build(case, arrays)["training"]())
