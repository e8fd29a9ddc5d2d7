"""Pooling and its gradients: one task a plane, or a band of its rows. Same names as reference/pool2d.py."""

from cython.parallel cimport prange
from libc.stdint cimport int32_t, uint8_t

from ._kernels cimport avg_pool2d, avg_pool2d_grad, max_pool2d, max_pool2d_grad
from ._runtime cimport real, threads_for
from ._table cimport fnn_pool2d

cdef double NS_PER_PIXEL = 0.3


def max_pool2d_forward(x, y, argmax, geo):
    bytes_, ints = by_itemsize(argmax)
    if x.itemsize == 4:
        max_forward[float](x, y, bytes_, ints, geo)
    else:
        max_forward[double](x, y, bytes_, ints, geo)


def max_pool2d_backward_input(dy, argmax, dx, geo):
    bytes_, ints = by_itemsize(argmax)
    if dy.itemsize == 4:
        max_backward[float](dy, bytes_, ints, dx, geo)
    else:
        max_backward[double](dy, bytes_, ints, dx, geo)


def avg_pool2d_forward(x, y, geo, count_include_pad):
    if x.itemsize == 4:
        avg_forward[float](x, y, geo, count_include_pad)
    else:
        avg_forward[double](x, y, geo, count_include_pad)


def avg_pool2d_backward_input(dy, dx, geo, count_include_pad):
    if dy.itemsize == 4:
        avg_backward[float](dy, dx, geo, count_include_pad)
    else:
        avg_backward[double](dy, dx, geo, count_include_pad)


cdef by_itemsize(argmax):
    """(argmax of bytes or None, argmax of int32 or None)"""
    if argmax is None:
        return None, None
    return (argmax, None) if argmax.itemsize == 1 else (None, argmax)


cdef fnn_pool2d plane_of(geo, const Py_ssize_t *image, const Py_ssize_t *windows):
    cdef fnn_pool2d g
    g.in_h, g.in_w, g.out_h, g.out_w = image[2], image[3], windows[2], windows[3]
    g.kernel_h, g.kernel_w, g.stride_h, g.stride_w, g.pad_h, g.pad_w, g.dilation_h, g.dilation_w = geo
    return g


cdef double nanoseconds(const fnn_pool2d *g, Py_ssize_t planes) noexcept nogil:
    return NS_PER_PIXEL * planes * (g.in_h * g.in_w + g.out_h * g.out_w)


