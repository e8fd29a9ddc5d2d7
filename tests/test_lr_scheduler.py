"""Learning-rate schedules against their rules in closed form, and against PyTorch's values, recorded."""

import math

import numpy as np
import pytest

from fastnn import nn, optim
from fastnn.optim import lr_scheduler as lrs

LR = 0.123


def make_optimizer(kind=optim.SGD, lr=LR, **options):
    return kind([nn.Parameter(np.zeros(1))], lr=lr, **options)


def rates(scheduler, steps):
    """The rate in each of the epochs 0 to `steps`."""
    found = scheduler.get_last_lr()
    for _ in range(steps):
        scheduler.step()
        found += scheduler.get_last_lr()
    return found


def cosine(epoch, period=7, low=0.01):
    return low + (LR - low) * (1 + math.cos(math.pi * epoch / period)) / 2


CLOSED = {
    "step": (lrs.StepLR, {"step_size": 3, "gamma": 0.3}, lambda e: LR * 0.3**(e // 3)),
    "multi_step": (lrs.MultiStepLR, {"milestones": [5, 2, 5], "gamma": 0.5},
                   lambda e: LR * 0.5**((e >= 2) + 2 * (e >= 5))),
    "exponential": (lrs.ExponentialLR, {"gamma": 0.9}, lambda e: LR * 0.9**e),
    "linear": (lrs.LinearLR, {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 6},
               lambda e: LR * (0.1 + 0.6 * min(e, 6) / 6)),
    "linear-defaults": (lrs.LinearLR, {}, lambda e: LR * (1 / 3 + 2 / 3 * min(e, 5) / 5)),
    "cosine": (lrs.CosineAnnealingLR, {"T_max": 7, "eta_min": 0.01}, cosine),
    "cosine-one": (lrs.CosineAnnealingLR, {"T_max": 1}, lambda e: LR * (e % 2 == 0)),
    "lambda": (lrs.LambdaLR, {"lr_lambda": lambda e: 1 / (1 + e)}, lambda e: LR / (1 + e)),
}


@pytest.mark.parametrize("kind, options, closed", CLOSED.values(), ids=CLOSED)
def test_rates_follow_the_closed_form(kind, options, closed):
    np.testing.assert_allclose(rates(kind(make_optimizer(), **options), 40), [closed(e) for e in range(41)],
                               rtol=1e-12, atol=1e-15)


RECORDED = {  # by PyTorch 2.13, lr=0.123
    "cosine": (lambda o: lrs.CosineAnnealingLR(o, 7, 0.01), [
        0.123, 0.11740474103648667, 0.10172717380501843, 0.07907243276853175, 0.053927567231468236,
        0.031272826194981555, 0.015595258963513322, 0.01, 0.015595258963513318, 0.03127282619498155,
        0.053927567231468236, 0.07907243276853172, 0.10172717380501844, 0.11740474103648671, 0.12300000000000001,
        0.11740474103648671, 0.10172717380501847, 0.07907243276853174, 0.053927567231468264, 0.031272826194981576]),
    "linear": (lambda o: lrs.LinearLR(o, 0.1, 0.7, 6), [
        0.0123, 0.024599999999999997, 0.036899999999999995, 0.049199999999999994, 0.06149999999999999,
        0.07379999999999999, 0.0861, 0.0861, 0.0861, 0.0861]),
    "one_cycle": (lambda o: lrs.OneCycleLR(o, 0.7, 40, three_phase=True, cycle_momentum=False), [
        0.028000000000000025, 0.04161036086552883, 0.08133881296872314, 0.14396679339438423, 0.22442055563136615,
        0.3161822143401761, 0.41181778565982374, 0.5035794443686338, 0.5840332066056158, 0.6466611870312768,
        0.686389639134471, 0.7, 0.6863896391344712, 0.6466611870312768, 0.5840332066056158,
        0.5035794443686338, 0.41181778565982385, 0.31618221434017624, 0.22442055563136618, 0.14396679339438423]),
}


@pytest.mark.parametrize("make, recorded", RECORDED.values(), ids=RECORDED)
def test_rates_are_those_of_pytorch(make, recorded):
    """To the last bit where the C library's cosine is the same."""
    found = rates(make(make_optimizer()), len(recorded) - 1)
    np.testing.assert_allclose(found, recorded, rtol=8 * len(recorded) * np.finfo(float).eps)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle_rises_to_max_lr_and_falls_to_its_end(strategy):
    found = rates(lrs.OneCycleLR(make_optimizer(optim.Adam), 1.0, epochs=5, steps_per_epoch=8, pct_start=0.25,
                                 anneal_strategy=strategy), 39)
    assert found[0] == pytest.approx(1 / 25) and found[9] == 1 and found[39] == pytest.approx(1 / 25 / 1e4)
    assert found[:10] == sorted(found[:10]) and found[9:] == sorted(found[9:], reverse=True)


@pytest.mark.parametrize("kind, options, read", [
    (optim.Adam, {"betas": (0.9, 0.99)}, lambda o: o.betas[0]),
    (optim.SGD, {"momentum": 0.9}, lambda o: o.momentum),
], ids=["adam", "sgd"])  # fmt: skip
def test_one_cycle_moves_the_momentum_against_the_rate(kind, options, read):
    optimizer = make_optimizer(kind, **options)
    scheduler = lrs.OneCycleLR(optimizer, 1.0, 20)
    found = [read(optimizer)]
    for _ in range(19):
        scheduler.step()
        found.append(read(optimizer))
    assert (found[0], found[5], found[19]) == pytest.approx((0.95, 0.85, 0.95))
    if kind is optim.Adam:
        assert optimizer.betas[1] == 0.99


@pytest.mark.parametrize("total_steps, options", [(1, {}), (2, {"three_phase": True}), (5, {"pct_start": 0.0}),
                                                  (5, {"pct_start": 1.0})],
                         ids=["one_step", "two_steps", "no_rise", "no_fall"])
def test_one_cycle_of_any_length_gives_finite_rates(total_steps, options):
    scheduler = lrs.OneCycleLR(make_optimizer(), 1.0, total_steps, cycle_momentum=False, **options)
    assert all(0 <= lr <= 1 for lr in rates(scheduler, total_steps))
    with pytest.raises(ValueError, match="step: expected at most total_steps"):
        scheduler.step()


def test_plateau_waits_for_patience_and_cooldown():
    optimizer = make_optimizer(lr=1.0)
    scheduler = lrs.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=2, min_lr=0.2)
    found = []
    for metric in [3, 2, 2, math.nan, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1]:
        scheduler.step(metric)
        found.append(optimizer.lr)
    assert found == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]


