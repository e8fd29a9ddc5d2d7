"""Where a training stands: one step, and the state that a checkpoint holds."""

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _check
from ..nn.module import Module
from ..nn.utils import clip_grad_norm_
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler
from ..serialization import load
from .batches import number
from .callbacks import Callback, Checkpoint
from .history import History
from .nonfinite import explain, is_finite, run_backprop


class Training:
    """What a training is about and where it stands; callbacks get it.

    model, criterion, optimizer, scheduler, rng, callbacks, epochs: as given to `fit`. epoch, step: how many are done.
    history: a `History`. stop: set it to True to end the training after the epoch.
    """

    def __init__(self, model: Module, criterion: Module, optimizer: Optimizer, scheduler: LRScheduler | None,
                 rng: np.random.Generator, callbacks: Sequence[Any], epochs: int) -> None:
        for name, value, kind in (("model", model, Module), ("criterion", criterion, Module),
                                  ("optimizer", optimizer, Optimizer), ("scheduler", scheduler, LRScheduler)):
            if not isinstance(value, kind) and not (name == "scheduler" and value is None):
                raise TypeError(f"{name}: expected a {kind.__name__}, got {type(value).__name__}")
        if scheduler is not None and scheduler.optimizer is not optimizer:
            raise ValueError("scheduler: expected one of this optimizer, got one of another")
        for i, callback in enumerate(callbacks):
            if not callable(callback) and not any(name.startswith("on_") for name in dir(callback)):
                raise TypeError(f"callbacks[{i}]: expected a Callback or a function, got {type(callback).__name__}")
        self.model, self.criterion, self.optimizer, self.scheduler = model, criterion, optimizer, scheduler
        self.rng, self.epochs = rng, epochs
        self.callbacks = sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoint))  # those come last
        self.history, self.epoch, self.step, self.stop = History(), 0, 0, False
        self._params = list(model.parameters())
        found = [rng, *(value for module in model.modules() for value in vars(module).values()
                        if isinstance(value, np.random.Generator))]
        self._generators = list({id(generator): generator for generator in found}.values())
        model.zero_grad()

    def tell(self, event: str) -> None:
        """Call the callbacks that want to hear of it."""
        for callback in self.callbacks:
            if hasattr(callback, event):
                getattr(callback, event)(self)
            elif event == "on_epoch_end" and not isinstance(callback, Callback) and callable(callback):
                callback(self)

    def train_step(self, x: Any, y: Any, clip_norm: float | None = None) -> float:
        """One step of the optimiser; returns the loss before it."""
        states = self._generator_states()
        output, backprop = self.model.forward(x)
        loss, backprop_loss = self.criterion.forward(output, y)
        loss = number("criterion", loss)
        if math.isfinite(loss):
            run_backprop(backprop, backprop_loss())
        if not math.isfinite(loss) or not all(p.grad is None or is_finite(p.grad) for p in self._params):
            self._restore(states)  # so that dropout drops the same again
            where = explain(self.model, self.criterion, x, y)
            raise FloatingPointError(f"epoch {self.epoch + 1}, step {self.step + 1}: {where}")
        if clip_norm is not None:
            clip_grad_norm_(self.optimizer.params, clip_norm)
        self.optimizer.step()
        for p in self._params:
            p.grad = None
        self.step += 1
        return loss

    def state_dict(self) -> dict[str, Any]:
        """All that `fit(resume=...)` reads, for `fastnn.save`."""
        return {
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "callbacks": [state for _, state in self._callback_states()],
            "generators": self._generator_states(), "history": self.history.rows,
            "epoch": self.epoch, "step": self.step, "stop": self.stop,
        }  # fmt: skip

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Go on from a file of a `state_dict`. Raises ValueError, naming the file, where it does not fit."""
        state = load(path)
        try:
            if set(state) != set(present := self.state_dict()):
                raise ValueError(f"expected a checkpoint with the entries {', '.join(present)}")
            self.model.load_state_dict(state["model"])
            for name in ("callbacks", "generators"):
                if len(state[name]) != len(present[name]):
                    raise ValueError(f"{name}: expected {len(present[name])} of them, got {len(state[name])}")
            if (state["scheduler"] is None) != (self.scheduler is None):
                raise ValueError("scheduler: expected one in both the checkpoint and the call, or in neither")
            self.optimizer.load_state_dict(state["optimizer"])
            if self.scheduler is not None:
                self.scheduler.load_state_dict(state["scheduler"])
            for (callback, _), callback_state in zip(self._callback_states(), state["callbacks"]):
                callback.load_state_dict(callback_state)
            self._restore(state["generators"])
            self.history = History(state["history"])
            self.epoch, self.step = (_check.integer(name, state[name], 0) for name in ("epoch", "step"))
            self.stop = _check.flag("stop", state["stop"])
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ValueError(f"resume: {os.fspath(path)} does not fit this call: {error}") from error

    def _callback_states(self):
        """(callback, state) of those that have one: the others may come and go."""
        states = [(c, c.state_dict()) for c in self.callbacks if hasattr(c, "state_dict")]
        return [(callback, state) for callback, state in states if state]

    def _generator_states(self):
        return [generator.bit_generator.state for generator in self._generators]

    def _restore(self, states):
        for generator, state in zip(self._generators, states):
            generator.bit_generator.state = state
