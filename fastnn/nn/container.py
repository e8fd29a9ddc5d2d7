"""Layers one after the other."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, overload

from .._typing import Activation, ArrayLike, LayerBackprop, MaybeArray
from .module import Module


class Sequential(Module):
    """The layers given, each fed with what the one before it returned. `net[0]`, `net[1:3]`, `len(net)`, iteration.

    The parameters are called "0.weight" and so on, as PyTorch calls them. In inference a ReLU right behind a Conv2d or
    Linear is worked out with it, to the same bits.
    """

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"layers[{i}]: expected a layer (an nn.Module), got {type(layer).__name__}")
        self._layers = layers
        self._steps = _with_activations(layers)

    def __call__(self, x: ArrayLike) -> MaybeArray:
        for layer, activation in self._steps:
            x = layer(x) if activation is None else layer.activated(x, activation)
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


def _with_activations(layers: tuple[Module, ...]) -> list[tuple[Any, Activation | None]]:
    """Each layer with None, or with the activation behind it, which is then no step of its own.

    Only layers of exactly the classes that say so: a subclass may do as it likes when it is called.
    """
    steps: list[tuple[Any, Activation | None]] = []
    for layer in layers:
        activation = vars(type(layer)).get("_activation")
        if activation is not None and steps and steps[-1][1] is None and (
                vars(type(steps[-1][0])).get("_takes_activation")):
            steps[-1] = steps[-1][0], activation
        else:
            steps.append((layer, None))
    return steps
