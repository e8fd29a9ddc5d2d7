"""The optimisers against their rules written out number by number, and gradient clipping."""

import math
import pickle
import tracemalloc

import numpy as np
import pytest

from fastnn import nn, optim

STEPS = 6


def sgd_by_hand(p, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    buffer = None
    for g in grads:
        d = g + weight_decay * p
        if momentum:
            buffer = d if buffer is None else momentum * buffer + (1 - dampening) * d
            d = d + momentum * buffer if nesterov else buffer
        p = p - lr * d
    return p


def adam_by_hand(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m = v = 0.0
    for t, g in enumerate(grads, 1):
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        p = p - lr * (m / (1 - betas[0]**t)) / (math.sqrt(v / (1 - betas[1]**t)) + eps)
    return p


def adamw_by_hand(p, grads, lr, weight_decay=1e-2, **kwargs):
    return adam_by_hand(p, grads, lr, weight_decay=weight_decay, decoupled=True, **kwargs)


CASES = {
    "sgd": (optim.SGD, sgd_by_hand, {"lr": 0.1}),
    "sgd-decay": (optim.SGD, sgd_by_hand, {"lr": 0.1, "weight_decay": 0.2}),
    "sgd-momentum": (optim.SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.9}),
    "sgd-dampening": (optim.SGD, sgd_by_hand,
                      {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.2}),
    "sgd-nesterov": (optim.SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
    "adam": (optim.Adam, adam_by_hand, {"lr": 0.1}),
    "adam-decay": (optim.Adam, adam_by_hand, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.2}),
    "adamw": (optim.AdamW, adamw_by_hand, {"lr": 0.1}),
    "adamw-decay": (optim.AdamW, adamw_by_hand, {"lr": 0.1, "betas": (0.0, 0.9), "weight_decay": 0.3}),
}
each_case = pytest.mark.parametrize("kind, by_hand, options", CASES.values(), ids=CASES)


def parameter(*shape, dtype=np.float64, seed=0):
    return nn.Parameter(np.random.default_rng(seed).standard_normal(shape).astype(dtype), "p")


@each_case
def test_steps_equal_the_rule_number_by_number(kind, by_hand, options):
    p = parameter(2, 3)
    array, start = p.data, p.data.copy()
    grads = np.random.default_rng(1).standard_normal((STEPS, 2, 3))
    optimizer = kind([p], **options)
    for grad in grads:
        p.grad = grad
        optimizer.step()
    assert p.data is array
    wanted = [by_hand(float(start[i]), [float(g[i]) for g in grads], **options) for i in np.ndindex(2, 3)]
    np.testing.assert_allclose(array.ravel(), wanted, rtol=1e-13)


@each_case
def test_step_leaves_gradients_alone_and_makes_no_arrays(kind, by_hand, options):
    params = [parameter(300, 300, dtype=np.float32), parameter(7)]
    optimizer = kind(params, **options)
    for p in params:
        p.grad = np.ones_like(p.data)
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000  # numbers; an array like the first parameter would take 360 KB
    assert all(np.all(p.grad == 1) for p in params)


@each_case
def test_blocks_meet_without_gap_or_overlap(kind, by_hand, options):
    """Each element of a long array is updated as in an array of its own."""
    size = 100_003
    long, short = nn.Parameter(np.ones(size)), nn.Parameter(np.ones(1))
    optimizer = kind([long, short], **options)
    for step in range(3):
        long.grad, short.grad = np.full(size, step + 0.5), np.full(1, step + 0.5)
        optimizer.step()
    assert np.all(long.data == short.data) and short.data != 1


@each_case
@pytest.mark.parametrize("store", [lambda state: state, lambda state: pickle.loads(pickle.dumps(state))],
                         ids=["in_memory", "pickled"])
def test_restored_optimizer_goes_on_bit_for_bit(kind, by_hand, options, store):
    grads = np.random.default_rng(2).standard_normal((2 * STEPS, 5))

    def run(p, optimizer, grads):
        for grad in grads:
            p.grad = grad
            optimizer.step()

    through = parameter(5)
    run(through, kind([through], **options), grads)
    p = parameter(5)
    first = kind([p], **options)
    run(p, first, grads[:STEPS])
    second = kind([p], **(options | {"lr": 77}))
    second.load_state_dict(store(first.state_dict()))
    assert second.lr == options["lr"]
    run(p, second, grads[STEPS:])
    np.testing.assert_array_equal(p.data, through.data)


def test_state_dict_is_a_snapshot():
    p = parameter(3)
    optimizer = optim.Adam([p])
    p.grad = np.ones(3)
    optimizer.step()
    state = optimizer.state_dict()
    before = state["states"][0]["exp_avg"].copy()
    optimizer.step()
    assert state["steps"] == [1]
    np.testing.assert_array_equal(state["states"][0]["exp_avg"], before)


def test_parameter_without_gradient_is_left_alone_and_not_counted():
    p, q = parameter(3), parameter(3)
    optimizer = optim.AdamW([p, q])
    before = p.data.copy()
    q.grad = np.ones(3)
    optimizer.step()
    np.testing.assert_array_equal(p.data, before)
    assert optimizer.state_dict()["steps"] == [0, 1]


def test_zero_grad_forgets_the_gradients_of_its_parameters():
    p, q = parameter(3), parameter(3)
    p.grad = q.grad = np.ones(3)
    optim.SGD([p]).zero_grad()
    assert p.grad is None and q.grad is not None


def test_learning_rate_may_change_between_steps():
    p = nn.Parameter(np.zeros(1))
    optimizer = optim.SGD([p], lr=1)
    p.grad = np.ones(1)
    optimizer.step()
    optimizer.lr = 10
    optimizer.step()
    assert p.data == -11


@pytest.mark.parametrize("kind, options", [(optim.SGD, {"lr": 0.1, "momentum": 0.9}), (optim.Adam, {"lr": 0.1}),
                                           (optim.AdamW, {"lr": 0.1})], ids=["sgd", "adam", "adamw"])
def test_optimizer_fits_a_line(kind, options):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 2))
    target = x @ np.array([[2.0, -1.0]]).T + 0.5
    model, criterion = nn.Linear(2, 1, dtype=np.float64, rng=0), nn.MSELoss()
    optimizer = kind(model.parameters(), **options)
    for _ in range(200):
        y, backprop = model.forward(x)
        _, backprop_loss = criterion.forward(y, target)
        backprop(backprop_loss(), need_dx=False)
        optimizer.step()
        optimizer.zero_grad()
    np.testing.assert_allclose(model.weight, [[2, -1]], atol=0.02)
    np.testing.assert_allclose(model.bias, [0.5], atol=0.02)


