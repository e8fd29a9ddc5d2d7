"""Files of state dicts: what goes in comes out, and a wrong call is explained. Bad files: test_load_hostile.py."""

import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from saved_states import ENDINGS, NESTED, SMALL, assert_same

import fastnn
from fastnn import nn, optim


@pytest.fixture(params=ENDINGS)
def path(request, tmp_path):
    return tmp_path / f"state.{request.param}"


DTYPES = [np.float64, np.float32, np.float16, np.int64, np.int32, np.int8, np.uint64, np.uint8, np.bool_]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="/\\."), min_size=1)
LEAVES = ARRAYS | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")) | st.none() | st.booleans()
TREES = st.dictionaries(NAMES, st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8), max_size=4)


@settings(max_examples=60, deadline=None)
@given(tree=TREES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_any_state_comes_back_as_it_was(tmp_path_factory, ending, tree):
    path = tmp_path_factory.getbasetemp() / f"any.{ending}"
    fastnn.save(tree, path)
    assert_same(fastnn.load(path), tree if ending == "npz" else in_file_order(tree))


def in_file_order(tree):
    """A flat dict of arrays comes back from safetensors in the order in which that lays them out."""
    if tree and all(isinstance(value, np.ndarray) for value in tree.values()):
        return {name: tree[name] for name in safetensors.numpy.load(safetensors.numpy.save(tree))}
    return tree


def test_flat_state_is_a_plain_file_of_its_format(path):
    state = nn.Linear(3, 2, rng=0).state_dict()
    fastnn.save(state, path)
    if path.suffix == ".npz":
        with np.load(path) as archive:
            other = dict(archive)
    else:
        other = safetensors.numpy.load_file(path)
    assert other.keys() == state.keys() and all((other[name] == state[name]).all() for name in state)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed], ids=["savez", "savez_compressed"])
def test_files_of_numpy_are_read(tmp_path, write):
    arrays = {"a": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "b": np.arange(3, dtype=">i4"), "c": np.array(True)}
    write(tmp_path / "file.npz", **arrays)
    found = fastnn.load(tmp_path / "file.npz")
    assert_same(found, {name: np.ascontiguousarray(a, a.dtype.newbyteorder("=")).reshape(a.shape)
                        for name, a in arrays.items()})


def test_same_state_makes_the_same_bytes(path):
    fastnn.save(NESTED, path)
    before = path.read_bytes()
    fastnn.save(NESTED, str(path))
    assert path.read_bytes() == before


def test_model_and_optimizer_go_on_from_files_bit_for_bit(path):
    x = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)

    def train(net, optimizer, steps):
        for _ in range(steps):
            y, backprop = net.forward(x)
            backprop(y)
            optimizer.step()
            optimizer.zero_grad()
        return net.weight.copy()

    def fresh(seed):
        net = nn.Linear(3, 2, rng=seed)
        return net, optim.Adam(net.parameters(), lr=0.1)

    net, optimizer = fresh(0)
    train(net, optimizer, 3)
    fastnn.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
    wanted = train(net, optimizer, 3)
    net, optimizer = fresh(1)
    state = fastnn.load(path)
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    assert isinstance(optimizer.betas, tuple)
    np.testing.assert_array_equal(train(net, optimizer, 3), wanted)


def test_save_replaces_a_file_at_once_or_not_at_all(path, monkeypatch):
    fastnn.save(SMALL, path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        fastnn.save(NESTED, path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_saved_file_has_the_permissions_of_any_new_file(path):
    fastnn.save(SMALL, path)
    (path.parent / "other").touch()
    assert path.stat().st_mode == (path.parent / "other").stat().st_mode


ERRORS = {
    "save-ending": (lambda folder: fastnn.save(SMALL, folder / "x.pkl"), ValueError, "path: expected a name that ends"),
    "load-ending": (lambda folder: fastnn.load(folder / "x.pt"), ValueError, "path: expected a name that ends in .npz"),
    "save-list": (lambda folder: fastnn.save([1], folder / "x.npz"), TypeError, "state_dict: expected a mapping"),
    "save-object": (lambda folder: fastnn.save({"a": {"b": object()}}, folder / "x.npz"), TypeError,
                    r"state_dict\['a.b'\]: expected an array, a number, str"),
    "save-key": (lambda folder: fastnn.save({"a": {1: 2}}, folder / "x.npz"), TypeError,
                 r"state_dict\['a'\]: expected keys of type str, got 1"),
    "save-dtype": (lambda folder: fastnn.save({"a": np.zeros(1, complex)}, folder / "x.npz"), TypeError,
                   r"state_dict\['a'\]: expected an array of bools, .*got dtype complex128"),
    "save-objects": (lambda folder: fastnn.save({"a": np.array([None])}, folder / "x.npz"), TypeError,
                     r"state_dict\['a'\]: expected an array of bools, .*got dtype object"),
    "save-path": (lambda folder: fastnn.save({"../a": np.zeros(1)}, folder / "x.npz"), ValueError,
                  r"state_dict\['../a'\]: expected a name of its own, no path"),
    "save-clash": (lambda folder: fastnn.save({"a.b": np.zeros(1), "a": {"b": np.zeros(1)}}, folder / "x.npz"),
                   ValueError, r"state_dict\['a.b'\]: expected a name of its own"),
    "save-folder": (lambda folder: fastnn.save(SMALL, folder / "no" / "x.npz"), FileNotFoundError, ".*no"),
    "load-missing": (lambda folder: fastnn.load(folder / "x.npz"), FileNotFoundError, ".*x.npz"),
}


@pytest.mark.parametrize("call, error, message", ERRORS.values(), ids=ERRORS)
def test_wrong_call_is_explained_and_leaves_no_file(tmp_path, call, error, message):
    with pytest.raises(error, match=message):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    (tmp_path / "x.safetensors").write_bytes(b"")
    for call in (lambda path: fastnn.save(SMALL, path), fastnn.load):
        with pytest.raises(ImportError, match=r"need the package safetensors: pip install fastnn-cpu\[safetensors\]"):
            call(tmp_path / "x.safetensors")


def test_import_of_fastnn_leaves_files_and_training_for_later():
    code = ("import sys, fastnn; print([name for name in ('zipfile', 'json', 'fastnn.serialization', 'fastnn.training')"
            " if name in sys.modules]); assert callable(fastnn.load) and 'load' in dir(fastnn)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
