"""Every argument error of the library is raised here, before anything is written.

Each message names the argument, what came, and what was wanted. What leaves this module is safe to hand to a
backend: C-contiguous, aligned, native-endian float32 or float64 arrays and plain Python integers in range.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from . import _memory
from ._typing import Array, Context, Shape
from .native._arrays import is_like, takes
from .native._arrays import ready as ready
from .native._arrays import signature as signature

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
MAX_INT = 2**31 - 1  # every stride, padding and kernel extent fits a C int
KNOWN_CALLS = 1024

Plan = TypeVar("Plan")


def remember(known: dict[bytes, Plan], key: bytes | None, plan: Plan) -> Plan:
    """Keep in `known`, for the next call of this `signature`, what this one's arguments led to. Returns the plan."""
    if key is not None:
        if len(known) >= KNOWN_CALLS:
            known.clear()
        known[key] = plan
    return plan


def array(name: str, value: Any, ndim: int | tuple[int, ...] | None = None) -> Array:
    """Return `value` as a C-contiguous, aligned float32/float64 array (copied only if it is not one already).

    ndim: an int or a tuple of ints that the rank must be one of; None accepts any rank.
    """
    if value is not None and ready(value):
        if ndim is not None and value.ndim != ndim:
            _check_rank(name, value, ndim)
        return value
    if type(value) is not np.ndarray:
        value = _as_ndarray(name, value)
    dtype = value.dtype
    if dtype is not F32 and dtype is not F64:
        value = _native_float(name, value)
    if ndim is not None and value.ndim != ndim:
        _check_rank(name, value, ndim)
    flags = value.flags
    if flags.c_contiguous and flags.aligned:
        return value
    return np.array(value, order="C", copy=True)


def optional(name: str, value: Any, ndim: int | tuple[int, ...] | None = None) -> Array | None:
    """`array`, but None stays None."""
    return None if value is None else array(name, value, ndim)


def _as_ndarray(name: str, value: Any) -> Array:
    if isinstance(value, np.ndarray):  # a subclass: its data, without its behaviour
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"{name}: masked arrays are not supported; call .filled() first")
        return value.view(np.ndarray)
    if hasattr(value, "__array__"):
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    raise TypeError(f"{name}: expected a NumPy array (or an object with __array__ or __dlpack__), "
                    f"got {type(value).__name__}")


def _native_float(name: str, value: Array) -> Array:
    if value.dtype == F32:
        return value.view(F32) if value.dtype.isnative else value.astype(F32)
    if value.dtype == F64:
        return value.view(F64) if value.dtype.isnative else value.astype(F64)
    if value.dtype.newbyteorder("=") in (F32, F64):
        return value.astype(value.dtype.newbyteorder("="))
    raise TypeError(f"{name}: expected dtype float32 or float64, got {value.dtype}")


def _check_rank(name: str, value: Array, ndim: int | tuple[int, ...]) -> None:
    wanted = ndim if isinstance(ndim, tuple) else (ndim,)
    if value.ndim not in wanted:
        ranks = " or ".join(str(n) for n in wanted)
        raise ValueError(f"{name}: expected {ranks} dimensions, got shape {value.shape}")


def any_array(name: str, value: Any) -> Array:
    """Return `value`, an array or a nested sequence of numbers, as an ndarray of whatever dtype it has."""
    if hasattr(value, "__array__") or hasattr(value, "__dlpack__"):
        return _as_ndarray(name, value)
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: expected an array, got {value!r}") from None


def same_dtype(**arrays: Array | None) -> None:
    """All arrays given (None is skipped) must share one dtype; nothing is cast silently."""
    first_name, first = None, None
    for name, value in arrays.items():
        if value is None:
            continue
        if first is None:
            first_name, first = name, value.dtype
        elif value.dtype is not first and value.dtype != first:
            raise TypeError(f"{name}: expected dtype {first} as {first_name} has, got {value.dtype}")


def shape(name: str, value: Array | np.generic | None, wanted: Shape) -> None:
    """The shape must equal `wanted`."""
    if value is not None and value.shape != wanted:
        raise ValueError(f"{name}: expected shape {tuple(wanted)}, got {value.shape}")


def like(name: str, value: Any, present: Array) -> Array:
    """Return `value` as an array of the dtype and shape of `present`, which it shall be copied into."""
    value = array(name, value) if present.dtype in (F32, F64) else any_array(name, value)
    if value.dtype != present.dtype:
        raise TypeError(f"{name}: expected dtype {present.dtype}, got {value.dtype}")
    shape(name, value, present.shape)
    return value


