"""Learning-rate schedules: they change `optimizer.lr` by PyTorch's rules, to PyTorch's values.

    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        ...
        scheduler.step()

Making a schedule sets the rate of the first epoch (or batch: a schedule counts its own steps, and "epoch" is PyTorch's
word for them). Most rules multiply the rate that they find, so several schedules may act on one optimiser. To go on
from a checkpoint, make optimiser and schedule as before, then load the state of both.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import _check
from .optimizer import Optimizer, same_kind

__all__ = ["LRScheduler", "LambdaLR", "StepLR", "MultiStepLR", "LinearLR", "ExponentialLR", "CosineAnnealingLR",
           "OneCycleLR", "ReduceLROnPlateau"]


class LRScheduler:
    """The base of the schedules: a subclass defines `get_lr`, from `last_epoch`, `base_lr` and `optimizer.lr`.

    base_lr: the rate that the optimiser had before its first schedule. last_epoch: how many steps were taken.
    Raises TypeError unless `optimizer` is an `Optimizer`.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = _optimizer(optimizer)
        self.base_lr: float = vars(optimizer).setdefault("initial_lr", optimizer.lr)
        self.last_epoch = 0
        optimizer.lr = self.get_lr()

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`, where `optimizer.lr` is that of the epoch before it."""
        raise NotImplementedError

    def step(self) -> None:
        """Set the rate of the next epoch, or batch."""
        self.last_epoch += 1
        self.optimizer.lr = self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The rate in use, in a list, as PyTorch has it."""
        return [self.optimizer.lr]

    def state_dict(self) -> dict[str, Any]:
        """Return what a later `load_state_dict` needs to go on from here: numbers, strings and tuples of numbers.

        A function that was given is not among them. The rate in use is the optimiser's state.
        """
        values = {name: value for name, value in vars(self).items() if name != "optimizer" and not callable(value)}
        return {"scheduler": type(self).__name__} | values

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of a schedule of this kind.

        Raises TypeError or ValueError, naming what does not fit, before anything is changed.
        """
        present = self.state_dict()
        if not isinstance(state_dict, Mapping) or set(state_dict) != set(present):
            raise ValueError(f"state_dict: expected a mapping with the keys {', '.join(present)}")
        if state_dict["scheduler"] != type(self).__name__:
            raise ValueError(f"state_dict: expected one of {type(self).__name__}, got one of {state_dict['scheduler']}")
        values = {name: same_kind(f"state_dict[{name!r}]", state_dict[name], value)
                  for name, value in present.items() if name != "scheduler"}
        vars(self).update(values)


class LambdaLR(LRScheduler):
    """base_lr times lr_lambda(epoch)."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        if not callable(lr_lambda):
            raise TypeError(f"lr_lambda: expected a function of the epoch, got {lr_lambda!r}")
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def get_lr(self) -> float:
        return self.base_lr * _check.number("lr_lambda's result", self.lr_lambda(self.last_epoch))


class StepLR(LRScheduler):
    """Times gamma every `step_size` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = _check.integer("step_size", step_size, 1)
        self.gamma = _check.number("gamma", gamma, 0)
        super().__init__(optimizer)

    def get_lr(self) -> float:
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return self.optimizer.lr * self.gamma if due else self.optimizer.lr


class MultiStepLR(LRScheduler):
    """Times gamma at each of the milestones; at one that is given twice, times its square."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones = tuple(sorted(_check.integer(f"milestones[{i}]", m, 0) for i, m in enumerate(milestones)))
        self.gamma = _check.number("gamma", gamma, 0)
        super().__init__(optimizer)

    def get_lr(self) -> float:
        times = Counter(self.milestones)[self.last_epoch]
        return self.optimizer.lr * self.gamma**times if times else self.optimizer.lr


class LinearLR(LRScheduler):
    """base_lr times a factor that goes from start_factor to end_factor in total_iters equal steps, and stays."""

    def __init__(self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0,
                 total_iters: int = 5) -> None:
        self.start_factor = _check.number("start_factor", start_factor, math.ulp(0.0), 1)
        self.end_factor = _check.number("end_factor", end_factor, 0, 1)
        self.total_iters = _check.integer("total_iters", total_iters, 0)
        super().__init__(optimizer)

    def get_lr(self) -> float:
        if self.last_epoch == 0:
            return self.optimizer.lr * self.start_factor
        if self.last_epoch > self.total_iters:
            return self.optimizer.lr
        change = self.end_factor - self.start_factor
        factor_before = self.total_iters * self.start_factor + (self.last_epoch - 1) * change  # times total_iters
        return self.optimizer.lr * (1.0 + change / factor_before)


class ExponentialLR(LRScheduler):
    """Times gamma every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = _check.number("gamma", gamma, 0)
        super().__init__(optimizer)

    def get_lr(self) -> float:
        return self.optimizer.lr * self.gamma if self.last_epoch > 0 else self.optimizer.lr


class CosineAnnealingLR(LRScheduler):
    """Along half a cosine from base_lr to eta_min in T_max epochs, and back up in the next T_max.

    Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5
    (without the restarts).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = _check.integer("T_max", T_max, 1)
        self.eta_min = _check.number("eta_min", eta_min, 0)
        super().__init__(optimizer)

    def get_lr(self) -> float:
        lr, epoch = self.optimizer.lr, self.last_epoch
        if epoch == 0:
            return lr
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # at the bottom, where the ratio below is 0 / 0
            return lr + (self.base_lr - self.eta_min) * (1 - math.cos(math.pi / self.T_max)) / 2
        now, before = (1 + math.cos(math.pi * e / self.T_max) for e in (epoch, epoch - 1))
        return now / before * (lr - self.eta_min) + self.eta_min


class OneCycleLR(LRScheduler):
    """One step a batch: up from max_lr / div_factor to max_lr, then down to a final_div_factor-th of the start.

    The rise takes pct_start of total_steps (or epochs * steps_per_epoch). Along cosines or, by anneal_strategy, lines.
    With three_phase the rate first falls as it rose, and then to the end. With cycle_momentum the momentum (Adam's
    first beta) goes the other way, from max_momentum to base_momentum and back.
    Source: L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning
    rates", 2017. Raises ValueError for a step beyond the last, and where there is no momentum to cycle.
    """

    def __init__(self, optimizer: Optimizer, max_lr: float, total_steps: int | None = None, epochs: int | None = None,
                 steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos",
                 cycle_momentum: bool = True, base_momentum: float = 0.85, max_momentum: float = 0.95,
                 div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("total_steps: expected it, or both epochs and steps_per_epoch")
            total_steps = (_check.integer("epochs", epochs, 1)
                           * _check.integer("steps_per_epoch", steps_per_epoch, 1))
        self.total_steps = _check.integer("total_steps", total_steps, 1)
        self.max_lr = _check.number("max_lr", max_lr, 0)
        self.start_lr = self.max_lr / _check.number("div_factor", div_factor, math.ulp(0.0))
        self.end_lr = self.start_lr / _check.number("final_div_factor", final_div_factor, math.ulp(0.0))
        self.pct_start = _check.number("pct_start", pct_start, 0, 1)
        self.anneal_strategy = _check.choice("anneal_strategy", anneal_strategy, ("cos", "linear"))
        self.base_momentum = _check.number("base_momentum", base_momentum, 0, 1)
        self.max_momentum = _check.number("max_momentum", max_momentum, 0, 1)
        self.three_phase = _check.flag("three_phase", three_phase)
        self.cycle_momentum = _check.flag("cycle_momentum", cycle_momentum)
        has_momentum = hasattr(_optimizer(optimizer), "betas") or getattr(optimizer, "momentum", 0.0) > 0
        if self.cycle_momentum and not has_momentum:
            raise ValueError("cycle_momentum: expected an optimiser with momentum; say cycle_momentum=False")
        super().__init__(optimizer)

    def _phases(self):
        """(last step, rate before and after, momentum before and after) of each part."""
        low, high = self.base_momentum, self.max_momentum
        rise = self.pct_start * self.total_steps
        yield rise - 1, self.start_lr, self.max_lr, high, low
        if self.three_phase:
            yield 2 * rise - 2, self.max_lr, self.start_lr, low, high
            yield self.total_steps - 1, self.start_lr, self.end_lr, high, high
        else:
            yield self.total_steps - 1, self.max_lr, self.end_lr, low, high

    def get_lr(self) -> float:
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"step: expected at most total_steps = {self.total_steps} of them")
        phases = list(self._phases())
        i = next((i for i, phase in enumerate(phases) if step <= phase[0]), len(phases) - 1)
        first = phases[i - 1][0] if i else 0.0
        last, start_lr, end_lr, start_momentum, end_momentum = phases[i]
        part = (step - first) / (last - first) if last > first else 1.0
        if self.cycle_momentum:
            momentum = self._anneal(start_momentum, end_momentum, part)
            if hasattr(self.optimizer, "betas"):
                self.optimizer.betas = (momentum, *self.optimizer.betas[1:])
            else:
                self.optimizer.momentum = momentum
        return self._anneal(start_lr, end_lr, part)

    def _anneal(self, start, end, part):
        if self.anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


class ReduceLROnPlateau(LRScheduler):
    """Times factor, down to min_lr, when `step(metrics)` saw nothing better for more than `patience` epochs.

    mode: "min" or "max", what is better. Better means by more than threshold: a part of the best so far
    (threshold_mode "rel") or a difference ("abs"). After a change, `cooldown` epochs do not count. Changes of at most
    eps are not made.
    """

    def __init__(self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
                 threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0, min_lr: float = 0,
                 eps: float = 1e-8) -> None:
        self.mode = _check.choice("mode", mode, ("min", "max"))
        self.factor = _check.number("factor", factor, 0, math.nextafter(1, 0))
        self.patience = _check.integer("patience", patience, 0)
        self.threshold = _check.number("threshold", threshold, 0)
        self.threshold_mode = _check.choice("threshold_mode", threshold_mode, ("rel", "abs"))
        self.cooldown = _check.integer("cooldown", cooldown, 0)
        self.min_lr = _check.number("min_lr", min_lr, 0)
        self.eps = _check.number("eps", eps, 0)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def get_lr(self) -> float:
        return self.optimizer.lr

    def step(self, metrics: float) -> None:  # type: ignore[override]
        """Judge an epoch by a number, as a loss on held-out data; a NaN is never better."""
        metrics = float(metrics)
        self.last_epoch += 1
        if self._is_better(metrics):
            self.best, self.num_bad_epochs = metrics, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            lr = max(self.optimizer.lr * self.factor, self.min_lr)
            if self.optimizer.lr - lr > self.eps:
                self.optimizer.lr = lr
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, value):
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * value > sign * self.best * (1.0 + sign * self.threshold)
        return sign * value > sign * self.best + self.threshold


def _optimizer(value):
    if not isinstance(value, Optimizer):
        raise TypeError(f"optimizer: expected an Optimizer, got {type(value).__name__}")
    return value
