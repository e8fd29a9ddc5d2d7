"""What may be told about a training while it runs."""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import _check
from ..serialization import ENDINGS, save

if TYPE_CHECKING:
    from .state import Training


class Callback:
    """What `fit` calls, each time with the `Training`: a subclass defines what it wants to hear of.

    `training.stop = True` ends the training after the epoch. A state dict, of what `fastnn.save` takes, goes into
    checkpoints.
    """

    def on_fit_begin(self, training: "Training") -> None:
        """Before the first epoch, or the first after a checkpoint."""

    def on_step_end(self, training: "Training") -> None:
        """After each step of the optimiser."""

    def on_epoch_end(self, training: "Training") -> None:
        """After each epoch, its validation, and its row in the history."""

    def on_fit_end(self, training: "Training") -> None:
        """After the last epoch."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        pass


class EarlyStopping(Callback):
    """End the training when the history's `monitor` was not better by more than min_delta for `patience` epochs.

    mode: "min" or "max", what is better. With restore_best the model ends with the weights of the best epoch, whether
    it was stopped or not. Afterwards `best` and `best_epoch` say what that was. A NaN is never better.
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.0, restore_best: bool = False,
                 monitor: str = "val_loss", mode: str = "min") -> None:
        self.patience = _check.integer("patience", patience, 1)
        self.min_delta = _check.number("min_delta", min_delta, 0)
        self.restore_best = _check.flag("restore_best", restore_best)
        self.monitor = monitor
        self.sign = 1 if _check.choice("mode", mode, ("min", "max")) == "max" else -1
        self._forget()

    def _forget(self) -> None:
        self.best = -self.sign * math.inf
        self.best_epoch = 0
        self.best_weights: dict[str, Any] | None = None

    def on_fit_begin(self, training: "Training") -> None:
        if training.epoch == 0:
            self._forget()

    def on_epoch_end(self, training: "Training") -> None:
        row = training.history.rows[-1]
        if self.monitor not in row:
            raise ValueError(f"monitor: expected one of {', '.join(row)}, got {self.monitor!r}")
        if self.sign * (row[self.monitor] - self.best) > self.min_delta:
            self.best, self.best_epoch = row[self.monitor], training.epoch
            self.best_weights = training.model.state_dict() if self.restore_best else None
        elif training.epoch - self.best_epoch >= self.patience:
            training.stop = True

    def on_fit_end(self, training: "Training") -> None:
        if self.best_weights is not None:
            training.model.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "best_weights": self.best_weights}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.best = _check.number("best", state_dict["best"])
        self.best_epoch = _check.integer("best_epoch", state_dict["best_epoch"], 0)
        self.best_weights = state_dict["best_weights"]


class Checkpoint(Callback):
    """Save all that `fit(resume=path)` needs, every `every` epochs and at the end, after the other callbacks.

    path: a name that ends in .npz or .safetensors, in which "{epoch}" becomes the epoch's number. Without it each
    checkpoint replaces the one before; a file is always a whole one.
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        self.path = os.fspath(path)
        if not self.path.endswith(ENDINGS):
            raise ValueError(f"path: expected a name that ends in {' or '.join(ENDINGS)}, got {self.path!r}")
        self.every = _check.integer("every", every, 1)

    def on_epoch_end(self, training: "Training") -> None:
        if training.epoch % self.every == 0 or training.stop or training.epoch == training.epochs:
            save(training.state_dict(), self.path.replace("{epoch}", str(training.epoch)))
