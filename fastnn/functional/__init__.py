"""The public functions. Three for each op: `op(...) -> y`, `op_forward(...) -> (y, ctx)`, `op_backward(dy, ctx)`."""

from . import activation as _activation
from . import batch_norm as _batch_norm
from . import class_loss as _class_loss
from . import conv as _conv
from . import conv1d as _conv1d
from . import conv_transpose as _conv_transpose
from . import dropout as _dropout
from . import embedding as _embedding
from . import group_norm as _group_norm
from . import gru as _gru
from . import layer_norm as _layer_norm
from . import linear as _linear
from . import loss as _loss
from . import lstm as _lstm
from . import pool as _pool
from . import resample as _resample
from . import rnn as _rnn
from .activation import *
from .batch_norm import *
from .class_loss import *
from .conv import *
from .conv1d import *
from .conv_transpose import *
from .dropout import *
from .embedding import *
from .group_norm import *
from .gru import *
from .layer_norm import *
from .linear import *
from .loss import *
from .lstm import *
from .pool import *
from .resample import *
from .rnn import *

__all__ = [
    *_activation.__all__,
    *_batch_norm.__all__,
    *_class_loss.__all__,
    *_conv.__all__,
    *_conv1d.__all__,
    *_conv_transpose.__all__,
    *_dropout.__all__,
    *_embedding.__all__,
    *_group_norm.__all__,
    *_gru.__all__,
    *_layer_norm.__all__,
    *_linear.__all__,
    *_loss.__all__,
    *_lstm.__all__,
    *_pool.__all__,
    *_resample.__all__,
    *_rnn.__all__,
]