@pytest.mark.parametrize("mode, threshold_mode, better, worse", [
    ("min", "rel", 89, 91), ("min", "abs", 99.8, 99.95), ("max", "rel", 111, 109), ("max", "abs", 100.2, 100.05),
], ids=["min-rel", "min-abs", "max-rel", "max-abs"])  # fmt: skip
def test_plateau_threshold_says_what_is_better(mode, threshold_mode, better, worse):
    for value, lr in ((better, 1.0), (worse, 0.1)):
        optimizer = make_optimizer(lr=1.0)
        scheduler = lrs.ReduceLROnPlateau(optimizer, mode, patience=0, threshold=0.1, threshold_mode=threshold_mode)
        scheduler.step(100)
        scheduler.step(value)
        assert optimizer.lr == pytest.approx(lr)


def test_schedules_on_one_optimizer_multiply():
    optimizer = make_optimizer(lr=1.0)
    first, second = lrs.LinearLR(optimizer, 0.5, total_iters=2), lrs.ExponentialLR(optimizer, 0.9)
    assert second.base_lr == 1  # as it was before the first schedule
    for _ in range(4):
        first.step()
        second.step()
    assert optimizer.lr == pytest.approx(0.9**4)


MAKERS = {name: (lambda o, kind=kind, options=options: kind(o, **options))
          for name, (kind, options, _) in CLOSED.items()}
