"""Sums of a convolution without its padding, where zero times infinity would have spoilt them.

To look for such sums costs next to nothing. A weight that is not finite makes NaN of every output in whose window its
tap lies outside the image. If there is such an output in a plane, then the plane's first or its last is one: rows and
columns leave the image at either end. So two outputs of one image tell for each filter whether its weights have to
be looked at, as long as each of the two is the sum over all of its taps. Where rows of taps outside the image are left
out, only columns leave it; then the first and the last output of any row with the tap tell, and of the first row, the
last, and the first that has no tap above the image one does. Where columns are left out too nothing is spoilt. For a
weight gradient one channel tells.
"""

from libc.math cimport isfinite, isnan

from ._runtime cimport real
from ._table cimport fnn_pool2d


cdef Walk walk_of(const fnn_pool2d *plane, Py_ssize_t images, Py_ssize_t groups,
                  const Py_ssize_t *weight_shape) noexcept nogil:
    cdef Walk g
    g.images, g.groups, g.channels, g.filters = images, groups, weight_shape[1], weight_shape[0] // groups
    g.h, g.w, g.r, g.s, g.p, g.q = plane.in_h, plane.in_w, plane.kernel_h, plane.kernel_w, plane.out_h, plane.out_w
    g.stride_h, g.stride_w, g.pad_h, g.pad_w = plane.stride_h, plane.stride_w, plane.pad_h, plane.pad_w
    g.dilation_h, g.dilation_w = plane.dilation_h, plane.dilation_w
    return g


