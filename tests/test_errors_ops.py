"""Wrong calls of the ops in op_calls.py: what each raises, that nothing was written, and that nothing crashes."""

import re

import numpy as np
import pytest
from op_calls import CALLS, GRADIENTS, is_float, ones
from wrong_calls import MOST, WRONG_BACKWARD, array_cases, integer_cases, output_cases, single_cases

import fastnn.functional as F

pytestmark = pytest.mark.usefixtures("backend")

OPTIONAL = {"weight", "bias"}  # of the normalisations; of others, bias alone
SCALED = [  # of batch and group normalisation
    ("x-rank-1", {"x": ones(4)}, ValueError, "x: expected shape (N, C) or (N, C, ...), got (4,)"),
    ("weight-shape", {"weight": ones(3)}, ValueError, "weight: expected shape (4,), got (3,)"),
    ("bias-shape", {"bias": ones(4, 1)}, ValueError, "bias: expected shape (4,), got (4, 1)"),
    ("bias-float64", {"bias": ones(4, dtype=np.float64)}, TypeError, "bias: expected dtype float32 as x has"),
    ("eps-negative", {"eps": -1e-5}, ValueError, "eps: expected a number in [0, inf], got -1e-05"),
    ("eps-text", {"eps": "small"}, TypeError, "eps: expected a number, got 'small'"),
]
WRONG = {
    "adaptive_avg_pool2d": [
        ("x-rank-2", {"x": ones(5, 6)}, ValueError, "x: expected 3 or 4 dimensions, got shape (5, 6)"),
        ("x-no-pixels", {"x": ones(2, 3, 0, 6)}, ValueError, "x: expected images of at least one pixel"),
        ("size-zero", {"output_size": (2, 0)}, ValueError, "output_size: expected an integer in [1,"),
        ("size-float", {"output_size": 2.0}, TypeError, "output_size: expected an integer, got 2.0"),
        ("size-triple", {"output_size": (1, 1, 1)}, ValueError, "output_size: expected an integer or a pair"),
        ("y-beyond-memory", {"output_size": MOST, "out": None}, MemoryError, "does not fit in memory"),
    ],
    "dropout2d": [
        ("x-rank-2", {"x": ones(3, 4)}, ValueError, "x: expected 3 or 4 dimensions, got shape (3, 4)"),
        ("p-two", {"p": 2}, ValueError, "p: expected a number in [0, 1], got 2.0"),
        ("training-integer", {"training": 1}, TypeError, "training: expected True or False, got 1"),
        ("rng-text", {"rng": "seed"}, TypeError, "rng: expected a numpy.random.Generator"),
    ],
    "embedding": [
        ("x-floats", {"x": ones(2, 3)}, TypeError, "x: expected integers, got dtype float32"),
        ("x-bools", {"x": np.ones((2, 3), bool)}, TypeError, "x: expected integers, got dtype bool"),
        ("x-none", {"x": None}, TypeError, "x: expected integers, got dtype object"),
        ("x-ragged", {"x": [[1], [1, 2]]}, ValueError, "x: expected an array, got [[1], [1, 2]]"),
        ("x-negative", {"x": np.array([[0, 0, 0], [0, -1, 0]])}, ValueError, "x: expected integers in [0, 4], as many"),
        ("x-too-large", {"x": np.array([[0, 0, 0], [0, 5, 0]])}, ValueError, "as many as weight has rows, got 5"),
        ("x-beyond-int64", {"x": np.full((2, 3), 2**64 - 1, np.uint64)}, ValueError, "x: expected integers in [0, 4]"),
        ("weight-rank", {"weight": ones(5)}, ValueError, "weight: expected 2 dimensions, got shape (5,)"),
        ("padding-too-large", {"padding_idx": 5}, ValueError, "padding_idx: expected an integer in [-5, 4], got 5"),
        ("padding-float", {"padding_idx": 1.0}, TypeError, "padding_idx: expected an integer, got 1.0"),
    ],
    "interpolate": [
        ("x-rank-3", {"x": ones(3, 4, 3)}, ValueError, "x: expected 4 dimensions, got shape (3, 4, 3)"),
        ("x-no-pixels", {"x": ones(2, 3, 4, 0)}, ValueError, "x: expected images of at least one pixel"),
        ("size-none", {"size": None}, ValueError, "size: expected either size or scale_factor, got neither"),
        ("size-and-factor", {"scale_factor": 2}, ValueError, "size: expected either size or scale_factor, got both"),
        ("factor-zero", {"size": None, "scale_factor": 0}, ValueError, "scale_factor: expected a number in"),
        ("factor-tiny", {"size": None, "scale_factor": 0.1}, ValueError, "scale_factor: expected 1 to"),
        ("factor-huge", {"size": None, "scale_factor": 2.0**31}, ValueError, "scale_factor: expected 1 to"),
        ("factor-text", {"size": None, "scale_factor": "2"}, TypeError, "scale_factor: expected a number, got '2'"),
        ("factor-triple", {"size": None, "scale_factor": (1, 2, 3)}, ValueError, "scale_factor: expected a number or"),
        ("mode-unknown", {"mode": "cubic"}, ValueError, "mode: expected one of 'nearest', 'bilinear', got 'cubic'"),
        ("corners-nearest", {"mode": "nearest", "align_corners": False}, ValueError, "align_corners: expected None"),
        ("corners-integer", {"align_corners": 1}, TypeError, "align_corners: expected True or False, got 1"),
        ("y-beyond-memory", {"size": MOST, "out": None}, MemoryError, "does not fit in memory"),
        *integer_cases("size", 1),
    ],
    "batch_norm": [
        *SCALED,
        ("no-running-mean", {"running_mean": None}, TypeError, "running_mean: expected an array where training is"),
        ("no-running-var", {"running_var": None}, TypeError, "running_var: expected an array where training is False"),
        ("running-mean-shape", {"running_mean": ones(5)}, ValueError, "running_mean: expected shape (4,), got (5,)"),
        ("running-var-float64", {"running_var": ones(4, dtype=np.float64)}, TypeError,
         "running_var: expected dtype float32 as x has, got float64"),
        ("running-mean-to-write-float64", {"training": True, "running_mean": ones(4, dtype=np.float64)}, TypeError,
         "running_mean: expected dtype float32, got float64"),
        ("running-var-to-write-shape", {"training": True, "running_var": ones(3)}, ValueError,
         "running_var: expected shape (4,), got (3,)"),
        ("running-var-to-write-list", {"training": True, "running_var": [1.0] * 4}, TypeError,
         "running_var: expected a NumPy array, got list"),
        ("running-mean-to-write-strided", {"training": True, "running_mean": ones(8)[::2]}, ValueError,
         "running_mean: expected a writeable, C-contiguous"),
        ("one-value-a-channel", {"training": True, "x": ones(1, 4, 1), "out": None}, ValueError,
         "x: expected more than one value a channel in training, got shape (1, 4, 1)"),
        ("training-integer", {"training": 1}, TypeError, "training: expected True or False, got 1"),
        ("momentum-two", {"momentum": 2}, ValueError, "momentum: expected a number in [0, 1], got 2.0"),
        ("momentum-none", {"momentum": None}, TypeError, "momentum: expected a number, got None"),
    ],
    "conv1d": [
        ("x-rank-4", {"x": ones(2, 4, 7, 1)}, ValueError, "x: expected 2 or 3 dimensions, got shape (2, 4, 7, 1)"),
        ("x-no-elements", {"x": ones(2, 4, 0)}, ValueError, "x: expected images of at least one pixel"),
        ("weight-rank-2", {"weight": ones(6, 2)}, ValueError, "weight: expected 3 dimensions, got shape (6, 2)"),
        ("weight-channels", {"weight": ones(6, 3, 3)}, ValueError, "weight: expected 4/2 channels a filter"),
        ("bias-shape", {"bias": ones(4)}, ValueError, "bias: expected shape (6,)"),
        ("weight-float64", {"weight": ones(6, 2, 3, dtype=np.float64)}, TypeError, "weight: expected dtype float32"),
        ("kernel-longer-than-x", {"x": ones(2, 4, 2)}, ValueError, "x: an image of 1x2 with padding"),
        ("padding-triple", {"padding": (1, 1, 1)}, ValueError, "padding: expected an integer or a sequence of one"),
        ("padding-negative-side", {"padding": (1, -1)}, ValueError, "padding: expected an integer in [0,"),
        ("padding-word", {"padding": "reflect"}, ValueError, "padding: expected one of 'same', 'valid', got 'reflect'"),
        ("groups-float", {"groups": 2.0}, TypeError, "groups: expected an integer, got 2.0"),
        *single_cases("stride", 1), *single_cases("dilation", 1), *single_cases("padding", 0),
    ],
    "conv_transpose2d": [
        ("x-rank-2", {"x": ones(3, 3)}, ValueError, "x: expected shape (N, C, H, W) or (C, H, W), got (3, 3)"),
        ("x-no-pixels", {"x": ones(2, 4, 3, 0)}, ValueError, "x: expected images of at least one pixel"),
        ("x-channels", {"x": ones(2, 6, 3, 3)}, ValueError, "weight: expected 6 channels first, as x has"),
        ("weight-rank", {"weight": ones(4, 3, 2)}, ValueError, "weight: expected shape"),
        ("weight-no-taps", {"weight": ones(4, 3, 2, 0)}, ValueError, "weight: expected shape"),
        ("bias-shape", {"bias": ones(3)}, ValueError, "bias: expected shape (6,), got (3,)"),
        ("groups-no-divisor", {"groups": 3}, ValueError, "groups: expected a divisor of the 4 channels that weight"),
        ("groups-zero", {"groups": 0}, ValueError, "groups: expected an integer in [1,"),
        ("output-padding-stride", {"output_padding": (0, 2)}, ValueError,
         "output_padding: expected less than stride 2 or dilation 1 in width, got 2"),
        ("padding-cuts-all", {"padding": 3}, ValueError,
         "x: an image of 3x3 with stride (2, 2) and padding (3, 3) makes one of 0x0; expected at least one pixel"),
        ("stride-most", {"stride": MOST}, ValueError, "x: an image of 3x3 with stride"),
        ("y-beyond-memory", {"stride": 2**28, "out": None}, MemoryError, "does not fit in memory"),
        ("padding-same", {"padding": "same"}, TypeError, "padding: expected an integer, got 'same'"),
        *integer_cases("stride", 1), *integer_cases("dilation", 1), *integer_cases("padding", 0),
        *integer_cases("output_padding", 0),
    ],
    "max_pool1d": [
        ("x-rank-4", {"x": ones(1, 2, 3, 6)}, ValueError, "x: expected 2 or 3 dimensions, got shape (1, 2, 3, 6)"),
        ("window-longer-than-x", {"kernel_size": 7}, ValueError, "x: an image of 1x6 with padding"),
        ("padding-over-half", {"padding": 2}, ValueError, "padding: expected at most half of kernel_size"),
        ("ceil-mode-integer", {"ceil_mode": 1}, TypeError, "ceil_mode: expected True or False, got 1"),
        ("indices-integer", {"return_indices": 1}, TypeError, "return_indices: expected True or False, got 1"),
        *single_cases("kernel_size", 1), *single_cases("stride", 1), *single_cases("padding", 0),
        *single_cases("dilation", 1),
    ],
    "scaled_dot_product_attention": [
        ("query-rank", {"query": ones(3)}, ValueError, "query: expected shape (..., L, E), got (3,)"),
        ("key-features", {"key": ones(2, 5, 4)}, ValueError, "key: expected shape (2, S, 3) for query of shape (2, 4"),
        ("key-batch", {"key": ones(1, 5, 3)}, ValueError, "key: expected shape (2, S, 3) for query of shape (2, 4, 3)"),
        ("value-length", {"value": ones(2, 4, 6)}, ValueError, "value: expected shape (2, 5, D) for key of shape"),
        ("value-float64", {"value": ones(2, 5, 6, dtype=np.float64)}, TypeError, "value: expected dtype float32"),
        ("mask-integers", {"attn_mask": np.ones((4, 5), int)}, TypeError, "attn_mask: expected bools or numbers of"),
        ("mask-float64", {"attn_mask": np.ones((4, 5))}, TypeError, "attn_mask: expected bools or numbers of dtype"),
        ("mask-shape", {"attn_mask": np.ones((5, 4), bool)}, ValueError, "attn_mask: expected a shape that broadcasts"),
        ("mask-too-large", {"attn_mask": np.ones((3, 2, 4, 5), bool)}, ValueError, "attn_mask: expected a shape that"),
        ("causal-and-mask", {"is_causal": True}, ValueError, "is_causal: expected False together with attn_mask"),
        ("causal-integer", {"is_causal": 1}, TypeError, "is_causal: expected True or False, got 1"),
        ("dropout-two", {"dropout_p": 2}, ValueError, "dropout_p: expected a number in [0, 1], got 2.0"),
        ("scale-text", {"scale": "1"}, TypeError, "scale: expected a number, got '1'"),
        ("rng-text", {"dropout_p": 0.5, "rng": "seed"}, TypeError, "rng: expected a numpy.random.Generator"),
    ],
    "group_norm": [
        *SCALED,
        ("groups-zero", {"num_groups": 0}, ValueError, f"num_groups: expected an integer in [1, {MOST}], got 0"),
        ("groups-float", {"num_groups": 2.0}, TypeError, "num_groups: expected an integer, got 2.0"),
        ("groups-no-divisor", {"num_groups": 3}, ValueError, "num_groups: expected a divisor of the 4 channels of x"),
    ],
    "layer_norm": [
        ("shape-of-x", {"normalized_shape": 3}, ValueError, "x: expected shape (..., 3), got (3, 2, 4)"),
        ("shape-longer-than-x", {"x": ones(4)}, ValueError, "x: expected shape (..., 2, 4), got (4,)"),
        ("shape-empty", {"normalized_shape": ()}, ValueError, "normalized_shape: expected an integer or a sequence"),
        ("shape-float", {"normalized_shape": 4.0}, TypeError, "normalized_shape: expected an integer, got 4.0"),
        ("shape-zero", {"normalized_shape": (2, 0)}, ValueError, "normalized_shape: expected an integer in [1,"),
        ("weight-shape", {"weight": ones(4)}, ValueError, "weight: expected shape (2, 4), got (4,)"),
        ("bias-float64", {"bias": ones(2, 4, dtype=np.float64)}, TypeError, "bias: expected dtype float32 as x has"),
        ("eps-nan", {"eps": float("nan")}, ValueError, "eps: expected a number in [0, inf], got nan"),
    ],
}


