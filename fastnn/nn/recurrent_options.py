"""What recurrent layers can do beyond the plain equations: their masks, and the parameters that go with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _check
from .._typing import Array, Shape
from .._variant import Norm, Variant
from ..functional._variant import VariantContext, drop_mask, variant, variant_backward, zone_mask
from . import init
from .op import OpLayer
from .parameter import Parameter

NORM_EPS = 1e-5


class RecurrentOptions(OpLayer):
    """The options of a recurrent layer: recurrent_dropout, zoneout, and an LSTM's proj_size and layer_norm."""

    proj_size: int = 0
    layer_norm: bool = False
    hidden_size: int
    bias: bool
    _directions: int
    _rng: np.random.Generator
    _names: list[tuple[str, ...]]
    _split: Callable[..., Any]
    _stack: Callable[..., Any]

    def _set_options(self, recurrent_dropout: float, zoneout: float | tuple[float, float]) -> None:
        if self.proj_size >= self.hidden_size:
            raise ValueError(f"proj_size: expected less than hidden_size, {self.hidden_size}, got {self.proj_size}")
        self.recurrent_dropout = _check.number("recurrent_dropout", recurrent_dropout, 0, 1)
        if isinstance(zoneout, (tuple, list)):
            if self._op.__name__ != "lstm" or len(zoneout) != 2:
                wanted = "a number or a pair (of h, of c)" if self._op.__name__ == "lstm" else "a number"
                raise ValueError(f"zoneout: expected {wanted}, got {zoneout!r}")
            self._zone_h, self._zone_c = (_check.number("zoneout", part, 0, 1) for part in zoneout)
            self.zoneout: float | tuple[float, float] = (self._zone_h, self._zone_c)
        else:
            self.zoneout = self._zone_h = self._zone_c = _check.number("zoneout", zoneout, 0, 1)
        self._output_size = self.proj_size or self.hidden_size
        self._always_has_options = bool(self.proj_size or self.layer_norm or self._zone_h or self._zone_c)

    def _add_option_parameters(self, suffix: str, dtype: np.dtype[Any]) -> None:
        hidden, rows = self.hidden_size, 4 * self.hidden_size
        if self.proj_size:
            self.register_parameter(f"weight_hr{suffix}",
                                    init.uniform((self.proj_size, hidden), hidden, self._rng, dtype))
        if self.layer_norm:
            for name, size in (("weight_ln_ih", rows), ("weight_ln_hh", rows), ("weight_ln_c", hidden)):
                self.register_parameter(name + suffix, Parameter(np.ones(size, dtype)))
            self.register_parameter(f"bias_ln_c{suffix}", Parameter(np.zeros(hidden, dtype)) if self.bias else None)

    def _option_names(self, k: int) -> tuple[str, ...]:
        """The names of these parameters, in the order of their gradients."""
        suffix = self._names[k][0].removeprefix("weight_ih")
        return tuple(name + suffix for name in ("weight_hr", "weight_ln_ih", "weight_ln_hh", "weight_ln_c",
                                                "bias_ln_c"))

    def _has_options(self, training: bool) -> bool:
        return self._always_has_options or (training and self.recurrent_dropout > 0)

    def _variant(self, k, shape, training):
        """The k-th layer and direction for an x of `shape`, (T, N, ...) or (T, ...), with masks drawn for it."""
        weight_ih, weight_hh, bias_ih, bias_hh = (getattr(self, name) for name in self._names[k])
        weight_hr, *gains = (getattr(self, name, None) for name in self._option_names(k))
        rows = (shape[0], shape[1] if len(shape) == 3 else 1)
        drop = zone_h = zone_c = None
        if training and self.recurrent_dropout:
            drop = drop_mask(self._rng, self.recurrent_dropout, (*rows, self.hidden_size), weight_ih.dtype)
        if self._zone_h:
            zone_h = self._zone_mask(self._zone_h, rows, self._output_size, weight_ih.dtype, training)
        if self._zone_c and self._op.__name__ == "lstm":
            zone_c = self._zone_mask(self._zone_c, rows, self.hidden_size, weight_ih.dtype, training)
        norm = Norm(*gains, eps=NORM_EPS) if self.layer_norm else None
        return Variant(self._op.__name__, getattr(self, "nonlinearity", "tanh"), bool(k % self._directions),
                       weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, norm, drop, zone_h, zone_c)

    def _zone_mask(self, p: float, rows: Shape, size: int, dtype: np.dtype[Any], training: bool) -> Array:
        if training:
            return zone_mask(self._rng, p, (*rows, size), dtype)
        return np.full((1, 1, size), p, dtype)  # the expectation

    def _step_with_options(self, x, state):
        x = _check.array("x", x, (1, 2))
        states, y, lasts = self._split("state", state, x.shape[:-1]), x[None], []
        for k, given in enumerate(states):
            y, last = variant(y, given, self._variant(k, y.shape, training=False))
            lasts.append(last)
        return y[0], self._stack(lasts)

    def _one_backward(self, dy, ctx, dstate, need_dx):
        if isinstance(ctx, VariantContext):
            return variant_backward(dy, ctx, dstate=dstate, need_dx=need_dx)
        return self._op_backward(dy, ctx, dstate=dstate, need=(need_dx, True, True, True, True, True))