cdef bint all_finite(const real *a, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef real sum = 0
    for i in range(n):
        sum += a[i] * 0
    return sum == 0


cdef bint leaves(Py_ssize_t first, Py_ssize_t taps, Py_ssize_t step, Py_ssize_t size) noexcept nogil:
    """Whether any of first, first + step, ... lies outside 0..size-1."""
    return first < 0 or first + (taps - 1) * step >= size


cdef inline bint row_has_nan(const real *row, Py_ssize_t n) noexcept nogil:
    """At one of its ends."""
    return isnan(row[0]) or isnan(row[n - 1])


# ---- y


cdef bint exact_forward(const Walk *g, const real *x, const real *weight, const real *bias, bint relu,
                        real *y) noexcept nogil:
    """Returns whether some sums came out finite, for _conv_retake.py; so does `exact_input`."""
    cdef Py_ssize_t filters = g.groups * g.filters, plane = g.p * g.q, taps = g.channels * g.r * g.s, k, n
    cdef Py_ssize_t whole = min(g.p - 1, (max(<Py_ssize_t>0, g.pad_h) + g.stride_h - 1) // g.stride_h) * g.q
    cdef bint mended = False
    if g.images == 0 or not (leaves(-g.pad_h, g.r, g.dilation_h, g.h) or leaves(-g.pad_w, g.s, g.dilation_w, g.w)
                             or leaves((g.p - 1) * g.stride_h - g.pad_h, g.r, g.dilation_h, g.h)
                             or leaves((g.q - 1) * g.stride_w - g.pad_w, g.s, g.dilation_w, g.w)):
        return False
    for k in range(filters):
        if (row_has_nan(y + k * plane, g.q) or row_has_nan(y + (k + 1) * plane - g.q, g.q)
                or row_has_nan(y + k * plane + whole, g.q)) and not all_finite(weight + k * taps, taps):
            for n in range(g.images):
                mended |= forward_plane(g, x + (n * g.groups + k // g.filters) * g.channels * g.h * g.w,
                                        weight + k * taps, bias[k] if bias != NULL else 0, relu,
                                        y + (n * filters + k) * plane)
    return mended


cdef bint forward_plane(const Walk *g, const real *x, const real *weight, double bias, bint relu,
                        real *y) noexcept nogil:
    cdef Py_ssize_t p, q, row, column
    cdef real total
    cdef bint mended = False
    for p in range(g.p):
        row = p * g.stride_h - g.pad_h
        for q in range(g.q):
            column = q * g.stride_w - g.pad_w
            if isnan(y[p * g.q + q]) and (leaves(row, g.r, g.dilation_h, g.h)
                                          or leaves(column, g.s, g.dilation_w, g.w)):
                total = forward_sum(g, x, weight, <real>bias, row, column)
                y[p * g.q + q] = 0 if relu and total <= 0 else total
                mended |= isfinite(total)
    return mended


cdef real forward_sum(const Walk *g, const real *x, const real *weight, real total, Py_ssize_t row,
                      Py_ssize_t column) noexcept nogil:
    cdef Py_ssize_t c, r, s, h, w
    for c in range(g.channels):
        for r in range(g.r):
            h = row + r * g.dilation_h
            if 0 <= h < g.h:
                for s in range(g.s):
                    w = column + s * g.dilation_w
                    if 0 <= w < g.w:
                        total += weight[(c * g.r + r) * g.s + s] * x[(c * g.h + h) * g.w + w]
        if isnan(total):
            break
    return total


# ---- dx


cdef bint exact_input(const Walk *g, const real *dy, const real *weight, real *dx) noexcept nogil:
    """Pixels a stride apart are a convolution of their own: the ends of some of its rows tell."""
    cdef Py_ssize_t channels = g.groups * g.channels, plane = g.h * g.w, taps = g.r * g.s, c, n, i, k
    cdef const real *filters
    cdef bint suspect, mended = False
    for c in range(channels):
        filters = weight + (c // g.channels * g.filters * g.channels + c % g.channels) * taps
        suspect = False
        for i in range(min(g.stride_h, g.h)):
            suspect |= ends_have_nan(g, dx + c * plane + i * g.w)
            suspect |= ends_have_nan(g, dx + c * plane + whole_row(g, i) * g.w)
            suspect |= ends_have_nan(g, dx + c * plane + last(i, g.stride_h, g.h) * g.w)
        if not suspect:
            continue
        for k in range(g.filters):
            if not all_finite(filters + k * g.channels * taps, taps):
                for n in range(g.images):
                    mended |= input_plane(g, dy + (n * g.groups + c // g.channels) * g.filters * g.p * g.q, filters,
                                          dx + (n * channels + c) * plane)
                break
    return mended


cdef bint ends_have_nan(const Walk *g, const real *row) noexcept nogil:
    """Of the columns of each phase."""
    cdef Py_ssize_t j
    for j in range(min(g.stride_w, g.w)):
        if isnan(row[j]) or isnan(row[last(j, g.stride_w, g.w)]):
            return True
    return False


cdef Py_ssize_t whole_row(const Walk *g, Py_ssize_t first) noexcept nogil:
    """The first row, a number of strides after `first`, from which no tap goes back to before the first window."""
    cdef Py_ssize_t tap = g.r - 1, row = first
    while tap > 0 and (first + g.pad_h - tap * g.dilation_h) % g.stride_h != 0:
        tap -= 1
    while row + g.stride_h < g.h and row + g.pad_h < tap * g.dilation_h:
        row += g.stride_h
    return row


cdef Py_ssize_t last(Py_ssize_t first, Py_ssize_t step, Py_ssize_t size) noexcept nogil:
    return first + (size - 1 - first) // step * step


cdef bint input_plane(const Walk *g, const real *dy, const real *weight, real *dx) noexcept nogil:
    cdef Py_ssize_t h, w, k, r, s, p, q
    cdef real total
    cdef bint mended = False
    for h in range(g.h):
        for w in range(g.w):
            if not isnan(dx[h * g.w + w]):
                continue
            total = 0
            for k in range(g.filters):
                for r in range(g.r):
                    p = window(h + g.pad_h - r * g.dilation_h, g.stride_h, g.p)
                    for s in range(g.s if p >= 0 else 0):
                        q = window(w + g.pad_w - s * g.dilation_w, g.stride_w, g.q)
                        if q >= 0:
                            total += weight[(k * g.channels * g.r + r) * g.s + s] * dy[(k * g.p + p) * g.q + q]
                if isnan(total):
                    break
            dx[h * g.w + w] = total
            mended |= isfinite(total)
    return mended


cdef Py_ssize_t window(Py_ssize_t offset, Py_ssize_t stride, Py_ssize_t windows) noexcept nogil:
    """The window that begins `offset` pixels into the padded image, or -1 where none does."""
    return offset // stride if offset >= 0 and offset % stride == 0 and offset // stride < windows else -1


# ---- dweight


cdef void exact_weight(const Walk *g, const real *dy, const real *x, real *dweight) noexcept nogil:
    cdef Py_ssize_t k, c, t, taps = g.r * g.s
    for k in range(g.groups * g.filters):
        for t in range(taps):
            if isnan(dweight[k * g.channels * taps + t]) and leaves_image(g, t // g.s, t % g.s):
                if gradients_finite(g, dy, k):
                    break
                for c in range(g.channels):
                    weight_sum(g, dy, x, k, c, t // g.s, t % g.s, dweight + (k * g.channels + c) * taps + t)


cdef bint leaves_image(const Walk *g, Py_ssize_t r, Py_ssize_t s) noexcept nogil:
    return (leaves(r * g.dilation_h - g.pad_h, g.p, g.stride_h, g.h)
            or leaves(s * g.dilation_w - g.pad_w, g.q, g.stride_w, g.w))


cdef bint gradients_finite(const Walk *g, const real *dy, Py_ssize_t k) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(g.images):
        if not all_finite(dy + (n * g.groups * g.filters + k) * g.p * g.q, g.p * g.q):
            return False
    return True


cdef void weight_sum(const Walk *g, const real *dy, const real *x, Py_ssize_t k, Py_ssize_t c, Py_ssize_t r,
                     Py_ssize_t s, real *dweight) noexcept nogil:
    cdef Py_ssize_t n, p, q, h, w
    cdef const real *pixels
    cdef const real *gradients
    cdef real total = 0
    for n in range(g.images):
        pixels = x + ((n * g.groups + k // g.filters) * g.channels + c) * g.h * g.w
        gradients = dy + (n * g.groups * g.filters + k) * g.p * g.q
        for p in range(g.p):
            h = p * g.stride_h - g.pad_h + r * g.dilation_h
            if 0 <= h < g.h:
                for q in range(g.q):
                    w = q * g.stride_w - g.pad_w + s * g.dilation_w
                    if 0 <= w < g.w:
                        total += gradients[p * g.q + q] * pixels[h * g.w + w]
                if isnan(total):
                    dweight[0] = total
                    return
    dweight[0] = total
