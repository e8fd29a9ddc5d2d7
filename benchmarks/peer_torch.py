"""PyTorch: inference_mode for forward; the autograd of all inputs for training."""

import torch
import torch.nn.functional as F
from torch import nn

OPS = {"conv2d": F.conv2d, "linear": F.linear, "max_pool2d": F.max_pool2d, "avg_pool2d": F.avg_pool2d,
       "conv1d": F.conv1d, "conv_transpose2d": F.conv_transpose2d, "interpolate": F.interpolate,
       "batch_norm": F.batch_norm, "layer_norm": F.layer_norm, "group_norm": F.group_norm,
       "scaled_dot_product_attention": F.scaled_dot_product_attention,
       "relu": F.relu, "gelu": F.gelu, "silu": F.silu, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
       "softmax": lambda x: F.softmax(x, -1), "log_softmax": lambda x: F.log_softmax(x, -1)}
MODULES = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU,
           "rnn_cell": nn.RNNCell, "lstm_cell": nn.LSTMCell, "gru_cell": nn.GRUCell}


def start(threads):
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)


def versions():
    return {"torch": torch.__version__}


def build(case, arrays):
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    dy = tensors.pop("dy")
    call, inputs = _module(case, tensors) if case.op in MODULES else _function(case, tensors)

    def forward():
        with torch.inference_mode():
            return call()

    def training():
        for tensor in inputs:
            tensor.requires_grad_(True)
        results = call()
        first = results[0] if isinstance(results, tuple) else results
        return results, torch.autograd.grad(first, inputs, dy)

    return {"forward": forward, "training": training}


def _function(case, tensors):
    op, (first, *others), options = OPS[case.op], tensors, case.options
    named = {name: tensors[name] for name in others}
    return lambda: op(tensors[first], **named, **options), list(tensors.values())


def _module(case, tensors):
    """The layer of torch.nn with our weights, and its inputs in the order of our gradients."""
    hidden, dtype = tensors["weight_hh"].shape[1], tensors["x"].dtype
    module = MODULES[case.op](tensors["x"].shape[-1], hidden, dtype=dtype)
    suffix = "" if case.op.endswith("cell") else "_l0"
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    with torch.no_grad():
        for name in names:
            getattr(module, name + suffix).copy_(tensors[name])
    x, states = tensors["x"], [tensors[name] for name in ("h", "c") if name in tensors]
    given = states if case.op.endswith("cell") else [state[None] for state in states]
    state = tuple(given) if len(given) == 2 else given[0]
    return lambda: module(x, state), [x, *given, *(getattr(module, name + suffix) for name in names)]


def flat(results):
    if isinstance(results, (tuple, list)):
        return [array for part in results for array in flat(part)]
    return [results.detach().numpy()]
