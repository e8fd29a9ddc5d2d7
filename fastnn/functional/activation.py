"""The activations, element by element, and the softmaxes along one axis.

x: any shape, float32 or float64; y, dy and dx: as x. out: an array of x's shape and dtype to write the result into.
All raise TypeError for a wrong or mixed dtype, ValueError for a shape or an argument that does not fit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Approximate, Array, ArrayLike, Context, Shape

__all__ = [
    "elu", "elu_forward", "elu_backward",
    "gelu", "gelu_forward", "gelu_backward",
    "leaky_relu", "leaky_relu_forward", "leaky_relu_backward",
    "log_softmax", "log_softmax_forward", "log_softmax_backward",
    "relu", "relu_forward", "relu_backward",
    "sigmoid", "sigmoid_forward", "sigmoid_backward",
    "silu", "silu_forward", "silu_backward",
    "softmax", "softmax_forward", "softmax_backward",
    "tanh", "tanh_forward", "tanh_backward",
]  # fmt: skip


class ActivationContext(NamedTuple):
    """What the backward function of an activation reads."""

    op: str
    saved: Array  # x or y
    arguments: tuple[Any, ...]


class SoftmaxContext(NamedTuple):
    """What `softmax_backward` and `log_softmax_backward` read."""

    op: str
    y: Array  # (rows, the axis)
    shape: Shape
    dim: int


def relu(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Return max(x, 0). NaN stays NaN."""
    return _forward("relu", x, out)[1]


def relu_forward(x: ArrayLike, *, out: Array | None = None) -> tuple[Array, ActivationContext]:
    """As `relu`; returns (y, ctx) with what `relu_backward` needs: y, not to be changed before."""
    _, y = _forward("relu", x, out)
    return y, ActivationContext("relu", y, ())


def relu_backward(dy: ArrayLike, ctx: ActivationContext) -> Array:
    """Return dx of `relu`: dy where y is positive, else 0."""
    return _backward("relu", dy, ctx)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.01, *, out: Array | None = None) -> Array:
    """Return x where it is positive, negative_slope * x elsewhere."""
    return _forward("leaky_relu", x, out, _check.number("negative_slope", negative_slope))[1]


def leaky_relu_forward(x: ArrayLike, negative_slope: float = 0.01, *,
                       out: Array | None = None) -> tuple[Array, ActivationContext]:
    """As `leaky_relu`; returns (y, ctx) with what `leaky_relu_backward` needs: x."""
    negative_slope = _check.number("negative_slope", negative_slope)
    x, y = _forward("leaky_relu", x, out, negative_slope)
    return y, ActivationContext("leaky_relu", x, (negative_slope,))


def leaky_relu_backward(dy: ArrayLike, ctx: ActivationContext) -> Array:
    """Return dx of `leaky_relu`."""
    return _backward("leaky_relu", dy, ctx)


def elu(x: ArrayLike, alpha: float = 1.0, *, out: Array | None = None) -> Array:
    """Return x where it is positive, alpha * (exp(x) - 1) elsewhere.

    Source: D.-A. Clevert et al., "Fast and accurate deep network learning by exponential linear units", 2015.
    """
    return _forward("elu", x, out, _check.number("alpha", alpha))[1]


def elu_forward(x: ArrayLike, alpha: float = 1.0, *, out: Array | None = None) -> tuple[Array, ActivationContext]:
    """As `elu`; returns (y, ctx) with what `elu_backward` needs: x."""
    alpha = _check.number("alpha", alpha)
    x, y = _forward("elu", x, out, alpha)
    return y, ActivationContext("elu", x, (alpha,))


def elu_backward(dy: ArrayLike, ctx: ActivationContext) -> Array:
    """Return dx of `elu`."""
    return _backward("elu", dy, ctx)


def gelu(x: ArrayLike, approximate: Approximate = "none", *, out: Array | None = None) -> Array:
    """Return x P(X <= x) for a standard normal X.

    approximate: "none", or "tanh" for x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.
    """
    return _forward("gelu", x, out, _check.choice("approximate", approximate, ("none", "tanh")))[1]


def gelu_forward(x: ArrayLike, approximate: Approximate = "none", *,
                 out: Array | None = None) -> tuple[Array, ActivationContext]:
    """As `gelu`; returns (y, ctx) with what `gelu_backward` needs: x."""
    approximate = _check.choice("approximate", approximate, ("none", "tanh"))
    x, y = _forward("gelu", x, out, approximate)
    return y, ActivationContext("gelu", x, (approximate,))


def gelu_backward(dy: ArrayLike, ctx: ActivationContext) -> Array:
    """Return dx of `gelu`."""
    return _backward("gelu", dy, ctx)


