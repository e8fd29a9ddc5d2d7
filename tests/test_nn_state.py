"""Copies, pickles and state dicts of layers."""

import copy
import io
import pickle

import numpy as np
import pytest
from small_net import images, net, train_once

from fastnn import nn, optim


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
