"""The products of `linear`, and of convolutions whose window is the whole image."""

from ._gemm cimport dot_products, dots_pay, matmul
from ._kernels cimport FNN_RELU, col_sum
from ._runtime cimport fnn_alloc, fnn_free, real
from .activation cimport activate_all

cdef enum:
    FEW_OUTPUTS = 4     # below, tiles of several rows of w stay empty


cdef int affine_forward(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *x, const real *w,
                        const real *bias, bint relu, real *y) noexcept nogil:
    cdef int failed
    if outputs < FEW_OUTPUTS:
        failed = forward_of_few(rows, inputs, outputs, x, w, bias, y)
    elif dots_pay(rows, inputs, sizeof(real)):
        failed = dot_products(rows, outputs, inputs, x, inputs, w, inputs, bias, y, outputs)
    else:
        failed = matmul(rows, outputs, inputs, x, inputs, <Py_ssize_t>1, w, <Py_ssize_t>1, inputs, bias,
                        <Py_ssize_t>0, <Py_ssize_t>1, y, outputs)
    if relu and not failed:
        activate_all(FNN_RELU, 0, rows * outputs, y, y)
    return failed


cdef int forward_of_few(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *x, const real *w,
                        const real *bias, real *y) noexcept nogil:
    """y's transpose by dot products, which read the rows of x as they lie."""
    cdef real *sums = y
    cdef Py_ssize_t i, o
    cdef int failed
    if outputs > 1:
        sums = <real *>fnn_alloc(rows * outputs * sizeof(real))
        if sums == NULL:
            return -1
    failed = dot_products(outputs, rows, inputs, w, inputs, x, inputs, <const real *>NULL, sums, rows)
    if not failed and (bias != NULL or outputs > 1):
        for o in range(outputs):
            for i in range(rows):
                y[i * outputs + o] = sums[o * rows + i] + (bias[o] if bias != NULL else 0)
    if outputs > 1:
        fnn_free(sums)
    return failed


cdef int affine_input(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *dy, const real *w,
                      real *dx) noexcept nogil:
    return matmul(rows, inputs, outputs, dy, outputs, <Py_ssize_t>1, w, inputs, <Py_ssize_t>1, <const real *>NULL,
                  <Py_ssize_t>0, <Py_ssize_t>0, dx, inputs)


cdef int affine_weight(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *dy, const real *x,
                       real *dw, real *db) noexcept nogil:
    cdef int failed = 0
    if dw != NULL:
        failed = matmul(outputs, inputs, rows, dy, <Py_ssize_t>1, outputs, x, inputs, <Py_ssize_t>1,
                        <const real *>NULL, <Py_ssize_t>0, <Py_ssize_t>0, dw, inputs)
    if db != NULL:
        col_sum(rows, outputs, dy, outputs, db)
    return failed
