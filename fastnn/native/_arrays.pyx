"""A quick look at arguments."""

import numpy

from cpython.bytes cimport PyBytes_FromStringAndSize

cdef object ndarray = numpy.ndarray


def ready(*arrays):
    """True where every argument is None or an ndarray that a backend takes as it is, all of one dtype.

    That is: exactly numpy.ndarray, float32 or float64, C-contiguous, aligned, native-endian.
    """
    cdef char first = 0, code
    for array in arrays:
        if array is None:
            continue
        if type(array) is not ndarray:
            return False
        code = fnn_float_code(array)
        if code == 0 or (first != 0 and code != first):
            return False
        first = code
    return True


def is_like(array, shape, other):
    """Whether `array` is what `ready` wants, of that shape (a tuple) and of the dtype of `other`, which is ready."""
    cdef const char *extent[2]
    return type(array) is ndarray and fnn_is(array, False, fnn_float_code(other), shape, extent)


def takes(out, shape, dtype, *inputs):
    """Whether a result of that shape and dtype can be written to `out` while the inputs, which are contiguous arrays,
    are read. False may also mean that it takes a closer look to tell."""
    cdef const char *to[2]
    cdef const char *extent[2]
    cdef char code = ord(dtype.char)
    if type(out) is not ndarray or not fnn_is(out, True, code, shape, to):
        return False
    for array in inputs:
        if array is None:
            continue
        extent[0], extent[1] = to[0], to[1]
        fnn_is(array, False, code, shape, extent)
        if extent[0] < to[1] and to[0] < extent[1]:
            return False
    return True


def signature(*arguments):
    """All that decides about a call, in a key for a dict; None where that is not to be had cheaply.

    Equal keys mean: arrays as `ready` wants them, of the same types and shapes, and other arguments that are equal,
    in their types as well. What was found out about one such call (its errors, its geometry) holds for the other.
    """
    cdef Py_ssize_t[FNN_KEY_MOST] key
    cdef int n = 0
    for argument in arguments:
        n = fnn_append_key(argument, ndarray, key, n)
        if n < 0:
            return None
    return PyBytes_FromStringAndSize(<char *>key, n * sizeof(Py_ssize_t))
