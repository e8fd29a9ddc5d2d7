"""The public functions. Three for each op: `op(...) -> y`, `op_forward(...) -> (y, ctx)`, `op_backward(dy, ctx)`."""

from . import conv as _conv
from . import linear as _linear
from . import pool as _pool
from .conv import *  # noqa: F403
from .linear import *  # noqa: F403
from .pool import *  # noqa: F403

__all__ = [*_conv.__all__, *_linear.__all__, *_pool.__all__]
