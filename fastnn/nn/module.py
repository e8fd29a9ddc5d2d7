"""What all layers share: parameters, buffers, sublayers, state dicts, training mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from .. import _check
from .._typing import Array, ArrayLike
from .parameter import Parameter


class Module:
    """The base of all layers, and of nets made from them.

    `layer(x)` computes the result and keeps nothing. `layer.forward(x)` returns (y, backprop): `dx = backprop(dy)`
    returns the gradient of the input and adds those of the parameters to their `grad`. What backprop reads lives in
    the closure, not on the layer, so one layer may stand in a net twice or serve several threads at once. It refers
    to the parameters themselves: update them after backprop, not before.

    backprop of a layer with parameters takes `need_dx=False`: the first layer of a net need not pay for a gradient
    that nobody reads; it then returns None in dx's place.

    A net is a subclass with layers, or lists of layers, as attributes; it writes `forward`, and `__call__` where
    inference should keep nothing. An attribute set to a `Parameter` reads as its array; assigning an array to it
    copies the values into place. So does a buffer: an array that is part of the state but not trained.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Array | None]
    _transient: set[str]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)  # here, so that a subclass need not call super().__init__() first
        self.__dict__.update(_parameters={}, _buffers={}, _transient=set(), training=True)
        return self

    def __init__(self) -> None:
        """A layer without arguments: object's own would let any pass, as __new__ takes them."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)[0]

    # -- parameters ---------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        slots = self._parameters
        if isinstance(value, Parameter) or (value is None and name in slots):
            self.register_parameter(name, value)
        elif name in self._buffers:
            self._set_buffer(name, value)
        elif name not in slots:
            super().__setattr__(name, value)
        elif (parameter := slots[name]) is None:
            raise TypeError(f"{name}: this layer has none; expected None or an nn.Parameter, "
                            f"got {type(value).__name__}")
        else:
            parameter.data = value

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Set the parameter `name`; None says that this layer has none where another of its kind has one."""
        if parameter is not None:
            parameter.name = parameter.name or name
        self._buffers.pop(name, None)
        self._parameters[name] = parameter
        self.__dict__[name] = None if parameter is None else parameter.data

    def __delattr__(self, name: str) -> None:
        self._parameters.pop(name, None)
        self._buffers.pop(name, None)
        super().__delattr__(name)

    def get_parameter(self, name: str) -> Parameter:
        """The `Parameter` called `name` ("weight", "0.weight"). Raises AttributeError where there is none."""
        parameter = self._all_parameters().get(name)
        if parameter is None:
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")
        return parameter

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (name, Parameter), those of sublayers under dotted names; one that is used twice comes once."""
        seen: set[Parameter] = set()
        for name, parameter in self._all_parameters().items():
            if parameter not in seen:
                seen.add(parameter)
                parameter.name = name
                yield name, parameter

    def parameters(self) -> Iterator[Parameter]:
        """Yield each `Parameter` of this layer and its sublayers once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def zero_grad(self) -> None:
        """Forget all gradients: `grad` becomes None."""
        for parameter in self._all_parameters().values():
            parameter.grad = None

    def _all_parameters(self, prefix: str = "") -> dict[str, Parameter]:
        found = {prefix + name: p for name, p in self._parameters.items() if p is not None}
        for name, child in self.named_children():
            found |= child._all_parameters(f"{prefix}{name}.")
        return found

    def _add_grads(self, **grads: Array | None) -> None:
        for name, grad in grads.items():
            if grad is not None:
                self._parameters[name].accumulate(grad)  # type: ignore[union-attr]

    # -- buffers ------------------------------------------------------------------------------------------------

    def register_buffer(self, name: str, array: ArrayLike | None, persistent: bool = True) -> None:
        """Set the buffer `name`: a copy of `array`, of any dtype, that is state of the layer and not trained.

        None says that this layer has none where another of its kind has one. A buffer that is not persistent stays
        out of the state dict. Raises TypeError for what is no array.
        """
        persistent = _check.flag("persistent", persistent)
        own = None if array is None else np.array(_check.any_array(name, array))
        if own is not None and own.dtype.kind not in "fiub":
            raise TypeError(f"{name}: expected an array of numbers, got dtype {own.dtype}")
        self._parameters.pop(name, None)
        self._buffers[name] = self.__dict__[name] = own
        (self._transient.discard if persistent else self._transient.add)(name)

    def _set_buffer(self, name: str, value: Any) -> None:
        buffer = self._buffers[name]
        if value is None or buffer is None:
            self.register_buffer(name, value, name not in self._transient)
        else:
            np.copyto(buffer, _check.like(name, value, buffer))

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """Yield (name, array) of this layer's buffers, and of its sublayers' under dotted names."""
        yield from ((name, array) for name, array in self._buffers.items() if array is not None)
        for child_name, child in self.named_children():
            yield from ((f"{child_name}.{name}", array) for name, array in child.named_buffers())

    # -- sublayers ----------------------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, layer) for each attribute that is a layer, and ("list.0", layer) for those in lists."""
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, (list, tuple)):
                yield from ((f"{name}.{i}", item) for i, item in enumerate(value) if isinstance(item, Module))

    def modules(self) -> Iterator[Module]:
        """Yield this layer and all below it, each once."""
        yield from self._modules(set())

    def _modules(self, seen: set[Module]) -> Iterator[Module]:
        if self not in seen:
            seen.add(self)
            yield self
            for _, child in self.named_children():
                yield from child._modules(seen)

    def train(self, mode: bool = True) -> Self:
        """Switch this layer and all below it to training mode (dropout drops), or out of it. Returns the layer."""
        mode = _check.flag("mode", mode)
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """`train(False)`."""
        return self.train(False)

    # -- state --------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Return {name: array}, under PyTorch's names. The arrays are copies: training on does not change them."""
        return {name: array.copy() for name, array in self._state("").items()}

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Copy arrays from a mapping of all names of the state dict into the parameters and buffers.

        Raises ValueError for missing, unknown or mis-shaped entries and TypeError for those of another dtype, naming
        them, before anything is changed.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"state_dict: expected a mapping of names to arrays, got {type(state_dict).__name__}")
        state = self._state("")
        missing = [name for name in state if name not in state_dict]
        unknown = [str(name) for name in state_dict if name not in state]
        if missing or unknown:
            faults = [f"{what} {', '.join(names)}" for what, names in (("missing", missing), ("unknown", unknown))
                      if names]
            raise ValueError(f"state_dict: {'; '.join(faults)}")
        values = {name: _check.like(f"state_dict[{name!r}]", state_dict[name], array) for name, array in state.items()}
        for name, array in state.items():
            np.copyto(array, values[name])

    def _state(self, prefix: str) -> dict[str, Array]:
        """The arrays themselves: of each layer its parameters, then its buffers, then what is below it."""
        found = {prefix + name: p.data for name, p in self._parameters.items() if p is not None}
        found |= {prefix + name: array for name, array in self._buffers.items()
                  if array is not None and name not in self._transient}
        for name, child in self.named_children():
            found |= child._state(f"{prefix}{name}.")
        return found

    def __getstate__(self) -> dict[str, Any]:
        # An array is written once, with its Parameter or buffer: not every pickler keeps two references to one.
        return {name: value for name, value in self.__dict__.items()
                if name not in self._parameters and name not in self._buffers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.update({name: p if p is None else p.data for name, p in self._parameters.items()})
        self.__dict__.update(self._buffers)

    # -- text ---------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The arguments shown in `repr(layer)`."""
        return ""

    def __repr__(self) -> str:
        children = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n".join([f"{type(self).__name__}({self.extra_repr()}", *children, ")"])
