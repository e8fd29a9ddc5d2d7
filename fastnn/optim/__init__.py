"""Optimisers: they update parameters in place, from the gradients that backprop left beside them.

    opt = Adam(model.parameters(), lr=1e-3)
    opt.step()
    opt.zero_grad()

A parameter without a gradient is left alone. `lr` and the other numbers are attributes, and may be changed between
steps; the schedules in `lr_scheduler` do.
"""

from . import lr_scheduler
from .optimizer import SGD, Adam, AdamW, Optimizer

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
