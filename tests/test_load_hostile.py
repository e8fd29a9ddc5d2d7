"""Damaged and hostile files of state dicts: none does more than raise, in a sentence that names it."""

import io
import json
import os
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saved_states import ENDINGS, NESTED, SMALL, assert_same

import fastnn
from fastnn.serialization import FileFormatError


@pytest.fixture(params=ENDINGS)
def path(request, tmp_path):
    return tmp_path / f"state.{request.param}"


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
    assert_refused(tmp_path / "file.npz", content(), re.escape(message))


def assert_refused(path, content, pattern):
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=f"^{re.escape(str(path))}: .*({pattern})"):
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
    assert_refused(tmp_path / "file.safetensors", content(), message)


def test_max_bytes_is_the_limit_for_small_and_large(path):
    fastnn.save(SMALL, path)
    with pytest.raises(FileFormatError, match="more than 20"):
        fastnn.load(path, max_bytes=20)
    with pytest.raises(ValueError, match=r"^max_bytes: expected an integer in"):
        fastnn.load(path, max_bytes=-1)
    assert fastnn.load(path, max_bytes=path.stat().st_size).keys() == SMALL.keys()
