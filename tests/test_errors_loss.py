"""Wrong calls of the losses: what each raises."""

import math
import re

import numpy as np
import pytest

import fastnn.functional as F

F32 = np.float32
ELEMENTWISE = ["mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy_with_logits"]
CLASS_LOSSES = ["cross_entropy", "nll_loss"]
X = np.ones((5, 4), F32)
CLASSES = np.array([0, 3, 1, 2, 0])


def expect(error, message, function, *args, **kwargs):
    with pytest.raises(error, match=re.escape(message)):
        function(*args, **kwargs)


def expect_both(op, error, message, *args, **kwargs):
    for function in (getattr(F, op), getattr(F, op + "_forward")):
        expect(error, message, function, *args, **kwargs)


PAIRS = {  # input, target, the exception, the message
    "input-list": ([1.0], X, TypeError, "input: expected a NumPy array"),
    "input-integers": (np.ones((5, 4), int), X, TypeError, "input: expected dtype float32 or float64, got int64"),
    "input-float16": (X.astype(np.float16), X, TypeError, "input: expected dtype float32 or float64, got float16"),
    "target-list": (X, [[1.0] * 4] * 5, TypeError, "target: expected a NumPy array"),
    "target-integers": (X, np.ones((5, 4), int), TypeError, "target: expected dtype float32 or float64, got int64"),
    "target-dtype": (X, X.astype(np.float64), TypeError, "target: expected dtype float32 as input has, got float64"),
    "target-shape": (X, np.ones((4, 5), F32), ValueError, "target: expected shape (5, 4), got (4, 5)"),
    "target-to-broadcast": (X, np.ones((1, 4), F32), ValueError, "target: expected shape (5, 4), got (1, 4)"),
    "target-scalar": (X, np.ones((), F32), ValueError, "target: expected shape (5, 4), got ()"),
}


