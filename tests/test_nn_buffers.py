"""Buffers: arrays of a layer that are state but not trained."""

import copy
import pickle

import numpy as np
import pytest

from fastnn import nn


class Counting(nn.Module):
    """A layer with a buffer of each kind, and a sublayer with one."""

    def __init__(self, depth=1):
        self.scale = nn.Parameter(np.ones(2, np.float32))
        self.register_buffer("mean", np.zeros(2, np.float32))
        self.register_buffer("count", np.array(0))
        self.register_buffer("table", np.arange(3.0), persistent=False)
        self.register_buffer("absent", None)
        self.inner = Counting(depth - 1) if depth else nn.ReLU()


def test_buffers_read_as_arrays_and_are_not_trained():
    layer = Counting()
    assert isinstance(layer.mean, np.ndarray) and layer.count.shape == () and layer.absent is None
    assert [name for name, _ in layer.named_parameters()] == ["scale", "inner.scale"]
    assert [name for name, _ in layer.named_buffers()] == [
        "mean", "count", "table", "inner.mean", "inner.count", "inner.table"]


def test_state_dict_holds_persistent_buffers_after_the_parameters():
    layer = Counting()
    state = layer.state_dict()
    assert list(state) == ["scale", "mean", "count", "inner.scale", "inner.mean", "inner.count"]
    state["mean"][:] = 9
    assert not layer.mean.any()


def test_assignment_copies_into_the_buffer():
    layer = Counting()
    mean = layer.mean
    layer.mean = np.full(2, 3, np.float32)
    layer.mean += 1
    layer.count = 7
    assert layer.mean is mean and (mean == 4).all() and layer.count == 7
    with pytest.raises(ValueError, match=r"^mean: expected shape \(2,\), got \(3,\)"):
        layer.mean = np.zeros(3, np.float32)
    with pytest.raises(TypeError, match=r"^mean: expected dtype float32, got float64"):
        layer.mean = np.zeros(2)
    with pytest.raises(TypeError, match=r"^count: expected dtype int64, got float64"):
        layer.count = np.zeros(())


def test_buffer_does_not_alias_the_array_it_was_made_from():
    layer, values = nn.ReLU(), np.zeros(3)
    layer.register_buffer("values", values)
    values[0] = 7
    assert not layer.values.any()


def test_buffer_can_be_taken_away_and_given_back():
    layer = Counting(0)
    layer.mean = None
    assert "mean" not in layer.state_dict()
    layer.mean = np.ones(5, np.float32)
    assert layer.state_dict()["mean"].shape == (5,)
    layer.table = None
    layer.table = np.ones(2)
    assert "table" not in layer.state_dict()
    del layer.mean
    assert not hasattr(layer, "mean") and "mean" not in layer.state_dict()


@pytest.mark.parametrize("value", ["text", [[1], [2, 3]], object()], ids=["text", "ragged", "object"])
def test_buffer_that_is_no_array_of_numbers_is_refused(value):
    with pytest.raises((TypeError, ValueError), match=r"^mean: expected an array"):
        nn.ReLU().register_buffer("mean", value)


def test_load_state_dict_copies_into_buffers():
    layer, other = Counting(), Counting()
    other.mean, other.inner.count = np.array([1, 2], np.float32), 5
    mean = layer.mean
    layer.load_state_dict(other.state_dict())
    assert layer.mean is mean and mean.tolist() == [1, 2] and layer.inner.count == 5


@pytest.mark.parametrize("change, error, message", [
    (lambda s: s.pop("inner.count"), ValueError, "state_dict: missing inner.count"),
    (lambda s: s.update(table=np.zeros(3)), ValueError, "state_dict: unknown table"),
    (lambda s: s.update({"mean": np.zeros(3, np.float32)}), ValueError, r"state_dict\['mean'\]: expected shape \(2,\)"),
    (lambda s: s.update({"count": np.zeros(())}), TypeError, r"state_dict\['count'\]: expected dtype int64, got"),
], ids=["missing", "not-persistent", "shape", "dtype"])
def test_load_state_dict_refuses_buffers_that_do_not_fit(change, error, message):
    layer, state = Counting(), Counting().state_dict()
    state["scale"] += 1
    change(state)
    with pytest.raises(error, match=f"^{message}"):
        layer.load_state_dict(state)
    assert (layer.scale == 1).all()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))],
                         ids=["deepcopy", "pickle"])
def test_copies_have_buffers_of_their_own(duplicate):
    layer = Counting()
    other = duplicate(layer)
    other.mean += 1
    assert not layer.mean.any() and (other.state_dict()["mean"] == 1).all()
    assert list(other.state_dict()) == list(layer.state_dict())
