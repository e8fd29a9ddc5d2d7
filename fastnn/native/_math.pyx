"""The vector functions of csrc/simd/math.h on arrays, for the tests that hold their accuracy."""

from ._arrays cimport fnn_data
from ._kernels cimport exp, sigmoid, tanh
from ._runtime cimport real


def evaluate(name, x, y):
    """y = f(x) element by element, with f one of "exp", "tanh", "sigmoid"; x and y 1-D of one float dtype."""
    if x.itemsize == 4:
        run[float](name, x, y, NULL)
    else:
        run[double](name, x, y, NULL)


cdef int run(str name, x, y, real *dtype) except -1:
    cdef Py_ssize_t count, room
    cdef const real *from_ = <const real *>fnn_data(x, False, 1, sizeof(real), &count)
    cdef real *to = <real *>fnn_data(y, True, 1, sizeof(real), &room)
    if count != room:
        raise ValueError(f"y: expected {count} elements, got {room}")
    if name == "exp":
        exp(count, from_, to)
    elif name == "tanh":
        tanh(count, from_, to)
    elif name == "sigmoid":
        sigmoid(count, from_, to)
    else:
        raise ValueError(f"name: expected 'exp', 'tanh' or 'sigmoid', got {name!r}")
    return 0
