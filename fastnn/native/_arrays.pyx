"""A quick look at arguments."""

import numpy

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
