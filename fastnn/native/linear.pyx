"""y = x W^T + b and its gradients, and products in a batch, over the shared matrix product. See reference/linear.py."""

from ._arrays cimport fnn_data
from ._gemm cimport dot_products, dots_pay, matmul, matmul_batch
from ._kernels cimport FNN_RELU, col_sum
from ._runtime cimport fnn_alloc, fnn_free, real
from .activation cimport activate_all

cdef enum:
    FEW_OUTPUTS = 4     # below, tiles of several rows of w stay empty


def linear_forward(x, weight, bias, y, activation=None):
    if x.itemsize == 4:
        forward[float](x, weight, bias, y, activation is not None, NULL)
    else:
        forward[double](x, weight, bias, y, activation is not None, NULL)


def linear_backward_input(dy, weight, dx):
    if dy.itemsize == 4:
        backward_input[float](dy, weight, dx, NULL)
    else:
        backward_input[double](dy, weight, dx, NULL)


def linear_backward_weight(dy, x, dweight, dbias):
    if dy.itemsize == 4:
        backward_weight[float](dy, x, dweight, dbias, NULL)
    else:
        backward_weight[double](dy, x, dweight, dbias, NULL)


def bmm(a, b, c, transpose_a, transpose_b):
    if a.itemsize == 4:
        multiply[float](a, b, c, transpose_a, transpose_b, NULL)
    else:
        multiply[double](a, b, c, transpose_a, transpose_b, NULL)


cdef int forward(x,         # IN   (N, I)
                 weight,    # IN   (O, I)
                 bias,      # IN   (O) or None
                 y,         # OUT  (N, O)
                 bint relu, const real *dtype) except -1:
    cdef Py_ssize_t x_shape[2]
    cdef Py_ssize_t y_shape[2]
    cdef Py_ssize_t ignored[2]
    cdef const real *px = <const real *>fnn_data(x, False, 2, sizeof(real), x_shape)
    cdef const real *pw = <const real *>fnn_data(weight, False, 2, sizeof(real), ignored)
    cdef const real *pb = <const real *>fnn_data(bias, False, 1, sizeof(real), ignored)
    cdef real *py = <real *>fnn_data(y, True, 2, sizeof(real), y_shape)
    cdef Py_ssize_t rows = x_shape[0], inputs = x_shape[1], outputs = y_shape[1]
    cdef int failed
    with nogil:
        failed = affine_forward(rows, inputs, outputs, px, pw, pb, relu, py)
    if failed:
        raise MemoryError("linear: no scratch memory")
    return 0


cdef int backward_input(dy,        # IN   (N, O)
                        weight,    # IN   (O, I)
                        dx,        # OUT  (N, I)
                        const real *dtype) except -1:
    cdef Py_ssize_t shape[2]
    cdef Py_ssize_t weight_shape[2]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 2, sizeof(real), shape)
    cdef const real *pw = <const real *>fnn_data(weight, False, 2, sizeof(real), weight_shape)
    cdef real *pdx = <real *>fnn_data(dx, True, 2, sizeof(real), shape)
    cdef Py_ssize_t rows = shape[0], inputs = weight_shape[1], outputs = weight_shape[0]
    cdef int failed
    with nogil:
        failed = affine_input(rows, inputs, outputs, pdy, pw, pdx)
    if failed:
        raise MemoryError("linear: no scratch memory")
    return 0


cdef int backward_weight(dy,         # IN   (N, O)
                         x,          # IN   (N, I)
                         dweight,    # OUT  (O, I) or None
                         dbias,      # OUT  (O) or None
                         const real *dtype) except -1:
    cdef Py_ssize_t dy_shape[2]
    cdef Py_ssize_t x_shape[2]
    cdef Py_ssize_t ignored[2]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 2, sizeof(real), dy_shape)
    cdef const real *px = <const real *>fnn_data(x, False, 2, sizeof(real), x_shape)
    cdef real *pdw = <real *>fnn_data(dweight, True, 2, sizeof(real), ignored)
    cdef real *pdb = <real *>fnn_data(dbias, True, 1, sizeof(real), ignored)
    cdef Py_ssize_t rows = x_shape[0], inputs = x_shape[1], outputs = dy_shape[1]
    cdef int failed
    with nogil:
        failed = affine_weight(rows, inputs, outputs, pdy, px, pdw, pdb)
    if failed:
        raise MemoryError("linear: no scratch memory")
    return 0


cdef int multiply(a,    # IN   (B, m, k), or (B, k, m) transposed
                  b,    # IN   (B, k, n), or (B, n, k) transposed
                  c,    # OUT  (B, m, n)
                  bint transpose_a, bint transpose_b, const real *dtype) except -1:
    cdef Py_ssize_t left[3]
    cdef Py_ssize_t right[3]
    cdef Py_ssize_t n[3]
    cdef const real *pa = <const real *>fnn_data(a, False, 3, sizeof(real), left)
    cdef const real *pb = <const real *>fnn_data(b, False, 3, sizeof(real), right)
    cdef real *pc = <real *>fnn_data(c, True, 3, sizeof(real), n)
    cdef Py_ssize_t k = left[1] if transpose_a else left[2]
    cdef int failed
    with nogil:
        failed = matmul_batch(
            n[0], n[1], n[2], k, pa, n[1] * k, <Py_ssize_t>1 if transpose_a else k, n[1] if transpose_a else 1,
            pb, k * n[2], <Py_ssize_t>1 if transpose_b else n[2], k if transpose_b else 1,
            <const real *>NULL, <Py_ssize_t>0, <Py_ssize_t>0, pc, n[1] * n[2], n[2])
    if failed:
        raise MemoryError("bmm: no scratch memory")
    return 0


# ---- The products, for convolutions whose window is the whole image too


cdef int affine_forward(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *x, const real *w,
                        const real *bias, bint relu, real *y) noexcept nogil:
    cdef int failed
    if outputs < FEW_OUTPUTS:
        failed = forward_of_few(rows, inputs, outputs, x, w, bias, y)
    elif dots_pay(rows, outputs, inputs, sizeof(real)):
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
