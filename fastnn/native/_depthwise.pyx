"""Depthwise convolution. Each filter reads one plane of x; `filters` / `channels` filters read the same one."""

from cython.parallel cimport prange
from libc.string cimport memset

from ._kernels cimport FNN_RELU, activate, depthwise, depthwise_grad, depthwise_weight
from ._runtime cimport gemm_ns, real, threads_for
from ._table cimport fnn_pool2d


cdef double nanoseconds(const fnn_pool2d *g, double planes) noexcept nogil:
    return planes * g.out_h * g.out_w + 2 * gemm_ns(planes * g.out_h * g.out_w * g.kernel_h * g.kernel_w)


cdef void depthwise_image(const fnn_pool2d *g, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t filters,
                          const real *x, const real *weight, const real *bias, bint relu, real *y) noexcept nogil:
    cdef Py_ssize_t each = filters // channels, task
    cdef int threads = threads_for(nanoseconds(g, <double>images * filters), images * filters)
    if threads == 1:
        for task in range(images * filters):
            image_task(g, task, filters, each, x, weight, bias, relu, y)
    else:
        for task in prange(images * filters, num_threads=threads, schedule="static"):
            image_task(g, task, filters, each, x, weight, bias, relu, y)


cdef void image_task(const fnn_pool2d *g, Py_ssize_t task, Py_ssize_t filters, Py_ssize_t each, const real *x,
                     const real *weight, const real *bias, bint relu, real *y) noexcept nogil:
    """A plane of y. There are `each` filters a channel."""
    cdef Py_ssize_t k = task % filters
    y += task * g.out_h * g.out_w
    depthwise(g, 0, g.out_h, x + task // each * g.in_h * g.in_w, weight + k * g.kernel_h * g.kernel_w, 0,
              bias + k if bias != NULL else NULL, 0, y)
    if relu:
        activate(FNN_RELU, 0, g.out_h * g.out_w, y, y)


cdef void depthwise_input(const fnn_pool2d *g, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t filters,
                          const real *dy, const real *weight, real *dx) noexcept nogil:
    cdef Py_ssize_t each = filters // channels, task
    cdef int threads = threads_for(nanoseconds(g, <double>images * filters), images * channels)
    if threads == 1:
        for task in range(images * channels):
            input_task(g, task, channels, each, dy, weight, dx)
    else:
        for task in prange(images * channels, num_threads=threads, schedule="static"):
            input_task(g, task, channels, each, dy, weight, dx)


cdef void input_task(const fnn_pool2d *g, Py_ssize_t task, Py_ssize_t channels, Py_ssize_t each, const real *dy,
                     const real *weight, real *dx) noexcept nogil:
    """A plane of dx. With stride 1 it is a convolution of dy with the filter reversed."""
    cdef Py_ssize_t i, plane, taps = g.kernel_h * g.kernel_w
    cdef fnn_pool2d back
    back.in_h, back.in_w, back.out_h, back.out_w = g.out_h, g.out_w, g.in_h, g.in_w
    back.kernel_h, back.kernel_w, back.dilation_h, back.dilation_w = g.kernel_h, g.kernel_w, g.dilation_h, g.dilation_w
    back.stride_h = back.stride_w = 1
    back.pad_h = (g.kernel_h - 1) * g.dilation_h - g.pad_h
    back.pad_w = (g.kernel_w - 1) * g.dilation_w - g.pad_w
    dx += task * g.in_h * g.in_w
    weight += task % channels * each * taps
    for i in range(each):
        plane = task * each + i
        if g.stride_h == 1 and g.stride_w == 1:
            depthwise(&back, 0, g.in_h, dy + plane * g.out_h * g.out_w, weight + i * taps, 1, <const real *>NULL,
                      i > 0, dx)
        else:
            depthwise_grad(g, 0, g.in_h, dy + plane * g.out_h * g.out_w, weight + i * taps, i > 0, dx)


cdef void depthwise_filters(const fnn_pool2d *g, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t filters,
                            const real *dy, const real *x, real *dweight, real *dbias) noexcept nogil:
    cdef Py_ssize_t each = filters // channels, k
    cdef int threads = threads_for(nanoseconds(g, <double>images * filters), filters)
    if threads == 1:
        for k in range(filters):
            filter_task(g, k, images, channels, each, dy, x, dweight, dbias)
    else:
        for k in prange(filters, num_threads=threads, schedule="static"):
            filter_task(g, k, images, channels, each, dy, x, dweight, dbias)


cdef void filter_task(const fnn_pool2d *g, Py_ssize_t k, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t each,
                      const real *dy, const real *x, real *dweight, real *dbias) noexcept nogil:
    cdef Py_ssize_t n, taps = g.kernel_h * g.kernel_w
    if dweight != NULL:
        dweight += k * taps
        memset(dweight, 0, taps * sizeof(real))
    if dbias != NULL:
        dbias += k
        dbias[0] = 0
    for n in range(images):
        depthwise_weight(g, x + (n * channels + k // each) * g.in_h * g.in_w,
                         dy + (n * channels * each + k) * g.out_h * g.out_w, dweight, dbias)
