"""The losses between scores of C classes and a target class, or the classes' probabilities.

input: (N, C), (N, C, d1, ...), or (C,) for one sample, float32 or float64.
reduction: "mean", "sum", or "none" for each sample's loss, in the shape of input without C. Returns a scalar of
input's dtype, or that array. The backward functions return the gradient of input, in its shape, for dy: a number or
scalar (None: 1), or for "none" an array of the losses' shape.
All raise TypeError for a wrong or mixed dtype, ValueError for a shape, class number or argument that does not fit.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

import numpy as np

from .. import _backend, _check, _memory
from .._typing import Array, ArrayLike, Loss, LossGradient, MaybeArray, Reduction, Scalar, Shape, Target
from ._reduction import check_reduction, quiet, reduce, spread
from .activation import from_rows, to_rows

__all__ = [
    "cross_entropy", "cross_entropy_forward", "cross_entropy_backward",
    "nll_loss", "nll_loss_forward", "nll_loss_backward",
]  # fmt: skip


class NLLLossContext(NamedTuple):
    """What `nll_loss_backward` reads, for M samples."""

    shape: Shape
    classes: Array  # (M,), 0 where the sample is ignored
    weights: MaybeArray  # (M,), that of the sample's class, 0 where the sample is ignored; None: all 1
    dtype: np.dtype[Any]
    reduction: Reduction


class CrossEntropyContext(NamedTuple):
    """What `cross_entropy_backward` reads, for M samples."""

    shape: Shape
    log_p: Array  # (M, C)
    classes: MaybeArray  # (M,), 0 where the sample is ignored; None where there is q
    q: Array | None  # (M, C): what -log_p is multiplied with; None: weights at classes, else 0
    weights: MaybeArray  # (M,), the sum of each row of q; None: all 1
    reduction: Reduction
    divisor: Any


@overload
def nll_loss(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
             reduction: Literal["mean", "sum"] = "mean") -> Scalar: ...
@overload
def nll_loss(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100, *,
             reduction: Literal["none"]) -> Array: ...
def nll_loss(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
             reduction: Reduction = "mean") -> Loss:
    """Return -weight[target] * input[target]: the negative log-likelihood, if input holds log-probabilities.

    target: class numbers in [0, C), integers in input's shape without C; samples whose target is ignore_index have no
    loss and no gradient. weight: (C,), of the classes, or None for 1.
    "mean" divides by the sum of the samples' weights; with nothing but ignored samples it is NaN.
    """
    return nll_loss_forward(input, target, weight, ignore_index, reduction)[0]  # type: ignore[arg-type, misc]


@overload
def nll_loss_forward(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
                     reduction: Literal["mean", "sum"] = "mean") -> tuple[Scalar, NLLLossContext]: ...
@overload
def nll_loss_forward(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100, *,
                     reduction: Literal["none"]) -> tuple[Array, NLLLossContext]: ...
@quiet
def nll_loss_forward(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
                     reduction: Reduction = "mean") -> tuple[Loss, NLLLossContext]:
    """As `nll_loss`; returns (loss, ctx) with what `nll_loss_backward` needs."""
    input, weight = _check_input(input, weight, reduction)
    classes, ignored = _check_classes(target, input.shape, ignore_index)
    weights = _sample_weights(weight, classes, ignored, input.dtype)
    losses = _picked_losses(to_rows(input, _class_axis(input.shape)), classes, weights)
    loss = reduce(losses.reshape(_losses_shape(input.shape)), reduction, _sum(weights, classes))
    return loss, NLLLossContext(input.shape, classes, weights, input.dtype, reduction)


@quiet
def nll_loss_backward(dy: LossGradient, ctx: NLLLossContext) -> Array:
    """Return dinput of `nll_loss`."""
    shape, classes, weights, dtype, reduction = _check.context(ctx, NLLLossContext)
    dlosses = _spread(dy, shape, dtype, reduction, _sum(weights, classes))
    dx = np.zeros((len(classes), shape[_class_axis(shape)]), dtype)
    picked = -dlosses if weights is None else np.where(weights == 0, 0, -weights * dlosses)
    dx[np.arange(len(classes)), classes] = picked
    return np.ascontiguousarray(from_rows(dx, shape, _class_axis(shape)))


@overload
def cross_entropy(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
                  reduction: Literal["mean", "sum"] = "mean", label_smoothing: float = 0.0) -> Scalar: ...
@overload
def cross_entropy(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100, *,
                  reduction: Literal["none"], label_smoothing: float = 0.0) -> Array: ...
def cross_entropy(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
                  reduction: Reduction = "mean", label_smoothing: float = 0.0) -> Loss:
    """Return -sum_c q_c log softmax(input)_c.

    target: class numbers in [0, C), integers in input's shape without C: q is weight[target] at the target, else 0;
    or probabilities, of input's shape and dtype: q is weight * target.
    weight: (C,), of the classes, or None for 1. label_smoothing: in [0, 1], this part of q is spread over all classes.
    ignore_index: samples with this class number have no loss and no gradient.
    "mean" divides by the number of samples if the target is probabilities, else by the sum of weight[target]; with
    nothing but ignored samples it is NaN.
    """
    return cross_entropy_forward(
        input, target, weight, ignore_index, reduction, label_smoothing)[0]  # type: ignore[arg-type, misc]


@overload
def cross_entropy_forward(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
                          reduction: Literal["mean", "sum"] = "mean",
                          label_smoothing: float = 0.0) -> tuple[Scalar, CrossEntropyContext]: ...
@overload
def cross_entropy_forward(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
                          *, reduction: Literal["none"],
                          label_smoothing: float = 0.0) -> tuple[Array, CrossEntropyContext]: ...
@quiet
def cross_entropy_forward(input: ArrayLike, target: Target, weight: ArrayLike | None = None, ignore_index: int = -100,
                          reduction: Reduction = "mean",
                          label_smoothing: float = 0.0) -> tuple[Loss, CrossEntropyContext]:
    """As `cross_entropy`; returns (loss, ctx) with what `cross_entropy_backward` needs."""
    input, weight = _check_input(input, weight, reduction)
    smoothing = _check.number("label_smoothing", label_smoothing, 0, 1)
    axis, dtype = _class_axis(input.shape), input.dtype
    classes = q = None
    if _as_target(target).dtype.kind == "f":
        q = to_rows(_check_probabilities(target, input, ignore_index), axis)
        count = len(q)
        q = _smoothed(q, smoothing, weight)
    else:
        classes, ignored = _check_classes(target, input.shape, ignore_index)
        weights = _sample_weights(weight, classes, ignored, dtype)
        count = _sum(weights, classes)
        if smoothing:
            q = np.zeros((len(classes), input.shape[axis]), dtype)
            q[np.arange(len(classes)), classes] = 1
            q = _smoothed(q, smoothing, weight)
            q = q if ignored is None else np.where(ignored[:, None], 0, q)
    x = to_rows(input, axis)
    log_p = _memory.empty(x.shape, dtype)
    _backend.active().log_softmax_forward(x, log_p)
    if q is None:
        losses = _picked_losses(log_p, classes, weights)
    else:
        weights = q.sum(axis=1)
        losses = np.where(_silent(weights, q), 0, -(q * log_p).sum(axis=1))
    loss = reduce(losses.reshape(_losses_shape(input.shape)), reduction, count)
    return loss, CrossEntropyContext(input.shape, log_p, classes if q is None else None, q, weights, reduction, count)


@quiet
def cross_entropy_backward(dy: LossGradient, ctx: CrossEntropyContext) -> Array:
    """Return dinput of `cross_entropy`: softmax(input) * sum(q) - q, for each sample."""
    shape, log_p, classes, q, weights, reduction, divisor = _check.context(ctx, CrossEntropyContext)
    dlosses = _spread(dy, shape, log_p.dtype, reduction, divisor)
    dx = np.exp(log_p)
    if weights is None:
        dx *= dlosses[:, None]
        dx[np.arange(len(classes)), classes] -= dlosses
        return np.ascontiguousarray(from_rows(dx, shape, _class_axis(shape)))
    silent = _silent(weights, q)
    scaled = np.where(silent, 0, weights * dlosses)  # where all are ignored, dlosses is infinite
    dx *= scaled[:, None]
    if q is None:
        dx[np.arange(len(classes)), classes] -= scaled
    else:
        dx -= q * dlosses[:, None]
    dx[silent] = 0  # whatever its input
    return np.ascontiguousarray(from_rows(dx, shape, _class_axis(shape)))


def _smoothed(q: Array, smoothing: float, weight: Array | None) -> Array:
    """The targets, a part of each spread evenly over the classes, weighted by class."""
    if smoothing:
        q = q * (1 - smoothing) + smoothing / q.shape[1]
    return q if weight is None else q * weight


def _silent(weights: Array, q: Array | None) -> Any:
    """Which samples have neither loss nor gradient: those ignored, or of weight 0."""
    return weights == 0 if q is None else ~q.any(axis=1)


def _picked_losses(log_p: Array, classes: MaybeArray, weights: MaybeArray) -> Array:
    picked = -log_p[np.arange(len(classes)), classes]
    return picked if weights is None else np.where(weights == 0, 0, weights * picked)


def _sample_weights(weight: Array | None, classes: Array, ignored: MaybeArray, dtype: np.dtype[Any]) -> MaybeArray:
    """None where all are 1, as most often: a small loss is nothing but calls of NumPy."""
    if weight is None and ignored is None:
        return None
    weights = np.ones(len(classes), dtype) if weight is None else weight[classes]
    if ignored is not None:
        weights[ignored] = 0
    return weights


def _sum(weights: MaybeArray, classes: Array) -> Any:
    return len(classes) if weights is None else weights.sum()


def _class_axis(shape: Shape) -> int:
    return 0 if len(shape) == 1 else 1


def _losses_shape(shape: Shape) -> Shape:
    axis = _class_axis(shape)
    return (*shape[:axis], *shape[axis + 1:])


def _spread(dy: LossGradient, shape: Shape, dtype: np.dtype[Any], reduction: Reduction, count: Any) -> Array:
    """The gradient of each sample's loss, (M,), or (1,) where it is the same for all."""
    return np.ravel(spread(dy, _losses_shape(shape), dtype, reduction, count))


