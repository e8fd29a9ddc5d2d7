"""Finding the layer where a NaN or an inf came into being."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..nn.module import Module


def is_finite(value: Any) -> bool:
    """Whether no array in `value`, an array or nested tuples of them, holds a NaN or an inf."""
    if isinstance(value, (tuple, list)):
        return all(is_finite(item) for item in value)
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


class _Found(Exception):
    """Says where."""


def run_backprop(backprop: Callable[..., Any], dy: Any) -> None:
    """The gradients of the parameters; that of the input is left out where the model can."""
    if "need_dx" in inspect.signature(backprop).parameters:
        backprop(dy, need_dx=False)
    else:
        backprop(dy)


def explain(model: Module, criterion: Module, x: Any, y: Any) -> str:
    """Do a step again, up to the first result that is not finite, and say which that is. The gradients are lost."""
    arrays = [("the batch's input", x), ("the batch's target", y)]
    arrays += [(f"before the step, parameter {name!r}", p.data) for name, p in model.named_parameters()]
    arrays += [(f"before the step, buffer {name!r}", array) for name, array in model.named_buffers()]
    for what, value in arrays:
        if not is_finite(value):
            return f"{what} is not finite"
    model.zero_grad()
    originals = [(module, _watch(name, module)) for name, module in _named_modules(model, "")]
    try:
        output, backprop = model.forward(x)
        loss, backprop_loss = criterion.forward(output, y)
        if not is_finite(loss):
            return f"in the loss: {criterion} gives {loss} for finite input"
        dloss = backprop_loss()
        if not is_finite(dloss):
            return f"in the gradient: {criterion} gives one that is not finite for a finite loss"
        run_backprop(backprop, dloss)
    except _Found as found:
        return str(found)
    finally:
        for module, original in originals:
            vars(module).pop("forward") if original is None else vars(module).update(forward=original)
        model.zero_grad()
    return "a second run of the same step gave finite values"


def _named_modules(module: Module, name: str) -> Iterator[tuple[str, Module]]:
    """All layers, outer ones first, each once under its dotted name."""
    found = {module: name}
    for child_name, child in module.named_children():
        for inner_name, inner in _named_modules(child, f"{name}.{child_name}" if name else child_name):
            found.setdefault(inner, inner_name)
    return iter([(inner_name, inner) for inner, inner_name in found.items()])


def _watch(name: str, module: Module) -> Any:
    """Let the layer's `forward` raise `_Found`, in both directions; return what stood in the attribute's place."""
    forward, original = module.forward, vars(module).get("forward")
    who = f"layer {name!r} ({type(module).__name__})" if name else f"the model ({type(module).__name__})"

    def watched(*args, **kwargs):
        y, backprop = forward(*args, **kwargs)
        if not is_finite(y):
            raise _Found(f"in the forward pass: {who} gives a result that is not finite for finite input")

        def watched_backprop(*dargs, **dkwargs):
            dx = backprop(*dargs, **dkwargs)
            bad = [f"of {key}" for key, p in module._parameters.items() if p is not None and p.grad is not None
                   and not is_finite(p.grad)] or ([] if is_finite(dx) else ["of its input"])
            if bad:
                raise _Found(f"in the gradient: {who} gives one {', '.join(bad)} that is not finite")
            return dx

        return y, watched_backprop

    vars(module)["forward"] = watched
    return original
