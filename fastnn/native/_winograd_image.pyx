"""Winograd convolution of images: the forward pass, and the input gradient with the filters turned around."""

from cython.parallel cimport prange

from ._kernels cimport FNN_RELU, activate, gemm, lanes, round_up
from ._runtime cimport real
from ._winograd cimport (
    CHAIN, PLANE_PAD, Filters, Tiling, Unit, in_phase, panel_start, recompute, transform_input, unit_at,
)
from ._winograd_kernels cimport from_lanes, wino2_filter, wino2_output, wino_filter, wino_output

cdef enum:
    BLOCK = 48       # tiles that a thread carries through all phases at once, with stride 1
    BLOCK_STRIDE = 32
    KEPT_BYTES = 32 << 20   # of transformed filters, in all parts

# Elements of scratch: of the planes of the three matrices, of what a part keeps from block to block, and of its own.
cdef struct Scratch:
    Py_ssize_t u_plane, v_plane, m_plane, kept, own
    Py_ssize_t u_chain, v_chain, v_view, m_out   # of all points of a chain, of a view, of a phase of outputs
    Py_ssize_t block        # units that a thread carries through all phases at once
    bint filters_once
    bint shared             # the kept filters of a column of parts


cdef Scratch divide(const Tiling *s) noexcept nogil:
    cdef Scratch d
    cdef Py_ssize_t tiles = min(s.tiles, (s.units + s.down - 1) // s.down * s.unit)
    # Either a part keeps its transformed filters and reads them again for each block of tiles, or it keeps its
    # transformed images and reads them again for each panel of filters. The larger of the two should be made once.
    d.filters_once = tiles * s.across <= s.k
    d.block = max((BLOCK if s.parts == 1 else BLOCK_STRIDE) // s.unit, <Py_ssize_t>1)
    if not d.filters_once:
        tiles = d.block * s.unit
    d.u_plane, d.v_plane = s.chain * s.panel + PLANE_PAD, tiles * s.chain + PLANE_PAD
    d.m_plane = tiles * s.panel + PLANE_PAD
    d.u_chain, d.v_chain, d.m_out = s.parts * s.points * d.u_plane, s.points * d.v_plane, s.points * d.m_plane
    d.v_view = s.chains * d.v_chain
    d.kept, d.own = s.panels // s.across * s.chains * d.u_chain, s.views * d.v_view + s.outs_w * d.m_out
    if d.filters_once:   # then the phases of rows of outputs are summed side by side too
        d.kept, d.own = s.views * d.v_view, d.u_chain + s.outs_h * s.outs_w * d.m_out
    d.own = round_up(d.own + 2 * s.band, 64)
    d.shared = not d.filters_once and s.down > 1 and s.down * s.across * d.kept * s.itemsize > KEPT_BYTES
    if not d.shared:
        d.own += d.kept
    return d


cdef Py_ssize_t winograd_image_scratch(const Tiling *s) noexcept nogil:
    cdef Scratch d = divide(s)
    return s.down * s.across * d.own + (s.across * d.kept if d.shared else 0)


cdef int winograd_image(const Tiling *s, const real *x, const real *weight, const real *bias, real *y,
                        real *scratch) noexcept nogil:
    cdef Filters f
    cdef Scratch d = divide(s)
    cdef const real *x_end = x + s.n * s.groups * s.c * s.h * s.w
    cdef Py_ssize_t failed = 0, _group
    f.end = weight + s.groups * s.c * s.k * s.kernel_h * s.kernel_w
    for _group in range(s.groups):
        f.weight, f.bias = weight, bias
        failed += convolve_group(s, &f, &d, x, x_end, y, scratch)
        x += s.c * s.h * s.w
        y += s.k * s.p * s.q
        weight += s.c * s.k * s.kernel_h * s.kernel_w
        if bias != NULL:
            bias += s.k
    return -1 if failed else 0


cdef Py_ssize_t convolve_group(const Tiling *s, const Filters *f, const Scratch *d, const real *x, const real *x_end,
                               real *y, real *scratch) noexcept nogil:
    cdef Py_ssize_t part, parts = s.down * s.across, failed = 0
    if parts == 1:
        return carry(s, f, d, x, x_end, y, 0, scratch, scratch)
    if d.shared:
        for part in prange(s.panels * s.chains, num_threads=parts, schedule="static"):
            transform_filters(s, f, part // s.chains, part % s.chains, scratch + parts * d.own + part * d.u_chain,
                              d.u_plane)
    for part in prange(parts, num_threads=parts, schedule="static"):
        failed += carry(s, f, d, x, x_end, y, part, scratch + part * d.own, scratch + parts * d.own)
    return failed


cdef int carry(const Tiling *s, const Filters *f, const Scratch *d, const real *x, const real *x_end, real *y,
               Py_ssize_t part, real *own, real *shared) noexcept nogil:
    """A thread's part, with what it transforms itself."""
    cdef Py_ssize_t down = part % s.down, across = part // s.down, i
    cdef Py_ssize_t first = s.units * down // s.down, last = s.units * (down + 1) // s.down
    cdef Py_ssize_t panel = s.panels // s.across * across, panels = panel + s.panels // s.across
    cdef real *u = own
    if d.filters_once:
        return carry_panels(s, f, d, x, x_end, y, first, last, panel, panels, own)
    if d.shared:
        u = shared + across * d.kept
    else:
        for i in range(d.kept // d.u_chain):
            transform_filters(s, f, panel + i // s.chains, i % s.chains, u + i * d.u_chain, d.u_plane)
        own += d.kept
    return carry_tiles(s, f, d, x, x_end, y, first, last, panel, panels, u, own)


cdef int carry_tiles(const Tiling *s, const Filters *f, const Scratch *d, const real *x, const real *x_end, real *y,
                     Py_ssize_t unit, Py_ssize_t units, Py_ssize_t first, Py_ssize_t panels, const real *u,
                     real *v) noexcept nogil:
    """The units and panels up to `units` and `panels`, a block of units at a time, with filters that are ready."""
    cdef Py_ssize_t last, base, tiles, i, panel, chain, row
    cdef real *m = v + s.views * d.v_view
    cdef real *band = m + s.outs_w * d.m_out
    cdef int failed = 0
    while unit < units:
        last = min(unit + d.block, units)
        base = unit_at(s, unit).first
        tiles = unit_at(s, last - 1).first + unit_at(s, last - 1).tiles - base
        for chain in range(s.chains):
            for i in range(unit, last):
                transform_chain(s, d, x, x_end, i, chain, base, band, v)
        for panel in range(first, panels):
            for row in range(s.outs_h):
                for chain in range(s.chains):
                    multiply(s, d, panel, chain, row, tiles, v + chain * d.v_chain,
                             u + ((panel - first) * s.chains + chain) * d.u_chain, m)
                for i in range(unit, last):
                    failed |= write_output(s, d, f, x, y, i, panel, row, m + (unit_at(s, i).first - base) * s.panel,
                                           band)
        unit = last
    return failed


cdef int carry_panels(const Tiling *s, const Filters *f, const Scratch *d, const real *x, const real *x_end, real *y,
                      Py_ssize_t first, Py_ssize_t units, Py_ssize_t panel, Py_ssize_t panels,
                      real *v) noexcept nogil:
    """The same a panel at a time, with all of its tiles ready."""
    cdef real *u = v + d.kept
    cdef real *m = u + d.u_chain
    cdef real *band = m + s.outs_h * s.outs_w * d.m_out
    cdef Py_ssize_t chain, unit, row, base = unit_at(s, first).first
    cdef Py_ssize_t tiles = unit_at(s, units - 1).first + unit_at(s, units - 1).tiles - base
    cdef int failed = 0
    for unit in range(first, units):
        for chain in range(s.chains):
            transform_chain(s, d, x, x_end, unit, chain, base, band, v)
    while panel < panels:
        for chain in range(s.chains):
            transform_filters(s, f, panel, chain, u, d.u_plane)
            for row in range(s.outs_h):
                multiply(s, d, panel, chain, row, tiles, v + chain * d.v_chain, u, m + row * s.outs_w * d.m_out)
        for row in range(s.outs_h):
            for unit in range(first, units):
                failed |= write_output(s, d, f, x, y, unit, panel, row, m + row * s.outs_w * d.m_out
                                       + (unit_at(s, unit).first - base) * s.panel, band)
        panel += 1
    return failed


# ---- The phases


cdef void transform_chain(const Tiling *s, const Scratch *d, const real *x, const real *x_end, Py_ssize_t unit,
                          Py_ssize_t chain, Py_ssize_t base, real *band, real *v) noexcept nogil:
    """One block of channels of one unit, among the tiles from `base` on."""
    transform_input(s, x, x_end, unit, chain * CHAIN, min(s.c - chain * CHAIN, <Py_ssize_t>CHAIN), band,
                    v + chain * d.v_chain + (unit_at(s, unit).first - base) * s.chain, s.chain, d.v_plane, d.v_view)


cdef void transform_filters(const Tiling *s, const Filters *f, Py_ssize_t panel, Py_ssize_t chain, real *u,
                            Py_ssize_t plane) noexcept nogil:
    """A panel of filters on a block of channels: u[part*points*plane + xi*plane + channel*s.panel + filter]. A vector
    of filters at a time, unless those of one channel lie next to each other: more lines would not fit L1."""
    cdef Py_ssize_t k0 = panel_start(s, panel), k = panel_start(s, panel + 1) - k0, n, j = 0
    cdef Py_ssize_t width = k if s.flip else lanes(sizeof(real))
    cdef Py_ssize_t channels = min(s.c - chain * CHAIN, <Py_ssize_t>CHAIN)
    cdef const real *w = <const real *>f.weight + k0 * s.weight_ks + chain * CHAIN * s.weight_cs
    while j < k:
        n = min(k - j, width)
        if s.parts == 1:
            wino_filter(s.side, n, channels, w + j * s.weight_ks, s.weight_ks, s.weight_cs, <const real *>f.end,
                        s.flip, u + j, s.panel, plane)
        else:
            wino2_filter(n, channels, w + j * s.weight_ks, s.weight_ks, s.weight_cs, <const real *>f.end, s.kernel_h,
                         s.kernel_w, s.flip, u + j, s.panel, plane, s.points * plane)
        j += width


cdef void multiply(const Tiling *s, const Scratch *d, Py_ssize_t panel, Py_ssize_t chain, Py_ssize_t row,
                   Py_ssize_t tiles, const real *v, const real *u, real *m) noexcept nogil:
    """m += v u for each of the parts, in each phase of columns, and their points; what is first overwrites m."""
    cdef Py_ssize_t out, part, i, j
    for out in range(s.outs_w):
        if s.den == 1:
            for part in range(s.parts):
                i, j = part // 2, part % 2
                multiply_part(s, d, panel, chain, tiles, s.points_h[i], s.points_w[j], chain == 0 and part == 0,
                              v + part * d.v_view, u + part * s.points * d.u_plane, m)
        else:
            i, j = s.part_h[row], s.part_w[out]
            multiply_part(s, d, panel, chain, tiles, s.points_h[i], s.points_w[j], chain == 0,
                          v + (s.shift_h[row] * s.view_w + s.shift_w[out]) * d.v_view,
                          u + (2 * i + j) * s.points * d.u_plane, m + out * d.m_out)


cdef void multiply_part(const Tiling *s, const Scratch *d, Py_ssize_t panel, Py_ssize_t chain, Py_ssize_t tiles,
                        int points_h, int points_w, bint first, const real *v, const real *u, real *m) noexcept nogil:
    cdef Py_ssize_t cols = round_up(panel_start(s, panel + 1) - panel_start(s, panel), lanes(sizeof(real)))
    cdef Py_ssize_t taps = min(s.c - chain * CHAIN, <Py_ssize_t>CHAIN), xi, i, j
    cdef real *sums
    for i in range(points_h):
        for j in range(points_w):
            xi = i * s.axis + j
            sums = m + xi * d.m_plane
            gemm(tiles, cols, taps, v + xi * d.v_plane, s.chain, <Py_ssize_t>1, u + xi * d.u_plane, s.panel,
                 <const real *>NULL if first else sums, s.panel, <Py_ssize_t>2, sums, s.panel)


cdef int write_output(const Tiling *s, const Scratch *d, const Filters *f, const real *x, real *y, Py_ssize_t index,
                      Py_ssize_t panel, Py_ssize_t row, const real *m, real *band) noexcept nogil:
    """A unit of y, in one phase of its rows, for a panel of filters; returns 1 where memory is not to be had."""
    cdef Unit u = unit_at(s, index)
    cdef Py_ssize_t k0 = panel_start(s, panel), k1 = panel_start(s, panel + 1), k, r, j
    cdef Py_ssize_t rows = in_phase(u.row + row, s.p, s.spacing_h, s.side), count
    cdef Py_ssize_t cols = min(s.q - u.col, s.side * s.spacing_w * u.along), width = lanes(sizeof(real))
    cdef Py_ssize_t image = s.p * s.q
    cdef const real *bias = <const real *>f.bias
    cdef real few[16]
    cdef int poisoned = 0
    cdef real *to = y + u.n * s.y_image + (u.row + row) * s.q + u.col
    for j in range((k1 - k0 + width - 1) // width):
        k = k0 + j * width
        count = min(k1 - k, width)
        for r in range(width):
            few[r] = bias[k + r] if bias != NULL and r < count else 0
        poisoned |= transform_output(s, d, &u, row, rows, cols * width, m + k - k0, few, band)
        if s.relu and not poisoned:
            activate(FNN_RELU, 0, rows * cols * width, band, band)
        if cols == s.q and s.spacing_h == 1:
            from_lanes(rows * cols, count, band, to + k * image, image)
        else:
            for r in range(rows):
                from_lanes(cols, count, band + r * cols * width, to + k * image + r * s.spacing_h * s.q, image)
    if not poisoned:
        return 0
    if recompute(s, f, x, y, u, row, k0, k1):
        return 1
    if s.relu:   # of some of them once more
        for k in range(k0, k1):
            for r in range(rows):
                activate(FNN_RELU, 0, cols, to + k * image + r * s.spacing_h * s.q,
                         to + k * image + r * s.spacing_h * s.q)
    return 0


cdef int transform_output(const Tiling *s, const Scratch *d, const Unit *u, Py_ssize_t row, Py_ssize_t rows,
                          Py_ssize_t pitch, const real *m, const real *bias, real *band) noexcept nogil:
    """A vector of filters; returns 1 where a value is not finite."""
    cdef Py_ssize_t width = lanes(sizeof(real)), phase, cols, i, j
    cdef int poisoned = 0
    for phase in range(s.phases_w * s.outs_w):
        cols = in_phase(u.col + phase, s.q, s.spacing_w, s.side * u.along)
        if s.parts == 1:
            poisoned |= wino_output(s.side, rows, cols, m + phase * u.along * s.panel, s.panel, d.m_plane, bias,
                                    band + phase * width, pitch, s.spacing_w * width)
        else:
            i = s.part_h[row] if s.den == 2 else 0
            j = s.part_w[phase] if s.den == 2 else 0
            poisoned |= wino2_output(rows, cols, m + phase * d.m_out, s.panel, d.m_plane, s.points_h[i], s.points_w[j],
                                     bias, band + phase * width, pitch, s.spacing_w * width)
    return poisoned
