"""The backend functions of the compiled modules, under the names that `reference.backend` has too."""

from ..reference.embedding import embedding_forward
from ..reference.resample import (
    adaptive_avg_pool2d_backward_input,
    adaptive_avg_pool2d_forward,
    nearest2d_forward,
)
from .activation import (
    elu_backward_input,
    elu_forward,
    gelu_backward_input,
    gelu_forward,
    leaky_relu_backward_input,
    leaky_relu_forward,
    relu_backward_input,
    relu_forward,
    sigmoid_backward_input,
    sigmoid_forward,
    silu_backward_input,
    silu_forward,
    tanh_backward_input,
    tanh_forward,
)
from .conv2d import conv2d_backward_input, conv2d_backward_weight, conv2d_forward
from .embedding import embedding_backward_weight
from .linear import bmm, linear_backward_input, linear_backward_weight, linear_forward
from .norm import (
    channel_combine,
    channel_moments,
    channel_scale,
    channel_sums,
    row_normalize,
    row_normalize_backward_input,
    row_normalize_backward_weight,
)
from .optim import adam_step, sgd_step
from .pool2d import avg_pool2d_backward_input, avg_pool2d_forward, max_pool2d_backward_input, max_pool2d_forward
from .recurrent import (
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    recurrent_ready,
    recurrent_step,
    rnn_backward,
    rnn_forward,
)
from .resample import bilinear2d_backward_input, bilinear2d_forward, nearest2d_backward_input
from .softmax import log_softmax_backward_input, log_softmax_forward, softmax_backward_input, softmax_forward
from .variant import variant_backward, variant_forward

__all__ = [
    "adam_step",
    "adaptive_avg_pool2d_backward_input",
    "adaptive_avg_pool2d_forward",
    "avg_pool2d_backward_input",
    "avg_pool2d_forward",
    "bilinear2d_backward_input",
    "bilinear2d_forward",
    "bmm",
    "channel_combine",
    "channel_moments",
    "channel_scale",
    "channel_sums",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_forward",
    "elu_backward_input",
    "elu_forward",
    "embedding_backward_weight",
    "embedding_forward",
    "gelu_backward_input",
    "gelu_forward",
    "gru_backward",
    "gru_forward",
    "leaky_relu_backward_input",
    "leaky_relu_forward",
    "linear_backward_input",
    "linear_backward_weight",
    "linear_forward",
    "log_softmax_backward_input",
    "log_softmax_forward",
    "lstm_backward",
    "lstm_forward",
    "max_pool2d_backward_input",
    "max_pool2d_forward",
    "nearest2d_backward_input",
    "nearest2d_forward",
    "recurrent_ready",
    "recurrent_step",
    "relu_backward_input",
    "relu_forward",
    "rnn_backward",
    "rnn_forward",
    "row_normalize",
    "row_normalize_backward_input",
    "row_normalize_backward_weight",
    "sgd_step",
    "sigmoid_backward_input",
    "sigmoid_forward",
    "silu_backward_input",
    "silu_forward",
    "softmax_backward_input",
    "softmax_forward",
    "tanh_backward_input",
    "tanh_forward",
    "variant_backward",
    "variant_forward",
]