def state_with(**changes):
    return optim.Adam([parameter(3)]).state_dict() | changes


def with_number(**changes):
    return state_with(hyperparameters=state_with()["hyperparameters"] | changes)


def load(state):
    optim.Adam([parameter(3)]).load_state_dict(state)


ERRORS = {
    "array": (lambda: optim.SGD([np.zeros(3)]), TypeError, r"params\[0\]: expected an nn.Parameter"),
    "no_parameters": (lambda: optim.SGD([]), ValueError, "params: expected at least one parameter"),
    "twice": (lambda: optim.SGD([parameter(3)] * 2), ValueError, "params: expected each parameter once"),
    "lr": (lambda: optim.Adam([parameter(3)], lr=-1), ValueError, "lr: expected a number in"),
    "lr_kind": (lambda: optim.Adam([parameter(3)], lr="fast"), TypeError, "lr: expected a number, got 'fast'"),
    "beta": (lambda: optim.Adam([parameter(3)], betas=(0.9, 1)), ValueError, r"betas\[1\]: expected a number in"),
    "betas": (lambda: optim.Adam([parameter(3)], betas=0.9), ValueError, "betas: expected a pair of numbers, got 0.9"),
    "nesterov": (lambda: optim.SGD([parameter(3)], nesterov=True), ValueError, "nesterov: expected momentum > 0"),
    "load-keys": (lambda: load({}), ValueError, "state_dict: expected a mapping with the keys optimizer"),
    "load-kind": (lambda: load(optim.AdamW([parameter(3)]).state_dict()), ValueError,
                  "state_dict: expected one of Adam, got one of AdamW"),
    "load-numbers": (lambda: load(state_with(hyperparameters={"lr": 1})), ValueError, "hyperparameters: expected lr, "),
    "load-number": (lambda: load(with_number(lr="1")), TypeError, r"hyperparameters\['lr'\]: expected a value"),
    "load-pair": (lambda: load(with_number(betas=(0.9, None))), TypeError, r"hyperparameters\['betas'\]\[1\]: ex"),
    "load-triple": (lambda: load(with_number(betas=(0, 0, 0))), TypeError, r"hyperparameters\['betas'\]: expected"),
    "load-count": (lambda: load(optim.Adam([parameter(3), parameter(3)]).state_dict()), ValueError,
                   "states: expected 1 of them"),
    "load-shape": (lambda: load(optim.Adam([parameter(4)]).state_dict()), ValueError,
                   r"states\[0\]\['exp_avg'\]: expected shape \(3,\), got \(4,\)"),
    "load-dtype": (lambda: load(optim.Adam([parameter(3, dtype=np.float32)]).state_dict()), TypeError,
                   r"states\[0\]\['exp_avg'\]: expected dtype float64"),
    "load-names": (lambda: load(state_with(states=[{}])), ValueError, r"states\[0\]: expected exp_avg, exp_avg_sq"),
    "clip-array": (lambda: nn.utils.clip_grad_norm_([np.zeros(3)], 1), TypeError, r"parameters\[0\]: expected an nn"),
    "clip-norm": (lambda: nn.utils.clip_grad_norm_(parameter(3), -1), ValueError, "max_norm: expected a number in"),
    "clip-norm_type": (lambda: nn.utils.clip_grad_norm_(parameter(3), 1, 0), ValueError, "norm_type: expected a numb"),
    "clip-value": (lambda: nn.utils.clip_grad_value_(parameter(3), -1), ValueError, "clip_value: expected a number in"),
}


