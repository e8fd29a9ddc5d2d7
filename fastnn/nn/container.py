"""Layers one after the other."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, overload

from .._typing import ArrayLike, LayerBackprop, MaybeArray
from .module import Module


class Sequential(Module):
    """The layers given, each fed with what the one before it returned. `net[0]`, `net[1:3]`, `len(net)`, iteration.

    The parameters are called "0.weight" and so on, as PyTorch calls them.
    """

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"layers[{i}]: expected a layer (an nn.Module), got {type(layer).__name__}")
        self._layers = layers

    def __call__(self, x: ArrayLike) -> MaybeArray:
        for layer in self._layers:
            x = layer(x)
        return x

    def forward(self, x: ArrayLike) -> tuple[MaybeArray, LayerBackprop]:
        steps = []
        for layer in self._layers:
            x, step = layer.forward(x)
            steps.append(step)

        def backprop(dy, *, need_dx=True):
            first = -1 if need_dx else self._first_with_parameters()
            for i in range(len(steps) - 1, -1, -1):
                if i > first:
                    dy = steps[i](dy)
                elif i == first:
                    steps[i](dy, need_dx=False)
            return dy if need_dx else None

        return x, backprop

    def _first_with_parameters(self) -> int:
        """The index of the first layer that has any; len(self) where none has."""
        return next((i for i, layer in enumerate(self._layers) if layer._all_parameters()), len(self._layers))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return ((str(i), layer) for i, layer in enumerate(self._layers))

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Sequential(*self._layers[index])
        return self._layers[operator.index(index)]
