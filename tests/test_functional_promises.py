"""What every op promises beyond its arithmetic, on both backends: for the ops whose calls are in op_calls.py."""

import itertools

import numpy as np
import pytest
from layouts import LAYOUTS
from op_calls import CALLS, GRADIENTS, as_tuple, random_call

import fastnn.functional as F

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.parametrize("op", CALLS)]


def functions(op):
    return (getattr(F, op + suffix) for suffix in ("", "_forward", "_backward"))


def test_forward_gives_the_bits_of_inference_and_gradients_their_arguments_shapes(op, dtype, rng):
    function, forward, backward = functions(op)
    arguments = random_call(op, rng, dtype)
    y, ctx = forward(**arguments)
    np.testing.assert_array_equal(function(**arguments), y)
    gradients = as_tuple(backward(y, ctx))
    assert y.dtype == dtype
    for name, gradient in zip(GRADIENTS[op], gradients, strict=True):
        assert gradient.dtype == dtype and gradient.shape == arguments[name].shape


def test_out_is_written_into_and_returned(op, dtype, rng):
    function, forward, _ = functions(op)
    arguments = random_call(op, rng, dtype)
    wanted = function(**arguments)
    out = np.full_like(wanted, np.nan)
    assert function(**arguments, out=out) is out
    np.testing.assert_array_equal(out, wanted)
    assert forward(**arguments, out=out)[0] is out


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_gives_the_bits_of_a_contiguous_array(op, layout, dtype, rng):
    _, forward, backward = functions(op)
    plain = random_call(op, rng, dtype)
    (y, ctx), (other_y, other_ctx) = forward(**plain), forward(
        **{name: layout(value) if isinstance(value, np.ndarray) else value for name, value in plain.items()})
    for found, wanted in zip((other_y, *as_tuple(backward(layout(y), other_ctx))), (y, *as_tuple(backward(y, ctx)))):
        assert type(found) is np.ndarray and found.dtype == dtype and found.flags.c_contiguous
        np.testing.assert_array_equal(found, wanted)


def test_inputs_stay_as_they_were_and_backward_runs_twice(op, rng):
    _, forward, backward = functions(op)
    arguments = random_call(op, rng)
    before = {name: value.copy() for name, value in arguments.items() if isinstance(value, np.ndarray)}
    y, ctx = forward(**arguments)
    dy, first = y.copy(), as_tuple(backward(y, ctx))
    for gradient, again in zip(first, as_tuple(backward(y, ctx))):
        assert gradient is not again
        np.testing.assert_array_equal(gradient, again)
    np.testing.assert_array_equal(y, dy)
    for name, value in before.items():
        np.testing.assert_array_equal(arguments[name], value)


def test_only_the_gradients_needed_are_computed(op, rng):
    _, forward, backward = functions(op)
    names = GRADIENTS[op]
    if len(names) == 1:
        return
    y, ctx = forward(**random_call(op, rng))
    everything = backward(y, ctx)
    for need in itertools.product([True, False], repeat=len(names)):
        for needed, found, full in zip(need, backward(y, ctx, need=need), everything, strict=True):
            assert (found is not None) == needed
            assert not needed or np.array_equal(found, full)


def test_optional_arrays_that_are_not_there_have_no_gradient(op, rng):
    _, forward, backward = functions(op)
    for left_out in {"weight", "bias"} & set(GRADIENTS[op]):
        arguments = random_call(op, rng)
        if left_out == "weight" and not op.endswith("norm"):
            continue
        del arguments[left_out]
        y, ctx = forward(**arguments)
        for name, gradient in zip(GRADIENTS[op], backward(y, ctx), strict=True):
            assert (gradient is None) == (name == left_out)


@pytest.mark.parametrize("values", [[np.nan], [np.inf, -np.inf, 1]], ids=["nan", "infinities"])
def test_nan_and_infinity_give_no_warning_and_nan_gives_nan(op, values):
    arguments = CALLS[op]()
    name = GRADIENTS[op][0]
    arguments[name] = np.resize(np.array(values, np.float32), arguments[name].shape)
    y, ctx = getattr(F, op + "_forward")(**arguments)
    assert np.isnan(y).all() or len(values) > 1
    getattr(F, op + "_backward")(arguments["out"], ctx)
