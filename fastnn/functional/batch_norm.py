"""Normalisation of each channel over the batch."""

from __future__ import annotations

from _thread import allocate_lock  # what threading.Lock is; importing threading costs a millisecond
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import _backend, _check, _memory
from .._typing import AffineGradients, Array, ArrayLike, Need
from ._reduction import quiet

__all__ = ["batch_norm", "batch_norm_forward", "batch_norm_backward"]

_running = allocate_lock()  # held while running statistics change: a layer may serve several threads


class BatchNormContext(NamedTuple):
    """What `batch_norm_backward` reads."""

    x: Array
    weight: Array | None
    has_bias: bool
    mean: Array  # (C,)
    rstd: Array  # (C,), 1 / standard deviation
    of_batch: bool  # whether mean and rstd depend on x


def batch_norm(x: ArrayLike, running_mean: ArrayLike | None, running_var: ArrayLike | None,
               weight: ArrayLike | None = None, bias: ArrayLike | None = None, training: bool = False,
               momentum: float = 0.1, eps: float = 1e-5, *, out: Array | None = None) -> Array:
    """Return (x - mean) / sqrt(var + eps) * weight + bias, channel by channel.

    x: (N, C) or (N, C, ...); the others: (C,) or None; all of one dtype, float32 or float64.
    In training, mean and var are those of the batch, and running_mean and running_var, where given, move towards them
    by the factor momentum, in place (var there with N - 1 in its denominator). Else they are the running ones, which
    must be given.
    out: an array of x's shape to write the result into.
    Returns y, of x's shape. Raises TypeError for a wrong or mixed dtype, ValueError for a shape or value that does not
    fit, or a single value a channel in training.
    Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal
    covariate shift", ICML 2015.
    """
    return batch_norm_forward(x, running_mean, running_var, weight, bias, training, momentum, eps, out=out)[0]


@quiet
def batch_norm_forward(x: ArrayLike, running_mean: ArrayLike | None, running_var: ArrayLike | None,
                       weight: ArrayLike | None = None, bias: ArrayLike | None = None, training: bool = False,
                       momentum: float = 0.1, eps: float = 1e-5, *,
                       out: Array | None = None) -> tuple[Array, BatchNormContext]:
    """As `batch_norm`; returns (y, ctx) with what `batch_norm_backward` needs."""
    x, own_mean, own_var, weight, bias, (momentum, eps, count) = _check_batch_norm(
        x, running_mean, running_var, weight, bias, training, momentum, eps)
    y = _check.output(out, x.shape, x.dtype, x=x, running_mean=own_mean, running_var=own_var, weight=weight, bias=bias)
    mean, var = own_mean, own_var
    if training:
        mean, var = np.empty((2, x.shape[1]), x.dtype)
        _backend.active().channel_moments(channels(x), mean, var)
        if count:
            _move_running(own_mean, mean, momentum)
            _move_running(own_var, var * (count / (count - 1)), momentum)
    else:
        mean = mean.copy()  # a later batch may move it before backward
    rstd = 1 / np.sqrt(var + eps)
    scale, shift = scale_and_shift(rstd, weight, bias)
    _backend.active().channel_scale(channels(x), mean, scale, shift, channels(y))
    return y, BatchNormContext(x, weight, bias is not None, mean, rstd, bool(training))


