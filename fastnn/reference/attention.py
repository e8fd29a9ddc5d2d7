"""Products of matrices in a batch. a: (B, m, k), or (B, k, m) transposed; b: (B, k, n), or (B, n, k); c: (B, m, n)."""

import numpy as np

from .activation import quiet


@quiet
def bmm(a, b, c, transpose_a, transpose_b):
    np.matmul(a.swapaxes(1, 2) if transpose_a else a, b.swapaxes(1, 2) if transpose_b else b, out=c)
