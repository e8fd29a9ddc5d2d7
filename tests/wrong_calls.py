"""Wrong values of the arguments that many functions take, and what is raised for them: parts of the error tables.

A case is a name, the arguments changed, the exception, and a part of its message.
"""

import numpy as np
from layouts import LAYOUTS

HUGE = 2**40
MOST = 2**31 - 1  # the largest stride, padding or extent


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


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
WRONG_BACKWARD = [  # a name, from (dy, ctx) to wrong ones, the exception, the message
    ("dy-shape", lambda dy, ctx: (dy[..., :-1], ctx), ValueError, "dy: expected shape"),
    ("dy-rank", lambda dy, ctx: (dy[0], ctx), ValueError, "dy: expected shape"),
    ("dy-dtype", lambda dy, ctx: (dy.astype(np.float64), ctx), TypeError, "dy: expected dtype float32 as"),
    ("dy-integers", lambda dy, ctx: (dy.astype(int), ctx), TypeError, "dy: expected dtype float32 or float64"),
    ("dy-list", lambda dy, ctx: (dy.tolist(), ctx), TypeError, "dy: expected a NumPy array"),
    ("dy-none", lambda dy, ctx: (None, ctx), TypeError, "dy: expected a NumPy array"),
    ("ctx-none", lambda dy, ctx: (dy, None), TypeError, "ctx: expected a"),
    ("ctx-tuple", lambda dy, ctx: (dy, tuple(ctx)), TypeError, "ctx: expected a"),
]


def integer_cases(argument, minimum):
    """Wrong values of an argument that must be an integer, or a pair of them, of at least `minimum` (0 or 1)."""
    return [(f"{argument}-{name}", {argument: value}, error, f"{argument}: {message.format(minimum=minimum)}")
            for name, value, error, message in NOT_INTEGERS + (NOT_PAIRS if minimum else [])]


def single_cases(argument, minimum):
    """Wrong values of an argument that must be an integer, or a sequence of one, of at least `minimum`."""
    return [case for case in integer_cases(argument, minimum) if not isinstance(case[1][argument], tuple)] + [
        (f"{argument}-triple", {argument: (1, 1, 1)}, ValueError,
         f"{argument}: expected an integer or a sequence of one, got (1, 1, 1)")]


def array_cases(argument, optional=False):
    """Wrong values of an argument that must be an array of floats (or None, if it is optional)."""
    none = [] if optional else [("none", None, TypeError, "expected a NumPy array")]
    return [(f"{argument}-{name}", {argument: value}, error, f"{argument}: {message}")
            for name, value, error, message in NOT_ARRAYS + none]


def output_cases(out):
    """Wrong values of `out`, made from a right one."""
    return [(name, {"out": spoil(out)}, error, message) for name, spoil, error, message in WRONG_OUTPUTS]
