"""Gradient clipping, between backprop and the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from .. import _check
from .parameter import Parameter

BLOCK = 8192  # elements whose float64 copy stays in a core's L1 or L2


def clip_grad_norm_(parameters: Parameter | Iterable[Parameter], max_norm: float, norm_type: float = 2.0,
                    error_if_nonfinite: bool = False) -> float:
    """Scale all gradients by one number so that their norm, taken together, is at most max_norm; return the norm.

    parameters: one `Parameter` or several; those without a gradient count for nothing.
    norm_type: the p of the p-norm, inf for the largest absolute value. The norm is formed in float64 and returned as
    a float, as it was before. As PyTorch does, the factor is max_norm / (norm + 1e-6), never above 1.
    With error_if_nonfinite a norm that is inf or NaN raises ValueError and leaves the gradients as they were.
    Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
    """
    max_norm = _check.number("max_norm", max_norm, 0)
    norm_type = _check.number("norm_type", norm_type, math.ulp(0.0))
    error_if_nonfinite = _check.flag("error_if_nonfinite", error_if_nonfinite)
    grads = _gradients(parameters)
    norm = _norm(grads, norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise ValueError(f"parameters: the norm of their gradients is {norm}; they cannot be clipped")
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1:  # a NaN scales too: it shows in every gradient instead of in some
        for grad in grads:
            grad *= factor
    return norm


def clip_grad_value_(parameters: Parameter | Iterable[Parameter], clip_value: float) -> None:
    """Clip each element of the gradients to [-clip_value, clip_value], in place.

    parameters: one `Parameter` or several; those without a gradient count for nothing.
    """
    clip_value = _check.number("clip_value", clip_value, 0)
    for grad in _gradients(parameters):
        np.clip(grad, -clip_value, clip_value, out=grad)


def _gradients(parameters):
    parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    for i, p in enumerate(parameters):
        if not isinstance(p, Parameter):
            raise TypeError(f"parameters[{i}]: expected an nn.Parameter, as model.parameters() yields them, "
                            f"got {type(p).__name__}")
    return [p.grad for p in parameters if p.grad is not None]


def _norm(grads, p):
    """The p-norm of all elements, summed pairwise in a fixed order: not by BLAS, whose sums depend on its threads."""
    if p == math.inf:
        return float(np.max([np.max(np.abs(grad)) for grad in grads if grad.size], initial=0))
    total = 0.0
    for grad in grads:
        flat = grad.reshape(-1)
        for start in range(0, flat.size, BLOCK):
            block = np.abs(flat[start:start + BLOCK], dtype=np.float64)
            total += float(np.sum(block * block if p == 2 else block**p))
    return total ** (1 / p)
