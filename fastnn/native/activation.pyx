"""Activations: element by element, in blocks shared out among threads, and softmax of rows.

Same names as reference/activation.py.
"""

from cython.parallel cimport prange

from ._arrays cimport fnn_data, fnn_flat
from ._kernels cimport FNN_RELU, activate, activate_grad
from ._norm_kernels cimport softmax_row, softmax_row_grad
from ._runtime cimport real, threads_for

cdef extern from "fnn_activation.h":
    enum: FNN_LEAKY_RELU, FNN_ELU, FNN_SIGMOID, FNN_TANH, FNN_SILU, FNN_GELU, FNN_GELU_TANH

cdef enum:
    BLOCK = 8192    # elements of one task


def relu_forward(x, y):
    apply(FNN_RELU, 0, x, y)


def relu_backward_input(dy, y, dx):
    apply_grad(FNN_RELU, 0, dy, y, dx)


def leaky_relu_forward(x, y, negative_slope):
    apply(FNN_LEAKY_RELU, negative_slope, x, y)


def leaky_relu_backward_input(dy, x, dx, negative_slope):
    apply_grad(FNN_LEAKY_RELU, negative_slope, dy, x, dx)


def elu_forward(x, y, alpha):
    apply(FNN_ELU, alpha, x, y)


def elu_backward_input(dy, x, dx, alpha):
    apply_grad(FNN_ELU, alpha, dy, x, dx)


def sigmoid_forward(x, y):
    apply(FNN_SIGMOID, 0, x, y)


def sigmoid_backward_input(dy, y, dx):
    apply_grad(FNN_SIGMOID, 0, dy, y, dx)


def tanh_forward(x, y):
    apply(FNN_TANH, 0, x, y)


def tanh_backward_input(dy, y, dx):
    apply_grad(FNN_TANH, 0, dy, y, dx)


def silu_forward(x, y):
    apply(FNN_SILU, 0, x, y)


def silu_backward_input(dy, x, dx):
    apply_grad(FNN_SILU, 0, dy, x, dx)


def gelu_forward(x, y, approximate):
    apply(FNN_GELU if approximate == "none" else FNN_GELU_TANH, 0, x, y)


def gelu_backward_input(dy, x, dx, approximate):
    apply_grad(FNN_GELU if approximate == "none" else FNN_GELU_TANH, 0, dy, x, dx)


cdef int apply(int op, double parameter, x, y) except -1:
    if x.itemsize == 4:
        return forward[float](op, parameter, x, y, NULL)
    return forward[double](op, parameter, x, y, NULL)


cdef int apply_grad(int op, double parameter, dy, saved, dx) except -1:
    if dy.itemsize == 4:
        return backward[float](op, parameter, dy, saved, dx, NULL)
    return backward[double](op, parameter, dy, saved, dx, NULL)


cdef int forward(int op, double parameter,
                 x,    # IN   any shape
                 y,    # OUT  x's
                 const real *dtype) except -1:
    cdef Py_ssize_t n
    cdef const real *px = <const real *>fnn_flat(x, False, sizeof(real), &n)
    cdef real *py = <real *>fnn_flat(y, True, sizeof(real), &n)
    with nogil:
        activate_all(op, parameter, n, px, py)
    return 0


cdef void activate_all(int op, double parameter, Py_ssize_t n, const real *x, real *y) noexcept nogil:
    cdef Py_ssize_t blocks = (n + BLOCK - 1) // BLOCK, block
    cdef int threads = threads_for(nanoseconds(op, n, sizeof(real)), blocks)
    if threads == 1:
        activate(op, parameter, n, x, y)
        return
    for block in prange(blocks, num_threads=threads, schedule="static"):
        activate(op, parameter, min(<Py_ssize_t>BLOCK, n - block * BLOCK), x + block * BLOCK, y + block * BLOCK)


