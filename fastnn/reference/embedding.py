"""Rows of a table by number, and the gradient of the table. index: int64 (M), weight: (V, D), y: (M, D)."""

import numpy as np

from .activation import quiet


def embedding_forward(index, weight, y):
    np.take(weight, index, axis=0, out=y, mode="clip")  # the indices are known to fit; "raise" would copy


@quiet
def embedding_backward_weight(dy, index, dweight, padding_idx):
    """The sum of dy over the places of each index, in their order; zeros for padding_idx (-1: none)."""
    dweight[...] = 0
    np.add.at(dweight, index, dy)
    if padding_idx >= 0:
        dweight[padding_idx] = 0
