"""A right call of each op, from which the tests of what all ops promise make their own, right and wrong."""

import numpy as np


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


CALLS = {  # keyword arguments, `out` last; gradients come for `x` and the arrays named in GRADIENTS
    "adaptive_avg_pool2d": lambda: {"x": ones(2, 3, 5, 6), "output_size": (2, 3), "out": ones(2, 3, 2, 3)},
    "batch_norm": lambda: {
        "x": ones(3, 4, 5), "running_mean": ones(4), "running_var": ones(4), "weight": ones(4), "bias": ones(4),
        "out": ones(3, 4, 5)},
    "conv1d": lambda: {"x": ones(2, 4, 7), "weight": ones(6, 2, 3), "bias": ones(6), "groups": 2, "out": ones(2, 6, 5)},
    "conv_transpose2d": lambda: {"x": ones(2, 4, 3, 3), "weight": ones(4, 3, 2, 2), "bias": ones(6), "stride": 2,
                                 "groups": 2, "out": ones(2, 6, 6, 6)},
    "dropout2d": lambda: {"x": ones(3, 4, 2, 5), "rng": 5, "out": ones(3, 4, 2, 5)},
    "embedding": lambda: {"x": np.array([[2, 0, 4], [2, 2, 1]]), "weight": ones(5, 3), "out": ones(2, 3, 3)},
    "group_norm": lambda: {"x": ones(2, 4, 3, 2), "num_groups": 2, "weight": ones(4), "bias": ones(4),
                           "out": ones(2, 4, 3, 2)},
    "interpolate": lambda: {"x": ones(2, 3, 4, 3), "size": (6, 5), "mode": "bilinear", "out": ones(2, 3, 6, 5)},
    "layer_norm": lambda: {"x": ones(3, 2, 4), "normalized_shape": (2, 4), "weight": ones(2, 4), "bias": ones(2, 4),
                           "out": ones(3, 2, 4)},
    "max_pool1d": lambda: {"x": ones(2, 3, 6), "kernel_size": 2, "out": ones(2, 3, 3)},
    "scaled_dot_product_attention": lambda: {
        "query": ones(2, 4, 3), "key": ones(2, 5, 3), "value": ones(2, 5, 6), "attn_mask": np.tri(4, 5, dtype=bool),
        "out": ones(2, 4, 6)},
}
GRADIENTS = {  # the arguments that backward returns gradients of, in its order
    **dict.fromkeys(("batch_norm", "conv1d", "conv_transpose2d", "group_norm", "layer_norm"), ("x", "weight", "bias")),
    **dict.fromkeys(("adaptive_avg_pool2d", "dropout2d", "interpolate", "max_pool1d"), ("x",)),
    "embedding": ("weight",),
    "scaled_dot_product_attention": ("query", "key", "value"),
}


def random_call(op, rng, dtype=np.float32):
    """The right call of `op` with positive random numbers in its float arrays, without `out`."""
    return {name: rng.uniform(0.5, 1.5, value.shape).astype(dtype) if is_float(value) else value
            for name, value in CALLS[op]().items() if name != "out"}


def is_float(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def as_tuple(gradients):
    return gradients if isinstance(gradients, tuple) else (gradients,)
