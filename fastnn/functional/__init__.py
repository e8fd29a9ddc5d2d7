"""The public functions. Three for each op: `op(...) -> y`, `op_forward(...) -> (y, ctx)`, `op_backward(dy, ctx)`."""

from . import linear as _linear
from .linear import *  # noqa: F403

__all__ = [*_linear.__all__]
