"""The backend functions of the NumPy reference, under the names that `native.backend` has too."""

from .activation import (
    elu_backward_input,
    elu_forward,
    gelu_backward_input,
    gelu_forward,
    leaky_relu_backward_input,
    leaky_relu_forward,
    log_softmax_backward_input,
    log_softmax_forward,
    relu_backward_input,
    relu_forward,
    sigmoid_backward_input,
    sigmoid_forward,
    silu_backward_input,
    silu_forward,
    softmax_backward_input,
    softmax_forward,
    tanh_backward_input,
    tanh_forward,
)
from .conv2d import conv2d_backward_input, conv2d_backward_weight, conv2d_forward
from .gru import gru_backward, gru_forward
from .linear import linear_backward_input, linear_backward_weight, linear_forward
from .lstm import lstm_backward, lstm_forward
from .pool2d import (
    avg_pool2d_backward_input,
    avg_pool2d_forward,
    max_pool2d_backward_input,
    max_pool2d_forward,
)
from .rnn import rnn_backward, rnn_forward

__all__ = [
    "avg_pool2d_backward_input",
    "avg_pool2d_forward",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_forward",
    "elu_backward_input",
    "elu_forward",
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
    "relu_backward_input",
    "relu_forward",
    "rnn_backward",
    "rnn_forward",
    "sigmoid_backward_input",
    "sigmoid_forward",
    "silu_backward_input",
    "silu_forward",
    "softmax_backward_input",
    "softmax_forward",
    "tanh_backward_input",
    "tanh_forward",
]
