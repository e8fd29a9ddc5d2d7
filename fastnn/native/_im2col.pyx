"""Padded and phase-split copies of images: every tap of a convolution reads them with unit stride."""

from libc.string cimport memcpy, memset

from ._kernels cimport pad_rows
from ._runtime cimport real


cdef void set_axis(Axis *axis, Py_ssize_t size, Py_ssize_t out, Py_ssize_t step, Py_ssize_t first, Py_ssize_t taps,
                   Py_ssize_t tap, Py_ssize_t tap_step, Py_ssize_t delta) noexcept nogil:
    """first: the source of tap 0 of output 0; delta: from one tap to the next, may be negative if step is 1."""
    axis.size, axis.out, axis.step = size, out, step
    axis.taps, axis.tap, axis.tap_step = taps, tap, tap_step
    axis.reversed = delta < 0
    axis.delta = -delta if axis.reversed else delta
    axis.start = first + (taps - 1) * delta if axis.reversed else first
    axis.extent = (taps - 1) * axis.delta // step
    axis.phases = min(taps, step // gcd(step, axis.delta))
    axis.columns = False


cdef void set_phase(Axis *axis, Py_ssize_t size, Py_ssize_t image, Py_ssize_t first, Py_ssize_t taps,
                    Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation) noexcept nogil:
    """Pixels first, first + stride, ... of the image: tap r reads dy at (pixel + pad - r*dilation) / stride."""
    cdef Py_ssize_t tap = 0, tap_step = stride // gcd(stride, dilation)
    while tap < taps and (first + pad - tap * dilation) % stride != 0:
        tap += 1
    set_axis(axis, size, (image - first + stride - 1) // stride, 1, (first + pad - tap * dilation) // stride,
             (taps - tap + tap_step - 1) // tap_step, tap, tap_step, -(dilation * tap_step // stride))


cdef void see_taps(const Axis *h, Py_ssize_t row, const Axis *w, Py_ssize_t column, Py_ssize_t channels,
                   const Py_ssize_t *in_copy, const Py_ssize_t *in_weight, Py_ssize_t width,
                   Seen *seen) noexcept nogil:
    cdef Py_ssize_t low, high, left = 0, right = w.taps, kernel = h.taps * w.taps, i, t, n = 0
    cdef Py_ssize_t channel = 0, weights = 0, panel = kernel * width
    find_seen(h, row, &low, &high)
    if column >= 0:
        find_seen(w, column, &left, &right)
    if seen.low == low and seen.high == high and seen.left == left and seen.right == right:
        return
    seen.low, seen.high, seen.left, seen.right = low, high, left, right
    for i in range(low, high):
        for t in range(i * w.taps + left, i * w.taps + right):
            seen.in_copy[n], seen.in_weight[n], seen.in_panel[n] = in_copy[t], in_weight[t], t * width
            n += 1
    seen.taps = n
    if channels > 1:
        channel, weights = in_copy[kernel] - in_copy[0], in_weight[kernel] - in_weight[0]
    for t in range(n, n * channels):
        seen.in_copy[t] = seen.in_copy[t - n] + channel
        seen.in_weight[t] = seen.in_weight[t - n] + weights
        seen.in_panel[t] = seen.in_panel[t - n] + panel


cdef Py_ssize_t past_alike(const Axis *axis, Py_ssize_t output) noexcept nogil:
    cdef Py_ssize_t past = output, low, high, first_low, first_high
    find_seen(axis, output, &first_low, &first_high)
    low, high = first_low, first_high
    while low == first_low and high == first_high and past < axis.out:
        past += 1
        find_seen(axis, past, &low, &high)
    return past


cdef void find_seen(const Axis *axis, Py_ssize_t output, Py_ssize_t *low, Py_ssize_t *high) noexcept nogil:
    """The range of its taps on the image."""
    low[0], high[0] = 0, axis.taps
    while low[0] < high[0] and not is_seen(axis, low[0], output):
        low[0] += 1
    while high[0] > low[0] and not is_seen(axis, high[0] - 1, output):
        high[0] -= 1


cdef bint are_all_seen(const Axis *axis) noexcept nogil:
    cdef Py_ssize_t tap, last = axis.out - 1
    cdef Py_ssize_t whole = min(last, first_at_least(0, axis.start, axis.step, axis.out))
    for tap in range(axis.taps):
        if not (is_seen(axis, tap, 0) or is_seen(axis, tap, last) or is_seen(axis, tap, whole)):
            return False
    return True


cdef void set_band(Band *band, const Axis *h, const Axis *w, Py_ssize_t rows, Py_ssize_t images) noexcept nogil:
    band.rows, band.images = rows, images
    band.pitch = w.out + w.extent
    band.plane = (rows + h.extent) * band.pitch
    band.image = band.plane * h.phases * w.phases
    band.channel = band.image * images
    if band.channel % 512 == 0:   # or the channels would compete for a few sets of the cache
        band.channel += 16


cdef void tap_offsets(const Axis *h, const Axis *w, const Band *band, Py_ssize_t channels,
                      Py_ssize_t *offsets) noexcept nogil:
    cdef Py_ssize_t i, j, t = 0, plane
    for i in range(h.taps):
        for j in range(w.taps):
            plane = i % h.phases * w.phases + j % w.phases
            offsets[t] = plane * band.plane + shift(h, i) // h.step * band.pitch
            if not w.columns:
                offsets[t] += shift(w, j) // w.step
            t += 1
    for i in range(t, channels * t):
        offsets[i] = offsets[i - t] + band.channel


cdef double seen_share(const Axis *axis) noexcept nogil:
    cdef Py_ssize_t tap, at, seen = 0
    for tap in range(axis.taps):
        at = axis.start + shift(axis, tap)
        seen += (first_at_least(axis.size, at, axis.step, axis.out) - first_at_least(0, at, axis.step, axis.out))
    return <double>seen / (axis.taps * axis.out)


cdef inline Py_ssize_t first_at_least(Py_ssize_t bound, Py_ssize_t first, Py_ssize_t step, Py_ssize_t n) noexcept nogil:
    """The first i of 0..n with first + i*step >= bound, or n."""
    return 0 if bound <= first else min(n, (bound - first + step - 1) // step)


cdef void copy_band(const Axis *h, const Axis *w, const Band *band, Py_ssize_t row, Py_ssize_t rows,
                    Py_ssize_t channels, Py_ssize_t images, const real *src, Py_ssize_t src_image,
                    real *dst) noexcept nogil:
    cdef Py_ssize_t c, n, i, j, y, x, top, bottom, left, right, height = rows + h.extent
    cdef real *plane
    if band.image > band.channel:
        for n in range(images):
            memcpy(dst + n * band.image, src + n * src_image, channels * band.plane * sizeof(real))
        return
    for i in range(h.phases):
        y = h.start + row * h.step + i * h.delta % h.step   # of the source, for row 0 of the copy
        top = first_at_least(0, y, h.step, height)
        bottom = first_at_least(h.size, y, h.step, height)
        for c in range(channels):
            for n in range(images):
                for j in range(w.phases):   # they read the same rows: innermost, while these are in the cache
                    x = w.start + (shift(w, j) if w.columns else j * w.delta % w.step)
                    left = first_at_least(0, x, w.step, band.pitch)
                    right = first_at_least(w.size, x, w.step, band.pitch)
                    plane = dst + c * band.channel + n * band.image + (i * w.phases + j) * band.plane
                    if bottom <= top or right <= left:
                        memset(plane, 0, height * band.pitch * sizeof(real))
                        continue
                    memset(plane, 0, top * band.pitch * sizeof(real))
                    pad_rows(bottom - top, left, right - left, band.pitch - right,
                             src + n * src_image + (c * h.size + y + top * h.step) * w.size + x + left * w.step,
                             h.step * w.size, w.step, plane + top * band.pitch)
                    memset(plane + bottom * band.pitch, 0, (height - bottom) * band.pitch * sizeof(real))


cdef Py_ssize_t split_pixels(const Axis *w, const Band *band, Py_ssize_t rows, Py_ssize_t first, Py_ssize_t n,
                             Py_ssize_t lanes, Py_ssize_t *from_, Py_ssize_t *lane) noexcept nogil:
    cdef Py_ssize_t image = first // (rows * w.out), row = first // w.out % rows, column = first % w.out
    cdef Py_ssize_t pieces = 0, done = 0, begin = 0, length
    while done < n:
        length = min(min(w.out - column, lanes - begin), n - done)
        from_[pieces] = image * band.image + row * band.pitch + column - begin
        if lane != NULL:
            lane[pieces] = begin
        pieces += 1
        done += length
        begin = begin + length if begin + length < lanes else 0
        column += length
        if column == w.out:
            column = 0
            row += 1
            if row == rows:
                row = 0
                image += 1
    return pieces
