"""The public functions. Three for each op: `op(...) -> y`, `op_forward(...) -> (y, ctx)`, `op_backward(dy, ctx)`."""

from . import conv as _conv
from . import gru as _gru
from . import linear as _linear
from . import lstm as _lstm
from . import pool as _pool
from . import rnn as _rnn
from .conv import *  # noqa: F403
from .gru import *  # noqa: F403
from .linear import *  # noqa: F403
from .lstm import *  # noqa: F403
from .pool import *  # noqa: F403
from .rnn import *  # noqa: F403

__all__ = [*_conv.__all__, *_gru.__all__, *_linear.__all__, *_lstm.__all__, *_pool.__all__, *_rnn.__all__]
