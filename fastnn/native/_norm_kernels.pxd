"""The kernels of csrc/kernels/norm.inl, for either type of element."""

from ._runtime cimport isa, real


cdef inline real sum(Py_ssize_t n, const real *x) noexcept nogil:
    if real is float:
        return isa.f32.sum(n, x)
    else:
        return isa.f64.sum(n, x)


cdef inline real sum_squares(Py_ssize_t n, const real *x, real mean) noexcept nogil:
    if real is float:
        return isa.f32.sum_squares(n, x, mean)
    else:
        return isa.f64.sum_squares(n, x, mean)


cdef inline real sum_products(Py_ssize_t n, const real *dy, const real *x, real mean) noexcept nogil:
    if real is float:
        return isa.f32.sum_products(n, dy, x, mean)
    else:
        return isa.f64.sum_products(n, dy, x, mean)


cdef inline void scale_row(Py_ssize_t n, const real *x, real mean, real scale, real shift, real *y) noexcept nogil:
    if real is float:
        isa.f32.scale_row(n, x, mean, scale, shift, y)
    else:
        isa.f64.scale_row(n, x, mean, scale, shift, y)


cdef inline void combine_rows(Py_ssize_t n, const real *dy, const real *x, real mean, real by_dy, real by_x,
                              real shift, real *dx) noexcept nogil:
    if real is float:
        isa.f32.combine_rows(n, dy, x, mean, by_dy, by_x, shift, dx)
    else:
        isa.f64.combine_rows(n, dy, x, mean, by_dy, by_x, shift, dx)


cdef inline void normalize_row(Py_ssize_t n, const real *x, const real *weight, const real *bias, real eps, real *mean,
                               real *rstd, real *y) noexcept nogil:
    if real is float:
        isa.f32.normalize_row(n, x, weight, bias, eps, mean, rstd, y)
    else:
        isa.f64.normalize_row(n, x, weight, bias, eps, mean, rstd, y)


cdef inline void normalize_row_grad(Py_ssize_t n, const real *dy, const real *x, const real *weight, real mean,
                                    real rstd, real *dx) noexcept nogil:
    if real is float:
        isa.f32.normalize_row_grad(n, dy, x, weight, mean, rstd, dx)
    else:
        isa.f64.normalize_row_grad(n, dy, x, weight, mean, rstd, dx)


cdef inline void normalize_weight_grad(Py_ssize_t rows, Py_ssize_t cols, const real *dy, const real *x, Py_ssize_t ld,
                                       const real *mean, const real *rstd, real *dweight, real *dbias) noexcept nogil:
    if real is float:
        isa.f32.normalize_weight_grad(rows, cols, dy, x, ld, mean, rstd, dweight, dbias)
    else:
        isa.f64.normalize_weight_grad(rows, cols, dy, x, ld, mean, rstd, dweight, dbias)


cdef inline void softmax_row(Py_ssize_t n, int logarithm, const real *x, real *y) noexcept nogil:
    if real is float:
        isa.f32.softmax_row(n, logarithm, x, y)
    else:
        isa.f64.softmax_row(n, logarithm, x, y)


cdef inline void softmax_row_grad(Py_ssize_t n, int logarithm, const real *dy, const real *y, real *dx) noexcept nogil:
    if real is float:
        isa.f32.softmax_row_grad(n, logarithm, dy, y, dx)
    else:
        isa.f64.softmax_row_grad(n, logarithm, dy, y, dx)