@quiet
def batch_norm_backward(dy: ArrayLike, ctx: BatchNormContext, *, need: Need = None) -> AffineGradients:
    """Return (dx, dweight, dbias) of `batch_norm`, for dy of y's shape.

    need: three bools, which of the gradients to compute; the others, and those of what was not given, are None.
    """
    need_x, need_weight, need_bias = _check.need(need, 3)
    x, weight, has_bias, mean, rstd, of_batch = _check.context(ctx, BatchNormContext)
    need_weight, need_bias = need_weight and weight is not None, need_bias and has_bias
    dy, dx = check_dy(dy, x), None
    if need_weight or need_bias or (need_x and of_batch):
        dshift, dscale = np.empty((2, x.shape[1]), x.dtype)
        _backend.active().channel_sums(channels(dy), channels(x), mean, dshift, dscale)
    if need_x:
        by_dy, dx = rstd if weight is None else rstd * weight, _memory.empty(x.shape, x.dtype)
        if of_batch:  # the batch's mean and variance depend on x too
            share = by_dy / max(x.size // max(x.shape[1], 1), 1)
            _backend.active().channel_combine(channels(dy), channels(x), mean, by_dy, -share * rstd * rstd * dscale,
                                              -share * dshift, channels(dx))
        else:
            zero = np.zeros_like(by_dy)
            _backend.active().channel_scale(channels(dy), zero, by_dy, zero, channels(dx))
    return dx, dscale * rstd if need_weight else None, dshift if need_bias else None


# What a call needs to know, and its like need not find out again: momentum, eps, how many values a channel has.
_Plan: TypeAlias = tuple[float, float, int]
_known: dict[bytes, _Plan] = {}


def _check_batch_norm(
    x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: Any, momentum: Any, eps: Any,
) -> tuple[Array, Any, Any, Array | None, Array | None, _Plan]:
    """Running statistics that are written to are looked at in every call."""
    key = None
    if training is False:
        key = _check.signature(x, running_mean, running_var, weight, bias, momentum, eps)
    plan = _known.get(key)  # type: ignore[arg-type]  # None is no key
    if plan is None:
        training, eps = _check.flag("training", training), _check.number("eps", eps, 0)
        momentum = _check.number("momentum", momentum, 0, 1)
        x, weight, bias = check_scaled(x, weight, bias)
        count = x.size // max(x.shape[1], 1)
        if training and count == 1:
            raise ValueError(f"x: expected more than one value a channel in training, got shape {x.shape}")
        running_mean = _check_running("running_mean", running_mean, x, training)
        running_var = _check_running("running_var", running_var, x, training)
        plan = _check.remember(_known, key, (momentum, eps, count))
    return x, running_mean, running_var, weight, bias, plan


def channels(x: Array) -> Array:
    """(N, C, ...) as (N, C, M), a view."""
    n, c = x.shape[:2]
    return x.reshape(n, c, x.size // max(n * c, 1))


def scale_and_shift(rstd: Array, weight: Array | None, bias: Array | None) -> tuple[Array, Array]:
    return (rstd if weight is None else rstd * weight,
            np.zeros(rstd.shape[-1], rstd.dtype) if bias is None else bias)


def _move_running(running: Array | None, towards: Array, momentum: float) -> None:
    if running is not None:
        with _running:
            running *= 1 - momentum
            running += momentum * towards


def check_scaled(x: Any, weight: Any, bias: Any) -> tuple[Array, Array | None, Array | None]:
    x, weight, bias = _check.array("x", x), _check.optional("weight", weight), _check.optional("bias", bias)
    _check.same_dtype(x=x, weight=weight, bias=bias)
    if x.ndim < 2:
        raise ValueError(f"x: expected shape (N, C) or (N, C, ...), got {x.shape}")
    _check.shape("weight", weight, x.shape[1:2])
    _check.shape("bias", bias, x.shape[1:2])
    return x, weight, bias


def _check_running(name: str, value: Any, x: Array, training: bool) -> Any:
    if value is None:
        if not training:
            raise TypeError(f"{name}: expected an array where training is False, got None")
        return None
    if training:
        _check.writeable(name, value, x.shape[1:2], x.dtype)
        return value
    value = _check.array(name, value)
    _check.same_dtype(x=x, **{name: value})
    _check.shape(name, value, x.shape[1:2])
    return value


def check_dy(dy: ArrayLike, x: Array) -> Array:
    dy = _check.array("dy", dy)
    _check.same_dtype(x=x, dy=dy)
    _check.shape("dy", dy, x.shape)
    return dy
