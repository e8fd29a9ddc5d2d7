"""The backend functions of the NumPy reference, under the names that `native.backend` has too."""

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
    "gru_backward",
    "gru_forward",
    "linear_backward_input",
    "linear_backward_weight",
    "linear_forward",
    "lstm_backward",
    "lstm_forward",
    "max_pool2d_backward_input",
    "max_pool2d_forward",
    "rnn_backward",
    "rnn_forward",
]
