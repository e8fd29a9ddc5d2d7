"""activation= of conv2d and linear, and Sequential's use of it: always the bits of the activation after the op."""

import copy
import pickle

import numpy as np
import pytest
from test_parity_conv2d import CASES

import fastnn.functional as F
from fastnn import nn
from fastnn.native import backend as native
from fastnn.reference import backend as reference

ALGORITHMS = {"direct": {}, "winograd": {"algorithm": "winograd"}}
WINOGRAD = {name: case for name, case in CASES.items()
            if case.weight[2:] == (3, 3) and case.geo[:2] == (1, 1) and case.geo[6:8] == (1, 1)}


def run(backend, guards, case, geo, x, weight, bias, activation=None):
    y = guards.output(case.y, x.dtype)
    backend.conv2d_forward(guards.input(x), guards.input(weight), guards.input(bias), y, geo, activation)
    return y


def operands(rng, dtype, case, spoilt):
    """x, weight and bias; with NaN and infinities of both signs in x, if spoilt."""
    x, weight, bias = (rng.standard_normal(shape).astype(dtype) for shape in (case.x, case.weight, case.weight[:1]))
    if spoilt and x.size:
        x.reshape(-1)[rng.integers(0, x.size, 3)] = np.nan, np.inf, -np.inf
    return x, weight, bias


@pytest.mark.parametrize("spoilt", [False, True], ids=["finite", "with-nan-and-inf"])
@pytest.mark.parametrize(("algorithm", "name"), [("direct", name) for name in CASES]
                         + [("winograd", name) for name in WINOGRAD] + [("auto", "depthwise"), ("auto", "flat")])
@pytest.mark.usefixtures("isa", "threads")
def test_conv2d_with_relu_has_the_bits_of_relu_behind_it(algorithm, name, spoilt, dtype, rng, guards):
    case = CASES[name]
    geo = case.geo._replace(algorithm=algorithm)
    x, weight, bias = operands(rng, dtype, case, spoilt)
    wanted = run(native, guards, case, geo, x, weight, bias)
    native.relu_forward(wanted, wanted)
    assert run(native, guards, case, geo, x, weight, bias, "relu").tobytes() == wanted.tobytes()


@pytest.mark.parametrize("shape", [(0, 3, 2), (1, 5, 7), (3, 130, 65), (20, 33, 70), (64, 1, 300), (5, 0, 4)], ids=str)
@pytest.mark.usefixtures("isa", "threads")
def test_linear_with_relu_has_the_bits_of_relu_behind_it(shape, dtype, rng, guards):
    n, inputs, outputs = shape
    x, weight, bias = (guards.input(rng.standard_normal(s).astype(dtype)) for s in ((n, inputs), (outputs, inputs),
                                                                                  (outputs,)))
    wanted, y = guards.output((n, outputs), dtype), guards.output((n, outputs), dtype)
    native.linear_forward(x, weight, bias, wanted)
    native.relu_forward(wanted, wanted)
    native.linear_forward(x, weight, bias, y, "relu")
    assert y.tobytes() == wanted.tobytes()


def test_reference_with_relu_is_the_reference_of_relu_behind_it(dtype, rng, guards):
    case = CASES["four_sides"]
    x, weight, bias = operands(rng, dtype, case, True)
    wanted = run(reference, guards, case, case.geo, x, weight, bias)
    reference.relu_forward(wanted, wanted)
    np.testing.assert_array_equal(run(reference, guards, case, case.geo, x, weight, bias, "relu"), wanted)


CALLS = {
    "conv2d": lambda **more: F.conv2d(np.arange(-9.0, 9.0).reshape(2, 3, 3), np.ones((4, 2, 2, 2)), **more),
    "linear": lambda **more: F.linear(np.arange(-9.0, 9.0).reshape(2, 3, 3), np.ones((4, 3)), **more),
}


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("op", CALLS)
def test_activation_works_without_a_batch_and_into_out(op):
    call = CALLS[op]
    wanted = F.relu(call())
    assert (wanted == 0).any() and (wanted > 0).any()
    np.testing.assert_array_equal(call(activation="relu"), wanted)
    out = np.full_like(wanted, np.nan)
    assert call(activation="relu", out=out) is out
    np.testing.assert_array_equal(out, wanted)
    np.testing.assert_array_equal(call(activation=None), call())


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("need", [None, (True, False, False), (False, True, True)], ids=["all", "dx", "dweight-dbias"])
@pytest.mark.parametrize(("op", "x", "weight"), [
    ("conv2d", (2, 3, 6, 5), (4, 3, 3, 2)), ("conv2d", (3, 6, 5), (4, 3, 3, 2)),
    ("linear", (7, 5), (3, 5)), ("linear", (2, 3, 5), (3, 5))], ids=str)
