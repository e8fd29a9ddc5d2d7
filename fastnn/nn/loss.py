"""Losses: `loss = criterion(input, target)`, or `loss, backprop = criterion.forward(input, target)`, `dx = backprop()`.

reduction: "mean" or "sum" give one number, "none" gives one for each element or sample. `backprop(dloss)` returns the
gradient of the input, for dloss of the loss's shape (None: ones). Dtypes, shapes and errors are those of the function
of the same name in `fastnn.functional`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _check
from .._typing import ArrayLike, LossBackprop, Reduction, Scalar, Target
from .op import OpLayer


class _Loss(OpLayer):
    arguments: ClassVar[tuple[str, ...]] = ("reduction",)

    def __init__(self, reduction: Reduction = "mean") -> None:
        self.reduction = _check.choice("reduction", reduction, ("mean", "sum", "none"))

    def __call__(self, input: ArrayLike, target: Target) -> Scalar | Any:
        return self._op(input, target, **self._options())

    def forward(self, input: ArrayLike, target: Target) -> tuple[Scalar | Any, LossBackprop]:
        loss, ctx = self._op_forward(input, target, **self._options())

        def backprop(dloss=None):
            return self._op_backward(dloss, ctx)

        return loss, backprop


class CrossEntropyLoss(_Loss, op="cross_entropy"):
    """-log softmax(input) at the target; input: (N, C, ...), or (C,) for one sample.

    target: class numbers, integers of input's shape without C, or probabilities of input's shape and dtype.
    weight: (C,), of the classes; ignore_index: a class number whose samples do not count; label_smoothing: the part of
    each target that is spread over all classes.
    """

    arguments = ("weight", "ignore_index", "reduction", "label_smoothing")

    def __init__(self, weight: ArrayLike | None = None, ignore_index: int = -100, reduction: Reduction = "mean",
                 label_smoothing: float = 0.0) -> None:
        super().__init__(reduction)
        self.weight = _check.optional("weight", weight, 1)
        self.ignore_index = _check.integer("ignore_index", ignore_index, -_check.MAX_INT)
        self.label_smoothing = _check.number("label_smoothing", label_smoothing, 0, 1)


class NLLLoss(_Loss, op="nll_loss"):
    """-input at the target, for logarithms of probabilities as `LogSoftmax(dim=1)` returns them; else as
    `CrossEntropyLoss`, with class numbers as targets."""

    arguments = ("weight", "ignore_index", "reduction")

    def __init__(self, weight: ArrayLike | None = None, ignore_index: int = -100,
                 reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.weight = _check.optional("weight", weight, 1)
        self.ignore_index = _check.integer("ignore_index", ignore_index, -_check.MAX_INT)


class MSELoss(_Loss, op="mse_loss"):
    """(input - target)^2, for two arrays of one shape."""


class L1Loss(_Loss, op="l1_loss"):
    """|input - target|, for two arrays of one shape."""


class HuberLoss(_Loss, op="huber_loss"):
    """d^2 / 2 for differences d of at most delta, delta * (|d| - delta / 2) beyond, for two arrays of one shape."""

    arguments = ("reduction", "delta")

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = _check.number("delta", delta, 0)


class BCEWithLogitsLoss(_Loss, op="binary_cross_entropy_with_logits"):
    """-(t log s + (1 - t) log(1 - s)) with s = sigmoid(input) and t the target, a probability of input's shape.

    weight, pos_weight: arrays that broadcast to input's shape; pos_weight weighs the first term alone.
    """

    arguments = ("weight", "reduction", "pos_weight")

    def __init__(self, weight: ArrayLike | None = None, reduction: Reduction = "mean",
                 pos_weight: ArrayLike | None = None) -> None:
        super().__init__(reduction)
        self.weight = _check.optional("weight", weight)
        self.pos_weight = _check.optional("pos_weight", pos_weight)