@pytest.mark.parametrize("call, error, message", ERRORS.values(), ids=ERRORS)
def test_wrong_call_names_the_argument(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


def with_gradients(*grads):
    params = []
    for grad in grads:
        params.append(nn.Parameter(np.zeros_like(grad)))
        params[-1].grad = grad.copy()
    return params


@pytest.mark.parametrize("norm_type", [1, 2.0, 3, math.inf], ids=["l1", "l2", "l3", "max"])
def test_clip_grad_norm_scales_all_gradients_by_one_number(norm_type, dtype):
    grads = [np.random.default_rng(i).standard_normal(shape).astype(dtype) for i, shape in enumerate([(3, 4), (9000,)])]
    params = [*with_gradients(*grads), parameter(3)]
    wanted = np.linalg.norm(np.concatenate([g.ravel() for g in grads]).astype(np.float64), norm_type)
    norm = nn.utils.clip_grad_norm_(params, 1.5, norm_type)
    assert isinstance(norm, float) and norm == pytest.approx(wanted, rel=1e-13)
    for p, grad in zip(params, grads):
        np.testing.assert_allclose(p.grad, grad * (1.5 / (wanted + 1e-6)), rtol=4 * np.finfo(dtype).eps)
        assert p.grad.dtype == dtype


def test_clip_grad_norm_leaves_short_gradients_alone():
    (p,) = with_gradients(np.array([3.0, 4.0]))
    assert nn.utils.clip_grad_norm_(p, 5.1) == 5
    np.testing.assert_array_equal(p.grad, [3, 4])
    assert nn.utils.clip_grad_norm_([], 1) == 0


def test_clip_grad_norm_does_not_overflow_in_float32():
    (p,) = with_gradients(np.full(4, 1e30, np.float32))
    assert nn.utils.clip_grad_norm_(p, 1) == pytest.approx(2e30)
    np.testing.assert_allclose(p.grad, 0.5, rtol=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("norm_type", [2, math.inf], ids=["l2", "max"])
def test_clip_grad_norm_of_nonfinite_gradients_raises_where_asked(bad, norm_type):
    params = with_gradients(np.array([1.0]), np.array([bad]), np.array([2.0]))
    with pytest.raises(ValueError, match=r"parameters: the norm of their gradients is (nan|inf)"):
        nn.utils.clip_grad_norm_(params, 1, norm_type, error_if_nonfinite=True)
    assert params[0].grad == 1


def test_clip_grad_value_clips_each_element():
    params = with_gradients(np.array([-3.0, 0.5, 2.0]), np.array([math.nan, 9.0]))
    nn.utils.clip_grad_value_(params, 1)
    np.testing.assert_array_equal(params[0].grad, [-1, 0.5, 1])
    np.testing.assert_array_equal(params[1].grad, [math.nan, 1])