def test_gradients_are_those_of_the_op_and_relu(op, x, weight, need, dtype, rng):
    arguments = [rng.standard_normal(shape).astype(dtype) for shape in (x, weight, weight[:1])]
    z, ctx_z = getattr(F, op + "_forward")(*arguments)
    wanted_y, ctx_relu = F.relu_forward(z)
    y, ctx = getattr(F, op + "_forward")(*arguments, activation="relu")
    assert y.tobytes() == wanted_y.tobytes()
    dy = rng.standard_normal(y.shape).astype(dtype)
    wanted = getattr(F, op + "_backward")(F.relu_backward(dy, ctx_relu), ctx_z, need=need)
    for found, same in zip(getattr(F, op + "_backward")(dy, ctx, need=need), wanted):
        assert (found is None) is (same is None) and (found is None or found.tobytes() == same.tobytes())


@pytest.mark.parametrize("wrong", ["tanh", "RELU", "", True, 1, b"relu"], ids=str)
@pytest.mark.parametrize("op", CALLS)
def test_unknown_activation_raises_and_writes_nothing(op, wrong):
    out = np.full_like(CALLS[op](), 7)
    with pytest.raises(ValueError, match="activation: expected None or 'relu', got"):
        CALLS[op](activation=wrong, out=out)
    assert (out == 7).all()


def one_by_one(net, x):
    for layer in net:
        x = layer(x)
    return x


def make_net():
    return nn.Sequential(nn.ReLU(), nn.Conv2d(2, 6, 3, padding=1, rng=1), nn.ReLU(), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(6, 6, 3, groups=6, rng=2), nn.ReLU(), nn.Flatten(), nn.Linear(24, 9, rng=3),
                         nn.ReLU(), nn.Linear(9, 4, bias=False, rng=4))


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("copied", [lambda net: net, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
                         ids=["itself", "deep-copied", "pickled"])
def test_sequential_has_the_bits_of_its_layers_one_by_one(copied, rng):
    net = copied(make_net())
    x = rng.standard_normal((3, 2, 8, 8)).astype(np.float32)
    x[1, 0, 3, 3], x[2, 1, 0, 0] = np.nan, -np.inf
    y = net(x)
    assert y.tobytes() == one_by_one(net, x).tobytes() == net.forward(x)[0].tobytes()
    for parameter in net.parameters():
        parameter.data[...] = -parameter.data
    assert net(x).tobytes() == one_by_one(net, x).tobytes() != y.tobytes()


def test_sequential_leaves_subclasses_to_themselves(rng):
    class Doubled(nn.Linear):
        def __call__(self, x):
            return 2 * super().__call__(x)

    class Shifted(nn.ReLU):
        def __call__(self, x):
            return super().__call__(x) + 1

    x = rng.standard_normal((5, 4)).astype(np.float32)
    for net in (nn.Sequential(Doubled(4, 4, rng=0), nn.ReLU()), nn.Sequential(nn.Linear(4, 4, rng=0), Shifted())):
        assert net(x).tobytes() == one_by_one(net, x).tobytes()


@pytest.mark.parametrize("layer", [nn.Conv2d(1, 2, 3, rng=0), nn.Linear(4, 2, rng=0)], ids=["conv2d", "linear"])
def test_sequential_raises_what_the_layer_raises(layer):
    with pytest.raises(ValueError) as alone:
        layer(np.ones((1, 2, 2, 3), np.float32))
    with pytest.raises(ValueError) as followed:
        nn.Sequential(layer, nn.ReLU())(np.ones((1, 2, 2, 3), np.float32))
    assert str(followed.value) == str(alone.value)
