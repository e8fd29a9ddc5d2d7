"""The losses between an input and a target of the same shape.

input, target: any one shape, both float32 or both float64. reduction: "mean", "sum", or "none" for every element's
loss. Returns a scalar of input's dtype, or for "none" an array of input's shape. The mean of an empty input is NaN.
The backward functions return the gradient of input, in its shape, for dy: a number or scalar (None: 1), or for "none"
an array of input's shape.
All raise TypeError for a wrong or mixed dtype, ValueError for a shape or an argument that does not fit.
"""

from typing import NamedTuple

import numpy as np

from .. import _check
from ._reduction import check_reduction, quiet, reduce, spread

__all__ = [
    "binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits_forward",
    "binary_cross_entropy_with_logits_backward",
    "huber_loss", "huber_loss_forward", "huber_loss_backward",
    "l1_loss", "l1_loss_forward", "l1_loss_backward",
    "mse_loss", "mse_loss_forward", "mse_loss_backward",
]  # fmt: skip


class MSELossContext(NamedTuple):
    """What `mse_loss_backward` reads."""

    difference: np.ndarray  # input - target
    reduction: str


class L1LossContext(NamedTuple):
    """What `l1_loss_backward` reads."""

    difference: np.ndarray
    reduction: str


class HuberLossContext(NamedTuple):
    """What `huber_loss_backward` reads."""

    difference: np.ndarray
    reduction: str
    delta: float


class BCEWithLogitsContext(NamedTuple):
    """What `binary_cross_entropy_with_logits_backward` reads."""

    input: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None
    pos_weight: np.ndarray | None
    reduction: str


def mse_loss(input, target, reduction="mean"):
    """Return the squared difference of input and target."""
    return mse_loss_forward(input, target, reduction)[0]


@quiet
def mse_loss_forward(input, target, reduction="mean"):
    """As `mse_loss`; returns (loss, ctx) with what `mse_loss_backward` needs."""
    difference = _difference(input, target, reduction)
    return reduce(difference * difference, reduction, difference.size), MSELossContext(difference, reduction)


@quiet
def mse_loss_backward(dy, ctx):
    """Return dinput of `mse_loss`."""
    difference, reduction = _check.context(ctx, MSELossContext)
    return difference * (2 * _spread(dy, difference, reduction))


def l1_loss(input, target, reduction="mean"):
    """Return the absolute difference of input and target."""
    return l1_loss_forward(input, target, reduction)[0]


@quiet
def l1_loss_forward(input, target, reduction="mean"):
    """As `l1_loss`; returns (loss, ctx) with what `l1_loss_backward` needs."""
    difference = _difference(input, target, reduction)
    return reduce(np.abs(difference), reduction, difference.size), L1LossContext(difference, reduction)


@quiet
def l1_loss_backward(dy, ctx):
    """Return dinput of `l1_loss`: the sign of the difference, 0 where there is none."""
    difference, reduction = _check.context(ctx, L1LossContext)
    return np.sign(difference) * _spread(dy, difference, reduction)


def huber_loss(input, target, reduction="mean", delta=1.0):
    """Return d^2 / 2 for differences d of at most delta, and delta (|d| - delta / 2) beyond. delta > 0.

    Source: P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.
    """
    return huber_loss_forward(input, target, reduction, delta)[0]


@quiet
def huber_loss_forward(input, target, reduction="mean", delta=1.0):
    """As `huber_loss`; returns (loss, ctx) with what `huber_loss_backward` needs."""
    delta = _check.number("delta", delta)
    if delta <= 0:
        raise ValueError(f"delta: expected a number above 0, got {delta}")
    difference = _difference(input, target, reduction)
    size = np.abs(difference)
    inner = np.minimum(size, delta)
    losses = inner * (size - 0.5 * inner)  # both cases at once: the inner part is the whole of a small difference
    return reduce(losses, reduction, difference.size), HuberLossContext(difference, reduction, delta)


@quiet
def huber_loss_backward(dy, ctx):
    """Return dinput of `huber_loss`: the difference, clipped to +-delta."""
    difference, reduction, delta = _check.context(ctx, HuberLossContext)
    return np.clip(difference, -delta, delta) * _spread(dy, difference, reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction="mean"):
    """Return -(pos_weight t log s + (1 - t) log(1 - s)) weight, with s = sigmoid(input) and t = target.

    weight, pos_weight: arrays that broadcast to input's shape, or None for 1. "mean" divides by the number of
    elements, not by the weights. No input overflows.
    """
    return binary_cross_entropy_with_logits_forward(input, target, weight, pos_weight, reduction)[0]


@quiet
def binary_cross_entropy_with_logits_forward(input, target, weight=None, pos_weight=None, reduction="mean"):
    """As `binary_cross_entropy_with_logits`; returns (loss, ctx) with what its backward function needs."""
    x, target = _check_pair(input, target, reduction)
    weight, pos_weight = _check_factor("weight", weight, x), _check_factor("pos_weight", pos_weight, x)
    tail = np.log1p(np.exp(-np.abs(x)))  # log(1 + e^x) = max(x, 0) + tail
    positive = target * (np.maximum(-x, 0) + tail)
    if pos_weight is not None:
        positive *= pos_weight
    losses = positive + (1 - target) * (np.maximum(x, 0) + tail)
    if weight is not None:
        losses *= weight
    return reduce(losses, reduction, x.size), BCEWithLogitsContext(x, target, weight, pos_weight, reduction)


@quiet
def binary_cross_entropy_with_logits_backward(dy, ctx):
    """Return dinput of `binary_cross_entropy_with_logits`: (1 - t) s - pos_weight t (1 - s), weighted."""
    x, target, weight, pos_weight, reduction = _check.context(ctx, BCEWithLogitsContext)
    dy = _spread(dy, x, reduction)
    # sigmoid(x) and sigmoid(-x) = 1 - sigmoid(x); neither overflows or loses its relative accuracy
    total = 1 + np.exp(-np.abs(x))
    s, complement = np.exp(np.minimum(x, 0)) / total, np.exp(np.minimum(-x, 0)) / total
    positive = target * complement
    if pos_weight is not None:
        positive *= pos_weight
    dx = ((1 - target) * s - positive) * dy
    if weight is not None:
        dx *= weight
    return dx


def _check_pair(input, target, reduction):
    input, target = _check.array("input", input), _check.array("target", target)
    _check.same_dtype(input=input, target=target)
    _check.shape("target", target, input.shape)
    check_reduction(reduction)
    return input, target


def _difference(input, target, reduction):
    input, target = _check_pair(input, target, reduction)
    return np.asarray(input - target)


def _check_factor(name, factor, input):
    """A weight: None, or an array that broadcasts to input's shape."""
    if factor is None:
        return None
    factor = _check.array(name, factor)
    _check.same_dtype(**{"input": input, name: factor})
    try:
        fits = np.broadcast_shapes(factor.shape, input.shape) == input.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name}: expected a shape that broadcasts to input's {input.shape}, got {factor.shape}")
    return factor


def _spread(dy, input, reduction):
    return spread(dy, input.shape, input.dtype, reduction, input.size)
