"""The training loop."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import _check
from .._typing import Seed
from ..nn.module import Module
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from .batches import Batches, Data, Mean, count, number, progress_bar
from .history import History
from .state import Training

Metric: TypeAlias = Callable[[Any, Any], float]


def fit(model: Module, criterion: Module, optimizer: Optimizer, data: Data, *, epochs: int = 1, batch_size: int = 32,
        validation: Data | None = None, metrics: Mapping[str, Metric] | None = None,
        scheduler: LRScheduler | None = None, step_scheduler: str = "epoch", clip_norm: float | None = None,
        shuffle: bool = True, rng: Seed = None, callbacks: Sequence[Any] = (),
        resume: str | os.PathLike[str] | None = None, progress: bool | None = None) -> History:
    """Train `model` to a small `criterion(model(input), target)`; return the `History` of the epochs.

    data: a pair of arrays (inputs, targets), cut along their first axis into batches of batch_size; or an iterable of
        batches (input, target), gone through once an epoch, that are handed on as they are.
    epochs: how many there shall be, those before a resumed checkpoint included.
    validation: data as above, for `evaluate` after each epoch; metrics: {name: function of (output, target)}.
    scheduler: stepped after each "epoch" or "batch", as step_scheduler says. ReduceLROnPlateau is given the
        validation's loss, or the training's where there is none.
    clip_norm: the largest norm that all gradients may have together, see `nn.utils.clip_grad_norm_`.
    shuffle: whether a pair of arrays is put into another order each epoch, by rng, a Generator or a seed.
    callbacks: each a `Callback`, or a function that is called with the `Training` at the end of each epoch.
    resume: a file of a `Checkpoint`, made with the same arguments, to go on from: the weights become, bit for bit,
        those of a training that was never interrupted.
    progress: whether to show a bar, by tqdm where it is installed; None shows it on terminals.

    The model is left in evaluation mode. Raises TypeError or ValueError for arguments that do not fit, and
    FloatingPointError where a loss or gradient is NaN or infinite: before the step is taken, naming the first layer
    whose result it is.
    """
    epochs, shuffle = _check.integer("epochs", epochs, 0), _check.flag("shuffle", shuffle)
    per_batch = _check.choice("step_scheduler", step_scheduler, ("epoch", "batch")) == "batch"
    if per_batch and isinstance(scheduler, ReduceLROnPlateau):
        raise ValueError("step_scheduler: expected 'epoch' for ReduceLROnPlateau, got 'batch'")
    if metrics and validation is None:
        raise ValueError("metrics: expected validation data to measure them on")
    run = Training(model, criterion, optimizer, scheduler, _check.generator("rng", rng), callbacks, epochs)
    batches = Batches("data", data, batch_size, run.rng if shuffle else None, epochs)
    clip_norm = None if clip_norm is None else _check.number("clip_norm", clip_norm, 0)
    if resume is not None:
        run.resume(resume)
    run.tell("on_fit_begin")
    while run.epoch < epochs and not run.stop:
        start, mean = time.perf_counter(), Mean()
        model.train()
        with progress_bar(batches, f"epoch {run.epoch + 1}/{epochs}", progress) as bar:
            for x, y in bar:
                mean.add(run.train_step(x, y, clip_norm), count(y))
                if scheduler is not None and per_batch:
                    scheduler.step()
                bar.set_postfix_str(f"loss {mean.value:.4f}", refresh=False)
                run.tell("on_step_end")
        row = {"epoch": run.epoch + 1, "loss": mean.value, "lr": optimizer.lr, "seconds": time.perf_counter() - start}
        if validation is not None:
            found = evaluate(model, criterion, validation, metrics=metrics, batch_size=batch_size)
            row |= {f"val_{name}": value for name, value in found.items()}
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(row.get("val_loss", row["loss"]))
        elif scheduler is not None and not per_batch:
            scheduler.step()
        run.epoch += 1
        run.history.rows.append(row)
        run.tell("on_epoch_end")
    run.tell("on_fit_end")
    model.eval()
    return run.history


def evaluate(model: Module, criterion: Module, data: Data, *, metrics: Mapping[str, Metric] | None = None,
             batch_size: int = 32) -> dict[str, float]:
    """The loss and the metrics of the model in evaluation mode, {"loss": ..., name: ...}; arguments as for `fit`.

    Each is the mean over the batches, weighted by the lengths of their targets.
    """
    means = {name: Mean() for name in ("loss", *(metrics or {}))}
    training = model.training
    model.eval()
    for x, y in Batches("validation", data, batch_size):
        output = model(x)
        means["loss"].add(number("criterion", criterion(output, y)), count(y))
        for name, metric in (metrics or {}).items():
            means[name].add(number(f"metrics[{name!r}]", metric(output, y)), count(y))
    model.train(training)
    return {name: mean.value for name, mean in means.items()}


def accuracy(output: np.ndarray, target: np.ndarray) -> float:
    """The part of the targets, class numbers, that are the largest element along output's axis 1."""
    return float(np.mean(np.argmax(output, axis=1) == target))
