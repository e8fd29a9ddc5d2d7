"""The losses against their definitions, sample by sample, their gradients and promises."""

import itertools
import math

import numpy as np
import pytest
from finite_differences import assert_gradients
from layouts import LAYOUTS

import fastnn.functional as F

pytestmark = pytest.mark.usefixtures("backend")

REDUCTIONS = ["mean", "sum", "none"]


def log1p_exp(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


ELEMENTWISE = {  # a name: op, keywords, the definition for an input x and a target t
    "mse": ("mse_loss", {}, lambda x, t: (x - t) ** 2),
    "l1": ("l1_loss", {}, lambda x, t: abs(x - t)),
    "huber": ("huber_loss", {}, lambda x, t: (x - t) ** 2 / 2 if abs(x - t) < 1 else abs(x - t) - 0.5),
    "huber-0.3": ("huber_loss", {"delta": 0.3},
                  lambda x, t: (x - t) ** 2 / 2 if abs(x - t) < 0.3 else 0.3 * (abs(x - t) - 0.15)),
    "bce": ("binary_cross_entropy_with_logits", {}, lambda x, t: t * log1p_exp(-x) + (1 - t) * log1p_exp(x)),
}


@pytest.fixture(params=REDUCTIONS)
def reduction(request):
    return request.param


def run(op, dy, *args, **kwargs):
    """(loss, dinput)"""
    loss, ctx = getattr(F, op + "_forward")(*args, **kwargs)
    return loss, getattr(F, op + "_backward")(dy, ctx)


def reduced(losses, reduction, count):
    if reduction == "none":
        return np.asarray(losses)
    total = np.sum(losses)
    return total if reduction == "sum" else total / count if count else np.float64(np.nan)


def gradient_for(loss, rng):
    return rng.standard_normal(np.shape(loss)) if np.ndim(loss) else 0.75


def eps_bound(dtype, size):
    """A few roundings an element, and one for each halving of the pairwise sum."""
    return np.finfo(dtype).eps * (12 + 2 * math.log2(size + 1))


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 0)], ids=str)
@pytest.mark.parametrize(("op", "kwargs", "definition"), ELEMENTWISE.values(), ids=ELEMENTWISE)
def test_elementwise_loss_equals_its_definition(op, kwargs, definition, shape, reduction, dtype, rng):
    x, target = (2 * rng.standard_normal(shape)).astype(dtype), rng.random(shape).astype(dtype)
    x, target = np.asarray(x), np.asarray(target)
    loss = getattr(F, op)(x, target, reduction=reduction, **kwargs)
    losses = np.array([definition(a, b) for a, b in zip(x.ravel().tolist(), target.ravel().tolist())]).reshape(shape)
    wanted = reduced(losses, reduction, x.size)
    assert np.shape(loss) == wanted.shape and loss.dtype == dtype
    size = np.abs(x).max(initial=1) ** 2 + 4  # that of the difference's square, which the subtraction's rounding has
    np.testing.assert_allclose(loss, wanted, rtol=eps_bound(dtype, x.size), atol=eps_bound(dtype, 1) * size)


@pytest.mark.parametrize(("op", "kwargs"), [case[:2] for case in ELEMENTWISE.values()], ids=ELEMENTWISE)
def test_elementwise_loss_gradients_match_finite_differences(op, kwargs, reduction, rng):
    x, target = 2 * rng.standard_normal((3, 5)), rng.random((3, 5))
    dy = gradient_for(getattr(F, op)(x, target, reduction=reduction, **kwargs), rng)
    _, dx = run(op, dy, x, target, reduction=reduction, **kwargs)
    assert_gradients(lambda x: getattr(F, op)(x, target, reduction=reduction, **kwargs), [x], dy, [dx])


WEIGHTS = {"weight": {"weight": (4,)}, "pos_weight": {"pos_weight": (4,)},
           "both": {"weight": (3, 1), "pos_weight": (3, 4)}}


@pytest.mark.parametrize("shapes", WEIGHTS.values(), ids=WEIGHTS)
def test_binary_cross_entropy_weights(shapes, reduction, rng):
    op, x, target = "binary_cross_entropy_with_logits", rng.standard_normal((3, 4)), rng.random((3, 4))
    kwargs = {name: rng.random(shape) + 0.5 for name, shape in shapes.items()}
    weight, pos_weight = (np.broadcast_to(kwargs.get(name, 1), x.shape) for name in ("weight", "pos_weight"))
    losses = [w * (p * t * log1p_exp(-a) + (1 - t) * log1p_exp(a))
              for a, t, w, p in zip(x.ravel(), target.ravel(), weight.ravel(), pos_weight.ravel())]
    wanted = reduced(np.reshape(losses, x.shape), reduction, x.size)
    dy = gradient_for(wanted, rng)
    loss, dx = run(op, dy, x, target, reduction=reduction, **kwargs)
    np.testing.assert_allclose(loss, wanted, rtol=eps_bound(np.float64, x.size))
    assert_gradients(lambda x: getattr(F, op)(x, target, reduction=reduction, **kwargs), [x], dy, [dx])


