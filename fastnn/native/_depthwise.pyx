"""Depthwise convolution. Each filter reads one plane of x; `filters` / `channels` filters read the same one."""

from cython.parallel cimport prange

from ._kernels cimport FNN_RELU, activate, depthwise, depthwise_grad, depthwise_weight
from ._runtime cimport gemm_ns, real, threads_for
from ._table cimport fnn_pool2d


cdef enum:
    SMALL = 8       # rows and columns of planes that kernels may take together, each in a lane
    TOGETHER = 16   # so many


cdef Py_ssize_t first_plane(Py_ssize_t h, Py_ssize_t w, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t each,
                            Py_ssize_t task, Py_ssize_t tasks) noexcept nogil:
    """Of a task's share. Small planes stay together by as many as a kernel takes, or all of an image: bits depend on
    whether it takes them."""
    cdef Py_ssize_t blocks = max(<Py_ssize_t>1, channels // TOGETHER), block = images * blocks * task // tasks
    if each > 1 or h > SMALL or w > SMALL:
        return images * channels * each * task // tasks
    return block // blocks * channels + block % blocks * TOGETHER


cdef double nanoseconds(const fnn_pool2d *g, double planes) noexcept nogil:
    return planes * g.out_h * g.out_w + 2 * gemm_ns(planes * g.out_h * g.out_w * g.kernel_h * g.kernel_w)


cdef void depthwise_image(const fnn_pool2d *g, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t filters,
                          const real *x, const real *weight, const real *bias, bint relu, real *y) noexcept nogil:
    cdef Py_ssize_t each = filters // channels, planes = images * filters, task
    cdef int threads = threads_for(nanoseconds(g, <double>planes), planes)
    if threads == 1:
        image_task(g, 0, planes, filters, each, x, weight, bias, relu, y)
    else:
        for task in prange(threads, num_threads=threads, schedule="static"):
            image_task(g, first_plane(g.out_h, g.out_w, images, channels, each, task, threads),
                       first_plane(g.out_h, g.out_w, images, channels, each, task + 1, threads), filters, each, x,
                       weight, bias, relu, y)


cdef void image_task(const fnn_pool2d *g, Py_ssize_t first, Py_ssize_t past, Py_ssize_t filters, Py_ssize_t each,
                     const real *x, const real *weight, const real *bias, bint relu, real *y) noexcept nogil:
    """Planes of y, one after the other. There are `each` filters a channel."""
    cdef Py_ssize_t k, n, pixels = g.out_h * g.out_w
    while first < past:
        k = first % filters
        n = min(past - first, filters - k) if each == 1 else 1
        depthwise(g, n, x + first // each * g.in_h * g.in_w, weight + k * g.kernel_h * g.kernel_w, 0,
                  bias + k if bias != NULL else NULL, 0, y + first * pixels)
        if relu:
            activate(FNN_RELU, 0, n * pixels, y + first * pixels, y + first * pixels)
        first += n


cdef void depthwise_input(const fnn_pool2d *g, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t filters,
                          const real *dy, const real *weight, real *dx) noexcept nogil:
    cdef Py_ssize_t each = filters // channels, planes = images * channels, task
    cdef int threads = threads_for(nanoseconds(g, <double>images * filters), planes)
    if threads == 1:
        input_task(g, 0, planes, channels, each, dy, weight, dx)
    else:
        for task in prange(threads, num_threads=threads, schedule="static"):
            input_task(g, first_plane(g.in_h, g.in_w, images, channels, <Py_ssize_t>1, task, threads),
                       first_plane(g.in_h, g.in_w, images, channels, <Py_ssize_t>1, task + 1, threads), channels, each,
                       dy, weight, dx)


cdef void input_task(const fnn_pool2d *g, Py_ssize_t first, Py_ssize_t past, Py_ssize_t channels, Py_ssize_t each,
                     const real *dy, const real *weight, real *dx) noexcept nogil:
    """Planes of dx, one after the other. With stride 1 it is a convolution of dy with the filter reversed."""
    cdef Py_ssize_t i, k, n, taps = g.kernel_h * g.kernel_w
    cdef bint is_unit = g.stride_h == 1 and g.stride_w == 1
    cdef fnn_pool2d back
    back.in_h, back.in_w, back.out_h, back.out_w = g.out_h, g.out_w, g.in_h, g.in_w
    back.kernel_h, back.kernel_w, back.dilation_h, back.dilation_w = g.kernel_h, g.kernel_w, g.dilation_h, g.dilation_w
    back.stride_h = back.stride_w = 1
    back.pad_h = (g.kernel_h - 1) * g.dilation_h - g.pad_h
    back.pad_w = (g.kernel_w - 1) * g.dilation_w - g.pad_w
    while first < past:
        k = first % channels
        n = min(past - first, channels - k) if each == 1 and is_unit else 1
        for i in range(each):
            if is_unit:
                depthwise(&back, n, dy + (first * each + i) * g.out_h * g.out_w, weight + (k * each + i) * taps, 1,
                          <const real *>NULL, i > 0, dx + first * g.in_h * g.in_w)
            else:
                depthwise_grad(g, 0, g.in_h, dy + (first * each + i) * g.out_h * g.out_w,
                               weight + (k * each + i) * taps, i > 0, dx + first * g.in_h * g.in_w)
        first += n


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
    cdef Py_ssize_t taps = g.kernel_h * g.kernel_w
    depthwise_weight(g, images, x + k // each * g.in_h * g.in_w, channels * g.in_h * g.in_w,
                     dy + k * g.out_h * g.out_w, channels * each * g.out_h * g.out_w,
                     dweight + k * taps if dweight != NULL else NULL, dbias + k if dbias != NULL else NULL)
