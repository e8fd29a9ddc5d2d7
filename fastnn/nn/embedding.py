"""The table of vectors that words or other numbers stand for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import _check
from .._typing import Array, DTypeLike, Integers, Seed
from ..functional.embedding import check_padding_idx
from . import init
from .op import OpLayer


class Embedding(OpLayer, op="embedding"):
    """The rows of a learned table that the numbers in x name.

    x: integers in [0, num_embeddings), of any shape; y: (*x.shape, embedding_dim); weight: (num_embeddings,
    embedding_dim), of `dtype`. padding_idx: a number whose row is zeros at first and gets no gradient, or None.
    Initial values: N(0, 1), drawn from `rng`. backprop returns None: numbers have no gradient.
    Raises TypeError for a wrong dtype, ValueError for a number that names no row.
    """

    weight: Array
    arguments = ("padding_idx",)

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *,
                 dtype: DTypeLike = np.float32, rng: Seed = None) -> None:
        self.num_embeddings = _check.integer("num_embeddings", num_embeddings, 1)
        self.embedding_dim = _check.integer("embedding_dim", embedding_dim, 1)
        padding = check_padding_idx(padding_idx, self.num_embeddings)
        self.padding_idx = None if padding_idx is None else padding
        generator = _check.generator("rng", rng)
        weight = init.normal((self.num_embeddings, self.embedding_dim), generator, init.float_dtype(dtype))
        if padding_idx is not None:
            weight.data[padding] = 0
        self.register_parameter("weight", weight)

    def __call__(self, x: Integers) -> Array:
        return self._op(x, self.weight, self.padding_idx)

    def forward(self, x: Integers) -> tuple[Array, Callable[..., None]]:
        y, ctx = self._op_forward(x, self.weight, self.padding_idx)

        def backprop(dy, *, need_dx=True):
            self._add_grads(weight=self._op_backward(dy, ctx))

        return y, backprop

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
