"""onnxruntime: forward only, weights constant in the graph (packed before the clock starts)."""

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softmax": "Softmax",
               "log_softmax": "LogSoftmax", "gelu": "Gelu"}
RECURRENT = {"rnn": ("RNN", [0]), "lstm": ("LSTM", [0, 3, 1, 2]), "gru": ("GRU", [1, 0, 2])}  # ONNX's order of gates
options = ort.SessionOptions()


def start(threads):
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4


def versions():
    return {"onnxruntime": ort.__version__}


def build(case, arrays):
    if case.dtype != "float32":
        return {}
    kind = case.op.removesuffix("_cell")
    if kind in RECURRENT:
        node, constants, feeds, outputs = _recurrent(case, kind, arrays)
    elif node := _plain(case):
        constants = {name: arrays[name] for name in ("weight", "bias") if name in arrays}
        feeds, outputs = {"x": arrays["x"]}, ["y"]
    else:
        return {}
    graph = helper.make_graph(
        [node], "case", [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in feeds.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return {"forward": lambda: session.run(outputs, feeds)}


def _plain(case):
    """The ONNX node of an op without state; None where the standard has none."""
    window = {}
    if case.op.endswith("pool2d"):
        side = case.options["kernel_size"]
        window = {"kernel_shape": [side, side]}
    if case.op == "conv2d" or window:
        stride, pad = case.options["stride"], case.options["padding"]
        window |= {"strides": [stride, stride], "pads": [pad] * 4}
    if case.op == "conv2d":
        window |= {"dilations": [case.options["dilation"]] * 2, "group": case.options["groups"]}
        return helper.make_node("Conv", ["x", "weight", "bias"], ["y"], **window)
    if case.op == "max_pool2d":
        return helper.make_node("MaxPool", ["x"], ["y"], **window)
    if case.op == "avg_pool2d":
        return helper.make_node("AveragePool", ["x"], ["y"], count_include_pad=1, **window)
    if case.op == "linear":
        return helper.make_node("Gemm", ["x", "weight", "bias"], ["y"], transB=1)
    return helper.make_node(ACTIVATIONS[case.op], ["x"], ["y"]) if case.op in ACTIVATIONS else None


def _recurrent(case, kind, arrays):
    op, order = RECURRENT[kind]
    hidden = arrays["weight_hh"].shape[1]

    def reordered(name):
        return arrays[name].reshape(len(order), hidden, -1)[order].reshape(arrays[name].shape)

    constants = {"W": reordered("weight_ih")[None], "R": reordered("weight_hh")[None],
                 "B": np.concatenate([reordered("bias_ih"), reordered("bias_hh")])[None]}
    x = arrays["x"]
    states = [name for name in ("h", "c") if name in arrays]
    feeds = {"x": x if x.ndim == 3 else x[None]} | {name: arrays[name][None] for name in states}
    outputs = ["y", "h_n", "c_n"][:len(states) + 1]
    attributes = {"linear_before_reset": 1} if kind == "gru" else {}
    node = helper.make_node(op, ["x", "W", "R", "B", "", *states], outputs, hidden_size=hidden, **attributes)
    return node, constants, feeds, outputs if x.ndim == 3 else outputs[1:]


def flat(results):
    """A sequence's y comes as (T, 1, N, H): the axis is that of directions."""
    return [array[:, 0] if array.ndim == 4 and array.shape[1] == 1 and len(results) > 1 else array
            for array in results]
