"""Wrong calls of conv2d, pooling and linear: what each raises, that nothing was written, and that nothing crashes."""

import re

import numpy as np
import pytest
from layouts import LAYOUTS
from wrong_calls import HUGE, MOST, WRONG_BACKWARD, array_cases, integer_cases, ones, output_cases

import fastnn.functional as F

pytestmark = pytest.mark.usefixtures("backend")

def call_arguments(op):
    """Fresh arguments of a right call of `op`, with `out`."""
    if op == "conv2d":
        return {"x": ones(2, 4, 6, 5), "weight": ones(6, 2, 3, 2), "bias": ones(6), "groups": 2,
                "out": ones(2, 6, 4, 4)}
    if op == "linear":
        return {"x": ones(3, 4), "weight": ones(5, 4), "bias": ones(5), "out": ones(3, 5)}
    if op.startswith("global"):
        return {"x": ones(2, 4, 6, 6), "out": ones(2, 4, 1, 1)}
    return {"x": ones(2, 4, 6, 6), "kernel_size": 2, "out": ones(2, 4, 3, 3)}


CONV2D = [  # a name, the arguments changed, the exception, the message
    ("x-rank-2", {"x": ones(6, 5)}, ValueError, "x: expected shape (N, C, H, W) or (C, H, W), got (6, 5)"),
    ("x-rank-5", {"x": ones(1, 2, 4, 6, 5)}, ValueError, "x: expected shape (N, C, H, W) or (C, H, W)"),
    ("x-rank-0", {"x": np.array(1, np.float32)}, ValueError, "x: expected shape (N, C, H, W) or (C, H, W), got ()"),
    ("x-no-pixels", {"x": ones(2, 4, 0, 5)}, ValueError, "x: expected images of at least one pixel"),
    ("x-no-pixels-padded", {"x": ones(2, 4, 0, 5), "padding": 3}, ValueError, "x: expected images of at least one"),
    ("x-channels", {"x": ones(2, 3, 6, 5)}, ValueError, "weight: expected 3/2 channels a filter"),
    ("x-float64", {"x": ones(2, 4, 6, 5, dtype=np.float64)}, TypeError, "weight: expected dtype float64 as x has"),
    ("x-beyond-memory", {"x": np.broadcast_to(np.float32(0), (1, 4, 2**24, 2**20))}, MemoryError, "Unable to allocate"),
    ("weight-rank", {"weight": ones(6, 2, 3)}, ValueError, "weight: expected shape (K, C/groups, R, S)"),
    ("weight-no-taps", {"weight": ones(6, 2, 0, 2)}, ValueError, "weight: expected shape (K, C/groups, R, S) with R"),
    ("weight-float64", {"weight": ones(6, 2, 3, 2, dtype=np.float64)}, TypeError, "weight: expected dtype float32"),
    ("bias-rank", {"bias": ones(6, 1)}, ValueError, "bias: expected shape (6,) for weight of shape (6, 2, 3, 2)"),
    ("bias-length", {"bias": ones(5)}, ValueError, "bias: expected shape (6,) for weight of shape (6, 2, 3, 2)"),
    ("bias-float64", {"bias": ones(6, dtype=np.float64)}, TypeError, "bias: expected dtype float32 as x has"),
    ("groups-zero", {"groups": 0}, ValueError, f"groups: expected an integer in [1, {MOST}], got 0"),
    ("groups-negative", {"groups": -2}, ValueError, f"groups: expected an integer in [1, {MOST}], got -2"),
    ("groups-huge", {"groups": HUGE}, ValueError, f"groups: expected an integer in [1, {MOST}]"),
    ("groups-float", {"groups": 2.0}, TypeError, "groups: expected an integer, got 2.0"),
    ("groups-pair", {"groups": (2, 1)}, TypeError, "groups: expected an integer, got (2, 1)"),
    ("groups-not-of-filters", {"groups": 4}, ValueError, "groups: expected a divisor of the 6 filters of weight"),
    ("groups-not-of-channels", {"groups": 3}, ValueError, "weight: expected 4/3 channels a filter"),
    ("kernel-higher-than-image", {"x": ones(2, 4, 2, 5)}, ValueError,
     "x: an image of 2x5 with padding ((0, 0), (0, 0)) is smaller than the kernel, 3x2 with dilation (1, 1)"),
    ("dilated-kernel-wider-than-image", {"dilation": (1, 5)}, ValueError, "3x2 with dilation (1, 5)"),
    ("dilation-most", {"dilation": MOST}, ValueError, f"dilation: a kernel may reach over {MOST} pixels"),
    ("stride-most-padding-most", {"stride": MOST, "padding": MOST}, ValueError,
     f"padding: a padded image may have {MOST} pixels a side"),
    ("y-beyond-memory", {"padding": 2**24, "out": None}, MemoryError, "cannot allocate"),
    ("y-beyond-addresses", {"padding": 2**29, "out": None}, MemoryError, "does not fit in memory"),
    ("padding-unknown-word", {"padding": "reflect"}, ValueError, "padding: expected one of 'same', 'valid'"),
    ("padding-upper-case", {"padding": "SAME"}, ValueError, "padding: expected one of 'same', 'valid', got 'SAME'"),
    ("padding-bytes", {"padding": b"same"}, TypeError, "padding: expected an integer, got b'same'"),
    ("padding-none", {"padding": None}, TypeError, "padding: expected an integer, got None"),
    ("padding-flat-four", {"padding": (1, 1, 1, 1)}, ValueError, "padding: expected an integer, (height, width), (("),
    ("padding-triple-side", {"padding": ((1, 1), (1, 1, 1))}, ValueError, "padding: expected an integer or a pair"),
    ("padding-negative-side", {"padding": ((1, -1), (0, 0))}, ValueError, "padding: expected an integer in [0, "),
    ("padding-float-side", {"padding": ((1, 1.0), (0, 0))}, TypeError, "padding: expected an integer, got 1.0"),
    ("algorithm-unknown", {"algorithm": "fft"}, ValueError, "algorithm: expected one of 'auto', 'direct', 'winograd'"),
    ("algorithm-none", {"algorithm": None}, ValueError, "algorithm: expected one of 'auto', 'direct', 'winograd'"),
    ("winograd-3x2", {"algorithm": "winograd"}, ValueError, "algorithm: 'winograd' needs a 3x3 or 5x5 kernel"),
    ("winograd-stride", {"algorithm": "winograd", "weight": ones(6, 2, 3, 3), "stride": 3}, ValueError,
     "algorithm: 'winograd' needs a 3x3 or 5x5 kernel with stride 1"),
]
POOL2D = [  # of both kinds of pooling
    ("x-rank-2", {"x": ones(6, 6)}, ValueError, "x: expected shape (N, C, H, W) or (C, H, W), got (6, 6)"),
    ("x-no-pixels", {"x": ones(2, 4, 6, 0)}, ValueError, "x: expected images of at least one pixel"),
    ("window-larger-than-image", {"kernel_size": 7}, ValueError,
     "x: an image of 6x6 with padding (0, 0) is smaller than the window, 7x7 with dilation (1, 1)"),
    ("window-most", {"kernel_size": MOST, "padding": MOST // 2}, ValueError, "kernel_size: a window has at most"),
    ("padding-over-half", {"padding": 2}, ValueError, "padding: expected at most half of kernel_size (2, 2)"),
    ("padding-over-half-in-width", {"kernel_size": (4, 2), "padding": (2, 2)}, ValueError, "padding: expected at most"),
    ("padding-same", {"padding": "same"}, TypeError, "padding: expected an integer, got 'same'"),
    ("padding-four-sided", {"padding": ((0, 0), (0, 0))}, TypeError, "padding: expected an integer, got (0, 0)"),
    ("kernel-none", {"kernel_size": None}, TypeError, "kernel_size: expected an integer, got None"),
    ("ceil-mode-integer", {"ceil_mode": 1}, TypeError, "ceil_mode: expected True or False, got 1"),
    ("ceil-mode-none", {"ceil_mode": None}, TypeError, "ceil_mode: expected True or False, got None"),
]
MAX_POOL2D = [
    ("indices-integer", {"return_indices": 1}, TypeError, "return_indices: expected True or False, got 1"),
    ("dilation-most", {"dilation": MOST}, ValueError, "dilation: a kernel may reach over"),
    ("dilated-window-misses-image", {"x": ones(2, 4, 1, 6), "dilation": 2, "padding": (1, 0)}, ValueError,
     "padding: a window of 2x2 with dilation (2, 2) and padding (1, 0) does not touch the image of 1x6"),
]
AVG_POOL2D = [
    ("count-pad-integer", {"count_include_pad": 0}, TypeError, "count_include_pad: expected True or False, got 0"),
]
GLOBAL_POOL2D = [
    ("x-rank-2", {"x": ones(6, 6)}, ValueError, "x: expected 3 or 4 dimensions, got shape (6, 6)"),
    ("x-no-pixels", {"x": ones(2, 4, 0, 6)}, ValueError, "x: expected images of at least one pixel"),
]
LINEAR = [
    ("x-rank-0", {"x": np.array(1, np.float32)}, ValueError, "x: expected shape (..., 4) for weight of shape (5, 4)"),
    ("x-inputs", {"x": ones(3, 5)}, ValueError, "x: expected shape (..., 4) for weight of shape (5, 4), got (3, 5)"),
    ("x-float64", {"x": ones(3, 4, dtype=np.float64)}, TypeError, "weight: expected dtype float64 as x has"),
    ("weight-rank", {"weight": ones(5)}, ValueError, "weight: expected 2 dimensions (O, I), got shape (5,)"),
    ("bias-length", {"bias": ones(4)}, ValueError, "bias: expected shape (5,), got (4,)"),
    ("bias-rank", {"bias": ones(5, 1)}, ValueError, "bias: expected shape (5,), got (5, 1)"),
    ("bias-float64", {"bias": ones(5, dtype=np.float64)}, TypeError, "bias: expected dtype float32 as x has"),
    ("x-beyond-memory", {"x": np.broadcast_to(np.float32(0), (2**46, 4))}, MemoryError, "Unable to allocate"),
]


def all_cases():
    pools = ("max_pool2d", "avg_pool2d")
    table = {
        "conv2d": CONV2D + [case for name in ("x", "weight", "bias") for case in array_cases(name, name == "bias")]
        + [case for name, low in (("stride", 1), ("dilation", 1), ("padding", 0)) for case in integer_cases(name, low)],
        "linear": LINEAR + [case for name in ("x", "weight", "bias") for case in array_cases(name, name == "bias")],
        **{op: POOL2D + array_cases("x") + [case for name, low in (("kernel_size", 1), ("stride", 1), ("padding", 0))
                                           for case in integer_cases(name, low)] for op in pools},
        **{f"global_{op}": GLOBAL_POOL2D + array_cases("x") for op in pools},
    }
    table["max_pool2d"] += MAX_POOL2D + integer_cases("dilation", 1)
    table["avg_pool2d"] += AVG_POOL2D
    return [pytest.param(op, *case, id=f"{op}-{name}")
            for op, cases in table.items() for name, *case in cases + output_cases(call_arguments(op)["out"])]


@pytest.mark.parametrize("suffix", ["", "_forward"], ids=["inference", "training"])
@pytest.mark.parametrize(("op", "changed", "error", "message"), all_cases())
def test_wrong_call_raises_and_writes_nothing(op, changed, error, message, suffix):
    arguments = {**call_arguments(op), **changed}
    out = arguments["out"]
    before = np.array(out)
    with pytest.raises(error, match=re.escape(message)):
        getattr(F, op + suffix)(**arguments)
    np.testing.assert_array_equal(np.array(out), before)


@pytest.mark.parametrize(("op", "name"), [(op, name) for op in ("conv2d", "linear", "max_pool2d", "avg_pool2d")
                                          for name in ("x", "weight", "bias") if name in call_arguments(op)])
def test_out_that_overlaps_an_input_is_refused(op, name):
    arguments = call_arguments(op)
    whole = np.arange(arguments["out"].size + arguments[name].size, dtype=np.float32)
    arguments[name] = whole[: arguments[name].size].reshape(arguments[name].shape)
    arguments["out"] = whole[arguments[name].size - 1 : -1].reshape(arguments["out"].shape)  # shares one element
    before = whole.copy()
    with pytest.raises(ValueError, match=f"out: must not overlap {name}"):
        getattr(F, op)(**arguments)
    np.testing.assert_array_equal(whole, before)


OPS = ["conv2d", "linear", "max_pool2d", "avg_pool2d", "global_max_pool2d", "global_avg_pool2d"]
@pytest.mark.parametrize(("spoil", "error", "message"), [case[1:] for case in WRONG_BACKWARD],
                         ids=[case[0] for case in WRONG_BACKWARD])
@pytest.mark.parametrize("op", OPS)
def test_wrong_backward_call_raises(op, spoil, error, message):
    y, ctx = getattr(F, f"{op}_forward")(**call_arguments(op))
    with pytest.raises(error, match=re.escape(message)):
        getattr(F, f"{op}_backward")(*spoil(y, ctx))


@pytest.mark.parametrize(("need", "error"), [((True, True), ValueError), ((1, 1, 1), ValueError), (True, TypeError),
                                             ("yes", TypeError)], ids=["two", "integers", "one-bool", "text"])
@pytest.mark.parametrize("op", ["conv2d", "linear"])
def test_wrong_need_raises(op, need, error):
    y, ctx = getattr(F, f"{op}_forward")(**call_arguments(op))
    with pytest.raises(error, match="need: expected"):
        getattr(F, f"{op}_backward")(y, ctx, need=need)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("op", OPS)
def test_any_layout_gives_the_bits_of_a_contiguous_array(op, layout, dtype, rng):
    plain = {name: rng.standard_normal(value.shape).astype(dtype) if isinstance(value, np.ndarray) else value
             for name, value in call_arguments(op).items() if name != "out"}
    other = {name: layout(value) if isinstance(value, np.ndarray) else value for name, value in plain.items()}
    (y, ctx), (other_y, other_ctx) = (getattr(F, f"{op}_forward")(**arguments) for arguments in (plain, other))
    backward = getattr(F, f"{op}_backward")
    gradients, other_gradients = (value if isinstance(value, tuple) else (value,)
                                  for value in (backward(y, ctx), backward(layout(y), other_ctx)))
    for found, wanted in zip((other_y, *other_gradients), (y, *gradients)):
        assert type(found) is np.ndarray and found.dtype == dtype and found.flags.c_contiguous
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("op", OPS)
def test_nothing_but_nan_gives_nothing_but_nan(op):
    arguments = call_arguments(op)
    arguments["x"] *= np.nan
    assert np.isnan(getattr(F, op)(**arguments)).all()


def test_largest_arguments_that_fit_work():
    x = np.arange(30, dtype=np.float32).reshape(1, 1, 5, 6)
    np.testing.assert_array_equal(F.conv2d(x, ones(1, 1, 1, 1), stride=MOST), x[..., :1, :1])
    np.testing.assert_array_equal(F.max_pool2d(x, 2, stride=MOST), [[[[7]]]])
    np.testing.assert_array_equal(F.max_pool2d(x, 1, dilation=MOST), x)
    np.testing.assert_array_equal(F.max_pool2d(x, (1, 2**30), stride=1, padding=(0, 2**29))[0, 0, :, 0], x[0, 0, :, -1])