def silu(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Return x * sigmoid(x)."""
    return _forward("silu", x, out)[1]


def silu_forward(x: ArrayLike, *, out: Array | None = None) -> tuple[Array, ActivationContext]:
    """As `silu`; returns (y, ctx) with what `silu_backward` needs: x."""
    x, y = _forward("silu", x, out)
    return y, ActivationContext("silu", x, ())


def silu_backward(dy: ArrayLike, ctx: ActivationContext) -> Array:
    """Return dx of `silu`."""
    return _backward("silu", dy, ctx)


def sigmoid(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Return 1 / (1 + exp(-x)), relatively accurate for every x."""
    return _forward("sigmoid", x, out)[1]


def sigmoid_forward(x: ArrayLike, *, out: Array | None = None) -> tuple[Array, ActivationContext]:
    """As `sigmoid`; returns (y, ctx) with what `sigmoid_backward` needs: y, not to be changed before."""
    _, y = _forward("sigmoid", x, out)
    return y, ActivationContext("sigmoid", y, ())


def sigmoid_backward(dy: ArrayLike, ctx: ActivationContext) -> Array:
    """Return dx of `sigmoid`: dy * y * (1 - y)."""
    return _backward("sigmoid", dy, ctx)


def tanh(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Return the hyperbolic tangent of x."""
    return _forward("tanh", x, out)[1]


def tanh_forward(x: ArrayLike, *, out: Array | None = None) -> tuple[Array, ActivationContext]:
    """As `tanh`; returns (y, ctx) with what `tanh_backward` needs: y, not to be changed before."""
    _, y = _forward("tanh", x, out)
    return y, ActivationContext("tanh", y, ())


def tanh_backward(dy: ArrayLike, ctx: ActivationContext) -> Array:
    """Return dx of `tanh`: dy * (1 - y^2)."""
    return _backward("tanh", dy, ctx)


def softmax(x: ArrayLike, dim: int = -1, *, out: Array | None = None) -> Array:
    """Return exp(x) / sum(exp(x)), the sum along the axis `dim`; large x do not overflow."""
    return softmax_forward(x, dim, out=out)[0]


def softmax_forward(x: ArrayLike, dim: int = -1, *, out: Array | None = None) -> tuple[Array, SoftmaxContext]:
    """As `softmax`; returns (y, ctx) with what `softmax_backward` needs: y, not to be changed before."""
    return _softmax_forward("softmax", x, dim, out)


def softmax_backward(dy: ArrayLike, ctx: SoftmaxContext) -> Array:
    """Return dx of `softmax`."""
    return _softmax_backward("softmax", dy, ctx)


def log_softmax(x: ArrayLike, dim: int = -1, *, out: Array | None = None) -> Array:
    """Return x - log(sum(exp(x))), the sum along the axis `dim`; large x do not overflow."""
    return log_softmax_forward(x, dim, out=out)[0]


def log_softmax_forward(x: ArrayLike, dim: int = -1, *, out: Array | None = None) -> tuple[Array, SoftmaxContext]:
    """As `log_softmax`; returns (y, ctx) with what `log_softmax_backward` needs: y, not to be changed before."""
    return _softmax_forward("log_softmax", x, dim, out)


def log_softmax_backward(dy: ArrayLike, ctx: SoftmaxContext) -> Array:
    """Return dx of `log_softmax`."""
    return _softmax_backward("log_softmax", dy, ctx)


def _forward(op: str, x: ArrayLike, out: Array | None, *arguments: Any) -> tuple[Array, Array]:
    """Run the backend's function; return (x, y)."""
    x = _check.array("x", x)
    y = _memory.empty_like(x) if out is None else _check.output(out, x.shape, x.dtype, x=x)
    getattr(_backend.active(), op + "_forward")(x, y, *arguments)
    return x, y


def _backward(op: str, dy: ArrayLike, ctx: ActivationContext) -> Array:
    _, saved, arguments = _context(op, ctx, ActivationContext)
    dy = _check.gradient("dy", dy, saved.shape, saved)
    dx = _memory.empty_like(saved)
    getattr(_backend.active(), op + "_backward_input")(dy, saved, dx, *arguments)
    return dx


def _softmax_forward(op: str, x: ArrayLike, dim: int, out: Array | None) -> tuple[Array, SoftmaxContext]:
    x = _check.array("x", x)
    if x.ndim == 0:
        raise ValueError("x: expected at least 1 dimension, got shape ()")
    dim = _check.integer("dim", dim, -x.ndim, x.ndim - 1)
    y = _check.output(out, x.shape, x.dtype, x=x)
    x_rows, last = to_rows(x, dim), dim in (-1, x.ndim - 1)
    y_rows = to_rows(y, dim) if last else _memory.empty(x_rows.shape, x.dtype)
    getattr(_backend.active(), op + "_forward")(x_rows, y_rows)
    if not last:
        y[...] = from_rows(y_rows, x.shape, dim)
    return y, SoftmaxContext(op, y_rows, x.shape, dim)


def _softmax_backward(op: str, dy: ArrayLike, ctx: SoftmaxContext) -> Array:
    _, y_rows, shape, dim = _context(op, ctx, SoftmaxContext)
    dy_rows = to_rows(_check.gradient("dy", dy, shape, y_rows), dim)
    dx_rows = _memory.empty(y_rows.shape, y_rows.dtype)
    getattr(_backend.active(), op + "_backward_input")(dy_rows, y_rows, dx_rows)
    return np.ascontiguousarray(from_rows(dx_rows, shape, dim))


def to_rows(array: Array, dim: int) -> Array:
    """The array as (rows, the axis dim): a view where that axis is the last, else a copy."""
    last = dim in (-1, array.ndim - 1)  # which NumPy takes 4 us to find out
    if last and array.ndim == 2:
        return array
    moved = array if last else np.ascontiguousarray(np.moveaxis(array, dim, -1))
    return moved.reshape(moved.size // max(moved.shape[-1], 1), moved.shape[-1])


def from_rows(rows: Array, shape: Shape, dim: int) -> Array:
    """The reverse of `to_rows`: a view of `shape`."""
    dim %= len(shape)
    if dim == len(shape) - 1:
        return rows.reshape(shape)
    return np.moveaxis(rows.reshape(*shape[:dim], *shape[dim + 1:], shape[dim]), -1, dim)


def _context(op: str, ctx: Any, wanted: type[Context]) -> Context:
    ctx = _check.context(ctx, wanted)
    if ctx.op != op:
        raise TypeError(f"ctx: expected what {op}_forward returned, got what {ctx.op}_forward returned")
    return ctx
