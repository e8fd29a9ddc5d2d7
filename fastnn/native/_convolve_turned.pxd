"""The turned way of a direct convolution: pixels are broadcast, filters lie in the lanes."""

from ._convolve cimport Convolution, taps_are_rows, weights_are_rows
from ._convolve_plan cimport Plan
from ._im2col cimport Seen, past_alike, see_taps
from ._kernels cimport FNN_RELU, activate, igemm, lanes, pack, pack_t_apart, round_up
from ._runtime cimport real


cdef inline void pack_filters(const Convolution *conv, const Plan *plan, Py_ssize_t group, Py_ssize_t row_block,
                              const real *weight, const real *bias, real *panels) noexcept nogil:
    """Panels of taps x filters; after the last one the bias. Zeros fill the last vector."""
    cdef Py_ssize_t m0 = row_block * plan.rows, rows = min(plan.rows, conv.rows - m0), left = rows, t, i, cols, c, past
    cdef Py_ssize_t kernel = conv.h.taps * conv.w.taps
    weight += group * conv.weight_group + m0 * conv.weight_rows
    while left > 0:
        cols = min(plan.width, left)
        past = round_up(cols, lanes(sizeof(real)))
        if weights_are_rows(conv):
            pack_t_apart(plan.taps, cols, past, weight, conv.weight_rows, panels, plan.width)
        elif taps_are_rows(conv):
            for c in range(conv.channels):
                pack_t_apart(kernel, cols, past, weight + c * conv.weight_channels, conv.weight_rows,
                             panels + c * kernel * plan.width, plan.width)
        else:
            for t in range(plan.taps):
                for i in range(past):
                    panels[t * plan.width + i] = weight[i * conv.weight_rows + plan.in_weight[t]] if i < cols else 0
        weight += plan.width * conv.weight_rows
        panels += plan.taps * plan.width
        left -= plan.width
    if bias != NULL:
        pack(<Py_ssize_t>1, rows, round_up(rows, lanes(sizeof(real))), bias + group * conv.rows + m0, <Py_ssize_t>0,
             panels)


cdef inline void multiply_turned(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t taps,
                                 Py_ssize_t first, Py_ssize_t n_rows, Py_ssize_t images, bint has_bias,
                                 const real *panels, const real *src, Seen *seen, real *out, Py_ssize_t out_rs,
                                 Py_ssize_t out_image) noexcept nogil:
    """out = bias + weight x taps, with pixels broadcast from src: its transpose image by image, then turned."""
    cdef Py_ssize_t vector = lanes(sizeof(real)), ld = round_up(rows, vector), pixels = n_rows * conv.w.out
    cdef Py_ssize_t m = 0, t, i, _image, cols, chain, column, past, whole = pixels // vector * vector
    cdef real *turned = <real *>panels + plan.filters
    cdef const real *bias = panels + (rows + plan.width - 1) // plan.width * plan.taps * plan.width
    while m < rows:
        cols, t = min(plan.width, ld - m), 0
        while t < taps:
            chain, column = min(plan.chain, taps - t), 0
            while column < conv.w.out:
                past = past_alike(&conv.w, column) if plan.exact else conv.w.out
                for i in range(n_rows):
                    multiply_alike(conv, plan, cols, t, chain, first + i, column, past, images, pixels,
                                   bias + m if has_bias else NULL, panels + (m * taps + t * plan.width),
                                   src + (i * conv.h.step * plan.band.pitch + column * conv.w.step), seen,
                                   turned + (i * conv.w.out + column) * ld + m, ld)
                column = past
            t += chain
        m += plan.width
    if conv.relu:
        activate(FNN_RELU, 0, images * pixels * ld, turned, turned)
    for _image in range(images):
        pack_t_apart(rows, whole, whole, turned, ld, out, out_rs)
        if whole < pixels:   # with pixels before them once more, if there are
            t = max(<Py_ssize_t>0, pixels - vector)
            pack_t_apart(rows, pixels - t, pixels - t, turned + t * ld, ld, out + t, out_rs)
        turned += pixels * ld
        out += out_image


cdef inline void multiply_alike(const Convolution *conv, const Plan *plan, Py_ssize_t cols, Py_ssize_t t,
                                Py_ssize_t chain, Py_ssize_t row, Py_ssize_t column, Py_ssize_t past,
                                Py_ssize_t images, Py_ssize_t pixels, const real *init, const real *panel,
                                const real *src, Seen *seen, real *to, Py_ssize_t ld) noexcept nogil:
    """One chain of outputs column..past-1 of a row: these are the rows of a tile, or images are, column by column."""
    cdef Py_ssize_t height = past - column, tiles = 1, src_rs = conv.w.step, to_rs = ld, init_rs = 0, init_cs = 1
    cdef Py_ssize_t n = chain, kernel = conv.h.taps * conv.w.taps, _tile
    cdef const Py_ssize_t *in_copy = plan.in_copy + t
    cdef const Py_ssize_t *in_panel = plan.in_panel
    if plan.skips:
        see_taps(&conv.h, row, &conv.w, column if plan.exact else -1, plan.chain // kernel, plan.in_copy,
                 plan.in_weight, plan.width, seen)
        if seen.taps < kernel:
            n, in_copy, in_panel = chain // kernel * seen.taps, seen.in_copy, seen.in_panel
            src += plan.in_copy[t] - plan.in_copy[0]
    if plan.band.images > 1:
        height, tiles, src_rs, to_rs = images, height, plan.band.image, pixels * ld
    for _tile in range(tiles):
        if t > 0:
            init, init_rs, init_cs = to, to_rs, 2
        igemm(height, cols, n, src, src_rs, in_copy, panel, in_panel, init, init_rs, init_cs, to, to_rs)
        src += conv.w.step
        to += ld