def test_binary_cross_entropy_of_huge_logits_is_linear_and_of_tiny_losses_accurate(dtype):
    x, target = np.array([1e30, -1e30, 60, -60], dtype), np.array([0, 1, 1, 0], dtype)
    loss, dx = run("binary_cross_entropy_with_logits", np.ones(4, dtype), x, target, reduction="none")
    np.testing.assert_allclose(loss, [1e30, 1e30, math.exp(-60), math.exp(-60)], rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(dx, [1, -1, -math.exp(-60), math.exp(-60)], rtol=8 * np.finfo(dtype).eps)


def test_squares_of_huge_differences_overflow_without_a_warning():
    x, target = np.array([1e30, 0], np.float32), np.array([-1e30, 0], np.float32)
    np.testing.assert_array_equal(F.mse_loss(x, target, "none"), [np.inf, 0])
    np.testing.assert_allclose(F.huber_loss(x, target, "none"), [2e30, 0])


# ---- classes

SHAPES = {"one-sample": (4,), "samples": (6, 4), "signals": (2, 4, 3), "images": (2, 4, 3, 2)}
SIZE = 300  # no sum over all samples' log-probabilities, each under 10, is larger
TARGETS = ["classes", "ignoring", "probabilities"]


def losses_shape(shape):
    return shape[:-1] if len(shape) == 1 else (shape[0], *shape[2:])


def draw_target(rng, kind, shape):
    """(target, ignore_index)"""
    axis = 0 if len(shape) == 1 else 1
    if kind == "probabilities":
        return np.ascontiguousarray(np.moveaxis(rng.dirichlet(np.ones(4), losses_shape(shape)), -1, axis)), -100
    target = np.asarray(rng.integers(0, 4, losses_shape(shape)))
    if kind == "classes" or target.ndim == 0:
        return target, -100
    target.flat[-1] = 2
    return target, 2


def by_definition(log_p, target, weight, ignore_index, reduction, smoothing, shape):
    """The loss from the samples' log-probabilities, in input's shape."""
    axis = 0 if len(shape) == 1 else 1
    rows = np.moveaxis(log_p, axis, -1).reshape(-1, 4)
    weight = np.ones(4) if weight is None else weight
    losses, count = [], 0
    if target.dtype.kind == "f":
        q = np.moveaxis(target, axis, -1).reshape(-1, 4) * (1 - smoothing) + smoothing / 4
        losses, count = [-sum(q[m] * weight * rows[m]) for m in range(len(rows))], len(rows)
    else:
        for m, number in enumerate(target.ravel()):
            if number == ignore_index:
                losses.append(0.0)
                continue
            count += weight[number]
            losses.append(-(1 - smoothing) * weight[number] * rows[m, number] - smoothing / 4 * sum(weight * rows[m]))
    return reduced(np.reshape(losses, losses_shape(shape)), reduction, count)


@pytest.mark.parametrize("has_weight", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_cross_entropy_equals_its_definition(shape, kind, smoothing, has_weight, reduction, rng):
    x, weight = 2 * rng.standard_normal(shape), rng.random(4) + 0.5 if has_weight else None
    target, ignore_index = draw_target(rng, kind, shape)
    axis = 0 if len(shape) == 1 else 1
    log_p = x - np.log(np.exp(x).sum(axis=axis, keepdims=True))
    wanted = by_definition(log_p, target, weight, ignore_index, reduction, smoothing, shape)
    args = target, weight, ignore_index, reduction, smoothing
    dy = gradient_for(wanted, rng)
    loss, dx = run("cross_entropy", dy, x, *args)
    assert np.shape(loss) == wanted.shape
    np.testing.assert_allclose(loss, wanted, rtol=0, atol=eps_bound(np.float64, x.size) * SIZE)
    assert_gradients(lambda x: F.cross_entropy(x, *args), [x], dy, [dx])


@pytest.mark.parametrize("has_weight", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("kind", TARGETS[:2])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_nll_loss_equals_its_definition(shape, kind, has_weight, reduction, rng):
    log_p, weight = rng.standard_normal(shape), rng.random(4) + 0.5 if has_weight else None
    target, ignore_index = draw_target(rng, kind, shape)
    wanted = by_definition(log_p, target, weight, ignore_index, reduction, 0.0, shape)
    dy = gradient_for(wanted, rng)
    loss, dx = run("nll_loss", dy, log_p, target, weight, ignore_index, reduction)
    np.testing.assert_allclose(loss, wanted, rtol=0, atol=eps_bound(np.float64, log_p.size) * SIZE)
    assert_gradients(lambda x: F.nll_loss(x, target, weight, ignore_index, reduction), [log_p], dy, [dx])


@pytest.mark.parametrize("op", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("dtype_of_target", [np.uint8, np.int8, np.int32, np.int64, np.uint64])
def test_class_numbers_may_be_of_any_integer_type(op, dtype_of_target, rng, dtype):
    x, target = rng.standard_normal((5, 4)).astype(dtype), rng.integers(0, 4, 5)
    wanted, wanted_dx = run(op, None, x, target)
    for same in (target.astype(dtype_of_target), target.tolist(), np.repeat(target, 2)[::2]):
        loss, dx = run(op, None, x, same)
        assert loss == wanted and type(loss) is dtype.type
        np.testing.assert_array_equal(dx, wanted_dx)


def test_probabilities_of_one_class_are_its_number(rng, dtype):
    x, target = rng.standard_normal((5, 4)).astype(dtype), rng.integers(0, 4, 5)
    loss, dx = run("cross_entropy", None, x, target)
    same_loss, same_dx = run("cross_entropy", None, x, np.eye(4, dtype=dtype)[target])
    np.testing.assert_allclose(same_loss, loss, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(same_dx, dx, rtol=0, atol=8 * np.finfo(dtype).eps)


def test_cross_entropy_of_huge_logits_does_not_overflow(dtype):
    x = np.array([[1e30, 0, -1e30], [0, 500, -500]], dtype)
    loss, dx = run("cross_entropy", np.ones(2, dtype), x, [0, 2], reduction="none")
    np.testing.assert_array_equal(loss, [0, 1000])
    np.testing.assert_allclose(dx, [[0, 0, 0], [0, 1, -1]], atol=1e-37)


@pytest.mark.parametrize(("op", "smoothing"), [("cross_entropy", 0.0), ("cross_entropy", 0.1), ("nll_loss", None)])
def test_ignored_samples_are_not_read(op, smoothing, reduction, rng):
    x = rng.standard_normal((3, 4))
    kwargs = {"reduction": reduction} | ({} if smoothing is None else {"label_smoothing": smoothing})
    loss, dx = run(op, None, x[:2], [1, 3], **kwargs)
    x[2] = np.nan
    with_ignored, with_ignored_dx = run(op, None, x, [1, 3, -100], **kwargs)
    np.testing.assert_array_equal(with_ignored, np.append(loss, 0) if reduction == "none" else loss)
    np.testing.assert_array_equal(with_ignored_dx, np.vstack([dx, np.zeros(4)]))


@pytest.mark.parametrize("op", ["cross_entropy", "nll_loss"])
def test_mean_of_nothing_is_nan_and_its_gradient_zero(op, rng, dtype):
    for x, target in ((np.ones((3, 4), dtype), [-100] * 3), (np.ones((0, 4), dtype), np.zeros(0, int))):
        loss, dx = run(op, None, x, target)
        assert np.isnan(loss) and type(loss) is dtype.type
        np.testing.assert_array_equal(dx, np.zeros(x.shape))
    assert np.isnan(F.cross_entropy(np.ones((0, 4), dtype), np.zeros((0, 4), dtype)))


def test_dy_may_be_a_number_a_scalar_or_left_out(rng, dtype):
    x, target = rng.standard_normal((2, 3, 4)).astype(dtype)
    for op, args in (("mse_loss", (x, target)), ("cross_entropy", (x, [1, 2, 0])), ("nll_loss", (x, [1, 2, 0]))):
        _, wanted = run(op, None, *args)
        for dy in (1, 1.0, dtype.type(1), np.ones((), dtype)):
            np.testing.assert_array_equal(run(op, dy, *args)[1], wanted)
        np.testing.assert_array_equal(run(op, -2, *args)[1], -2 * wanted)
        losses, dx = run(op, None, *args, reduction="none")
        np.testing.assert_array_equal(run(op, np.ones_like(losses), *args, reduction="none")[1], dx)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_of_memory_gives_the_same(layout, rng):
    x, target = rng.random((2, 3, 4, 2))
    for op in ("mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy_with_logits", "cross_entropy"):
        for reduction in REDUCTIONS:
            wanted, wanted_dx = run(op, None, x, target, reduction=reduction)
            found, dx = run(op, None, layout(x), layout(target), reduction=reduction)
            np.testing.assert_array_equal(found, wanted)
            np.testing.assert_array_equal(dx, wanted_dx)


def test_forward_gives_the_bits_of_inference(rng, dtype):
    x, target = rng.random((2, 5, 4)).astype(dtype)
    for op, reduction in itertools.product(("mse_loss", "l1_loss", "huber_loss", "cross_entropy",
                                            "binary_cross_entropy_with_logits"), REDUCTIONS):
        loss = getattr(F, op)(x, target, reduction=reduction)
        np.testing.assert_array_equal(loss, run(op, None, x, target, reduction=reduction)[0])
