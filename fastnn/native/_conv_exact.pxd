from ._runtime cimport real
from ._table cimport fnn_pool2d

# A convolution: x (images, groups*channels, h, w), weight (groups*filters, channels, r, s), y (images,
# groups*filters, p, q).
cdef struct Walk:
    Py_ssize_t images, groups, channels, filters, h, w, r, s, p, q
    Py_ssize_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w

cdef Walk walk_of(const fnn_pool2d *plane, Py_ssize_t images, Py_ssize_t groups,
                  const Py_ssize_t *weight_shape) noexcept nogil

# After a convolution in which what lies outside an image counted as 0: where that zero met a NaN or an infinity the
# sum is NaN; here such sums are formed again, without the terms that the definition does not have.
cdef bint exact_forward(const Walk *g, const real *x, const real *weight, const real *bias, bint relu,
                        real *y) noexcept nogil
cdef bint exact_input(const Walk *g, const real *dy, const real *weight, real *dx) noexcept nogil
cdef void exact_weight(const Walk *g, const real *dy, const real *x, real *dweight) noexcept nogil
