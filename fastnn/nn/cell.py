"""One step of a recurrent net: RNNCell, LSTMCell, GRUCell.

x: (N, input_size) or (input_size,). state: (N, hidden_size) or (hidden_size,), None for zeros; an LSTM's is a pair
(h, c) of such arrays. With G gates, weight_ih: (G * hidden_size, input_size), weight_hh: (G * hidden_size,
hidden_size), bias_ih and bias_hh: (G * hidden_size,) or None. All are of `dtype`.
Initial values: U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), drawn from `rng`.

`state = cell(x, state)`; `state, backprop = cell.forward(x, state)`; `dx, dstate = backprop(dstate)`, where the dstate
that comes back is None if no state was given.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, ClassVar, Generic

import numpy as np

from .. import _check
from .._typing import (
    Array,
    ArrayLike,
    CellBackprop,
    DTypeLike,
    GradientPair,
    MaybeArray,
    Nonlinearity,
    Seed,
    State,
    StateLike,
    StatePair,
)
from . import init
from .op import OpLayer


def add_parameters(layer: Any, suffix: str, input_size: int, hidden_size: int, bias: bool, dtype: np.dtype[Any],
                   rng: np.random.Generator, output_size: int | None = None) -> tuple[str, ...]:
    """Give `layer` the parameters of one recurrent step, and return their names in the order of the op's arguments.

    output_size: of h, where it is not hidden_size.
    """
    rows = layer.n_gates * hidden_size
    shapes = {f"weight_ih{suffix}": (rows, input_size), f"weight_hh{suffix}": (rows, output_size or hidden_size),
              f"bias_ih{suffix}": (rows,), f"bias_hh{suffix}": (rows,)}
    for name, shape in shapes.items():
        has = bias or len(shape) == 2
        layer.register_parameter(name, init.uniform(shape, hidden_size, rng, dtype) if has else None)
    return tuple(shapes)


class _Cell(OpLayer, Generic[StateLike, State]):
    """What the three cells share."""

    n_gates: ClassVar[int] = 1
    weight_ih: Array
    weight_hh: Array
    bias_ih: MaybeArray
    bias_hh: MaybeArray

    _values: ClassVar[Callable[..., tuple[Any, ...]]]  # the op's arguments after the state

    def __init_subclass__(cls, op: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(op, **kwargs)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", *cls.arguments)
        cls._values = staticmethod(operator.attrgetter(*names))

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: DTypeLike = np.float32,
                 rng: Seed = None) -> None:
        self.input_size = _check.integer("input_size", input_size, 0)
        self.hidden_size = _check.integer("hidden_size", hidden_size, 1)
        self._names = add_parameters(self, "", self.input_size, self.hidden_size, _check.flag("bias", bias),
                                     init.float_dtype(dtype), _check.generator("rng", rng))

    def __call__(self, x: ArrayLike, state: StateLike | None = None) -> State:
        return self._op(x, state, *self._values(self))

    def forward(self, x: ArrayLike, state: StateLike | None = None) -> tuple[State, CellBackprop[StateLike, State]]:
        result, ctx = self._op_forward(x, state, *self._values(self))

        def backprop(dstate, *, need_dx=True):
            need = (need_dx, True, True, True, True, True)
            dx, dprevious, *dparameters = self._op_backward(dstate, ctx, need=need)
            self._add_grads(**dict(zip(self._names, dparameters, strict=True)))
            return dx, dprevious

        return result, backprop

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}", super().extra_repr()]
        return ", ".join(filter(None, parts)) + (", bias=False" if self.bias_ih is None else "")


class RNNCell(_Cell[ArrayLike, Array], op="rnn_cell"):
    """h' = nonlinearity(x W_ih^T + b_ih + h W_hh^T + b_hh), with nonlinearity "tanh" or "relu" and G = 1.

    `h = cell(x, h)` with x: (N, input_size), h: (N, hidden_size) or None; both may lack the N.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """

    arguments = ("nonlinearity",)

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: Nonlinearity = "tanh", *,
                 dtype: DTypeLike = np.float32, rng: Seed = None) -> None:
        self.nonlinearity = _check.choice("nonlinearity", nonlinearity, ("tanh", "relu"))
        super().__init__(input_size, hidden_size, bias, dtype=dtype, rng=rng)


class LSTMCell(_Cell[GradientPair, StatePair], op="lstm_cell"):
    """The long short-term memory, with G = 4 gates in the order i, f, g, o.

    `h, c = cell(x, (h, c))` with x: (N, input_size), h and c: (N, hidden_size), None instead of the pair for zeros; all
    may lack the N. Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """

    n_gates = 4


class GRUCell(_Cell[ArrayLike, Array], op="gru_cell"):
    """The gated recurrent unit, with G = 3 gates in the order r, z, n.

    `h = cell(x, h)` with x: (N, input_size), h: (N, hidden_size) or None; both may lack the N.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """

    n_gates = 3
