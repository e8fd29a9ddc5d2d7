"""The losses between an input and a target of the same shape.

input, target: any one shape, both float32 or both float64. reduction: "mean", "sum", or "none" for every element's
loss. Returns a scalar of input's dtype, or for "none" an array of input's shape. The mean of an empty input is NaN.
The backward functions return the gradient of input, in its shape, for dy: a number or scalar (None: 1), or for "none"
an array of input's shape.
All raise TypeError for a wrong or mixed dtype, ValueError for a shape or an argument that does not fit.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

import numpy as np

from .. import _check
from .._typing import Array, ArrayLike, Loss, LossGradient, Reduction, Scalar
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

    difference: Array  # input - target
    reduction: Reduction


class L1LossContext(NamedTuple):
    """What `l1_loss_backward` reads."""

    difference: Array
    reduction: Reduction


class HuberLossContext(NamedTuple):
    """What `huber_loss_backward` reads."""

    difference: Array
    reduction: Reduction
    delta: float


class BCEWithLogitsContext(NamedTuple):
    """What `binary_cross_entropy_with_logits_backward` reads."""

    input: Array
    target: Array
    weight: Array | None
    pos_weight: Array | None
    reduction: Reduction


@overload
def mse_loss(input: ArrayLike, target: ArrayLike, reduction: Literal["mean", "sum"] = "mean") -> Scalar: ...
@overload
def mse_loss(input: ArrayLike, target: ArrayLike, reduction: Literal["none"]) -> Array: ...
def mse_loss(input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean") -> Loss:
    """Return the squared difference of input and target."""
    return mse_loss_forward(input, target, reduction)[0]


@overload
def mse_loss_forward(input: ArrayLike, target: ArrayLike,
                     reduction: Literal["mean", "sum"] = "mean") -> tuple[Scalar, MSELossContext]: ...
@overload
def mse_loss_forward(input: ArrayLike, target: ArrayLike,
                     reduction: Literal["none"]) -> tuple[Array, MSELossContext]: ...
@quiet
def mse_loss_forward(input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean") -> tuple[Loss, MSELossContext]:
    """As `mse_loss`; returns (loss, ctx) with what `mse_loss_backward` needs."""
    difference = _difference(input, target, reduction)
    return reduce(difference * difference, reduction, difference.size), MSELossContext(difference, reduction)


@quiet
def mse_loss_backward(dy: LossGradient, ctx: MSELossContext) -> Array:
    """Return dinput of `mse_loss`."""
    difference, reduction = _check.context(ctx, MSELossContext)
    return difference * (2 * _spread(dy, difference, reduction))


@overload
def l1_loss(input: ArrayLike, target: ArrayLike, reduction: Literal["mean", "sum"] = "mean") -> Scalar: ...
@overload
def l1_loss(input: ArrayLike, target: ArrayLike, reduction: Literal["none"]) -> Array: ...
def l1_loss(input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean") -> Loss:
    """Return the absolute difference of input and target."""
    return l1_loss_forward(input, target, reduction)[0]


@overload
def l1_loss_forward(input: ArrayLike, target: ArrayLike,
                    reduction: Literal["mean", "sum"] = "mean") -> tuple[Scalar, L1LossContext]: ...
@overload
def l1_loss_forward(input: ArrayLike, target: ArrayLike, reduction: Literal["none"]) -> tuple[Array, L1LossContext]: ...
@quiet
def l1_loss_forward(input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean") -> tuple[Loss, L1LossContext]:
    """As `l1_loss`; returns (loss, ctx) with what `l1_loss_backward` needs."""
    difference = _difference(input, target, reduction)
    return reduce(np.abs(difference), reduction, difference.size), L1LossContext(difference, reduction)


@quiet
def l1_loss_backward(dy: LossGradient, ctx: L1LossContext) -> Array:
    """Return dinput of `l1_loss`: the sign of the difference, 0 where there is none."""
    difference, reduction = _check.context(ctx, L1LossContext)
    return np.sign(difference) * _spread(dy, difference, reduction)


@overload
def huber_loss(input: ArrayLike, target: ArrayLike, reduction: Literal["mean", "sum"] = "mean",
               delta: float = 1.0) -> Scalar: ...
@overload
def huber_loss(input: ArrayLike, target: ArrayLike, reduction: Literal["none"], delta: float = 1.0) -> Array: ...
def huber_loss(input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean", delta: float = 1.0) -> Loss:
    """Return d^2 / 2 for differences d of at most delta, and delta (|d| - delta / 2) beyond. delta > 0.

    Source: P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.
    """
    return huber_loss_forward(input, target, reduction, delta)[0]


@overload
def huber_loss_forward(input: ArrayLike, target: ArrayLike, reduction: Literal["mean", "sum"] = "mean",
                       delta: float = 1.0) -> tuple[Scalar, HuberLossContext]: ...
@overload
def huber_loss_forward(input: ArrayLike, target: ArrayLike, reduction: Literal["none"],
                       delta: float = 1.0) -> tuple[Array, HuberLossContext]: ...
@quiet
def huber_loss_forward(input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean",
                       delta: float = 1.0) -> tuple[Loss, HuberLossContext]:
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
def huber_loss_backward(dy: LossGradient, ctx: HuberLossContext) -> Array:
    """Return dinput of `huber_loss`: the difference, clipped to +-delta."""
    difference, reduction, delta = _check.context(ctx, HuberLossContext)
    return np.clip(difference, -delta, delta) * _spread(dy, difference, reduction)


@overload
def binary_cross_entropy_with_logits(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: Literal["mean", "sum"] = "mean",
    pos_weight: ArrayLike | None = None,
) -> Scalar: ...
@overload
def binary_cross_entropy_with_logits(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, *, reduction: Literal["none"],
    pos_weight: ArrayLike | None = None,
) -> Array: ...
def binary_cross_entropy_with_logits(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: Reduction = "mean",
    pos_weight: ArrayLike | None = None,
) -> Loss:
    """Return -(pos_weight t log s + (1 - t) log(1 - s)) weight, with s = sigmoid(input) and t = target.

    weight, pos_weight: arrays that broadcast to input's shape, or None for 1. "mean" divides by the number of
    elements, not by the weights. No input overflows.
    """
    return binary_cross_entropy_with_logits_forward(
        input, target, weight, reduction, pos_weight)[0]  # type: ignore[arg-type, misc]


@overload
def binary_cross_entropy_with_logits_forward(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: Literal["mean", "sum"] = "mean",
    pos_weight: ArrayLike | None = None,
) -> tuple[Scalar, BCEWithLogitsContext]: ...
@overload
def binary_cross_entropy_with_logits_forward(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, *, reduction: Literal["none"],
    pos_weight: ArrayLike | None = None,
) -> tuple[Array, BCEWithLogitsContext]: ...
@quiet
def binary_cross_entropy_with_logits_forward(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: Reduction = "mean",
    pos_weight: ArrayLike | None = None,
) -> tuple[Loss, BCEWithLogitsContext]:
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
def binary_cross_entropy_with_logits_backward(dy: LossGradient, ctx: BCEWithLogitsContext) -> Array:
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


def _check_pair(input: ArrayLike, target: ArrayLike, reduction: Reduction) -> tuple[Array, Array]:
    input, target = _check.array("input", input), _check.array("target", target)
    _check.same_dtype(input=input, target=target)
    _check.shape("target", target, input.shape)
    check_reduction(reduction)
    return input, target


def _difference(input: ArrayLike, target: ArrayLike, reduction: Reduction) -> Array:
    input, target = _check_pair(input, target, reduction)
    return np.asarray(input - target)


def _check_factor(name: str, factor: ArrayLike | None, input: Array) -> Array | None:
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


def _spread(dy: LossGradient, input: Array, reduction: Reduction) -> Any:
    return spread(dy, input.shape, input.dtype, reduction, input.size)
