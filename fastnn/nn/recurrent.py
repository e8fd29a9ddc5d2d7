"""Recurrent layers over whole sequences: RNN, LSTM, GRU.

x: (T, N, input_size), with batch_first (N, T, input_size), or (T, input_size) without a batch.
state: (num_layers * D, N, hidden_size), or (num_layers * D, hidden_size) without a batch, with D = 2 if bidirectional,
else 1: layer by layer, forward before reverse. None for zeros. An LSTM's is a pair (h, c) of such arrays.
lengths: None, or N integers, how many steps of each row count. A row that has ended keeps its state; y is 0 there.
The parameters of layer k are weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k}, bias_hh_l{k}, with "_reverse" behind for
the other direction; their shapes and initial values are those of the cells.

`y, state = layer(x, state, lengths)`: y is (T, N, D * hidden_size), its axes as x's; state is the one after each row's
last step. `(y, state), backprop = layer.forward(x, state, lengths)`; `dx, dstate = backprop(dy, dstate)`: either may
be None for zeros, and the dstate that comes back is None if no state was given.

`y_t, state = layer.step(x_t, state)`: the same for one step at a time, as a stream brings them.

All three take recurrent_dropout and zoneout, which act within a layer, from step to step:
recurrent_dropout: in training mode, each candidate value (an LSTM's g, a GRU's n, an RNN's new state) is zeroed with
this probability in each step, the others divided by 1 - p. Source: S. Semeniuta, A. Severyn, E. Barth, "Recurrent
dropout without memory loss", COLING 2016.
zoneout: in training mode, each element of the state stays as it was with this probability; in evaluation mode and in
`step`, the new state is the mean of both, so weighted. For an LSTM a number for h and c alike, or a pair, of h and of
c. Source: D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.
The masks are drawn from the layer's `rng`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Generic

import numpy as np

from .. import _check
from .. import functional as F
from .._typing import (
    Array,
    ArrayLike,
    DTypeLike,
    GradientPair,
    Lengths,
    MaybeArray,
    Nonlinearity,
    Seed,
    SequenceBackprop,
    State,
    StateLike,
    StatePair,
    Zoneout,
)
from ..functional._recurrent import check_pair
from ..functional._step import step
from ..functional._variant import variant, variant_forward
from . import init
from .cell import add_parameters
from .recurrent_options import RecurrentOptions


class _Recurrent(RecurrentOptions, Generic[StateLike, State]):
    """What the three share: layers on top of each other, one or two directions, dropout between layers."""

    n_gates: ClassVar[int] = 1

    if TYPE_CHECKING:  # weight_ih_l0 and so on; None for a bias that is not there

        def __getattr__(self, name: str) -> MaybeArray: ...

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, *,
                 recurrent_dropout: float = 0.0, zoneout: Zoneout = 0.0, dtype: DTypeLike = np.float32,
                 rng: Seed = None) -> None:
        self.input_size = _check.integer("input_size", input_size, 0)
        self.hidden_size = _check.integer("hidden_size", hidden_size, 1)
        self.num_layers = _check.integer("num_layers", num_layers, 1)
        self.bias = _check.flag("bias", bias)
        self.batch_first = _check.flag("batch_first", batch_first)
        self.dropout = _check.number("dropout", dropout, 0, 1)
        self.bidirectional = _check.flag("bidirectional", bidirectional)
        if self.dropout and self.num_layers == 1:
            warnings.warn("dropout acts between layers: with num_layers=1 it does nothing", stacklevel=2)
        dtype, self._rng = init.float_dtype(dtype), _check.generator("rng", rng)
        self._set_options(recurrent_dropout, zoneout)
        self._directions = 2 if self.bidirectional else 1
        self._names = []  # for each layer and direction, its parameters' names in the order of the op's arguments
        for layer in range(self.num_layers):
            width = self._directions * self._output_size if layer else self.input_size
            for suffix in (f"_l{layer}", f"_l{layer}_reverse")[:self._directions]:
                self._names.append(add_parameters(
                    self, suffix, width, self.hidden_size, self.bias, dtype, self._rng, self._output_size))
                self._add_option_parameters(suffix, dtype)

    def __call__(self, x: ArrayLike, state: StateLike | None = None, lengths: Lengths = None) -> tuple[Array, State]:
        if len(self._names) > 1 or self.batch_first or self._has_options(self.training):
            return self._run(x, state, lengths, tape=None)
        x = _check.array("x", x, (2, 3))  # what `_run` does for any layer takes longer than a small step
        if state is not None:
            state = self._split("state", state, self._rows(x.shape))[0]
        y, last = self._op(x, state, *map(self.__dict__.__getitem__, self._names[0]), lengths, **self._options())
        return y, self._stack([last])

    def forward(
        self, x: ArrayLike, state: StateLike | None = None, lengths: Lengths = None,
    ) -> tuple[tuple[Array, State], SequenceBackprop[StateLike, State]]:
        tape: list[tuple[Any, list[Any]]] = []
        result = self._run(x, state, lengths, tape)
        y_shape = result[0].shape

        def backprop(dy, dstate=None, *, need_dx=True):
            return self._backprop(dy, dstate, need_dx, tape, y_shape)

        return result, backprop

    def step(self, x: ArrayLike, state: StateLike | None = None) -> tuple[Array, State]:
        """Return (y_t, state') for one step of a stream: x (N, input_size) -> y_t (N, hidden_size), N in all or none.

        state: as `__call__` takes and returns it, None for zeros. The steps of a sequence give the bits of the whole.
        For inference: no dropout between layers. After the first calls no array is allocated: y_t and state' lie in
        the memory of earlier results that nobody holds any more. A result that is kept, or seen through a view, stays.
        (With zoneout, proj_size or layer_norm they are new arrays.)
        Raises ValueError for a bidirectional layer, TypeError for a wrong or mixed dtype, ValueError for a shape that
        does not fit.
        """
        if self.bidirectional:
            raise ValueError("step: a bidirectional layer has no single steps; what it gives at one depends on those "
                             "that are still to come")
        if self._has_options(training=False):
            return self._step_with_options(x, state)
        attributes = self.__dict__
        parameters = [attributes[name] for names in self._names for name in names]
        return step(self._op.__name__, x, state, parameters, self.hidden_size, attributes.get("nonlinearity", "tanh"))

    def _run(self, x, state, lengths, tape):
        """Return (y, state). A list as `tape` receives what the backward pass of each layer reads."""
        x = _check.array("x", x, (2, 3))
        states = self._split("state", state, self._rows(x.shape))
        y, lasts = self._swapped(x), []
        for layer in range(self.num_layers):
            y, drop_ctx = self._drop(y, tape) if layer else (y, None)
            runs = [self._run_one(layer, direction, y, states, lengths, tape) for direction in range(self._directions)]
            y = runs[0][0] if len(runs) == 1 else np.concatenate([run[0] for run in runs], axis=-1)
            lasts += [run[1] for run in runs]
            if tape is not None:
                tape.append((drop_ctx, [run[2] for run in runs]))
        return np.ascontiguousarray(self._swapped(y)) if self.batch_first else y, self._stack(lasts)

    def _run_one(self, layer, direction, x, states, lengths, tape):
        """One layer in one direction; returns (y, state, ctx)."""
        k = layer * self._directions + direction
        if self._has_options(self.training):
            net = self._variant(k, x.shape, self.training)
            if tape is None:
                return *variant(x, states[k], net, lengths), None
            result, ctx = variant_forward(x, states[k], net, lengths)
            return *result, ctx
        args = (x, states[k], *map(self.__dict__.__getitem__, self._names[k]), lengths, direction == 1)
        if tape is None:
            return *self._op(*args, **self._options()), None
        result, ctx = self._op_forward(*args, **self._options())
        return *result, ctx

    def _drop(self, x, tape):
        """Dropout between layers; returns (y, ctx), with ctx None if nothing needs it."""
        if not (self.dropout and self.training):
            return x, None
        if tape is None:
            return F.dropout(x, self.dropout, True, self._rng), None
        return F.dropout_forward(x, self.dropout, True, self._rng)

    def _backprop(self, dy, dstate, need_dx, tape, y_shape):
        if dy is not None:
            dy = _check.array("dy", dy)
            _check.shape("dy", dy, y_shape)
            dy = self._swapped(dy)
        dstates = self._split("dstate", dstate, self._rows(y_shape))
        dfirsts = [None] * len(self._names)
        for layer in reversed(range(self.num_layers)):
            drop_ctx, contexts = tape[layer]
            dx = None
            for direction, ctx in enumerate(contexts):
                k = layer * self._directions + direction
                part, dfirsts[k], *dparameters = self._one_backward(
                    self._half(dy, direction), ctx, dstates[k], need_dx or layer > 0)
                self._add_grads(**dict(zip(self._names[k] + self._option_names(k), dparameters, strict=False)))
                dx = part if dx is None else np.add(dx, part, out=dx)
            dy = dx if drop_ctx is None else F.dropout_backward(dx, drop_ctx)
        dx = None if dy is None else np.ascontiguousarray(self._swapped(dy))
        return dx, self._stack(dfirsts)

    def _half(self, dy, direction):
        """The part of dy that belongs to one direction's output."""
        if dy is None or self._directions == 1:
            return dy
        return dy[..., direction * self._output_size:(direction + 1) * self._output_size]

    def _swapped(self, array):
        """From the caller's order of axes to (T, N, features), or back."""
        return array.swapaxes(0, 1) if self.batch_first and array.ndim == 3 else array

    def _rows(self, shape):
        """The batch axis of a sequence of this shape, as a shape: () where there is none."""
        return shape[0 if self.batch_first else 1:][:len(shape) - 2]

    def _split(self, name, state, rows):
        """The state of each layer and direction (None: zeros), for these rows."""
        return self._split_part(name, state, rows, self._output_size)

    def _split_part(self, name, state, rows, size):
        if state is None:
            return [None] * len(self._names)
        state = _check.array(name, state)
        _check.shape(name, state, (len(self._names), *rows, size))
        return [state[k] for k in range(len(state))]

    def _stack(self, states):
        """The reverse of `_split`; None if there is nothing to stack."""
        if states[0] is None:
            return None
        return states[0][None] if len(states) == 1 else np.stack(states)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, default in (("nonlinearity", "tanh"), ("num_layers", 1), ("bias", True), ("batch_first", False),
                              ("dropout", 0.0), ("bidirectional", False), ("proj_size", 0), ("layer_norm", False),
                              ("recurrent_dropout", 0.0), ("zoneout", 0.0)):
            value = getattr(self, name, default)
            text += f", {name}={value!r}" if value != default else ""
        return text


class RNN(_Recurrent[ArrayLike, Array], op="rnn"):
    """`RNNCell` over sequences: x (T, N, input_size) -> y (T, N, D * hidden_size), D = 2 if bidirectional.

    `y, h = rnn(x, state=None, lengths=None)`, with state and h (num_layers * D, N, hidden_size).
    `(y, h), backprop = rnn.forward(...)`; `dx, dstate = backprop(dy, dstate=None)`.
    nonlinearity: "tanh" or "relu"; dropout: the part of each layer's outputs zeroed before the next, in training mode.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """

    arguments = ("nonlinearity",)

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: Nonlinearity = "tanh",
                 bias: bool = True, batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, *,
                 recurrent_dropout: float = 0.0, zoneout: float = 0.0, dtype: DTypeLike = np.float32,
                 rng: Seed = None) -> None:
        self.nonlinearity = _check.choice("nonlinearity", nonlinearity, ("tanh", "relu"))
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                         recurrent_dropout=recurrent_dropout, zoneout=zoneout, dtype=dtype, rng=rng)


