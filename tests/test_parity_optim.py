"""The compiled steps of the optimisers against the float64 reference: ISAs, dtypes, threads, sizes, NaN and inf."""

import numpy as np
import pytest

from fastnn.native import backend as native
from fastnn.reference import backend as reference

SGD = {  # lr, momentum, dampening, weight_decay, nesterov, is_first
    "plain": (0.1, 0.0, 0.0, 0.0, False, False),
    "decay": (0.1, 0.0, 0.0, 0.3, False, False),
    "first": (0.1, 0.9, 0.2, 0.3, False, True),
    "momentum": (0.1, 0.9, 0.2, 0.0, False, False),
    "nesterov": (0.1, 0.9, 0.0, 0.3, True, False),
}
ADAM = {  # step, lr, betas, eps, weight_decay, is_decoupled
    "first": (1, 0.1, (0.9, 0.999), 1e-8, 0.0, False),
    "later": (1000, 0.1, (0.5, 0.9), 1e-3, 0.0, False),
    "decay": (3, 0.1, (0.9, 0.99), 1e-8, 0.3, False),
    "decoupled": (3, 0.1, (0.9, 0.99), 1e-8, 0.3, True),
}
STEPS = {f"{name}-{key}": (f"{name}_step", numbers, states)
         for name, states, cases in (("sgd", 1, SGD), ("adam", 2, ADAM)) for key, numbers in cases.items()}
each_step = pytest.mark.parametrize(("name", "numbers", "states"), STEPS.values(), ids=STEPS)
SIZES = [0, 1, 3, 4, 5, 15, 17, 8193, 100_000]  # around a vector and a task; many tasks


def make(n, size, dtype):
    """data, grad and n states, the last of them positive."""
    rng = np.random.default_rng(size)
    arrays = [rng.standard_normal(size).astype(dtype) for _ in range(2 + n)]
    return [*arrays[:-1], np.abs(arrays[-1])]


def run(backend, guards, name, arrays, *numbers):
    """The step of `name` on guarded copies: data and the states after it."""
    data, grad, *states = arrays
    changed = [None if a is None else guards.output(a.shape, a.dtype) for a in (data, *states)]
    for array, start in zip(changed, (data, *states), strict=True):
        if array is not None:
            array[...] = start
    getattr(backend, name)(changed[0], guards.input(grad), *changed[1:], *numbers)
    return [array for array in changed if array is not None]


def assert_near(found, exact, start, grad):
    """To a few roundings of the numbers that were added."""
    for mine, wanted in zip(found, exact, strict=True):
        size = np.abs(wanted) + np.abs(start) + np.abs(grad) + np.square(grad)
        assert np.all(np.abs(mine - wanted) <= 8 * np.finfo(mine.dtype).eps * size)


def compare(guards, name, arrays, *numbers):
    exact = [None if a is None else a.astype(np.float64) for a in arrays]
    assert_near(run(native, guards, name, arrays, *numbers), run(reference, guards, name, exact, *numbers), *exact[:2])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("numbers", SGD.values(), ids=SGD)
def test_sgd_step_matches_the_reference(isa, threads, dtype, guards, numbers, size):
    data, grad, buffer = make(1, size, dtype)
    compare(guards, "sgd_step", [data, grad, buffer if numbers[1] else None], *numbers)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("numbers", ADAM.values(), ids=ADAM)
def test_adam_step_matches_the_reference(isa, threads, dtype, guards, numbers, size):
    compare(guards, "adam_step", make(2, size, dtype), *numbers)


def test_first_step_of_momentum_does_not_read_the_buffer(isa, dtype, guards):
    data, grad, _ = make(1, 19, dtype)
    found = run(native, guards, "sgd_step", [data, grad, np.full(19, np.nan, dtype)], *SGD["first"])
    assert np.all(np.isfinite(found))


@each_step
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_where_it_is(isa, dtype, guards, name, numbers, states, value):
    arrays = make(states, 37, dtype)
    usual = run(native, guards, name, arrays, *numbers)
    arrays[1][[5, 36]] = value
    for mine, without in zip(run(native, guards, name, arrays, *numbers), usual, strict=True):
        assert not np.any(np.isfinite(mine[[5, 36]]))
        assert np.delete(mine, [5, 36]).tobytes() == np.delete(without, [5, 36]).tobytes()


@each_step
def test_threads_and_places_do_not_change_a_bit(isa, dtype, guards, bits_by_threads, name, numbers, states):
    arrays = make(states, 50_001, dtype)
    bits_by_threads(lambda: run(native, guards, name, arrays, *numbers))
    whole = run(native, guards, name, arrays, *numbers)
    for mine, one in zip(whole, run(native, guards, name, [a[-3:] for a in arrays], *numbers), strict=True):
        assert mine[-3:].tobytes() == one.tobytes()