@pytest.mark.parametrize(("input", "target", "error", "message"), PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("op", ELEMENTWISE)
def test_input_and_target_must_be_alike(op, input, target, error, message):
    expect_both(op, error, message, input, target)


CLASS_CALLS = {  # input, target, keywords, the exception, the message
    "input-list": ([[1.0]], CLASSES, {}, TypeError, "input: expected a NumPy array"),
    "input-integers": (X.astype(int), CLASSES, {}, TypeError, "input: expected dtype float32 or float64, got int64"),
    "input-scalar": (np.ones((), F32), 0, {}, ValueError, "input: expected shape (N, C), (N, C, d1, ...) or (C,)"),
    "input-no-classes": (np.ones((5, 0), F32), CLASSES, {}, ValueError, "with C >= 1, got (5, 0)"),
    "target-too-short": (X, CLASSES[:4], {}, ValueError, "target: expected shape (5,), got (4,)"),
    "target-column": (X, CLASSES[:, None], {}, ValueError, "target: expected shape (5,), got (5, 1)"),
    "target-of-signals": (np.ones((5, 4, 2), F32), CLASSES, {}, ValueError, "target: expected shape (5, 2), got (5,)"),
    "target-bools": (X, CLASSES > 0, {}, TypeError, "got dtype bool"),
    "target-text": (X, ["a"] * 5, {}, TypeError, "got dtype <U1"),
    "target-none": (X, None, {}, TypeError, "got dtype object"),
    "target-ragged": (X, [[1], [1, 2]], {}, ValueError, "target: expected an array, got [[1], [1, 2]]"),
    "class-too-large": (X, [0, 1, 4, 2, 9], {}, ValueError, "target: expected class numbers in [0, 3] or ignore_index "
                        "= -100, got 4 for sample 2"),
    "class-negative": (X, [0, 1, 3, 2, -1], {}, ValueError, "got -1 for sample 4"),
    "class-huge": (X, [2**62, 1, 3, 2, 0], {}, ValueError, f"got {2**62} for sample 0"),
    "class-beyond-int64": (X, np.full(5, 2**63 + 1, np.uint64), {}, ValueError, f"got {2**63 + 1} for sample 0"),
    "class-beyond-64-bits": (X, [10**30] * 5, {}, TypeError, "got dtype object"),
    "class-other-than-ignored": (X, [-100, 1, 3, 2, 0], {"ignore_index": -1}, ValueError, "ignore_index = -1, got "
                                 "-100 for sample 0"),
    "ignore-float": (X, CLASSES, {"ignore_index": 1.0}, TypeError, "ignore_index: expected an integer, got 1.0"),
    "ignore-none": (X, CLASSES, {"ignore_index": None}, TypeError, "ignore_index: expected an integer, got None"),
    "weight-shape": (X, CLASSES, {"weight": np.ones(5, F32)}, ValueError, "weight: expected shape (4,), got (5,)"),
    "weight-dtype": (X, CLASSES, {"weight": np.ones(4)}, TypeError, "weight: expected dtype float32 as input has"),
    "weight-list": (X, CLASSES, {"weight": [1.0] * 4}, TypeError, "weight: expected a NumPy array"),
}


@pytest.mark.parametrize(("input", "target", "kwargs", "error", "message"), CLASS_CALLS.values(), ids=CLASS_CALLS)
@pytest.mark.parametrize("op", CLASS_LOSSES)
def test_class_losses_need_scores_and_class_numbers(op, input, target, kwargs, error, message):
    expect_both(op, error, message, input, target, **kwargs)


OTHERS = {  # op, arguments, keywords, the exception, the message
    "probabilities-shape": ("cross_entropy", (X, np.ones((5, 3), F32)), {}, ValueError,
                            "target: expected shape (5, 4), got (5, 3)"),
    "probabilities-dtype": ("cross_entropy", (X, np.ones((5, 4))), {}, TypeError,
                            "target: expected dtype float32 as input has, got float64"),
    "probabilities-float16": ("cross_entropy", (X, X.astype(np.float16)), {}, TypeError,
                              "target: expected dtype float32 or float64, got float16"),
    "probabilities-ignored": ("cross_entropy", (X, X), {"ignore_index": 0}, ValueError,
                              "ignore_index: expected a negative number with probabilities as target, got 0"),
    "nll-probabilities": ("nll_loss", (X, X), {}, TypeError, "target: expected class numbers (integers), got dtype "
                          "float32"),
    "smoothing-above-1": ("cross_entropy", (X, CLASSES), {"label_smoothing": 1.5}, ValueError,
                          "label_smoothing: expected a number in [0, 1], got 1.5"),
    "smoothing-nan": ("cross_entropy", (X, CLASSES), {"label_smoothing": math.nan}, ValueError,
                      "label_smoothing: expected a number in [0, 1], got nan"),
    "smoothing-text": ("cross_entropy", (X, CLASSES), {"label_smoothing": "0.1"}, TypeError,
                       "label_smoothing: expected a number, got '0.1'"),
    "delta-zero": ("huber_loss", (X, X), {"delta": 0}, ValueError, "delta: expected a number above 0, got 0.0"),
    "delta-nan": ("huber_loss", (X, X), {"delta": math.nan}, ValueError, "delta: expected a number in"),
    "bce-weight-shape": ("binary_cross_entropy_with_logits", (X, X), {"weight": np.ones(5, F32)}, ValueError,
                         "weight: expected a shape that broadcasts to input's (5, 4), got (5,)"),
    "bce-weight-larger": ("binary_cross_entropy_with_logits", (X, X), {"weight": np.ones((2, 5, 4), F32)}, ValueError,
                          "weight: expected a shape that broadcasts to input's (5, 4), got (2, 5, 4)"),
    "bce-pos_weight-dtype": ("binary_cross_entropy_with_logits", (X, X), {"pos_weight": np.ones(4)}, TypeError,
                             "pos_weight: expected dtype float32 as input has, got float64"),
}


@pytest.mark.parametrize(("op", "args", "kwargs", "error", "message"), OTHERS.values(), ids=OTHERS)
def test_other_arguments_must_fit(op, args, kwargs, error, message):
    expect_both(op, error, message, *args, **kwargs)


@pytest.mark.parametrize("reduction", ["average", None, 1, True], ids=str)
@pytest.mark.parametrize("op", ELEMENTWISE + CLASS_LOSSES)
def test_reduction_must_be_known(op, reduction):
    expect_both(op, ValueError, "reduction: expected one of 'mean', 'sum', 'none', got", X,
                CLASSES if op in CLASS_LOSSES else X, reduction=reduction)


GRADIENTS = {  # reduction, dy, the exception, the message; the losses' shape comes in place of {}
    "array-for-a-scalar": ("mean", np.ones(5, F32), ValueError, "dy: expected shape (), got (5,)"),
    "dtype": ("sum", np.float64(1), TypeError, "dy: expected dtype float32 as input has, got float64"),
    "bool": ("mean", True, TypeError, "dy: expected a number or an array of shape (), got bool"),
    "text": ("mean", "1", TypeError, "dy: expected a number or an array of shape (), got str"),
    "list": ("sum", [1.0], TypeError, "dy: expected a number or an array of shape (), got list"),
    "scalar-for-an-array": ("none", np.ones((), F32), ValueError, "dy: expected shape {}, got ()"),
    "number-for-an-array": ("none", 1.0, TypeError, "dy: expected a NumPy array"),
    "shape": ("none", np.ones((4, 5), F32), ValueError, "dy: expected shape {}, got (4, 5)"),
    "dtype-of-an-array": ("none", np.ones((5, 4)), TypeError, "dy: expected dtype float32 as input has, got float64"),
}


@pytest.mark.parametrize(("reduction", "dy", "error", "message"), GRADIENTS.values(), ids=GRADIENTS)
@pytest.mark.parametrize("op", ELEMENTWISE + CLASS_LOSSES)
def test_gradients_must_fit(op, reduction, dy, error, message):
    is_class_loss = op in CLASS_LOSSES
    _, ctx = getattr(F, op + "_forward")(X, CLASSES if is_class_loss else X, reduction=reduction)
    message = message.replace("{}", "(5,)" if is_class_loss else "(5, 4)")
    expect(error, message, getattr(F, op + "_backward"), dy, ctx)


def test_backward_refuses_the_ctx_of_another_loss():
    _, ctx = F.mse_loss_forward(X, X)
    expect(TypeError, "ctx: expected a L1LossContext, as the forward function returns, got MSELossContext",
           F.l1_loss_backward, 1.0, ctx)
