"""Parameters, composition and threads: what every layer gets from nn.Module. Its state: test_nn_state.py."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_net import images, net, train_once

from fastnn import _backend, nn, optim


class Block(nn.Module):
    """A net as a user writes one: sublayers, a list of sublayers and a parameter of its own as attributes."""

    def __init__(self, dtype=np.float32):
        self.inner = nn.Linear(3, 4, dtype=dtype, rng=0)
        self.tail = [nn.ReLU(), nn.Linear(4, 3, bias=False, dtype=dtype, rng=1)]
        self.scale = nn.Parameter(np.full(3, 2, dtype))

    def forward(self, x):
        backprops = []
        for layer in (self.inner, *self.tail):
            x, backprop = layer.forward(x)
            backprops.append(backprop)
        unscaled, scale = x, self.scale

        def backprop(dy):
            self.get_parameter("scale").add_grad((dy * unscaled).sum(axis=0))
            dy = dy * scale
            for step in reversed(backprops):
                dy = step(dy)
            return dy

        return unscaled * scale, backprop


def test_parameters_of_a_users_class_are_found_under_attribute_names():
    block = Block()
    assert [name for name, _ in block.named_parameters()] == ["scale", "inner.weight", "inner.bias", "tail.1.weight"]
    assert [p.name for p in block.parameters()] == ["scale", "inner.weight", "inner.bias", "tail.1.weight"]
    assert isinstance(block.scale, np.ndarray) and isinstance(block.inner.weight, np.ndarray)


def test_users_class_infers_with_forward_alone():
    block, x = Block(), np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(block(x), block.forward(x)[0])


def test_layer_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Empty does not define forward"):
        type("Empty", (nn.Module,), {})()(1)


def test_parameter_array_is_one_object_for_layer_and_optimizer():
    layer = nn.Linear(2, 3, rng=0)
    (weight, bias), array = layer.parameters(), layer.weight
    assert weight.data is array and bias.data is layer.bias
    layer.weight = np.ones((3, 2), np.float32)
    assert layer.weight is array and np.all(array == 1)
    weight.data = np.zeros((3, 2), np.float32)
    layer.weight += 5
    assert layer.weight is array and np.all(array == 5)
    weight.add_grad(np.ones((3, 2), np.float32))
    optim.SGD([weight], lr=2).step()
    assert np.all(layer.weight == 3)


def test_parameter_does_not_alias_the_array_it_was_made_from():
    values = np.zeros(3)
    parameter = nn.Parameter(values)
    values[0] = 7
    assert np.all(parameter.data == 0)


def test_parameter_set_in_two_layers_is_shared_and_listed_once():
    first, second = nn.Linear(3, 3, rng=0), nn.Linear(3, 3, rng=1)
    second.weight = first.get_parameter("weight")
    both = nn.Sequential(first, second)
    assert second.weight is first.weight
    assert [name for name, _ in both.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert list(both.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_bias_can_be_taken_away_and_given_back():
    layer = nn.Linear(2, 2, rng=0)
    layer.bias = None
    assert [p.name for p in layer.parameters()] == ["weight"]
    with pytest.raises(TypeError, match=r"bias: this layer has none; expected None or an nn\.Parameter, got ndarray"):
        layer.bias = np.zeros(2, np.float32)
    layer.bias = nn.Parameter(np.ones(2, np.float32))
    assert [p.name for p in layer.parameters()] == ["weight", "bias"]
    del layer.bias
    assert not hasattr(layer, "bias") and [p.name for p in layer.parameters()] == ["weight"]


def test_get_parameter_takes_dotted_names_and_refuses_others():
    model = net()
    assert model.get_parameter("3.bias").data is model[3].bias
    with pytest.raises(AttributeError, match=r"Sequential has no parameter '1\.weight'"):
        model.get_parameter("1.weight")


def test_training_mode_reaches_every_layer_and_returns_the_net():
    model = nn.Sequential(Block(), nn.Sequential(nn.Dropout(0.5)))
    assert model.eval() is model
    assert [module.training for module in model.modules()] == [False] * 7
    assert model.train() is model and model[1][0].training and model[0].tail[1].training


def test_layer_used_twice_adds_both_gradients():
    layer, x = nn.Linear(3, 3, dtype=np.float64, rng=0), np.random.default_rng(1).standard_normal((4, 3))
    once, twice = nn.Sequential(layer), nn.Sequential(layer, layer)
    y, backprop = twice.forward(x)
    dy = np.ones_like(y)
    backprop(dy)
    found = layer.get_parameter("weight").grad
    assert [p.name for p in twice.parameters()] == ["0.weight", "0.bias"]
    twice.zero_grad()

    middle, backprop_first = once.forward(x)
    _, backprop_second = once.forward(middle)
    dmiddle = backprop_second(dy)
    backprop_first(dmiddle)
    np.testing.assert_array_equal(found, layer.get_parameter("weight").grad)
    np.testing.assert_allclose(found, dy.T @ middle + dmiddle.T @ x, rtol=1e-13)


def test_backprop_twice_adds_the_gradient_twice():
    layer, x = nn.Linear(3, 2, rng=0), np.ones((4, 3), np.float32)
    _, backprop = layer.forward(x)
    backprop(np.ones((4, 2), np.float32))
    backprop(np.ones((4, 2), np.float32))
    assert np.all(layer.get_parameter("bias").grad == 8)


def test_gradients_from_several_threads_add_up():
    layer, x = nn.Linear(40, 50, rng=0), np.ones((4, 40), np.float32)
    dy = np.ones((4, 50), np.float32)

    def work(_):
        for _ in range(50):
            layer.forward(x)[1](dy)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert np.all(layer.get_parameter("weight").grad == 8 * 50 * 4)
    assert np.all(layer.get_parameter("bias").grad == 8 * 50 * 4)


def test_zero_grad_forgets_all_gradients():
    model = net()
    train_once(model, images())
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_first_layer_need_not_compute_dx(monkeypatch):
    model, x = net(), images()
    y, backprop = model.forward(x)
    backprop(y)
    wanted = [p.grad for p in model.parameters()]
    model.zero_grad()
    monkeypatch.delattr(_backend.active(), "conv2d_backward_input")  # would raise if it were called
    assert backprop(y, need_dx=False) is None
    for p, grad in zip(model.parameters(), wanted, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_need_dx_false_skips_leading_layers_without_parameters():
    model = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Sequential(nn.Linear(25, 2, rng=0)), nn.ReLU())
    y, backprop = model.forward(images())
    assert backprop(y, need_dx=False) is None
    assert model[2][0].get_parameter("weight").grad is not None
    assert nn.Sequential(nn.ReLU()).forward(images())[1](images(), need_dx=False) is None


def test_sequential_indexes_slices_and_iterates():
    model = net()
    assert len(model) == 5 and model[-1] is model[4] and next(iter(model)) is model[0]
    head = model[:3]
    assert isinstance(head, nn.Sequential) and len(head) == 3 and head[0] is model[0]
    with pytest.raises(IndexError):
        model[5]
    with pytest.raises(TypeError, match=r"layers\[1\]: expected a layer \(an nn.Module\), got type"):
        nn.Sequential(nn.ReLU(), nn.ReLU)


def test_repr_shows_layers_and_arguments():
    assert repr(nn.Sequential(nn.Conv2d(1, 2, 3, padding="same", bias=False), nn.Sequential(nn.ELU()))) == """\
Sequential(
  (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding='same', bias=False)
  (1): Sequential(
    (0): ELU(alpha=1.0)
  )
)"""
    assert repr(nn.GRU(2, 3, 2, bias=False, bidirectional=True)) == \
        "GRU(2, 3, num_layers=2, bias=False, bidirectional=True)"
    assert repr(nn.RNNCell(2, 3, nonlinearity="relu")) == "RNNCell(2, 3, nonlinearity='relu')"
    assert repr(nn.Linear(2, 3)) == "Linear(in_features=2, out_features=3, bias=True)"


@pytest.mark.parametrize("assign", [
    lambda p: setattr(p, "data", np.zeros(3, np.float32)), lambda p: setattr(p, "grad", np.zeros(3, np.float32)),
    lambda p: p.add_grad(np.zeros(3, np.float32))], ids=["data", "grad", "add_grad"])
def test_parameter_refuses_arrays_of_another_shape(assign):
    parameter = nn.Parameter(np.zeros((2, 2), np.float32), "weight")
    with pytest.raises(ValueError, match=r"^weight(\.grad)?: expected shape \(2, 2\), got \(3,\)"):
        assign(parameter)