class LSTM(_Recurrent[GradientPair, StatePair], op="lstm"):
    """`LSTMCell` over sequences: x (T, N, input_size) -> y (T, N, D * hidden_size), D = 2 if bidirectional.

    `y, (h, c) = lstm(x, state=None, lengths=None)`, with state (h, c), each (num_layers * D, N, hidden_size).
    `(y, (h, c)), backprop = lstm.forward(...)`; `dx, (dh, dc) = backprop(dy, dstate=None)`; dstate: (dh, dc), either
    may be None.
    proj_size: P > 0 makes h shorter than hidden_size: weight_hr_l{k}, (P, hidden_size), times what h would be without.
    y and h then have P in hidden_size's place, and weight_hh_l{k} is (4 * hidden_size, P). Source: H. Sak et al., "Long
    short-term memory recurrent neural network architectures for large scale acoustic modeling", Interspeech 2014.
    layer_norm: normalise W_ih x, W_hh h, and c on its way to h, over the features. The gains weight_ln_ih_l{k} and
    weight_ln_hh_l{k}, (4 * hidden_size,), and weight_ln_c_l{k}, (hidden_size,), begin at 1; the biases are bias_ih,
    bias_hh and bias_ln_c_l{k}, which begins at 0. Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization",
    2016, equations 20 to 22.
    dropout: the part of each layer's outputs zeroed before the next, in training mode.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """

    n_gates = 4

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, *,
                 layer_norm: bool = False, recurrent_dropout: float = 0.0, zoneout: Zoneout = 0.0,
                 dtype: DTypeLike = np.float32, rng: Seed = None) -> None:
        self.proj_size = _check.integer("proj_size", proj_size, 0)
        self.layer_norm = _check.flag("layer_norm", layer_norm)
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                         recurrent_dropout=recurrent_dropout, zoneout=zoneout, dtype=dtype, rng=rng)

    def _split(self, name, state, rows):
        if state is None:
            return [None] * len(self._names)
        h, c = check_pair(name, state)
        return list(zip(self._split_part(name, h, rows, self._output_size),
                        self._split_part(name, c, rows, self.hidden_size), strict=True))

    def _stack(self, states):
        if states[0] is None:
            return None
        if len(states) > 1:
            return tuple(np.stack(part) for part in zip(*states, strict=True))
        h, c = states[0]  # past `zip` and the other `_stack`, which are a tenth of a small step
        return h[None], c[None]


class GRU(_Recurrent[ArrayLike, Array], op="gru"):
    """`GRUCell` over sequences: x (T, N, input_size) -> y (T, N, D * hidden_size), D = 2 if bidirectional.

    `y, h = gru(x, state=None, lengths=None)`, with state and h (num_layers * D, N, hidden_size).
    `(y, h), backprop = gru.forward(...)`; `dx, dstate = backprop(dy, dstate=None)`.
    dropout: the part of each layer's outputs zeroed before the next, in training mode.
    Raises TypeError for a wrong or mixed dtype, ValueError for a shape that does not fit.
    """

    n_gates = 3
