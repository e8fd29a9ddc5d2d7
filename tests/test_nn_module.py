"""Parameters, state dicts, composition, pickling and threads: what every layer gets from nn.Module."""

import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

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


def net(rng=0, dtype=np.float32):
    rng = np.random.default_rng(rng)
    return nn.Sequential(nn.Conv2d(1, 2, 3, dtype=dtype, rng=rng), nn.Tanh(), nn.Flatten(),
                         nn.Linear(18, 4, dtype=dtype, rng=rng), nn.Dropout(0.5, rng=rng))


def images(dtype=np.float32, n=6):
    return np.random.default_rng(9).standard_normal((n, 1, 5, 5)).astype(dtype)


def train_once(model, x):
    y, backprop = model.forward(x)
    backprop(np.ones_like(y))


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


@pytest.mark.parametrize("trained", [False, True], ids=["fresh", "trained"])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
                         ids=["deepcopy", "pickle"])
def test_copies_are_equal_and_independent(duplicate, trained):
    model, x = net(), images()
    if trained:
        train_once(model, x)
    other = duplicate(model)
    assert other[0].weight is other[0].get_parameter("weight").data is not model[0].weight
    np.testing.assert_array_equal(other(x), model(x))  # dropout's generator went along
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None) == (not trained)
        if trained:
            np.testing.assert_array_equal(p.grad, q.grad)
    before = model[0].weight.copy()
    train_once(other, x)
    optim.SGD(other.parameters(), lr=1).step()
    assert not np.array_equal(other[0].weight, before)
    np.testing.assert_array_equal(model[0].weight, before)


def test_pickle_keeps_layer_and_parameter_together_without_memo():
    """Picklers that write each array on its own (joblib's does) must not tear the layer from its parameters."""
    class NoArrayMemo(pickle.Pickler):
        def persistent_id(self, obj):
            return ("array", obj.tolist(), obj.dtype.str) if isinstance(obj, np.ndarray) else None

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, pid):
            return np.array(pid[1], pid[2])

    file, layer = io.BytesIO(), nn.Linear(2, 3, rng=0)
    NoArrayMemo(file).dump(layer)
    file.seek(0)
    restored = Unpickler(file).load()
    assert restored.weight is restored.get_parameter("weight").data
    np.testing.assert_array_equal(restored.weight, layer.weight)


def test_copy_of_net_and_optimizer_together_keeps_them_together():
    model = net()
    model, optimizer = pickle.loads(pickle.dumps((model, optim.Adam(model.parameters(), lr=0.1))))
    before = model[3].weight.copy()
    train_once(model, images())
    optimizer.step()
    assert not np.array_equal(model[3].weight, before)


def test_state_dict_has_torch_names_and_copies():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.LSTM(3, 4, 2, bidirectional=True, rng=0))
    state = model.state_dict()
    ends = [f"{what}_l{layer}{end}" for layer in (0, 1) for end in ("", "_reverse")
            for what in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    assert list(state) == ["0.weight", "0.bias", *(f"2.{end}" for end in ends)]
    assert state["2.weight_ih_l1_reverse"].shape == (16, 8)
    state["0.weight"][:] = 0
    assert np.all(model[0].weight != 0)


def test_state_dict_round_trips_through_npz(tmp_path):
    model, other, x = net(0).eval(), net(1).eval(), images()
    np.savez(tmp_path / "weights.npz", **model.state_dict())
    array = other[0].weight
    with np.load(tmp_path / "weights.npz") as state:
        other.load_state_dict(state)
    assert other[0].weight is array
    np.testing.assert_array_equal(other(x), model(x))


BAD_STATES = {
    "missing": (lambda s: s.pop("3.bias"), ValueError, "state_dict: missing 3.bias"),
    "unknown": (lambda s: s.update(extra=s["3.bias"]), ValueError, "state_dict: unknown extra"),
    "both": (lambda s: s.update(extra=s.pop("3.bias")), ValueError, "state_dict: missing 3.bias; unknown extra"),
    "shape": (lambda s: s.update({"3.bias": s["3.bias"][:2]}), ValueError,
              r"state_dict\['3.bias'\]: expected shape \(4,\), got \(2,\)"),
    "dtype": (lambda s: s.update({"3.bias": s["3.bias"].astype(np.float64)}), TypeError,
              r"state_dict\['3.bias'\]: expected dtype float32, got float64"),
    "kind": (lambda s: s.update({"3.bias": "zeros"}), TypeError, r"state_dict\['3.bias'\]: expected a NumPy array"),
}


@pytest.mark.parametrize("change, error, message", BAD_STATES.values(), ids=BAD_STATES)
def test_load_state_dict_refuses_what_does_not_fit_and_changes_nothing(change, error, message):
    model = net(0)
    before, state = model.state_dict(), net(1).state_dict()
    change(state)
    with pytest.raises(error, match=f"^{message}"):
        model.load_state_dict(state)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_load_state_dict_refuses_what_is_no_mapping():
    with pytest.raises(TypeError, match="state_dict: expected a mapping of names to arrays, got list"):
        net().load_state_dict([])


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