def _check_input(input: ArrayLike, weight: ArrayLike | None, reduction: Reduction) -> tuple[Array, Array | None]:
    input, weight = _check.array("input", input), _check.optional("weight", weight)
    _check.same_dtype(input=input, weight=weight)
    if input.ndim == 0 or input.shape[_class_axis(input.shape)] == 0:
        raise ValueError(f"input: expected shape (N, C), (N, C, d1, ...) or (C,) with C >= 1, got {input.shape}")
    _check.shape("weight", weight, (input.shape[_class_axis(input.shape)],))
    check_reduction(reduction)
    return input, weight


def _as_target(target: Any) -> Array:
    array = _check.any_array("target", target)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"target: expected class numbers (integers) or probabilities (floats), got dtype {array.dtype}")
    return array


def _check_classes(target: Target, shape: Shape, ignore_index: int) -> tuple[Array, MaybeArray]:
    """Return (class numbers (M,), 0 for those ignored; which are ignored), of integers of input's shape without C.

    None in place of the second where none can be ignored.
    """
    ignore_index = _check.integer("ignore_index", ignore_index, -_check.MAX_INT)
    target = _as_target(target)
    if target.dtype.kind == "f":
        raise TypeError(f"target: expected class numbers (integers), got dtype {target.dtype}")
    _check.shape("target", target, _losses_shape(shape))
    target, n_classes = target.reshape(-1), shape[_class_axis(shape)]
    if target.dtype == np.intp and not 0 <= ignore_index < n_classes and (
            (target.view(np.uintp) < n_classes).all()):  # without a sign, a negative number is a large one
        return target.copy(), None
    ignored = target == ignore_index
    wrong = np.flatnonzero(~ignored & ((target < 0) | (target >= n_classes)))
    if wrong.size:
        raise ValueError(f"target: expected class numbers in [0, {n_classes - 1}] or ignore_index = {ignore_index}, "
                         f"got {target[wrong[0]]} for sample {wrong[0]}")
    return np.where(ignored, 0, target).astype(np.intp), ignored


def _check_probabilities(target: Target, input: Array, ignore_index: int) -> Array:
    target = _check.array("target", target)
    _check.same_dtype(input=input, target=target)
    _check.shape("target", target, input.shape)
    if _check.integer("ignore_index", ignore_index, -_check.MAX_INT) >= 0:
        raise ValueError(f"ignore_index: expected a negative number with probabilities as target, got {ignore_index}")
    return target
