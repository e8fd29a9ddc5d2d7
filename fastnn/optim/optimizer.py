"""The optimisers: their numbers and states. A step of one parameter is a function of the backend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from .. import _backend, _check
from .._typing import Array
from ..nn.parameter import Parameter

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]


class Optimizer:
    """The base of the optimisers: a subclass names its numbers and state, and updates one parameter.

    params: the parameters to update, as `model.parameters()` yields them. Raises TypeError for anything else among
    them, ValueError if there is none, or one twice.
    """

    lr: float
    hyperparameters: ClassVar[tuple[str, ...]] = ()  # the attributes that hold numbers
    state_names: tuple[str, ...] = ()  # the arrays kept for each parameter, of its shape

    def __init__(self, params: Iterable[Parameter]) -> None:
        self._params = list(params)
        for i, p in enumerate(self._params):
            if not isinstance(p, Parameter):
                raise TypeError(f"params[{i}]: expected an nn.Parameter, as model.parameters() yields them, "
                                f"got {type(p).__name__}")
        if not self._params:
            raise ValueError("params: expected at least one parameter, got none")
        if len(set(self._params)) < len(self._params):
            raise ValueError("params: expected each parameter once")
        self._steps = [0] * len(self._params)
        self._states = [{name: np.zeros_like(p.data) for name in self.state_names} for p in self._params]

    @property
    def params(self) -> tuple[Parameter, ...]:
        """The parameters that this optimiser updates."""
        return tuple(self._params)

    def step(self) -> None:
        """Update each parameter that has a gradient."""
        for i, p in enumerate(self._params):
            if p.grad is None:
                continue
            self._steps[i] += 1
            self._update(self._steps[i], p.data, p.grad, *self._states[i].values())

    def _update(self, step: int, data: Array, grad: Array, *state: Array) -> None:
        """Update one parameter and its state, in place. step: from 1."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        for p in self._params:
            p.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return what a later `load_state_dict` needs to go on from here: numbers, step counts and copies of arrays."""
        return {
            "optimizer": type(self).__name__,
            "hyperparameters": {name: getattr(self, name) for name in self.hyperparameters},
            "steps": list(self._steps),
            "states": [{name: array.copy() for name, array in state.items()} for state in self._states],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of an optimiser of this kind for the same parameters, in the same order.

        Raises TypeError or ValueError, naming what does not fit, before anything is changed.
        """
        wanted = ("optimizer", "hyperparameters", "steps", "states")
        if not isinstance(state_dict, Mapping) or set(state_dict) != set(wanted):
            raise ValueError(f"state_dict: expected a mapping with the keys {', '.join(wanted)}")
        if state_dict["optimizer"] != type(self).__name__:
            raise ValueError(f"state_dict: expected one of {type(self).__name__}, got one of {state_dict['optimizer']}")
        numbers, steps, states = (state_dict[name] for name in wanted[1:])
        if set(numbers) != set(self.hyperparameters):
            raise ValueError(f"hyperparameters: expected {', '.join(self.hyperparameters)}, got {', '.join(numbers)}")
        if not len(steps) == len(states) == len(self._params):
            raise ValueError(f"states: expected {len(self._params)} of them, one for each parameter, got {len(states)}")
        steps = [_check.integer(f"steps[{i}]", step, 0) for i, step in enumerate(steps)]
        checked = [self._check_state(i, state) for i, state in enumerate(states)]
        numbers = {name: same_kind(f"hyperparameters[{name!r}]", value, getattr(self, name))
                   for name, value in numbers.items()}
        for name, value in numbers.items():
            setattr(self, name, value)
        self._steps = steps
        for mine, given in zip(self._states, checked, strict=True):
            for name, array in mine.items():
                np.copyto(array, given[name])

    def _check_state(self, i, state):
        if set(state) != set(self._states[i]):
            raise ValueError(f"states[{i}]: expected {', '.join(self._states[i]) or 'nothing'}, "
                             f"got {', '.join(state) or 'nothing'}")
        return {name: self._params[i].check(f"states[{i}][{name!r}]", array) for name, array in state.items()}


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    With d the gradient plus weight_decay times the parameter: p -= lr * d. With momentum, b = momentum * b +
    (1 - dampening) * d (b = d in the first step) takes d's place; with nesterov, d + momentum * b does.
    Momentum is there or not for the life of the optimiser: its value may change, not whether it is 0.
    Sources: B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; I. Sutskever et
    al., "On the importance of initialization and momentum in deep learning", 2013, in the form that PyTorch gives it.
    Raises ValueError for a negative number, or nesterov without momentum or with dampening.
    """

    hyperparameters = ("lr", "momentum", "dampening", "weight_decay", "nesterov")

    def __init__(self, params: Iterable[Parameter], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
                 weight_decay: float = 0.0, nesterov: bool = False) -> None:
        self.lr = _check.number("lr", lr, 0)
        self.momentum = _check.number("momentum", momentum, 0)
        self.dampening = _check.number("dampening", dampening)
        self.weight_decay = _check.number("weight_decay", weight_decay, 0)
        self.nesterov = _check.flag("nesterov", nesterov)
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(f"nesterov: expected momentum > 0 and dampening 0 with it, "
                             f"got momentum {momentum} and dampening {dampening}")
        if self.momentum:
            self.state_names = ("momentum_buffer",)
        super().__init__(params)

    def _update(self, step, data, grad, buffer=None):
        _backend.active().sgd_step(data, grad, buffer, self.lr, self.momentum, self.dampening, self.weight_decay,
                                   self.nesterov, step == 1)


class Adam(Optimizer):
    """Adam: steps of about lr, by running means of the gradient and of its square.

    m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; and in step t
    p -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps). weight_decay times the parameter is part of g.
    Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
    Raises ValueError for a negative number or a beta outside [0, 1).
    """

    hyperparameters = ("lr", "betas", "eps", "weight_decay")
    state_names = ("exp_avg", "exp_avg_sq")
    _is_decoupled = False  # the weight decay

    def __init__(self, params: Iterable[Parameter], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0.0) -> None:
        self.lr = _check.number("lr", lr, 0)
        self.betas = _betas(betas)
        self.eps = _check.number("eps", eps, 0)
        self.weight_decay = _check.number("weight_decay", weight_decay, 0)
        super().__init__(params)

    def _update(self, step, data, grad, mean, mean_sq):
        _backend.active().adam_step(data, grad, mean, mean_sq, step, self.lr, self.betas, self.eps, self.weight_decay,
                                    self._is_decoupled)


class AdamW(Adam):
    """Adam whose weight decay is a step of its own, p *= 1 - lr * weight_decay, instead of a part of the gradient.

    Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
    """

    _is_decoupled = True

    def __init__(self, params: Iterable[Parameter], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 1e-2) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def _betas(betas):
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"betas: expected a pair of numbers, got {betas!r}")
    below_one = math.nextafter(1, 0)
    return tuple(_check.number(f"betas[{i}]", beta, 0, below_one) for i, beta in enumerate(betas))


def same_kind(name: str, value: Any, present: Any) -> Any:
    """`value` for the place of `present`: a number for a number, text for text, a tuple of them for one as long."""
    if isinstance(present, tuple):
        fits = isinstance(value, (tuple, list)) and len(value) == len(present)
    else:
        fits = _is_number(value) if _is_number(present) else type(value) is type(present)
    if not fits:
        raise TypeError(f"{name}: expected a value like {present!r}, got {value!r}")
    if isinstance(present, tuple):
        return tuple(same_kind(f"{name}[{i}]", v, p) for i, (v, p) in enumerate(zip(value, present)))
    return value


def _is_number(value):
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