def gradient(name: str, value: Any, wanted: Shape, x: Array) -> Array:
    """Return `value` as an array of the shape `wanted` and of the dtype of x, which has been checked."""
    if is_like(value, wanted, x):
        return value
    value = array(name, value)
    same_dtype(**{"x": x, name: value})
    shape(name, value, wanted)
    return value


def integer(name: str, value: Any, minimum: int, maximum: int = MAX_INT) -> int:
    """Return `value` as an int within [minimum, maximum]; bools and floats are refused."""
    if type(value) is not int:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name}: expected an integer, got {value!r}")
        try:
            value = operator.index(value)
        except TypeError:
            raise TypeError(f"{name}: expected an integer, got {value!r}") from None
    if not minimum <= value <= maximum:
        raise ValueError(f"{name}: expected an integer in [{minimum}, {maximum}], got {value}")
    return value


def pair(name: str, value: Any, minimum: int) -> tuple[int, int]:
    """Return (height, width) from one integer or a sequence of two."""
    if type(value) is int:
        return (integer(name, value, minimum),) * 2
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{name}: expected an integer or a pair (height, width), got {value!r}")
        return integer(name, value[0], minimum), integer(name, value[1], minimum)
    return (integer(name, value, minimum),) * 2


def single(name: str, value: Any, minimum: int) -> int:
    """Return an integer from one, or from a sequence of one."""
    if isinstance(value, (tuple, list)):
        if len(value) != 1:
            raise ValueError(f"{name}: expected an integer or a sequence of one, got {value!r}")
        value = value[0]
    return integer(name, value, minimum)


def number(name: str, value: Any, minimum: float | None = None, maximum: float | None = None) -> float:
    """Return `value` as a float within [minimum, maximum]; NaN is refused."""
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
    low = -float("inf") if minimum is None else minimum
    high = float("inf") if maximum is None else maximum
    if not low <= value <= high:
        raise ValueError(f"{name}: expected a number in [{low}, {high}], got {value}")
    return value


def choice(name: str, value: Any, options: tuple[str, ...]) -> Any:
    """`value` must be one of the strings in `options`."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def activation(value: Any) -> Any:
    """`value` must be None, or the name of an activation that convolution and linear can end with."""
    if value is not None and (not isinstance(value, str) or value != "relu"):
        raise ValueError(f"activation: expected None or 'relu', got {value!r}")
    return value


def flag(name: str, value: Any) -> bool:
    """Return `value` as a bool; anything but a bool is refused."""
    if value is True or value is False:
        return value
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def generator(name: str, value: Any) -> np.random.Generator:
    """A NumPy Generator from a Generator (itself), a seed, or None (a new one, differently seeded each time)."""
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a numpy.random.Generator, a non-negative integer seed or None, "
                        f"got {value!r}") from None


def need(value: Any, count: int) -> Sequence[bool]:
    """The `need=` argument of backward functions: None for all, else `count` bools."""
    if value is None:
        return (True,) * count
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"need: expected a tuple of {count} bools, one for each gradient, got {value!r}")
    if len(value) != count or not all(isinstance(v, (bool, np.bool_)) for v in value):
        raise ValueError(f"need: expected {count} bools, one for each gradient, got {value!r}")
    return value


def context(value: Any, wanted: type[Context]) -> Context:
    """The ctx= of a backward function must be of the class `wanted`, which its forward function returns."""
    if type(value) is not wanted:
        raise TypeError(f"ctx: expected a {wanted.__name__}, as the forward function returns, "
                        f"got {type(value).__name__}")
    return value


def output(out: Array | None, shape: Shape, dtype: np.dtype[Any], **inputs: Array | None) -> Array:
    """Return the array to write a result into: `out` if it fits, else a new one.

    An `out` that overlaps an input is refused: the backends read their inputs while they write.
    """
    if out is None:
        return _memory.empty(shape, dtype)
    if takes(out, shape, dtype, *inputs.values()):
        return out
    writeable("out", out, shape, dtype)
    for name, value in inputs.items():
        if value is not None and np.may_share_memory(out, value):
            raise ValueError(f"out: must not overlap {name}")
    return out


def writeable(name: str, value: Any, shape: Shape, dtype: np.dtype[Any]) -> None:
    """`value` must be an array that can be written into as it is."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name}: expected a NumPy array, got {type(value).__name__}")
    if value.dtype != dtype or not value.dtype.isnative:
        raise TypeError(f"{name}: expected dtype {dtype}, got {value.dtype}")
    if value.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {value.shape}")
    flags = value.flags
    if not (flags.writeable and flags.c_contiguous and flags.aligned):
        raise ValueError(f"{name}: expected a writeable, C-contiguous, aligned array")
