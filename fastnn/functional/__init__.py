"""The public functions. Three for each op: `op(...) -> y`, `op_forward(...) -> (y, ctx)`, `op_backward(dy, ctx)`."""

from .activation import *
from .attention import *
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

__all__ = [  # in full: type checkers read no more than a plain list
    "adaptive_avg_pool2d", "adaptive_avg_pool2d_forward", "adaptive_avg_pool2d_backward",
    "avg_pool2d", "avg_pool2d_forward", "avg_pool2d_backward",
    "batch_norm", "batch_norm_forward", "batch_norm_backward",
    "binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits_forward",
    "binary_cross_entropy_with_logits_backward",
    "conv1d", "conv1d_forward", "conv1d_backward",
    "conv2d", "conv2d_forward", "conv2d_backward",
    "conv_transpose2d", "conv_transpose2d_forward", "conv_transpose2d_backward",
    "cross_entropy", "cross_entropy_forward", "cross_entropy_backward",
    "dropout", "dropout_forward", "dropout_backward",
    "dropout2d", "dropout2d_forward", "dropout2d_backward",
    "elu", "elu_forward", "elu_backward",
    "embedding", "embedding_forward", "embedding_backward",
    "gelu", "gelu_forward", "gelu_backward",
    "global_avg_pool2d", "global_avg_pool2d_forward", "global_avg_pool2d_backward",
    "global_max_pool2d", "global_max_pool2d_forward", "global_max_pool2d_backward",
    "group_norm", "group_norm_forward", "group_norm_backward",
    "gru", "gru_forward", "gru_backward",
    "gru_cell", "gru_cell_forward", "gru_cell_backward",
    "huber_loss", "huber_loss_forward", "huber_loss_backward",
    "interpolate", "interpolate_forward", "interpolate_backward",
    "l1_loss", "l1_loss_forward", "l1_loss_backward",
    "layer_norm", "layer_norm_forward", "layer_norm_backward",
    "leaky_relu", "leaky_relu_forward", "leaky_relu_backward",
    "linear", "linear_forward", "linear_backward",
    "log_softmax", "log_softmax_forward", "log_softmax_backward",
    "lstm", "lstm_forward", "lstm_backward",
    "lstm_cell", "lstm_cell_forward", "lstm_cell_backward",
    "max_pool1d", "max_pool1d_forward", "max_pool1d_backward",
    "max_pool2d", "max_pool2d_forward", "max_pool2d_backward",
    "mse_loss", "mse_loss_forward", "mse_loss_backward",
    "nll_loss", "nll_loss_forward", "nll_loss_backward",
    "relu", "relu_forward", "relu_backward",
    "rnn", "rnn_forward", "rnn_backward",
    "rnn_cell", "rnn_cell_forward", "rnn_cell_backward",
    "scaled_dot_product_attention", "scaled_dot_product_attention_forward", "scaled_dot_product_attention_backward",
    "sigmoid", "sigmoid_forward", "sigmoid_backward",
    "silu", "silu_forward", "silu_backward",
    "softmax", "softmax_forward", "softmax_backward",
    "tanh", "tanh_forward", "tanh_backward",
]  # fmt: skip
