from ._runtime cimport real

# y = x w^T + bias and its gradients: x (rows, inputs), w (outputs, inputs), bias (outputs) or NULL, y (rows, outputs);
# dw or db may be NULL. They return -1 where scratch memory is not to be had, else 0.
cdef int affine_forward(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *x, const real *w,
                        const real *bias, bint relu, real *y) noexcept nogil
cdef int affine_input(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *dy, const real *w,
                      real *dx) noexcept nogil
cdef int affine_weight(Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *dy, const real *x,
                       real *dw, real *db) noexcept nogil
