"""The activations. x, y, dy, dx: of any one shape; softmax and log_softmax work along the last axis of (M, C).

A backward function reads x or y, whichever is enough to keep the gradient's accuracy.
"""

import math

import numpy as np

quiet = np.errstate(over="ignore", divide="ignore", invalid="ignore")  # inf and NaN are results here, not accidents

FLAT = 50  # beyond +-FLAT every smooth gate is 0 or 1 to the last bit of float64, and its slope is 0


def sigmoid(x):
    """1 / (1 + e^-x) with no exponent above 0: it cannot overflow, and is relatively accurate for very negative x."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def select(mask, a, b, out):
    """out = np.where(mask, a, b), by the bits: where branches, which is ten times slower if the mask is random."""
    a, b, bits = (array.view(f"i{out.itemsize}") for array in (a, b, out))
    np.bitwise_xor(a, b, out=bits)
    bits *= mask
    bits ^= b


def relu_forward(x, y):
    np.maximum(x, 0, out=y)


def relu_backward_input(dy, y, dx):
    bits = f"i{dy.itemsize}"  # times 0 or 1 as integers: an infinite dy does not turn into NaN
    np.multiply(dy.view(bits), y != 0, out=dx.view(bits))


@quiet
def leaky_relu_forward(x, y, negative_slope):
    np.add(np.maximum(x, 0), np.minimum(x, 0) * negative_slope, out=y)  # one of them is 0


@quiet
def leaky_relu_backward_input(dy, x, dx, negative_slope):
    select(x > 0, dy, dy * negative_slope, dx)


@quiet
def elu_forward(x, y, alpha):
    np.add(np.maximum(x, 0), alpha * np.expm1(np.minimum(x, 0)), out=y)  # one of them is 0


@quiet
def elu_backward_input(dy, x, dx, alpha):
    select(x > 0, dy, dy * (alpha * np.exp(np.minimum(x, 0))), dx)


def sigmoid_forward(x, y):
    y[...] = sigmoid(x)


@quiet
def sigmoid_backward_input(dy, y, dx):
    dx[...] = dy * y * (1 - y)


def tanh_forward(x, y):
    np.tanh(x, out=y)


@quiet
def tanh_backward_input(dy, y, dx):
    dx[...] = dy * ((1 - y) * (1 + y))


@quiet
def silu_forward(x, y):
    y[...] = x * sigmoid(x)


@quiet
def silu_backward_input(dy, x, dx):
    s = sigmoid(x)
    dx[...] = dy * (s + x * s * (1 - s))


@quiet
def gelu_forward(x, y, approximate):
    y[...] = x * _gelu_gate(x, approximate)[0]


@quiet
def gelu_backward_input(dy, x, dx, approximate):
    gate, slope = _gelu_gate(x, approximate)
    dx[...] = dy * (gate + np.clip(x, -FLAT, FLAT) * slope)


def _gelu_gate(x, approximate):
    """What gelu multiplies x with, and its derivative.

    approximate "none": the normal distribution P(X <= x) = erfc(-x / sqrt 2) / 2, which does not cancel for negative x.
    "tanh": (1 + tanh u) / 2 = sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3).
    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.
    """
    x = np.clip(x, -FLAT, FLAT).astype(np.float64)  # x^3 stays finite; erfc multiplies the rounding of x by x^2
    if approximate == "none":
        return _erfc(x * -math.sqrt(0.5)) / 2, np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    scale = math.sqrt(2 / math.pi)
    gate = sigmoid(2 * scale * (x + 0.044715 * x * x * x))
    return gate, gate * (1 - gate) * (2 * scale) * (1 + 3 * 0.044715 * x * x)


def _erfc(x):
    """NumPy has no erfc: the C library's, an element at a time."""
    return np.fromiter(map(math.erfc, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


@quiet
def softmax_forward(x, y):
    np.exp(x - _row_max(x), out=y)
    y /= y.sum(axis=1, keepdims=True)


@quiet
def softmax_backward_input(dy, y, dx):
    dx[...] = y * (dy - (dy * y).sum(axis=1, keepdims=True))


@quiet
def log_softmax_forward(x, y):
    np.subtract(x, _row_max(x), out=y)
    y -= np.log(np.exp(y).sum(axis=1, keepdims=True))


@quiet
def log_softmax_backward_input(dy, y, dx):
    dx[...] = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)


def _row_max(x):
    return x.max(axis=1, keepdims=True, initial=-math.inf)
