"""Layers that are one op of `fastnn.functional` with its arguments, and parameters or none."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import _check
from .. import functional as F
from .._typing import Activation, Array, ArrayLike, Backprop, DTypeLike, LayerBackprop, MaybeArray, Seed, Shape
from . import init
from .module import Module


class OpLayer(Module):
    """A layer around the three functions of one op: `class ReLU(Function, op="relu")`.

    arguments: the attributes that are handed to the op by keyword, in the order in which repr shows them.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    _op: ClassVar[Callable[..., Any]]
    _op_forward: ClassVar[Callable[..., Any]]
    _op_backward: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, op: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if op is not None:
            cls._op = staticmethod(getattr(F, op))
            cls._op_forward = staticmethod(getattr(F, f"{op}_forward"))
            cls._op_backward = staticmethod(getattr(F, f"{op}_backward"))

    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.arguments} if self.arguments else {}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self._options().items()
                         if not isinstance(value, np.ndarray))


class _Simple(OpLayer):
    """The base of layers whose op takes x, and then attributes of the layer."""

    _arrays: ClassVar[tuple[str, ...]] = ()
    _values: ClassVar[Callable[..., tuple[Any, ...]]]  # of the layer's attributes, in the order of the op's arguments

    def __init_subclass__(cls, op: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(op, **kwargs)
        if hasattr(cls, "_op"):
            cls._values = staticmethod(_reader(_in_order_of(cls._op, cls._arrays + cls.arguments)))


def _reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """From an object to the tuple of its attributes."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda layer: tuple([getattr(layer, name) for name in names])


def _in_order_of(op: Callable[..., Any], names: tuple[str, ...]) -> list[str]:
    """`names`, the first arguments of `op` after x, in its order."""
    code = getattr(op, "__wrapped__", op).__code__
    order = list(code.co_varnames[1:1 + len(names)])
    if sorted(order) != sorted(names):
        raise TypeError(f"arguments: expected those of {op.__name__}, {order}, got {sorted(names)}")
    return order


class Function(_Simple):
    """The base of layers without parameters."""

    def __call__(self, x: ArrayLike) -> Array:
        return self._op(x, *self._values(self))

    def forward(self, x: ArrayLike) -> tuple[Array, Backprop]:
        y, ctx = self._op_forward(x, *self._values(self))
        op_backward = self._op_backward

        def backprop(dy):
            return op_backward(dy, ctx)

        return y, backprop


class Affine(_Simple):
    """The base of layers with a weight and, if asked for, a bias."""

    _arrays = ("weight", "bias")
    weight: Array
    bias: MaybeArray

    def _init_parameters(self, weight_shape: Shape, bias: bool, dtype: DTypeLike, rng: Seed,
                         outputs: int | None = None) -> None:
        """Draw weight, of shape (outputs, ...what one output sums over), and bias, (outputs,).

        A transposed convolution has its inputs first, and says how many `outputs` there are.
        """
        dtype, generator, bias = init.float_dtype(dtype), _check.generator("rng", rng), _check.flag("bias", bias)
        fan_in, outputs = math.prod(weight_shape[1:]), weight_shape[0] if outputs is None else outputs
        self.register_parameter("weight", init.uniform(weight_shape, fan_in, generator, dtype))
        self.register_parameter("bias", init.uniform((outputs,), fan_in, generator, dtype) if bias else None)

    def __call__(self, x: ArrayLike) -> Array:
        return self._op(x, *self._values(self))

    def activated(self, x: ArrayLike, activation: Activation) -> Array:
        """`activation` of `layer(x)`, to the same bits, by an op that has such an argument."""
        return self._op(x, *self._values(self), activation=activation)

    def forward(self, x: ArrayLike) -> tuple[Array, LayerBackprop]:
        y, ctx = self._op_forward(x, *self._values(self))

        def backprop(dy, *, need_dx=True):
            dx, dweight, dbias = self._op_backward(dy, ctx, need=(need_dx, True, True))
            self._add_grads(weight=dweight, bias=dbias)
            return dx

        return y, backprop