def all_cases():
    for op, make in CALLS.items():
        right = make()
        arrays = [name for name, value in right.items() if is_float(value) and name in GRADIENTS[op]]
        cases = WRONG.get(op, []) + output_cases(right["out"])
        for name in arrays:
            cases += array_cases(name, name == "bias" or (name in OPTIONAL and op.endswith("norm")))
        yield from (pytest.param(op, *case, id=f"{op}-{name}") for name, *case in cases)


@pytest.mark.parametrize("suffix", ["", "_forward"], ids=["inference", "training"])
@pytest.mark.parametrize(("op", "changed", "error", "message"), list(all_cases()))
def test_wrong_call_raises_and_writes_nothing(op, changed, error, message, suffix):
    arguments = {**CALLS[op](), **changed}
    before = {name: value.copy() for name, value in arguments.items() if isinstance(value, np.ndarray)}
    with pytest.raises(error, match=re.escape(message)):
        getattr(F, op + suffix)(**arguments)
    for name, value in before.items():
        np.testing.assert_array_equal(arguments[name], value)


@pytest.mark.parametrize(("spoil", "error", "message"), [case[1:] for case in WRONG_BACKWARD],
                         ids=[case[0] for case in WRONG_BACKWARD])
@pytest.mark.parametrize("op", CALLS)
def test_wrong_backward_call_raises(op, spoil, error, message):
    y, ctx = getattr(F, f"{op}_forward")(**CALLS[op]())
    with pytest.raises(error, match=re.escape(message)):
        getattr(F, f"{op}_backward")(*spoil(y, ctx))


@pytest.mark.parametrize("op", [op for op, names in GRADIENTS.items() if len(names) > 1])
def test_wrong_need_raises(op):
    y, ctx = getattr(F, f"{op}_forward")(**CALLS[op]())
    for need, error in (((True,), ValueError), ((1,) * len(GRADIENTS[op]), ValueError), (True, TypeError)):
        with pytest.raises(error, match="need: expected"):
            getattr(F, f"{op}_backward")(y, ctx, need=need)


@pytest.mark.parametrize(("op", "name"), [(op, name) for op, names in GRADIENTS.items() for name in names])
def test_out_that_overlaps_an_input_is_refused(op, name):
    arguments = CALLS[op]()
    whole = np.ones(arguments["out"].size + arguments[name].size, np.float32)
    arguments[name] = whole[: arguments[name].size].reshape(arguments[name].shape)
    arguments["out"] = whole[arguments[name].size - 1 : -1].reshape(arguments["out"].shape)  # shares one element
    with pytest.raises(ValueError, match=f"out: must not overlap {name}"):
        getattr(F, op)(**arguments)
    assert (whole == 1).all()