MAKERS |= {"one_cycle": lambda o: lrs.OneCycleLR(o, 0.7, 40), "plateau": lambda o: lrs.ReduceLROnPlateau(o, patience=1)}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_restored_schedule_goes_on_to_the_same_rates(make):
    def run(optimizer, scheduler, steps):
        found = []
        for _ in range(steps):
            scheduler.step(*([1.0] if isinstance(scheduler, lrs.ReduceLROnPlateau) else []))
            found.append((optimizer.lr, optimizer.betas))
        return found

    optimizer = make_optimizer(optim.Adam)
    scheduler = make(optimizer)
    run(optimizer, scheduler, 6)
    states = optimizer.state_dict(), scheduler.state_dict()
    wanted = run(optimizer, scheduler, 9)
    optimizer = make_optimizer(optim.Adam, lr=77)
    scheduler = make(optimizer)
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    assert run(optimizer, scheduler, 9) == wanted


def load(**changes):
    scheduler = lrs.StepLR(make_optimizer(), 3)
    scheduler.load_state_dict(scheduler.state_dict() | changes)


ERRORS = {
    "optimizer": (lambda: lrs.StepLR(0.1, 3), TypeError, "optimizer: expected an Optimizer, got float"),
    "one_cycle-optimizer": (lambda: lrs.OneCycleLR(0.1, 1, 3), TypeError, "optimizer: expected an Optimizer"),
    "step_size": (lambda: lrs.StepLR(make_optimizer(), 0), ValueError, "step_size: expected an integer in"),
    "gamma": (lambda: lrs.ExponentialLR(make_optimizer(), -1), ValueError, "gamma: expected a number in"),
    "milestone": (lambda: lrs.MultiStepLR(make_optimizer(), [3, 1.5]), TypeError, r"milestones\[1\]: expected an int"),
    "start_factor": (lambda: lrs.LinearLR(make_optimizer(), 0), ValueError, "start_factor: expected a number in"),
    "end_factor": (lambda: lrs.LinearLR(make_optimizer(), 1, 2), ValueError, "end_factor: expected a number in"),
    "T_max": (lambda: lrs.CosineAnnealingLR(make_optimizer(), 0), ValueError, "T_max: expected an integer in"),
    "lambda": (lambda: lrs.LambdaLR(make_optimizer(), 3), TypeError, "lr_lambda: expected a function"),
    "lambda-result": (lambda: lrs.LambdaLR(make_optimizer(), str), TypeError, "lr_lambda's result: expected a number"),
    "total_steps": (lambda: lrs.OneCycleLR(make_optimizer(), 1, epochs=3), ValueError, "total_steps: expected it, or"),
    "momentum": (lambda: lrs.OneCycleLR(make_optimizer(), 1, 3), ValueError, "cycle_momentum: expected an optimiser"),
    "strategy": (lambda: lrs.OneCycleLR(make_optimizer(), 1, 3, anneal_strategy="fast"), ValueError, "anneal_strategy"),
    "mode": (lambda: lrs.ReduceLROnPlateau(make_optimizer(), "best"), ValueError, "mode: expected one of 'min', 'max'"),
    "factor": (lambda: lrs.ReduceLROnPlateau(make_optimizer(), factor=1), ValueError, "factor: expected a number in"),
    "load-keys": (lambda: lrs.StepLR(make_optimizer(), 3).load_state_dict({}), ValueError, "state_dict: expected a"),
    "load-kind": (lambda: load(scheduler="MultiStepLR"), ValueError, "state_dict: expected one of StepLR, got one of"),
    "load-value": (lambda: load(gamma="0.1"), TypeError, r"state_dict\['gamma'\]: expected a value like 0.1"),
}


@pytest.mark.parametrize("call, error, message", ERRORS.values(), ids=ERRORS)
def test_wrong_call_names_the_argument(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
