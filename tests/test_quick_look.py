"""The quick look at arguments: only calls that are alike in all that a check could see share a key."""

import numpy as np
import pytest
from layouts import LAYOUTS

import fastnn.functional as F
from fastnn import _check
from fastnn.native._arrays import is_like, signature, takes

X = np.zeros((2, 3, 4, 5), np.float32)
ARGUMENTS = {
    "array": X, "float64": X.astype(np.float64), "shape": X[:1], "rank": X[0], "flat": X.reshape(-1),
    "scalar-array": np.array(1, np.float32), "empty": X[:0], "none": None, "zero": 0, "one": 1, "two": 2,
    "minus-one": -1, "half": 0.5, "one-as-float": 1.0, "zero-as-float": 0.0, "minus-zero": -0.0, "false": False,
    "true": True, "no-text": "", "text": "auto", "longer-text": "winograd", "text-and-nul": "auto\0", "no-tuple": (),
    "tuple": (1,), "pair": (1, 1), "bools": (True, True), "swapped": (1, 2), "pair-of-two": (2, 1),
    "nested": ((1, 1), (2, 2)), "nested-otherwise": ((1, 1, 2), (2,)), "float-inside": ((1.0, 1), (2, 2)),
    "tuple-of-text": ("auto",),
}  # fmt: skip
NO_KEY = {
    "numpy-float": np.float64(1), "numpy-integer": np.int64(1), "numpy-bool": np.True_, "huge": 2**70, "list": [1, 1],
    "bytes": b"auto", "long-text": "a" * 17, "surrogate": "\ud800", "integers": np.zeros(3, int),
    "float16": np.zeros(3, np.float16), "scalar": np.float32(1), "object": object(), "many": (1,) * 40,
    "structured": np.zeros(3, "f4,f4"), "deep": eval("(" * 60 + "1" + ",)" * 60),
}  # fmt: skip


def test_different_arguments_have_different_keys():
    keys = {name: signature(argument) for name, argument in ARGUMENTS.items()}
    assert None not in keys.values()
    assert len(set(keys.values())) == len(keys), keys


def test_arguments_cannot_be_shifted_from_one_to_the_next():
    calls = [(1, (1, 1)), ((1, 1), 1), (1, 1, 1), ((1, 1, 1),), ((1,), 1, 1), ((1,), (1,), 1), (1, None), (None, 1)]
    assert len({signature(*call) for call in calls}) == len(calls)


def test_equal_arguments_have_one_key():
    assert signature(X, (1, 2), "auto", None) == signature(np.ones_like(X), (1, 2), "".join(["au", "to"]), None)


@pytest.mark.parametrize("argument", NO_KEY.values(), ids=NO_KEY)
def test_an_argument_that_needs_a_closer_look_has_no_key(argument):
    assert signature(argument) is None
    assert signature(X, argument) is None


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "read-only"])
def test_an_array_that_has_to_be_copied_has_no_key(name):
    array = LAYOUTS[name](X)
    assert signature(array) is None
    assert not is_like(array, X.shape, X)


def test_is_like_sees_shape_and_dtype():
    assert is_like(X, X.shape, X)
    assert is_like(LAYOUTS["read-only"](X), X.shape, X)
    for other in (X[:1], X[0], X.astype(np.float64), None, "text"):
        assert not is_like(other, X.shape, X)


def test_takes_refuses_what_does_not_fit_or_overlaps():
    out = np.zeros((3, 4), np.float32)
    assert takes(out, (3, 4), out.dtype, X, None)
    for wrong in (out[:2], out.T, out.astype(np.float64), LAYOUTS["read-only"](out), LAYOUTS["unaligned"](out), [0.0]):
        assert not takes(wrong, (3, 4), out.dtype, X)
    whole = np.zeros(24, np.float32)
    assert takes(whole[:12].reshape(3, 4), (3, 4), whole.dtype, whole[12:])
    for first in (0, 1, 11):
        assert not takes(whole[:12].reshape(3, 4), (3, 4), whole.dtype, X, whole[first : first + 12])


def test_a_call_after_many_others_is_checked_like_the_first(monkeypatch):
    monkeypatch.setattr(_check, "KNOWN_CALLS", 3)
    weight = np.ones((2, 1, 1, 1), np.float32)
    for size in (1, 2, 3, 4, 5, 1, 2):
        x = np.ones((1, 1, size, size), np.float32)
        assert F.conv2d(x, weight).shape == (1, 2, size, size)
        for stride in (True, 1.0, 0):
            with pytest.raises((TypeError, ValueError), match="stride: expected an integer"):
                F.conv2d(x, weight, None, stride)
