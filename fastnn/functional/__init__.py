"""The public functions. Three for each op: `op(...) -> y`, `op_forward(...) -> (y, ctx)`, `op_backward(dy, ctx)`."""

from . import conv as _conv
from . import gru as _gru
from . import linear as _linear
from . import lstm as _lstm
from . import pool as _pool
from . import rnn as _rnn
from .conv import *
from .gru import *
from .linear import *
from .lstm import *
from .pool import *
from .rnn import *

__all__ = [*_conv.__all__, *_gru.__all__, *_linear.__all__, *_lstm.__all__, *_pool.__all__, *_rnn.__all__]
