from ._runtime cimport real

# y = op(x) of n elements, in as many threads as that is worth. y may be x.
cdef void activate_all(int op, double parameter, Py_ssize_t n, const real *x, real *y) noexcept nogil
