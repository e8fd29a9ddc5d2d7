"""Files of state dicts: what goes in comes out; and no file, however damaged or hostile, does more than raise."""

import io
import json
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastnn
from fastnn import nn, optim
from fastnn.serialization import FileFormatError

ENDINGS = ["npz", "safetensors"]
SMALL = {"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3)}
NESTED = {"model": SMALL, "epoch": 3, "lr": 0.1, "betas": (0.9, 0.99), "names": ["a", None, True, "ü"], "empty": {}}


@pytest.fixture(params=ENDINGS)
def path(request, tmp_path):
    return tmp_path / f"state.{request.param}"


def assert_same(found, wanted):
    assert type(found) is type(wanted)
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key in wanted:
            assert_same(found[key], wanted[key])
    elif isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted)
        for pair in zip(found, wanted):
            assert_same(*pair)
    elif isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype and found.shape == wanted.shape and found.tobytes() == wanted.tobytes()
        assert found.flags.c_contiguous and found.flags.writeable
    else:
        assert found == wanted or (found != found and wanted != wanted)


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


# -- damaged and hostile files ------------------------------------------------------------------------------------


def loads_or_explains(path, content):
    """What a file of these bytes holds, or None where `load` refuses it in a sentence that names it."""
    path.write_bytes(content)
    try:
        return fastnn.load(path)
    except FileFormatError as error:
        assert str(error).startswith(f"{path}: ") and len(str(error)) > len(f"{path}: ")
        return None


@pytest.mark.parametrize("state", [SMALL, NESTED], ids=["flat", "nested"])
def test_file_cut_at_any_byte_is_refused(path, state):
    fastnn.save(state, path)
    content = path.read_bytes()
    assert [n for n in range(len(content)) if loads_or_explains(path, content[:n]) is not None] == []


