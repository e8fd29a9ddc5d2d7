"""The activations, element by element or (softmax) along one axis. y has x's shape; so has dx."""

from __future__ import annotations

from typing import ClassVar

from .. import _check
from .._typing import Activation, Approximate
from .op import Function


class ReLU(Function, op="relu"):
    """max(x, 0)."""

    _activation: ClassVar[Activation] = "relu"


class Sigmoid(Function, op="sigmoid"):
    """1 / (1 + exp(-x))."""


class Tanh(Function, op="tanh"):
    """tanh(x)."""


class SiLU(Function, op="silu"):
    """x * sigmoid(x)."""


class LeakyReLU(Function, op="leaky_relu"):
    """x where it is positive, negative_slope * x elsewhere."""

    arguments = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = _check.number("negative_slope", negative_slope)


class ELU(Function, op="elu"):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""

    arguments = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = _check.number("alpha", alpha)


class GELU(Function, op="gelu"):
    """x times the normal distribution's cumulative function at x; approximate: "none" or "tanh"."""

    arguments = ("approximate",)

    def __init__(self, approximate: Approximate = "none") -> None:
        self.approximate = _check.choice("approximate", approximate, ("none", "tanh"))


class Softmax(Function, op="softmax"):
    """exp(x) / sum(exp(x)) along the axis `dim`."""

    arguments = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = _check.integer("dim", dim, -_check.MAX_INT)


class LogSoftmax(Function, op="log_softmax"):
    """log(softmax(x)) along the axis `dim`."""

    arguments = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = _check.integer("dim", dim, -_check.MAX_INT)
