"""y = x W^T + b, and its three gradients. x: (N, I), weight: (O, I), y: (N, O).

bmm: products in a batch. a: (B, m, k), or (B, k, m) transposed; b: (B, k, n), or (B, n, k); c: (B, m, n).
"""

import numpy as np

from .activation import quiet, relu_forward


@quiet
def linear_forward(x, weight, bias, y, activation=None):
    np.matmul(x, weight.T, out=y)
    if bias is not None:
        y += bias
    if activation is not None:
        relu_forward(y, y)


@quiet
def linear_backward_input(dy, weight, dx):
    np.matmul(dy, weight, out=dx)


@quiet
def linear_backward_weight(dy, x, dweight, dbias):
    if dweight is not None:
        np.matmul(dy.T, x, out=dweight)
    if dbias is not None:
        np.sum(dy, axis=0, out=dbias)


@quiet
def bmm(a, b, c, transpose_a, transpose_b):
    np.matmul(a.swapaxes(1, 2) if transpose_a else a, b.swapaxes(1, 2) if transpose_b else b, out=c)
