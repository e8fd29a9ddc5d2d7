"""y = x W^T + b and its gradients, over the shared matrix product. Same names as reference/linear.py."""

from cython.parallel cimport prange

from ._gemm cimport matmul
from ._kernels cimport col_sum, gemv
from ._runtime cimport gemm_ns, real, threads_for

cdef enum:
    GEMV_ROWS = 3     # up to so many rows of x, dot products along the weights' rows beat packing panels of W^T
    GEMV_BLOCK = 64   # outputs of one task


def linear_forward(x, weight, bias, y):
    if x.itemsize == 4:
        forward[float](x, weight, bias, y)
    else:
        forward[double](x, weight, bias, y)


def linear_backward_input(dy, weight, dx):
    if dy.itemsize == 4:
        backward_input[float](dy, weight, dx)
    else:
        backward_input[double](dy, weight, dx)


def linear_backward_weight(dy, x, dweight, dbias):
    if dy.itemsize == 4:
        backward_weight[float](dy, x, dweight, dbias)
    else:
        backward_weight[double](dy, x, dweight, dbias)


cdef int forward(const real[:, ::1] x,           # IN   (N, I)
                 const real[:, ::1] weight,      # IN   (O, I)
                 const real[::1] bias,           # IN   (O) or None
                 real[:, ::1] y,                 # OUT  (N, O)
                 ) except -1:
    cdef Py_ssize_t rows = x.shape[0], inputs = x.shape[1], outputs = weight.shape[0]
    cdef const real *b = NULL
    cdef int failed = 0
    if y.shape[0] == 0 or y.shape[1] == 0:
        return 0
    if bias is not None:
        b = &bias[0]
    if inputs == 0:   # nothing to point at: the sums are the bias
        y[:, :] = 0
        if b != NULL:
            for i in range(rows):
                y[i, :] = bias
        return 0
    with nogil:
        if rows <= GEMV_ROWS:
            forward_few(rows, inputs, outputs, &x[0, 0], &weight[0, 0], b, &y[0, 0])
        else:
            failed = matmul(rows, outputs, inputs, &x[0, 0], inputs, <Py_ssize_t>1, &weight[0, 0], <Py_ssize_t>1,
                            inputs, b, <Py_ssize_t>0, <Py_ssize_t>1, &y[0, 0], outputs)
    if failed:
        raise MemoryError("linear: no scratch memory")
    return 0


cdef void forward_few(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *x, const real *weight,
                      const real *bias, real *y) noexcept nogil:
    """W is read once from front to back: bound by memory, not by arithmetic."""
    cdef Py_ssize_t blocks = (outputs + GEMV_BLOCK - 1) // GEMV_BLOCK, block, n
    cdef int threads = threads_for(4 * gemm_ns(<double>rows * inputs * outputs), blocks)
    for block in prange(blocks, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        for n in range(rows):
            gemv(min(<Py_ssize_t>GEMV_BLOCK, outputs - block * GEMV_BLOCK), inputs,
                 weight + block * GEMV_BLOCK * inputs, inputs, x + n * inputs,
                 bias + block * GEMV_BLOCK if bias != NULL else NULL, y + n * outputs + block * GEMV_BLOCK)


cdef int backward_input(const real[:, ::1] dy,       # IN   (N, O)
                        const real[:, ::1] weight,   # IN   (O, I)
                        real[:, ::1] dx,             # OUT  (N, I)
                        ) except -1:
    cdef Py_ssize_t rows = dx.shape[0], inputs = dx.shape[1], outputs = weight.shape[0]
    cdef int failed = 0
    if rows == 0 or inputs == 0:
        return 0
    if outputs == 0:
        dx[:, :] = 0
        return 0
    with nogil:
        failed = matmul(rows, inputs, outputs, &dy[0, 0], outputs, <Py_ssize_t>1, &weight[0, 0], inputs,
                        <Py_ssize_t>1, <const real *>NULL, <Py_ssize_t>0, <Py_ssize_t>0, &dx[0, 0], inputs)
    if failed:
        raise MemoryError("linear: no scratch memory")
    return 0


cdef int backward_weight(const real[:, ::1] dy,     # IN   (N, O)
                         const real[:, ::1] x,      # IN   (N, I)
                         real[:, ::1] dweight,      # OUT  (O, I) or None
                         real[::1] dbias,           # OUT  (O) or None
                         ) except -1:
    cdef Py_ssize_t rows = x.shape[0], inputs = x.shape[1], outputs = dy.shape[1]
    cdef int failed = 0
    if outputs == 0:
        return 0
    if rows == 0:
        if dweight is not None:
            dweight[:, :] = 0
        if dbias is not None:
            dbias[:] = 0
        return 0
    with nogil:
        if dweight is not None and inputs > 0:
            failed = matmul(outputs, inputs, rows, &dy[0, 0], <Py_ssize_t>1, outputs, &x[0, 0], inputs,
                            <Py_ssize_t>1, <const real *>NULL, <Py_ssize_t>0, <Py_ssize_t>0, &dweight[0, 0], inputs)
        if dbias is not None and failed == 0:
            col_sum(rows, outputs, &dy[0, 0], outputs, &dbias[0])
    if failed:
        raise MemoryError("linear: no scratch memory")
    return 0