cdef Py_ssize_t bands_of(int threads, Py_ssize_t planes, Py_ssize_t rows) noexcept nogil:
    """How many bands of rows to cut each plane into: more than one where planes alone keep no thread busy."""
    return 1 if threads == 1 or planes >= 4 * threads else min(rows, (4 * threads + planes - 1) // planes)


cdef Py_ssize_t band_row(Py_ssize_t rows, Py_ssize_t multiple, Py_ssize_t band, Py_ssize_t bands) noexcept nogil:
    """Where band `band` of a plane begins: a multiple of `multiple` rows, or the end."""
    return min(rows, (rows + multiple - 1) // multiple * band // bands * multiple)


cdef int max_forward(const real[:, :, :, ::1] x,      # IN   (N, C, H, W)
                     real[:, :, :, ::1] y,            # OUT  (N, C, P, Q)
                     uint8_t[:, :, :, ::1] bytes_,    # OUT  (N, C, P, Q) or None: the winners' taps
                     int32_t[:, :, :, ::1] ints,      # OUT  (N, C, P, Q) or None: the same
                     geo) except -1:
    cdef fnn_pool2d g = plane_of(geo, x.shape, y.shape)
    cdef Py_ssize_t planes = x.shape[0] * x.shape[1], task, plane, tap_bytes = 1
    cdef int threads = threads_for(nanoseconds(&g, planes), planes * g.out_h)
    cdef Py_ssize_t bands = bands_of(threads, planes, g.out_h)
    cdef char *taps = NULL
    if planes == 0:
        return 0
    if bytes_ is not None:
        taps = <char *>&bytes_[0, 0, 0, 0]
    elif ints is not None:
        taps, tap_bytes = <char *>&ints[0, 0, 0, 0], 4
    cdef const real *image = &x[0, 0, 0, 0]
    cdef real *windows = &y[0, 0, 0, 0]
    for task in prange(planes * bands, num_threads=threads, schedule="static", use_threads_if=threads > 1, nogil=True):
        plane = task // bands
        max_pool2d(&g, band_row(g.out_h, 1, task % bands, bands), band_row(g.out_h, 1, task % bands + 1, bands),
                   image + plane * g.in_h * g.in_w, windows + plane * g.out_h * g.out_w,
                   taps + plane * g.out_h * g.out_w * tap_bytes if taps != NULL else NULL, tap_bytes)
    return 0


cdef int max_backward(const real[:, :, :, ::1] dy,            # IN   (N, C, P, Q)
                      const uint8_t[:, :, :, ::1] bytes_,     # IN   (N, C, P, Q) or None: the winners' taps
                      const int32_t[:, :, :, ::1] ints,       # IN   (N, C, P, Q) or None: the same
                      real[:, :, :, ::1] dx,                  # OUT  (N, C, H, W)
                      geo) except -1:
    cdef fnn_pool2d g = plane_of(geo, dx.shape, dy.shape)
    cdef Py_ssize_t planes = dx.shape[0] * dx.shape[1], task, plane, tap_bytes = 1
    cdef int threads = threads_for(nanoseconds(&g, planes), planes * g.out_h)
    cdef Py_ssize_t bands = bands_of(threads, planes, g.out_h)
    cdef const char *taps
    if planes == 0:
        return 0
    if bytes_ is not None:
        taps = <const char *>&bytes_[0, 0, 0, 0]
    else:
        taps, tap_bytes = <const char *>&ints[0, 0, 0, 0], 4
    cdef const real *windows = &dy[0, 0, 0, 0]
    cdef real *image = &dx[0, 0, 0, 0]
    for task in prange(planes * bands, num_threads=threads, schedule="static", use_threads_if=threads > 1, nogil=True):
        plane = task // bands
        max_pool2d_grad(&g, band_row(g.in_h, g.stride_h, task % bands, bands),
                        band_row(g.in_h, g.stride_h, task % bands + 1, bands),
                        windows + plane * g.out_h * g.out_w, taps + plane * g.out_h * g.out_w * tap_bytes,
                        tap_bytes, image + plane * g.in_h * g.in_w)
    return 0


cdef int avg_forward(const real[:, :, :, ::1] x,      # IN   (N, C, H, W)
                     real[:, :, :, ::1] y,            # OUT  (N, C, P, Q)
                     geo, bint include_pad) except -1:
    cdef fnn_pool2d g = plane_of(geo, x.shape, y.shape)
    cdef Py_ssize_t planes = x.shape[0] * x.shape[1], task, plane
    cdef int threads = threads_for(nanoseconds(&g, planes), planes * g.out_h)
    cdef Py_ssize_t bands = bands_of(threads, planes, g.out_h)
    if planes == 0:
        return 0
    cdef const real *image = &x[0, 0, 0, 0]
    cdef real *windows = &y[0, 0, 0, 0]
    for task in prange(planes * bands, num_threads=threads, schedule="static", use_threads_if=threads > 1, nogil=True):
        plane = task // bands
        avg_pool2d(&g, band_row(g.out_h, 1, task % bands, bands), band_row(g.out_h, 1, task % bands + 1, bands),
                   include_pad, image + plane * g.in_h * g.in_w, windows + plane * g.out_h * g.out_w)
    return 0


cdef int avg_backward(const real[:, :, :, ::1] dy,    # IN   (N, C, P, Q)
                      real[:, :, :, ::1] dx,          # OUT  (N, C, H, W)
                      geo, bint include_pad) except -1:
    cdef fnn_pool2d g = plane_of(geo, dx.shape, dy.shape)
    cdef Py_ssize_t planes = dx.shape[0] * dx.shape[1], task, plane
    cdef int threads = threads_for(nanoseconds(&g, planes), planes * g.out_h)
    cdef Py_ssize_t bands = bands_of(threads, planes, g.out_h)
    if planes == 0:
        return 0
    cdef const real *windows = &dy[0, 0, 0, 0]
    cdef real *image = &dx[0, 0, 0, 0]
    for task in prange(planes * bands, num_threads=threads, schedule="static", use_threads_if=threads > 1, nogil=True):
        plane = task // bands
        avg_pool2d_grad(&g, band_row(g.in_h, g.stride_h, task % bands, bands),
                        band_row(g.in_h, g.stride_h, task % bands + 1, bands), include_pad,
                        windows + plane * g.out_h * g.out_w, image + plane * g.in_h * g.in_w)
    return 0