cdef int backward(int op, double parameter,
                  dy,       # IN   any shape
                  saved,    # IN   dy's
                  dx,       # OUT  dy's
                  const real *dtype) except -1:
    cdef Py_ssize_t n, block
    cdef const real *pdy = <const real *>fnn_flat(dy, False, sizeof(real), &n)
    cdef const real *ps = <const real *>fnn_flat(saved, False, sizeof(real), &n)
    cdef real *pdx = <real *>fnn_flat(dx, True, sizeof(real), &n)
    cdef Py_ssize_t blocks = (n + BLOCK - 1) // BLOCK
    cdef int threads = threads_for(nanoseconds(op, n, sizeof(real)), blocks)
    if threads == 1:
        with nogil:
            activate_grad(op, parameter, n, pdy, ps, pdx)
        return 0
    for block in prange(blocks, num_threads=threads, schedule="static", nogil=True):
        activate_grad(op, parameter, min(<Py_ssize_t>BLOCK, n - block * BLOCK), pdy + block * BLOCK, ps + block * BLOCK,
                      pdx + block * BLOCK)
    return 0


cdef double nanoseconds(int op, Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil:
    return n * itemsize * (0.05 if op == FNN_RELU or op == FNN_LEAKY_RELU else 0.2)


# ---- Rows


cdef double SOFTMAX_NS = 0.5   # an element


def softmax_forward(x, y):
    if x.itemsize == 4:
        softmax[float](x, y, False, NULL)
    else:
        softmax[double](x, y, False, NULL)


def log_softmax_forward(x, y):
    if x.itemsize == 4:
        softmax[float](x, y, True, NULL)
    else:
        softmax[double](x, y, True, NULL)


def softmax_backward_input(dy, y, dx):
    if dy.itemsize == 4:
        softmax_grad[float](dy, y, dx, False, NULL)
    else:
        softmax_grad[double](dy, y, dx, False, NULL)


def log_softmax_backward_input(dy, y, dx):
    if dy.itemsize == 4:
        softmax_grad[float](dy, y, dx, True, NULL)
    else:
        softmax_grad[double](dy, y, dx, True, NULL)


cdef int softmax(x,    # IN   (M, C)
                 y,    # OUT  (M, C), may be x
                 bint logarithm,
                 const real *dtype) except -1:
    cdef Py_ssize_t n[2]
    cdef const real *px = <const real *>fnn_data(x, False, 2, sizeof(real), n)
    cdef real *py = <real *>fnn_data(y, True, 2, sizeof(real), n)
    cdef Py_ssize_t i, size = n[1]
    cdef int threads = threads_for(SOFTMAX_NS * n[0] * size, n[0])
    with nogil:
        if threads == 1:
            for i in range(n[0]):
                softmax_row(size, logarithm, px + i * size, py + i * size)
        else:
            for i in prange(n[0], num_threads=threads, schedule="static"):
                softmax_row(size, logarithm, px + i * size, py + i * size)
    return 0


cdef int softmax_grad(dy,    # IN   (M, C)
                      y,     # IN   (M, C)
                      dx,    # OUT  (M, C), may be dy
                      bint logarithm,
                      const real *dtype) except -1:
    cdef Py_ssize_t n[2]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 2, sizeof(real), n)
    cdef const real *py = <const real *>fnn_data(y, False, 2, sizeof(real), n)
    cdef real *pdx = <real *>fnn_data(dx, True, 2, sizeof(real), n)
    cdef Py_ssize_t i, size = n[1]
    cdef int threads = threads_for(SOFTMAX_NS * n[0] * size, n[0])
    with nogil:
        if threads == 1:
            for i in range(n[0]):
                softmax_row_grad(size, logarithm, pdy + i * size, py + i * size, pdx + i * size)
        else:
            for i in prange(n[0], num_threads=threads, schedule="static"):
                softmax_row_grad(size, logarithm, pdy + i * size, py + i * size, pdx + i * size)
    return 0
