"""`save` and `load`: state dicts as files of plain arrays, .npz or .safetensors. Never pickles.

A flat {name: array} becomes a file of those arrays alone, which any reader of the format opens. Where a state also
holds numbers, text, lists or dicts (an optimiser's, a checkpoint), its arrays are named by their place in it
("optimizer.states.0.exp_avg"), and a JSON text beside them says what stands where.
"""

import io
import json
import math
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from . import _check

__all__ = ["FileFormatError", "load", "save"]

STRUCTURE = "structure.json"  # the member of an .npz with the JSON text
METADATA = "fastnn"  # its key in a .safetensors file's metadata
ENDINGS = (".npz", ".safetensors")
SMALL = 2**28  # bytes that a compressed file may unpack to, however small it is
DTYPES = {np.dtype(f"<{code}") for code in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")}
SCALARS = (bool, int, float, str, type(None))


class FileFormatError(ValueError):
    """A file is not what its name says, is damaged, or holds what a state dict cannot."""


def save(state_dict: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a state dict to `path`, whose ending, .npz or .safetensors, says how.

    state_dict: str to arrays of numbers, as `model.state_dict()` returns it; or also to numbers, str, None, and dicts,
    lists and tuples of all these, as that of an optimiser. .safetensors needs the package safetensors
    (pip install fastnn-cpu[safetensors]). The file appears when it is complete: one that was there is replaced at once.

    Raises TypeError for anything else in state_dict, ValueError for another ending, ImportError where the package is
    missing, OSError where the file cannot be written.
    """
    path = os.fspath(path)
    write = _by_ending(path, _write_npz, _write_safetensors)
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"state_dict: expected a mapping of names to arrays, got {type(state_dict).__name__}")
    arrays: dict[str, np.ndarray] = {}
    tree = _encode(state_dict, "", arrays)
    flat = list(arrays) == list(state_dict)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=os.path.basename(path) + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file, arrays, None if flat else json.dumps(tree))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are for their owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> dict[str, Any]:
    """Read what `save`, `numpy.savez` or another writer of .npz or .safetensors files wrote at `path`.

    The arrays are new, C-contiguous and in native byte order. max_bytes: how large they may be together; without it as
    large as the file or, where that is compressed, 256 MiB if that is more.

    Raises `FileFormatError`, a ValueError that names the file and what is wrong with it, for a file that is damaged,
    cut short, too large or of another kind, without running anything that is in it; ValueError for another ending,
    OSError where it cannot be read, ImportError where the package safetensors is missing.
    """
    path = os.fspath(path)
    read = _by_ending(path, _read_npz, _read_safetensors)
    limit = max(os.path.getsize(path), SMALL) if max_bytes is None else _check.integer("max_bytes", max_bytes, 0, 2**63)
    with open(path, "rb") as file:
        try:
            arrays, text = read(file, limit)
            return arrays if text is None else _decoded(text, arrays)
        except FileFormatError as error:
            raise FileFormatError(f"{path}: {error}") from None
        except (MemoryError, ImportError):
            raise
        except Exception as error:  # the parsers below were written by others, and the bytes perhaps by an enemy
            raise FileFormatError(f"{path}: damaged or of another format ({str(error) or type(error).__name__})"
                                  ) from error


def _by_ending(path: str, npz: Callable[..., Any], safetensors: Callable[..., Any]) -> Callable[..., Any]:
    for ending, function in zip(ENDINGS, (npz, safetensors)):
        if path.endswith(ending):
            return function
    raise ValueError(f"path: expected a name that ends in {' or '.join(ENDINGS)}, got {path!r}")


def _umask() -> int:
    mask = os.umask(0o077)  # there is no other way to read it
    os.umask(mask)
    return mask


# -- nested states ------------------------------------------------------------------------------------------------


def _encode(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` for JSON: a dict, array or tuple becomes a dict of one key that says which; arrays are put aside."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"state_dict{_of(name)}: expected keys of type str, got {key!r}")
        return {"dict": {key: _encode(item, f"{name}.{key}" if name else key, arrays) for key, item in value.items()}}
    if isinstance(value, (list, tuple)):
        items = [_encode(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, SCALARS):
        return value
    if not (hasattr(value, "__array__") or hasattr(value, "__dlpack__")):
        raise TypeError(f"state_dict{_of(name)}: expected an array, a number, str, None or dicts, lists and tuples of "
                        f"them, got {type(value).__name__}")
    array = _check.any_array(name, value)
    if array.dtype.newbyteorder("<") not in DTYPES:
        raise TypeError(f"state_dict{_of(name)}: expected an array of bools, integers or float16 to float64, "
                        f"got dtype {array.dtype}")
    if name in arrays or not _is_name(name):
        raise ValueError(f"state_dict{_of(name)}: expected a name of its own, no path, got {name!r}")
    arrays[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    return {"array": name}


def _of(name: str) -> str:
    return f"[{name!r}]" if name else ""


def _is_name(name: str) -> bool:
    """Whether a name may be that of an array: nothing that a careless program would take for a path elsewhere."""
    return bool(re.fullmatch(r"[^\\\x00-\x1f\x7f]+", name)) and not re.search(r"(^|/)(\.\.?)?(/|$)", name)


def _decoded(text: str | bytes, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    used: set[str] = set()

    def decode(node: Any) -> Any:
        if isinstance(node, list):
            return [decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        ((kind, content),) = node.items()
        if kind == "dict":
            return {key: decode(item) for key, item in content.items()}
        if kind == "tuple":
            return tuple(decode(item) for item in content)
        if kind != "array" or content in used:
            raise FileFormatError(f"{STRUCTURE}: {kind} {content!r} is unknown or used twice")
        used.add(content)
        return arrays[content]

    tree = decode(json.loads(text))
    if not isinstance(tree, dict) or used != set(arrays):
        raise FileFormatError(f"{STRUCTURE} does not fit the arrays")
    return tree


# -- npz ----------------------------------------------------------------------------------------------------------


def _write_npz(file: BinaryIO, arrays: dict[str, np.ndarray], text: str | None) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        if text is not None:
            archive.writestr(zipfile.ZipInfo(STRUCTURE), text)
        for name, array in arrays.items():  # a ZipInfo is dated 1980: the same arrays make the same file
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read_npz(file: BinaryIO, limit: int) -> tuple[dict[str, np.ndarray], bytes | None]:
    if file.read(2) != b"PK":
        raise FileFormatError("not an .npz file: it is no zip archive")
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if len(members) < len(archive.infolist()):
            raise FileFormatError("two entries have one name")
        if (size := sum(info.file_size for info in members.values())) > limit:
            raise FileFormatError(f"its entries unpack to {size} bytes, which is more than {limit}")
        text = archive.read(STRUCTURE) if members.pop(STRUCTURE, None) else None
        arrays = {}
        for filename, info in members.items():
            name = filename.removesuffix(".npy")
            if name == filename or not _is_name(name):
                raise FileFormatError(f"entry {filename!r} is no array of a state dict")
            arrays[name] = _parse_npy(filename, archive.read(info))  # which compares its checksum
        return arrays, text


def _parse_npy(filename: str, content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise FileFormatError(f"entry {filename!r} is of version {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(stream)
    if dtype.newbyteorder("<") not in DTYPES:
        raise FileFormatError(f"entry {filename!r} has dtype {dtype}, not bools, integers or float16 to float64")
    array = _array(filename, content[stream.tell():], dtype, shape[::-1] if fortran_order else shape)
    return np.ascontiguousarray(array.T) if fortran_order and array.ndim else array


def _array(name: str, data: bytes | bytearray, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """A new array over a copy of `data`, which must be as long as the shape says."""
    if any(extent < 0 for extent in shape) or math.prod(shape) * dtype.itemsize != len(data):
        raise FileFormatError(f"entry {name!r} has {len(data)} bytes, which are not shape {shape} of {dtype}")
    if dtype.kind == "b" and data.strip(b"\0\1"):
        raise FileFormatError(f"entry {name!r} of bools holds other bytes than 0 and 1")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(shape)


# -- safetensors --------------------------------------------------------------------------------------------------


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError("files that end in .safetensors need the package safetensors: "
                          "pip install fastnn-cpu[safetensors]") from None
    return safetensors.numpy


def _write_safetensors(file: BinaryIO, arrays: dict[str, np.ndarray], text: str | None) -> None:
    file.write(_safetensors().save(arrays, None if text is None else {METADATA: text}))


def _read_safetensors(file: BinaryIO, limit: int) -> tuple[dict[str, np.ndarray], str | None]:
    package = _safetensors()
    if (size := os.fstat(file.fileno()).st_size) > limit:
        raise FileFormatError(f"it has {size} bytes, which is more than {limit}")
    content = file.read()
    try:
        found = package.load(content)
    except KeyError as dtype:
        raise FileFormatError(f"it holds arrays of dtype {dtype}, which NumPy does not have") from None
    for name, array in found.items():
        if array.dtype not in DTYPES or not _is_name(name):
            raise FileFormatError(f"entry {name!r} of dtype {array.dtype} is no array of a state dict")
    header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
    text = header.get("__metadata__", {}).get(METADATA)
    return {name: _array(name, array.tobytes(), array.dtype, array.shape) for name, array in found.items()}, text
