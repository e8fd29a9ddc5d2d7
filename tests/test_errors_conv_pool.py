"""Wrong calls of conv2d, pooling and linear: what each raises, that nothing was written, and that nothing crashes."""

import re

import numpy as np
import pytest
from layouts import LAYOUTS

import fastnn.functional as F

pytestmark = pytest.mark.usefixtures("backend")

HUGE = 2**40
MOST = 2**31 - 1  # the largest stride, padding or extent


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


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


def read_only(*shape):
    array = ones(*shape)
    array.flags.writeable = False
    return array


NOT_ARRAYS = [  # a name, the value, the exception, the message after "<argument>: "
    ("list", [[1.0]], TypeError, "expected a NumPy array"),
    ("scalar", 1.0, TypeError, "expected a NumPy array"),
    ("text", "abc", TypeError, "expected a NumPy array"),
    ("integers", np.ones((2, 4, 6, 6), int), TypeError, "expected dtype float32 or float64, got int64"),
    ("bools", np.ones((2, 4, 6, 6), bool), TypeError, "expected dtype float32 or float64, got bool"),
    ("float16", np.ones((2, 4, 6, 6), np.float16), TypeError, "expected dtype float32 or float64, got float16"),
    ("complex", np.ones((2, 4, 6, 6), complex), TypeError, "expected dtype float32 or float64, got complex128"),
    ("objects", np.ones((2, 4, 6, 6), object), TypeError, "expected dtype float32 or float64, got object"),
    ("masked", np.ma.ones((2, 4, 6, 6), np.float32), TypeError, "masked arrays are not supported"),
]
NOT_INTEGERS = [
    ("float", 1.0, TypeError, "expected an integer, got 1.0"),
    ("bool", True, TypeError, "expected an integer, got True"),
    ("none-in-a-pair", (1, None), TypeError, "expected an integer, got None"),
    ("array", np.array([1, 1]), TypeError, "expected an integer"),
    ("huge", HUGE, ValueError, f"expected an integer in [{{minimum}}, {MOST}], got {HUGE}"),
    ("beyond-64-bits", (1, 10**30), ValueError, f"expected an integer in [{{minimum}}, {MOST}]"),
    ("negative", -1, ValueError, f"expected an integer in [{{minimum}}, {MOST}], got -1"),
    ("negative-in-a-pair", (1, -1), ValueError, f"expected an integer in [{{minimum}}, {MOST}], got -1"),
]
NOT_PAIRS = [
    ("triple", (1, 1, 1), ValueError, "expected an integer or a pair (height, width), got (1, 1, 1)"),
    ("empty", (), ValueError, "expected an integer or a pair (height, width), got ()"),
    ("text", "same!", TypeError, "expected an integer, got 'same!'"),
    ("zero", 0, ValueError, f"expected an integer in [1, {MOST}], got 0"),
]
WRONG_OUTPUTS = [  # a name, from a right `out` to a wrong one, the exception, the message
    ("out-shape", lambda out: ones(*out.shape, 1), ValueError, "out: expected shape"),
    ("out-dtype", lambda out: out.astype(np.float64), TypeError, "out: expected dtype float32, got float64"),
    ("out-byteswapped", lambda out: out.astype(">f4"), TypeError, "out: expected dtype float32, got >f4"),
    ("out-list", lambda out: out.tolist(), TypeError, "out: expected a NumPy array, got list"),
    ("out-read-only", lambda out: read_only(*out.shape), ValueError, "out: expected a writeable, C-contiguous"),
    ("out-fortran", lambda out: np.ones((2, *out.shape), np.float32, order="F")[0], ValueError,
     "out: expected a writeable, C-contiguous"),
    ("out-unaligned", LAYOUTS["unaligned"], ValueError, "out: expected a writeable, C-contiguous, aligned array"),
]
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
    ("winograd-3x2", {"algorithm": "winograd"}, ValueError, "algorithm: 'winograd' needs a 3x3 kernel"),
    ("winograd-stride", {"algorithm": "winograd", "weight": ones(6, 2, 3, 3), "stride": 2}, ValueError,
     "algorithm: 'winograd' needs a 3x3 kernel with stride 1 and dilation 1"),
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


def integer_cases(argument, minimum):
    return [(f"{argument}-{name}", {argument: value}, error, f"{argument}: {message.format(minimum=minimum)}")
            for name, value, error, message in NOT_INTEGERS + (NOT_PAIRS if minimum else [])]


def array_cases(argument):
    none = [] if argument == "bias" else [("none", None, TypeError, "expected a NumPy array")]
    return [(f"{argument}-{name}", {argument: value}, error, f"{argument}: {message}")
            for name, value, error, message in NOT_ARRAYS + none]


def output_cases(op):
    return [(name, {"out": spoil(call_arguments(op)["out"])}, error, message)
            for name, spoil, error, message in WRONG_OUTPUTS]


def all_cases():
    pools = ("max_pool2d", "avg_pool2d")
    table = {
        "conv2d": CONV2D + [case for name in ("x", "weight", "bias") for case in array_cases(name)]
        + [case for name, low in (("stride", 1), ("dilation", 1), ("padding", 0)) for case in integer_cases(name, low)],
        "linear": LINEAR + [case for name in ("x", "weight", "bias") for case in array_cases(name)],
        **{op: POOL2D + array_cases("x") + [case for name, low in (("kernel_size", 1), ("stride", 1), ("padding", 0))
                                           for case in integer_cases(name, low)] for op in pools},
        **{f"global_{op}": GLOBAL_POOL2D + array_cases("x") for op in pools},
    }
    table["max_pool2d"] += MAX_POOL2D + integer_cases("dilation", 1)
    table["avg_pool2d"] += AVG_POOL2D
    return [pytest.param(op, *case, id=f"{op}-{name}")
            for op, cases in table.items() for name, *case in cases + output_cases(op)]


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
WRONG_BACKWARD = [  # a name, from (dy, ctx) to wrong ones, the exception, the message
    ("dy-shape", lambda dy, ctx: (dy[..., :-1], ctx), ValueError, "dy: expected shape"),
    ("dy-rank", lambda dy, ctx: (dy[0], ctx), ValueError, "dy: expected shape"),
    ("dy-dtype", lambda dy, ctx: (dy.astype(np.float64), ctx), TypeError, "dy: expected dtype float32 as x has"),
    ("dy-integers", lambda dy, ctx: (dy.astype(int), ctx), TypeError, "dy: expected dtype float32 or float64"),
    ("dy-list", lambda dy, ctx: (dy.tolist(), ctx), TypeError, "dy: expected a NumPy array"),
    ("dy-none", lambda dy, ctx: (None, ctx), TypeError, "dy: expected a NumPy array"),
    ("ctx-none", lambda dy, ctx: (dy, None), TypeError, "ctx: expected a"),
    ("ctx-tuple", lambda dy, ctx: (dy, tuple(ctx)), TypeError, "ctx: expected a"),
]


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
