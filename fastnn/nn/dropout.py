"""Dropout."""

from __future__ import annotations

from .. import _check
from .._typing import Array, ArrayLike, Backprop, Seed
from .op import OpLayer


class Dropout(OpLayer, op="dropout"):
    """In training mode, zero each element with probability p and scale the others by 1 / (1 - p); else y = x.

    The mask comes from `rng`, a numpy.random.Generator or a seed, which the layer owns: two layers with the same seed
    drop the same elements. Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.
    """

    def __init__(self, p: float = 0.5, *, rng: Seed = None) -> None:
        self.p = _check.number("p", p, 0, 1)
        self._rng = _check.generator("rng", rng)

    def __call__(self, x: ArrayLike) -> Array:
        return self._op(x, self.p, self.training, self._rng)

    def forward(self, x: ArrayLike) -> tuple[Array, Backprop]:
        y, ctx = self._op_forward(x, self.p, self.training, self._rng)

        def backprop(dy):
            return self._op_backward(dy, ctx)

        return y, backprop

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout2d(Dropout, op="dropout2d"):
    """`Dropout` of whole channels, each of each sample with probability p: (N, C, H, W) or (N, C, L)."""
