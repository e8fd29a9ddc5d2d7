"""softmax and log_softmax of rows, and their gradients. Same names as reference/activation.py."""

from cython.parallel cimport prange

from ._arrays cimport fnn_data
from ._norm_kernels cimport softmax_row, softmax_row_grad
from ._runtime cimport real, threads_for

cdef double NS_PER_ELEMENT = 0.5


def softmax_forward(x, y):
    if x.itemsize == 4:
        forward[float](x, y, False, NULL)
    else:
        forward[double](x, y, False, NULL)


def log_softmax_forward(x, y):
    if x.itemsize == 4:
        forward[float](x, y, True, NULL)
    else:
        forward[double](x, y, True, NULL)


def softmax_backward_input(dy, y, dx):
    if dy.itemsize == 4:
        backward_input[float](dy, y, dx, False, NULL)
    else:
        backward_input[double](dy, y, dx, False, NULL)


def log_softmax_backward_input(dy, y, dx):
    if dy.itemsize == 4:
        backward_input[float](dy, y, dx, True, NULL)
    else:
        backward_input[double](dy, y, dx, True, NULL)


cdef int forward(x,    # IN   (M, C)
                 y,    # OUT  (M, C), may be x
                 bint logarithm,
                 const real *dtype) except -1:
    cdef Py_ssize_t n[2]
    cdef const real *px = <const real *>fnn_data(x, False, 2, sizeof(real), n)
    cdef real *py = <real *>fnn_data(y, True, 2, sizeof(real), n)
    cdef Py_ssize_t i, size = n[1]
    cdef int threads = threads_for(NS_PER_ELEMENT * n[0] * size, n[0])
    with nogil:
        if threads == 1:
            for i in range(n[0]):
                softmax_row(size, logarithm, px + i * size, py + i * size)
        else:
            for i in prange(n[0], num_threads=threads, schedule="static"):
                softmax_row(size, logarithm, px + i * size, py + i * size)
    return 0


cdef int backward_input(dy,    # IN   (M, C)
                        y,     # IN   (M, C)
                        dx,    # OUT  (M, C), may be dy
                        bint logarithm,
                        const real *dtype) except -1:
    cdef Py_ssize_t n[2]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 2, sizeof(real), n)
    cdef const real *py = <const real *>fnn_data(y, False, 2, sizeof(real), n)
    cdef real *pdx = <real *>fnn_data(dx, True, 2, sizeof(real), n)
    cdef Py_ssize_t i, size = n[1]
    cdef int threads = threads_for(NS_PER_ELEMENT * n[0] * size, n[0])
    with nogil:
        if threads == 1:
            for i in range(n[0]):
                softmax_row_grad(size, logarithm, pdy + i * size, py + i * size, pdx + i * size)
        else:
            for i in prange(n[0], num_threads=threads, schedule="static"):
                softmax_row_grad(size, logarithm, pdy + i * size, py + i * size, pdx + i * size)
    return 0
