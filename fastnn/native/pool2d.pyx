"""Pooling and its gradients: one task a plane, or a band of its rows. Same names as reference/pool2d.py."""

from cython.parallel cimport prange

from ._arrays cimport fnn_data, fnn_integers
from ._kernels cimport avg_pool2d, avg_pool2d_grad, max_pool2d, max_pool2d_grad
from ._runtime cimport real, threads_for
from ._table cimport fnn_pool2d

cdef double NS_PER_PIXEL = 0.3

cdef enum Kind:
    MAX, MEAN, MEAN_WITH_PADDING    # means count the zeros of the padding or do not

cdef struct Pooling:
    fnn_pool2d g
    Py_ssize_t planes, bands, rows    # a task is one of `bands` bands of a plane; `rows`: of what is written
    Py_ssize_t multiple               # bands begin at multiples of so many rows
    int threads


def max_pool2d_forward(x, y, argmax, geo):
    if x.itemsize == 4:
        forward[float](MAX, x, y, argmax, geo, NULL)
    else:
        forward[double](MAX, x, y, argmax, geo, NULL)


def max_pool2d_backward_input(dy, argmax, dx, geo):
    if dy.itemsize == 4:
        backward[float](MAX, dy, argmax, dx, geo, NULL)
    else:
        backward[double](MAX, dy, argmax, dx, geo, NULL)


def avg_pool2d_forward(x, y, geo, count_include_pad):
    cdef Kind kind = MEAN_WITH_PADDING if count_include_pad else MEAN
    if x.itemsize == 4:
        forward[float](kind, x, y, None, geo, NULL)
    else:
        forward[double](kind, x, y, None, geo, NULL)


def avg_pool2d_backward_input(dy, dx, geo, count_include_pad):
    cdef Kind kind = MEAN_WITH_PADDING if count_include_pad else MEAN
    if dy.itemsize == 4:
        backward[float](kind, dy, None, dx, geo, NULL)
    else:
        backward[double](kind, dy, None, dx, geo, NULL)


cdef Pooling describe(geo, const Py_ssize_t *image, const Py_ssize_t *windows, bint backward) except *:
    """The arguments are the shapes. Planes are cut into bands only where planes alone would keep no thread busy."""
    cdef Pooling p
    cdef double pixels
    cdef Py_ssize_t[8] n
    fnn_integers(geo, 8, n)
    p.g.in_h, p.g.in_w, p.g.out_h, p.g.out_w = image[2], image[3], windows[2], windows[3]
    p.g.kernel_h, p.g.kernel_w, p.g.stride_h, p.g.stride_w = n[0], n[1], n[2], n[3]
    p.g.pad_h, p.g.pad_w, p.g.dilation_h, p.g.dilation_w = n[4], n[5], n[6], n[7]
    p.planes = image[0] * image[1]
    p.rows = p.g.in_h if backward else p.g.out_h
    p.multiple = p.g.stride_h if backward else 1
    pixels = <double>p.planes * (p.g.in_h * p.g.in_w + p.g.out_h * p.g.out_w)
    p.threads = threads_for(NS_PER_PIXEL * pixels, p.planes * p.g.out_h)
    p.bands = 1
    if p.threads > 1 and p.planes < 4 * p.threads:
        p.bands = min(p.g.out_h, (4 * p.threads + p.planes - 1) // p.planes)
    return p


cdef Py_ssize_t begin(const Pooling *p, Py_ssize_t band) noexcept nogil:
    """The first row of a band, or the end of the last."""
    return min(p.rows, (p.rows + p.multiple - 1) // p.multiple * band // p.bands * p.multiple)


cdef int forward(Kind kind,
                 x,         # IN   (N, C, H, W)
                 y,         # OUT  (N, C, P, Q)
                 argmax,    # OUT  (N, C, P, Q) uint8 or int32, or None: the winners' taps
                 geo, const real *dtype) except -1:
    cdef Py_ssize_t[4] image, windows, ignored
    cdef int tap_bytes = 0 if argmax is None else argmax.itemsize
    cdef const real *px = <const real *>fnn_data(x, False, 4, sizeof(real), image)
    cdef real *py = <real *>fnn_data(y, True, 4, sizeof(real), windows)
    cdef char *taps = <char *>fnn_data(argmax, True, 4, tap_bytes, ignored)
    cdef Pooling p = describe(geo, image, windows, False)
    cdef Py_ssize_t task
    with nogil:
        if p.threads == 1:
            for task in range(p.planes):
                forward_task(kind, &p, task, px, py, taps, tap_bytes)
        else:
            for task in prange(p.planes * p.bands, num_threads=p.threads, schedule="static"):
                forward_task(kind, &p, task, px, py, taps, tap_bytes)
    return 0


cdef void forward_task(Kind kind, const Pooling *p, Py_ssize_t task, const real *x, real *y, char *taps,
                       int tap_bytes) noexcept nogil:
    cdef Py_ssize_t plane = task // p.bands, band = task % p.bands, windows = plane * p.g.out_h * p.g.out_w
    x += plane * p.g.in_h * p.g.in_w
    if kind == MAX:
        max_pool2d(&p.g, begin(p, band), begin(p, band + 1), x, y + windows,
                   taps + windows * tap_bytes if taps != NULL else NULL, tap_bytes)
    else:
        avg_pool2d(&p.g, begin(p, band), begin(p, band + 1), kind == MEAN_WITH_PADDING, x, y + windows)


cdef int backward(Kind kind,
                  dy,        # IN   (N, C, P, Q)
                  argmax,    # IN   (N, C, P, Q) uint8 or int32: the winners' taps; None for means
                  dx,        # OUT  (N, C, H, W)
                  geo, const real *dtype) except -1:
    cdef Py_ssize_t[4] image, windows, ignored
    cdef int tap_bytes = 0 if argmax is None else argmax.itemsize
    cdef const real *pdy = <const real *>fnn_data(dy, False, 4, sizeof(real), windows)
    cdef const char *taps = <const char *>fnn_data(argmax, False, 4, tap_bytes, ignored)
    cdef real *pdx = <real *>fnn_data(dx, True, 4, sizeof(real), image)
    cdef Pooling p = describe(geo, image, windows, True)
    cdef Py_ssize_t task
    with nogil:
        if p.threads == 1:
            for task in range(p.planes):
                backward_task(kind, &p, task, pdy, taps, tap_bytes, pdx)
        else:
            for task in prange(p.planes * p.bands, num_threads=p.threads, schedule="static"):
                backward_task(kind, &p, task, pdy, taps, tap_bytes, pdx)
    return 0


cdef void backward_task(Kind kind, const Pooling *p, Py_ssize_t task, const real *dy, const char *taps, int tap_bytes,
                        real *dx) noexcept nogil:
    cdef Py_ssize_t plane = task // p.bands, band = task % p.bands, windows = plane * p.g.out_h * p.g.out_w
    dx += plane * p.g.in_h * p.g.in_w
    if kind == MAX:
        max_pool2d_grad(&p.g, begin(p, band), begin(p, band + 1), dy + windows, taps + windows * tap_bytes, tap_bytes,
                        dx)
    else:
        avg_pool2d_grad(&p.g, begin(p, band), begin(p, band + 1), kind == MEAN_WITH_PADDING, dy + windows, dx)