@pytest.mark.parametrize("state", [SMALL, NESTED], ids=["flat", "nested"])
def test_file_with_any_bit_flipped_loads_valid_arrays_or_is_refused(path, state):
    fastnn.save(state, path)
    content = path.read_bytes()
    for i in range(len(content)):
        for bit in range(8):
            found = loads_or_explains(path, content[:i] + bytes([content[i] ^ 1 << bit]) + content[i + 1:])
            if found is not None and path.suffix == ".npz":  # which has checksums: what loads is what was saved
                assert_same(found, state)
            elif found is not None and state is SMALL:
                (array,) = found.values()
                assert isinstance(array, np.ndarray) and array.nbytes == 24


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), head=st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\20" + b"\0" * 7 + b"{"]))
@pytest.mark.parametrize("ending", ENDINGS)
def test_noise_is_refused(tmp_path_factory, ending, content, head):
    assert loads_or_explains(tmp_path_factory.getbasetemp() / f"noise.{ending}", head + content) is None


def npz(**members):
    """A zip archive of these members, {name: bytes}."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def npy(array, allow_pickle=False):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def header(text, data=b"", version=b"\1\0"):
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version == b"\1\0" else 4, "little") + text.encode() + data


def described(descr="'<f4'", shape="(2,)", data=b"\0" * 8, **more):
    return npz(**{"a.npy": header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n", data, **more)})


class Trap:
    def __reduce__(self):
        return os.abort, ()


def two_of_one_name():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("a.npy", npy(np.zeros(1)))
        archive.writestr("a.npy", npy(np.ones(1)))
    return stream.getvalue()


def nested_json(depth):
    return "[" * depth + "]" * depth


HOSTILE_NPZ = {
    "empty": (lambda: b"", "it is no zip archive"),
    "text": (lambda: b"weights\n" * 20, "it is no zip archive"),
    "npy": (lambda: npy(np.zeros(3)), "it is no zip archive"),
    "pickle": (lambda: npz(**{"a.npy": npy(np.array([Trap()]), allow_pickle=True)}), "dtype object"),
    "pickle-bare": (lambda: npz(**{"a.npy": b"\x80\x04cos\nabort\n(tR."}), "magic string"),
    "bomb": (lambda: npz(**{"a.npy": npy(np.zeros(2**25 + 1))}), "more than 268435456"),
    "shape-huge": (lambda: described(shape=f"({2**62}, 4)"), "are not shape"),
    "shape-overflow": (lambda: described(shape=f"({2**63}, 2)"), "are not shape"),
    "shape-negative": (lambda: described(shape="(-1, -2)"), "are not shape"),
    "shape-text": (lambda: described(shape="'abc'"), "shape is not valid"),
    "shape-short": (lambda: described(shape="(1,)"), "are not shape"),
    "ranks": (lambda: described(shape=str((1,) * 70 + (2,))), "dimension"),
    "dtype-object": (lambda: described("'|O'"), "dtype object"),
    "dtype-complex": (lambda: described("'<c8'", shape="(1,)"), "dtype complex64"),
    "dtype-text": (lambda: described("'<U2'", shape="(1,)"), "dtype <U2"),
    "dtype-record": (lambda: described("[('x', '<f4'), ('y', '|O')]"), "dtype"),
    "dtype-long_double": (lambda: described("'<f16'", shape="(1,)", data=b"\0" * 16), "dtype"),
    "dtype-none": (lambda: described("'nonsense'"), "damaged"),
    "bool": (lambda: described("'|b1'", shape="(8,)", data=b"\2" * 8), "holds other bytes than 0 and 1"),
    "header-code": (lambda: described(shape="__import__('os').abort()"), "malformed node"),
    "header-deep": (lambda: described(shape="(" * 4000 + ")" * 4000), "damaged"),
    "version": (lambda: described(version=b"\3\0"), "version"),
    "path-up": (lambda: npz(**{"../../a.npy": npy(np.zeros(1))}), "no array of a state dict"),
    "path-absolute": (lambda: npz(**{"/tmp/a.npy": npy(np.zeros(1))}), "no array of a state dict"),
    "path-windows": (lambda: npz(**{"..\\a.npy": npy(np.zeros(1))}), "no array of a state dict"),
    "other-member": (lambda: npz(**{"a.txt": b"hello"}), "no array of a state dict"),
    "duplicate": (two_of_one_name, "two entries have one name"),
    "json-broken": (lambda: npz(**{"structure.json": b"{"}), "damaged"),
    "json-array": (lambda: npz(**{"structure.json": b'{"dict": {"x": {"array": "a"}}}'}), "damaged"),
    "json-list": (lambda: npz(**{"structure.json": b"[]"}), "does not fit"),
    "json-unused": (lambda: npz(**{"structure.json": b'{"dict": {}}', "a.npy": npy(np.zeros(1))}), "does not fit"),
    "json-kind": (lambda: npz(**{"structure.json": b'{"dict": {"x": {"call": "abort"}}}'}), "unknown"),
    "json-twice": (lambda: npz(**{"structure.json": b'{"dict": {"x": {"array": "a"}, "y": {"array": "a"}}}',
                                  "a.npy": npy(np.zeros(1))}), "used twice"),
    "json-deep": (lambda: npz(**{"structure.json": nested_json(100_000)}), "recursion"),
}  # fmt: skip


@pytest.mark.parametrize("content, message", HOSTILE_NPZ.values(), ids=HOSTILE_NPZ)
def test_hostile_npz_is_refused_in_a_sentence(tmp_path, content, message):
    path = tmp_path / "file.npz"
    path.write_bytes(content())
    with pytest.raises(FileFormatError, match=f"^{re.escape(str(path))}: .*{re.escape(message)}"):
        fastnn.load(path)


def tensors(header, data=b"\0" * 8, length=None):
    text = json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HOSTILE_SAFETENSORS = {
    "empty": (lambda: b"", "damaged"),
    "text": (lambda: b"weights\n" * 20, "damaged"),
    "header-long": (lambda: tensors({"a": entry()}, length=2**62), "damaged"),
    "header-list": (lambda: tensors([1, 2]), "damaged"),
    "shape": (lambda: tensors({"a": entry(shape=(2**62, 4))}), "damaged"),
    "shape-negative": (lambda: tensors({"a": entry(shape=(-1, -2))}), "damaged"),
    "offsets-outside": (lambda: tensors({"a": entry(shape=(2**20,), offsets=(0, 2**22))}), "damaged"),
    "offsets-overlap": (lambda: tensors({"a": entry(), "b": entry()}), "damaged"),
    "dtype-bfloat16": (lambda: tensors({"a": entry("BF16", (4,))}), "dtype 'BF16', which NumPy does not have"),
    "dtype-complex": (lambda: tensors({"a": entry("C64", (1,))}), "C64|complex64"),
    "bool": (lambda: tensors({"a": entry("BOOL", (8,))}, b"\2" * 8), "holds other bytes than 0 and 1"),
    "path": (lambda: tensors({"../a": entry()}), "no array of a state dict"),
    "structure": (lambda: tensors({"__metadata__": {"fastnn": "{"}, "a": entry()}), "damaged"),
    "structure-unused": (lambda: tensors({"__metadata__": {"fastnn": '{"dict": {}}'}, "a": entry()}), "does not fit"),
    "more_data": (lambda: tensors({"a": entry()}, b"\0" * 99), "damaged"),
}


@pytest.mark.parametrize("content, message", HOSTILE_SAFETENSORS.values(), ids=HOSTILE_SAFETENSORS)
def test_hostile_safetensors_is_refused_in_a_sentence(tmp_path, content, message):
    path = tmp_path / "file.safetensors"
    path.write_bytes(content())
    with pytest.raises(FileFormatError, match=f"^{re.escape(str(path))}: .*({message})"):
        fastnn.load(path)


def test_max_bytes_is_the_limit_for_small_and_large(path):
    fastnn.save(SMALL, path)
    with pytest.raises(FileFormatError, match="more than 20"):
        fastnn.load(path, max_bytes=20)
    with pytest.raises(ValueError, match=r"^max_bytes: expected an integer in"):
        fastnn.load(path, max_bytes=-1)
    assert fastnn.load(path, max_bytes=path.stat().st_size).keys() == SMALL.keys()


# -- wrong calls --------------------------------------------------------------------------------------------------

ERRORS = {
    "save-ending": (lambda folder: fastnn.save(SMALL, folder / "x.pkl"), ValueError, "path: expected a name that ends"),
    "load-ending": (lambda folder: fastnn.load(folder / "x.pt"), ValueError, "path: expected a name that ends in .npz"),
    "save-list": (lambda folder: fastnn.save([1], folder / "x.npz"), TypeError, "state_dict: expected a mapping"),
    "save-object": (lambda folder: fastnn.save({"a": {"b": Trap()}}, folder / "x.npz"), TypeError,
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
