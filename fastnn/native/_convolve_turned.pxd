"""The turned way of a direct convolution: pixels are broadcast, filters lie in the lanes."""

from ._convolve cimport Convolution, taps_are_rows, weights_are_rows
from ._convolve_plan cimport Plan
from ._im2col cimport Seen, see_rows
from ._kernels cimport igemm, lanes, pack, pack_t, pack_t_apart, round_up
from ._runtime cimport real


cdef inline void pack_filters(const Convolution *conv, const Plan *plan, Py_ssize_t group, Py_ssize_t row_block,
                              const real *weight, const real *bias, real *panels) noexcept nogil:
    """Panels of taps x filters; after the last one the bias. Zeros fill the last vector."""
    cdef Py_ssize_t m0 = row_block * plan.rows, rows = min(plan.rows, conv.rows - m0), left = rows, t, i, cols, c
    cdef Py_ssize_t kernel = conv.h.taps * conv.w.taps
    weight += group * conv.weight_group + m0 * conv.weight_rows
    while left > 0:
        cols = min(plan.width, left)
        if weights_are_rows(conv):
            pack_t(plan.taps, cols, plan.width, weight, conv.weight_rows, panels)
        elif taps_are_rows(conv):
            for c in range(conv.channels):
                pack_t(kernel, cols, plan.width, weight + c * conv.weight_channels, conv.weight_rows,
                       panels + c * kernel * plan.width)
        else:
            for t in range(plan.taps):
                for i in range(plan.width):
                    panels[t * plan.width + i] = weight[i * conv.weight_rows + plan.in_weight[t]] if i < cols else 0
        weight += plan.width * conv.weight_rows
        panels += plan.taps * plan.width
        left -= plan.width
    if bias != NULL:
        pack(<Py_ssize_t>1, rows, round_up(rows, lanes(sizeof(real))), bias + group * conv.rows + m0, <Py_ssize_t>0,
             panels)


cdef inline void multiply_turned(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t taps,
                                 Py_ssize_t first, Py_ssize_t n_rows, bint has_bias, const real *panels,
                                 const real *src, Seen *seen, real *out, Py_ssize_t out_rs) noexcept nogil:
    """out = bias + weight x taps, with pixels broadcast from src: its transpose row by row of pixels, then turned."""
    cdef Py_ssize_t vector = lanes(sizeof(real)), ld = round_up(rows, vector), pixels = n_rows * conv.w.out
    cdef Py_ssize_t m = 0, t, i, n, cols, init_rs, init_cs, whole = pixels // vector * vector
    cdef Py_ssize_t kernel = conv.h.taps * conv.w.taps, chain, skipped
    cdef real *turned = <real *>panels + plan.filters
    cdef const real *init
    cdef const Py_ssize_t *in_copy
    cdef const Py_ssize_t *in_panel
    cdef const real *bias = panels + (rows + plan.width - 1) // plan.width * plan.taps * plan.width
    cdef real *to
    while m < rows:
        cols, t = min(plan.width, ld - m), 0
        while t < taps:
            chain = min(plan.chain, taps - t)
            for i in range(n_rows):
                n, in_copy, in_panel, skipped = chain, plan.in_copy + t, plan.in_panel, 0
                if plan.skips:
                    see_rows(&conv.h, conv.w.taps, first + i, first + i + 1, plan.chain // kernel, plan.in_copy,
                             plan.in_weight, plan.width, seen)
                    if seen.taps < kernel:
                        n, in_copy, in_panel = chain // kernel * seen.taps, seen.in_copy, seen.in_panel
                        skipped = plan.in_copy[t] - plan.in_copy[0]
                to = turned + i * conv.w.out * ld + m
                init, init_rs, init_cs = bias + m if has_bias else NULL, 0, 1
                if t > 0:
                    init, init_rs, init_cs = to, ld, 2
                igemm(conv.w.out, cols, n, src + (i * conv.h.step * plan.band.pitch + skipped), conv.w.step, in_copy,
                      panels + (m * taps + t * plan.width), in_panel, init, init_rs, init_cs, to, ld)
            t += chain
        m += plan.width
    pack_t_apart(rows, whole, whole, turned, ld, out, out_rs)
    if whole < pixels:   # with pixels before them once more, if there are
        i = max(<Py_ssize_t>0, pixels - vector)
        pack_t_apart(rows, pixels - i, pixels - i, turned + i * ld, ld, out + i, out_rs)
