"""The ways an array of the same values can lie in memory: every function of the library takes them all."""

import numpy as np


def _strided(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _reversed(array):
    flip = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[flip])[flip]


def _unaligned(array):
    raw = bytearray(array.nbytes + 1)
    view = np.frombuffer(raw, array.dtype, array.size, offset=1).reshape(array.shape)
    view[...] = array
    return view


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


class _Subclass(np.ndarray):
    """An array that would misbehave, were its arithmetic used."""

    def __array_ufunc__(self, *args, **kwargs):
        raise AssertionError("the subclass's arithmetic was used")


class _Wrapped:
    """Not an array, but one can be had from it."""

    def __init__(self, array):
        self.wrapped = array

    def __array__(self, dtype=None, copy=None):
        return self.wrapped


class _DLPack:
    def __init__(self, array):
        self.wrapped = array

    def __dlpack__(self, **kwargs):
        return self.wrapped.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.wrapped.__dlpack_device__()


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": _strided,
    "negative-strides": _reversed,
    "read-only": _read_only,
    "unaligned": _unaligned,
    "byteswapped": lambda array: array.astype(array.dtype.newbyteorder("S")),
    "subclass": lambda array: array.copy().view(_Subclass),
    "array-protocol": _Wrapped,
    "dlpack": _DLPack,
}
