"""Pooling and its gradients: a task is a run of planes, or a band of one. Same names as reference/pool2d.py."""

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
    Py_ssize_t planes, rows, multiple  # rows: of what is written; bands begin at multiples of so many rows
    Py_ssize_t bands, tasks            # a task is one of `bands` bands of a plane, or a run of whole planes
    Py_ssize_t in_size, out_size       # of a plane
    int threads

cdef struct Part:
    Py_ssize_t plane, planes, begin, end    # a task's planes and rows


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
    """The arguments are the shapes. Planes are cut into bands only where planes alone would keep no thread busy.

    Where no window sees two rows all planes are one, forward: its rows share the work of a strip.
    """
    cdef Pooling p
    cdef double pixels
    cdef Py_ssize_t[8] n
    fnn_integers(geo, 8, n)
    p.g.in_h, p.g.in_w, p.g.out_h, p.g.out_w = image[2], image[3], windows[2], windows[3]
    p.g.kernel_h, p.g.kernel_w, p.g.stride_h, p.g.stride_w = n[0], n[1], n[2], n[3]
    p.g.pad_h, p.g.pad_w, p.g.dilation_h, p.g.dilation_w = n[4], n[5], n[6], n[7]
    p.planes = image[0] * image[1]
    if not backward and p.g.kernel_h == p.g.stride_h == 1 and p.g.pad_h == 0 and p.g.out_w > 1 and p.planes > 0:
        p.g.in_h = p.g.out_h = p.planes * image[2]
        p.planes = 1
    p.rows = p.g.in_h if backward else p.g.out_h
    p.multiple = p.g.stride_h if backward else 1
    pixels = <double>p.planes * (p.g.in_h * p.g.in_w + p.g.out_h * p.g.out_w)
    p.threads = threads_for(NS_PER_PIXEL * pixels, p.planes * p.g.out_h)
    p.in_size, p.out_size = p.g.in_h * p.g.in_w, p.g.out_h * p.g.out_w
    p.bands, p.tasks = 1, p.threads
    if p.threads > 1 and p.planes < 4 * p.threads:
        p.bands = min(p.g.out_h, (4 * p.threads + p.planes - 1) // p.planes)
        p.tasks = p.planes * p.bands
    return p


cdef Part part(const Pooling *p, Py_ssize_t task) noexcept nogil:
    cdef Part own
    cdef Py_ssize_t groups = (p.rows + p.multiple - 1) // p.multiple, band = task % p.bands
    if p.bands == 1:
        own.plane = p.planes * task // p.tasks
        own.planes = p.planes * (task + 1) // p.tasks - own.plane
    else:
        own.plane, own.planes = task // p.bands, 1
    own.begin = groups * band // p.bands * p.multiple
    own.end = min(p.rows, groups * (band + 1) // p.bands * p.multiple)
    return own


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
            forward_task(kind, &p, 0, px, py, taps, tap_bytes)
        else:
            for task in prange(p.tasks, num_threads=p.threads, schedule="static"):
                forward_task(kind, &p, task, px, py, taps, tap_bytes)
    return 0


cdef void forward_task(Kind kind, const Pooling *p, Py_ssize_t task, const real *x, real *y, char *taps,
                       int tap_bytes) noexcept nogil:
    cdef Part own = part(p, task)
    cdef Py_ssize_t windows = own.plane * p.out_size
    x += own.plane * p.in_size
    if kind == MAX:
        max_pool2d(&p.g, own.planes, own.begin, own.end, x, y + windows,
                   taps + windows * tap_bytes if taps != NULL else NULL, tap_bytes)
    else:
        avg_pool2d(&p.g, own.planes, own.begin, own.end, kind == MEAN_WITH_PADDING, x, y + windows)


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
            backward_task(kind, &p, 0, pdy, taps, tap_bytes, pdx)
        else:
            for task in prange(p.tasks, num_threads=p.threads, schedule="static"):
                backward_task(kind, &p, task, pdy, taps, tap_bytes, pdx)
    return 0


cdef void backward_task(Kind kind, const Pooling *p, Py_ssize_t task, const real *dy, const char *taps, int tap_bytes,
                        real *dx) noexcept nogil:
    cdef Part own = part(p, task)
    cdef Py_ssize_t plane, windows
    for plane in range(own.plane, own.plane + own.planes):
        windows = plane * p.out_size
        if kind == MAX:
            max_pool2d_grad(&p.g, own.begin, own.end, dy + windows, taps + windows * tap_bytes, tap_bytes,
                            dx + plane * p.in_size)
        else:
            avg_pool2d_grad(&p.g, own.begin, own.end, kind == MEAN_WITH_PADDING, dy + windows, dx + plane * p.in_size)
