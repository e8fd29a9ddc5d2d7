"""JAX on the CPU, compiled; its inputs stay on the device. It has no recurrent layers of its own."""

import jax
import jax.numpy as jnp
from jax import lax

jax.config.update("jax_platforms", "cpu")

ACTIVATIONS = {"relu": jax.nn.relu, "silu": jax.nn.silu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh,
               "softmax": jax.nn.softmax, "log_softmax": jax.nn.log_softmax,
               "gelu": lambda x: jax.nn.gelu(x, approximate=False)}


def start(threads):
    """JAX takes as many threads as the process has CPUs: the worker's affinity decides."""


def versions():
    return {"jax": jax.__version__}


def build(case, arrays):
    function = _function(case)
    if function is None or case.dtype != "float32":
        return {}
    arrays = {name: jax.device_put(array) for name, array in arrays.items()}
    dy = arrays.pop("dy")
    inputs = list(arrays.values())

    @jax.jit
    def train(inputs, dy):
        y, backprop = jax.vjp(function, *inputs)
        return y, backprop(dy)

    compiled = jax.jit(function)
    return {"forward": lambda: jax.block_until_ready(compiled(*inputs)),
            "training": lambda: jax.block_until_ready(train(inputs, dy))}


def _function(case):
    if case.op == "conv2d":
        stride, pad = case.options["stride"], case.options["padding"]
        dilation, groups = case.options["dilation"], case.options["groups"]
        return lambda x, weight, bias: bias[:, None, None] + lax.conv_general_dilated(
            x, weight, (stride,) * 2, [(pad, pad)] * 2, rhs_dilation=(dilation,) * 2, feature_group_count=groups)
    if case.op == "linear":
        return lambda x, weight, bias: x @ weight.T + bias
    if case.op.endswith("pool2d"):
        side, stride, pad = (case.options[name] for name in ("kernel_size", "stride", "padding"))
        window = (1, 1, side, side), (1, 1, stride, stride), ((0, 0), (0, 0), (pad, pad), (pad, pad))
        if case.op == "max_pool2d":
            return lambda x: lax.reduce_window(x, -jnp.inf, lax.max, *window)
        return lambda x: lax.reduce_window(x, 0.0, lax.add, *window) / side**2
    return ACTIVATIONS.get(case.op)


def flat(results):
    return [jnp.asarray(leaf) for leaf in jax.tree.leaves(results)]
