"""Bilinear blends, and what nearest pixels send back: one plane a task. Same names as reference/resample.py.

Reading nearest pixels and averaging adaptively are NumPy's own.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memset

from ._arrays cimport fnn_data
from ._runtime cimport fnn_alloc, fnn_free, real, threads_for

cdef double NS_PER_PIXEL = 1

ctypedef struct Axis:
    Py_ssize_t size, n          # pixels of x and of y
    const Py_ssize_t *low       # ascending
    const Py_ssize_t *high      # low or the one behind it
    const void *share


def nearest2d_backward_input(dy, dx, rows, columns):
    if dy.itemsize == 4:
        nearest_gradient[float](dy, dx, rows, columns, NULL)
    else:
        nearest_gradient[double](dy, dx, rows, columns, NULL)


def bilinear2d_forward(x, y, rows, columns):
    if x.itemsize == 4:
        bilinear[float](False, x, y, rows, columns, NULL)
    else:
        bilinear[double](False, x, y, rows, columns, NULL)


def bilinear2d_backward_input(dy, dx, rows, columns):
    if dy.itemsize == 4:
        bilinear[float](True, dx, dy, rows, columns, NULL)
    else:
        bilinear[double](True, dx, dy, rows, columns, NULL)


cdef int nearest_gradient(dy,         # IN   (N, C, P, Q)
                          dx,         # OUT  (N, C, H, W)
                          rows,       # IN   (P)
                          columns,    # IN   (Q)
                          const real *dtype) except -1:
    cdef Py_ssize_t outer[4]
    cdef Py_ssize_t inner[4]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 4, sizeof(real), outer)
    cdef real *pdx = <real *>fnn_data(dx, True, 4, sizeof(real), inner)
    cdef Axis h = read_axis(rows, None, None, inner[2], sizeof(real))
    cdef Axis w = read_axis(columns, None, None, inner[3], sizeof(real))
    cdef Py_ssize_t plane, planes = outer[0] * outer[1]
    cdef int threads = threads_for(NS_PER_PIXEL * planes * h.n * w.n, planes)
    with nogil:
        for plane in prange(planes, num_threads=threads, schedule="static"):
            add_nearest(&h, &w, pdy + plane * h.n * w.n, pdx + plane * h.size * w.size)
    return 0


cdef void add_nearest(const Axis *h, const Axis *w, const real *dy, real *dx) noexcept nogil:
    cdef Py_ssize_t p, q
    cdef real *row
    memset(dx, 0, h.size * w.size * sizeof(real))
    for p in range(h.n):
        row = dx + h.low[p] * w.size
        for q in range(w.n):
            row[w.low[q]] += dy[p * w.n + q]


cdef int bilinear(bint backward,
                  x,          # IN   (N, C, H, W); backward: OUT, its gradient
                  y,          # OUT  (N, C, P, Q); backward: IN, its gradient
                  rows,       # IN   low, high, share (P)
                  columns,    # IN   low, high, share (Q)
                  const real *dtype) except -1:
    cdef Py_ssize_t[4] inner, outer
    cdef real *px = <real *>fnn_data(x, backward, 4, sizeof(real), inner)
    cdef real *py = <real *>fnn_data(y, not backward, 4, sizeof(real), outer)
    cdef Axis h = read_axis(rows[0], rows[1], rows[2], inner[2], sizeof(real))
    cdef Axis w = read_axis(columns[0], columns[1], columns[2], inner[3], sizeof(real))
    cdef Py_ssize_t plane, planes = outer[0] * outer[1]
    cdef int threads = threads_for(NS_PER_PIXEL * planes * h.n * w.n, planes)
    cdef real *scratch = <real *>fnn_alloc(threads * 2 * w.n * sizeof(real))
    if scratch == NULL:
        raise MemoryError("interpolate: no scratch memory")
    with nogil:
        for plane in prange(planes, num_threads=threads, schedule="static"):
            if backward:
                add_blended(&h, &w, py + plane * h.n * w.n, px + plane * h.size * w.size,
                            scratch + threadid() * 2 * w.n)
            else:
                blend(&h, &w, px + plane * h.size * w.size, py + plane * h.n * w.n, scratch + threadid() * 2 * w.n)
    fnn_free(scratch)
    return 0


cdef void blend(const Axis *h, const Axis *w, const real *x, real *y, real *across) noexcept nogil:
    """Rows of x are stretched across the columns once each, two at a time in `across`, and blended to rows of y."""
    cdef Py_ssize_t p, q, side, i
    cdef Py_ssize_t[2] row = [-1, -1]       # which rows of x stand there: an even one, an odd one
    cdef const real *low
    cdef const real *high
    cdef real s, r
    for p in range(h.n):
        for side in range(2):
            i = h.high[p] if side else h.low[p]
            if row[i & 1] != i:
                stretch(w, x + i * w.size, across + (i & 1) * w.n)
                row[i & 1] = i
        low, high = across + (h.low[p] & 1) * w.n, across + (h.high[p] & 1) * w.n
        s = (<const real *>h.share)[p]
        r = 1 - s
        for q in range(w.n):
            y[p * w.n + q] = low[q] * r + high[q] * s


cdef void stretch(const Axis *w, const real *x, real *y) noexcept nogil:
    cdef Py_ssize_t q
    cdef const real *share = <const real *>w.share
    for q in range(w.n):
        y[q] = x[w.low[q]] * (1 - share[q]) + x[w.high[q]] * share[q]


cdef void add_blended(const Axis *h, const Axis *w, const real *dy, real *dx, real *across) noexcept nogil:
    """The way back: what rows of dy send to a row of dx is summed across, and once whole gathered to its pixels."""
    cdef Py_ssize_t p, q, side, i
    cdef Py_ssize_t[2] row = [-1, -1]
    cdef real *sums
    cdef real s
    memset(dx, 0, h.size * w.size * sizeof(real))
    for p in range(h.n):
        for side in range(2):
            i = h.high[p] if side else h.low[p]
            sums = across + (i & 1) * w.n
            s = (<const real *>h.share)[p]
            s = s if side else 1 - s
            if row[i & 1] == i:
                for q in range(w.n):
                    sums[q] += dy[p * w.n + q] * s
                continue
            if row[i & 1] >= 0:
                add_shrunk(w, sums, dx + row[i & 1] * w.size)
            row[i & 1] = i
            for q in range(w.n):
                sums[q] = dy[p * w.n + q] * s
    for side in range(2):
        if row[side] >= 0:
            add_shrunk(w, across + side * w.n, dx + row[side] * w.size)


cdef void add_shrunk(const Axis *w, const real *dy, real *dx) noexcept nogil:
    cdef Py_ssize_t q
    cdef const real *share = <const real *>w.share
    for q in range(w.n):
        dx[w.low[q]] += dy[q] * (1 - share[q])
        dx[w.high[q]] += dy[q] * share[q]


cdef Axis read_axis(low, high, share, Py_ssize_t size, int itemsize) except *:
    cdef Axis axis
    axis.size = size
    axis.low = <const Py_ssize_t *>fnn_data(low, False, 1, sizeof(Py_ssize_t), &axis.n)
    axis.high = <const Py_ssize_t *>fnn_data(high, False, 1, sizeof(Py_ssize_t), &size)
    axis.share = fnn_data(share, False, 1, itemsize, &size)
    return axis
