"""y = x W^T + b and its gradients, and products in a batch, over the shared matrix product. See reference/linear.py."""

from ._arrays cimport fnn_data
from ._affine cimport affine_forward, affine_input, affine_weight
from ._gemm cimport matmul_batch
from ._runtime cimport real


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
