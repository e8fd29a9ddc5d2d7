"""The vector functions of csrc/simd/math.h on arrays, for the tests that hold their accuracy."""

from ._kernels cimport exp, sigmoid, tanh
from ._runtime cimport real


def evaluate(name, x, y):
    """y = f(x) element by element, with f one of "exp", "tanh", "sigmoid"; x and y 1-D of one float dtype."""
    if x.itemsize == 4:
        run[float](name, x, y)
    else:
        run[double](name, x, y)


cdef int run(str name, const real[::1] x, real[::1] y) except -1:
    if x.shape[0] != y.shape[0]:
        raise ValueError(f"y: expected {x.shape[0]} elements, got {y.shape[0]}")
    if x.shape[0] == 0:
        return 0
    if name == "exp":
        exp(x.shape[0], &x[0], &y[0])
    elif name == "tanh":
        tanh(x.shape[0], &x[0], &y[0])
    elif name == "sigmoid":
        sigmoid(x.shape[0], &x[0], &y[0])
    else:
        raise ValueError(f"name: expected 'exp', 'tanh' or 'sigmoid', got {name!r}")
    return 0
