"""Recurrent layers with options, as `fastnn._variant` describes them, shared by their tests."""

import numpy as np
from recurrent_cases import GATES, flat

from fastnn._variant import Norm, Variant
from fastnn.functional import _variant as V

VARIANTS = {  # kind: which of the options; each mask is of every step, of every row, or of neither
    "rnn-tanh": {"masks": True},
    "rnn-relu": {"masks": True},
    "gru": {"masks": True},
    "gru-plain": {},
    "lstm": {"masks": True},
    "lstm-projected": {"projected": True},
    "lstm-norm": {"norm": True},
    "lstm-everything": {"masks": True, "projected": True, "norm": True},
}
NORM_EPS = 0.25  # so large that rows of a few units are well conditioned


class Variety:
    """One layer's arguments: [x, h0, (c0), weight_ih, weight_hh, bias_ih, bias_hh, (weight_hr), (norm's four)]."""

    def __init__(self, name, shape, dtype=np.float64, lengths=False, reverse=False, bias=True, scale=0.5, seed=0):
        rng, has = np.random.default_rng(seed), VARIANTS[name]
        self.name, self.op, self.dtype = name, name.split("-")[0], np.dtype(dtype)
        self.reverse, self.bias = reverse, bias
        self.steps, self.rows, self.inputs, self.units = shape
        steps, rows, inputs, units = shape
        self.hidden = max(1, units // 2) if has.get("projected") else units
        sums = GATES[self.op] * units

        def draw(*shape, middle=0.0):
            return (middle + rng.uniform(-scale, scale, shape)).astype(self.dtype)

        self.states = [draw(rows, self.hidden)] + [draw(rows, units)] * (self.op == "lstm")
        self.arrays = [draw(steps, rows, inputs), *self.states, draw(sums, inputs), draw(sums, self.hidden)]
        self.arrays += [draw(sums), draw(sums)] if bias else []
        self.arrays += [draw(self.hidden, units)] if has.get("projected") else []
        self.arrays += [draw(sums, middle=1), draw(sums, middle=1), draw(units, middle=1)] if has.get("norm") else []
        self.arrays += [draw(units)] if has.get("norm") and bias else []
        self.masks = [None] * 3
        if has.get("masks"):
            self.masks = [(rng.random((steps, rows, units)) < 0.7) / 0.7, rng.random((1, rows, self.hidden)),
                          rng.random((steps, 1, units)) if self.op == "lstm" else None]
            self.masks = [mask if mask is None else mask.astype(self.dtype) for mask in self.masks]
        self.lengths = rng.integers(0, steps + 1, rows) if lengths else None

    def call(self, arrays, dtype=None):
        """(x, state, Variant, lengths) with these arrays."""
        dtype, arrays, has = dtype or self.dtype, [a.astype(dtype or self.dtype) for a in arrays], VARIANTS[self.name]
        x, h = arrays.pop(0), arrays.pop(0)
        state = (h, arrays.pop(0)) if self.op == "lstm" else h
        weights = [arrays.pop(0), arrays.pop(0)]
        weights += [arrays.pop(0), arrays.pop(0)] if self.bias else [None, None]
        weight_hr = arrays.pop(0) if has.get("projected") else None
        norm = Norm(*arrays[:3], arrays[3] if self.bias else None, NORM_EPS) if has.get("norm") else None
        masks = [None if mask is None else mask.astype(dtype) for mask in self.masks]
        nonlinearity = self.name.split("-")[1] if self.op == "rnn" else "tanh"
        return x, state, Variant(self.op, nonlinearity, self.reverse, *weights, weight_hr, norm, *masks), self.lengths

    def run(self, *arrays, dtype=None):
        """(y, h', (c')) of the backend in use."""
        return flat(V.variant(*self.call(arrays or self.arrays, dtype)))

    def train(self, dresults=None, dtype=None):
        """((y, h', (c')), the gradient of each of `arrays`) for gradients of the results, or ones."""
        result, ctx = V.variant_forward(*self.call(self.arrays, dtype))
        dresults = dresults or [np.ones_like(part) for part in flat(result)]
        dresults = [part.astype(dtype or self.dtype) for part in dresults]
        found = V.variant_backward(dresults[0], ctx, dstate=dresults[1] if len(dresults) == 2 else tuple(dresults[1:]))
        return flat(result), [part for part in flat(found) if part is not None]
