"""Convolutions of one channel each (groups = channels of x) and their gradients, one task a plane."""

from ._runtime cimport real
from ._table cimport fnn_pool2d

cdef void depthwise_image(const fnn_pool2d *g, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t filters,
                          const real *x, const real *weight, const real *bias, bint relu, real *y) noexcept nogil

cdef void depthwise_input(const fnn_pool2d *g, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t filters,
                          const real *dy, const real *weight, real *dx) noexcept nogil

cdef void depthwise_filters(const fnn_pool2d *g, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t filters,
                            const real *dy, const real *x, real *dweight, real *dbias) noexcept nogil
