"""Winograd weight gradient: dU[xi][k][c] = sum over tiles of dM[xi][tile][k] * V[xi][tile][c], then G' dU G.

Tiles are taken in spans whose transforms stay in the cache, in chains of CHAIN; spans are added up two by two, pairs
two by two, and so on: an order that the shape alone decides. The threads form a grid of parts of the filters, of the
channels and of the spans. Each makes what it needs of both transforms itself, and adds up its spans.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy

from ._kernels cimport gemm, lanes, round_up, tile_width
from ._runtime cimport real
from ._winograd cimport CHAIN, PLANE_PAD, Tiling, Unit, band_row, load_band, transform_input, unit_at
from ._winograd_cost cimport products, weight_cost
from ._winograd_kernels cimport wino2_dfilter, wino2_dy, wino_dfilter, wino_dy

cdef enum:
    SPAN_BYTES = 8 << 20     # of the transformed images and gradients of one span of tiles, unless that makes it
    SPAN_TILES = 128         # shorter than this
    SPANS = 2                # that small blocks of dU are cut into, so that several threads find some
    LINE_COST = 50           # to read a vector of another core's, in multiply-adds

# A grid of parts, and the blocks of the two transforms of a part: up to CHAIN filters wide, and a panel of channels.
cdef struct Blocks:
    Py_ssize_t down, across, along          # parts of the filters, the channels, the spans
    Py_ssize_t filters, channels            # of a part: whole vectors
    Py_ssize_t ks, cs                       # blocks of a part
    Py_ssize_t row, panel                   # filters, channels of a block: whole vectors
    Py_ssize_t spans, levels                # a power of two; what a part keeps of its pairs
    Py_ssize_t v_plane, m_plane, u_plane, v_view
    Py_ssize_t v_size, m_size, u_size, own  # elements of scratch; own: a part's
    bint alone                              # each block of dU is made, used and forgotten


cdef Blocks divide(const Tiling *s) noexcept nogil:
    cdef Blocks b
    cdef Py_ssize_t lane = lanes(s.itemsize), vectors, units
    cut_spans(s, &b)
    share_out(s, &b)
    vectors = b.channels // lane
    b.cs = (b.channels + tile_width(s.itemsize) - 1) // tile_width(s.itemsize)
    b.panel = (vectors + b.cs - 1) // b.cs * lane
    b.cs = (b.channels + b.panel - 1) // b.panel
    b.ks, b.row = (b.filters + CHAIN - 1) // CHAIN, min(b.filters, <Py_ssize_t>CHAIN)
    units, b.levels = (s.units + b.spans - 1) // b.spans, 1
    while b.along << b.levels < b.spans:
        b.levels += 1
    b.v_plane, b.m_plane = units * s.unit * b.panel + PLANE_PAD, units * s.unit * b.row + PLANE_PAD
    b.u_plane = b.row * b.panel + PLANE_PAD
    b.alone = b.spans == 1
    b.v_view = b.cs * s.points * b.v_plane
    b.v_size, b.m_size = s.views * b.v_view, b.ks * s.points * b.m_plane
    b.v_size = max(b.v_size, b.along * s.parts * s.points * b.panel)   # finish_together's sums take its place
    b.u_size = (1 if b.alone else b.ks * b.cs) * s.parts * s.points * b.u_plane
    b.own = b.v_size + b.m_size + b.levels * b.u_size
    b.own = round_up(b.own + max(s.band, b.row * b.panel), 64)   # a band of pixels, or sums of a span
    return b


cdef void cut_spans(const Tiling *s, Blocks *b) noexcept nogil:
    cdef Py_ssize_t tiles = max(SPAN_BYTES // (s.points * (s.views * s.c + s.k) * s.itemsize), <Py_ssize_t>SPAN_TILES)
    cdef Py_ssize_t units = max(<Py_ssize_t>1, tiles // s.unit)
    b.spans = 1
    if s.tiles >= SPANS * SPAN_TILES and s.tiles * (s.c + s.k) >= 4 * SPANS * s.c * s.k:
        b.spans = SPANS
    while b.spans * units < s.units:
        b.spans *= 2
    while b.spans > s.units:
        b.spans //= 2


cdef void share_out(const Tiling *s, Blocks *b) noexcept nogil:
    """The grid whose largest part costs least: images are transformed once for each part of the filters, gradients
    once for each part of the channels; the sums of spans have to be handed on."""
    cdef Tiling part = s[0]
    cdef Py_ssize_t lane = lanes(s.itemsize), c = (s.c + lane - 1) // lane, k = (s.k + lane - 1) // lane
    cdef Py_ssize_t down, across, along
    cdef double best = 1e300, cost
    for down in range(1, min(k, <Py_ssize_t>s.threads) + 1):
        for across in range(1, min(c, s.threads // down) + 1):
            along = 1
            while along <= min(b.spans, s.threads // (down * across)):
                part.k, part.c = (k + down - 1) // down * lane, (c + across - 1) // across * lane
                part.tiles = (s.tiles + along - 1) // along
                cost = weight_cost(&part)
                cost += LINE_COST * products(s) * part.k * (part.c // lane) * (along - 1) / along
                if cost < best:
                    best, b.down, b.across, b.along, b.filters, b.channels = cost, down, across, along, part.k, part.c
                along *= 2


cdef Py_ssize_t winograd_weight_scratch(const Tiling *s) noexcept nogil:
    cdef Blocks b = divide(s)
    return max(b.down * b.across * b.along, <Py_ssize_t>s.group_threads) * b.own


cdef int winograd_weight(const Tiling *s, const real *dy, const real *x, real *dweight, real *scratch) noexcept nogil:
    cdef Blocks b = divide(s)
    cdef const real *x_end = x + s.n * s.groups * s.c * s.h * s.w
    cdef const real *dy_end = dy + s.n * s.groups * s.k * s.p * s.q
    cdef Py_ssize_t group, _group, part, parts = b.down * b.across * b.along
    cdef Py_ssize_t x_group = s.c * s.h * s.w, dy_group = s.k * s.p * s.q, filters = s.c * s.k * s.kernel_h * s.kernel_w
    cdef int poisoned = 0
    if parts == 1 and s.group_threads > 1:
        for group in prange(s.groups, num_threads=s.group_threads, schedule="static"):
            poisoned += carry(s, &b, 0, dy + group * dy_group, dy_end, x + group * x_group, x_end,
                              dweight + group * filters, scratch + threadid() * b.own)
        return poisoned > 0
    for _group in range(s.groups):
        if parts == 1:
            poisoned += carry(s, &b, 0, dy, dy_end, x, x_end, dweight, scratch)
        else:
            for part in prange(parts, num_threads=parts, schedule="static"):
                poisoned += carry(s, &b, part, dy, dy_end, x, x_end, dweight, scratch)
        if b.along > 1:
            for part in prange(parts, num_threads=parts, schedule="static"):
                poisoned += finish_together(s, &b, part, dweight, scratch)
        x += x_group
        dy += dy_group
        dweight += filters
    return poisoned > 0


cdef Tiling part_of(const Tiling *s, const Blocks *b, Py_ssize_t part, Py_ssize_t *k, Py_ssize_t *c) noexcept nogil:
    """The filters and channels of a part, and the first of them."""
    cdef Tiling own = s[0]
    k[0], c[0] = part // b.across % b.down * b.filters, part % b.across * b.channels
    own.k = max(<Py_ssize_t>0, min(s.k - k[0], b.filters))
    own.c = max(<Py_ssize_t>0, min(s.c - c[0], b.channels))
    return own


cdef int carry(const Tiling *whole, const Blocks *b, Py_ssize_t part, const real *dy, const real *dy_end,
               const real *x, const real *x_end, real *dweight, real *scratch) noexcept nogil:
    """All spans of a part; returns 1 where a gradient is not finite."""
    cdef Py_ssize_t k, c, span, first, last, low, along = part // (b.down * b.across), spans = b.spans // b.along
    cdef Tiling s = part_of(whole, b, part, &k, &c)
    cdef real *v = scratch + part * b.own
    cdef real *m = v + b.v_size
    cdef real *u = m + b.m_size
    cdef real *band = scratch + (part + 1) * b.own - max(s.band, b.row * b.panel)
    if s.k == 0 or s.c == 0:
        return 0
    x += c * s.h * s.w
    dy += k * s.p * s.q
    for span in range(spans):
        first, last = s.units * (along * spans + span) // b.spans, s.units * (along * spans + span + 1) // b.spans
        transform(&s, b, dy, dy_end, x, x_end, first, last, v, m, band)
        if b.alone:
            break
        multiply(&s, b, first, last, span % 2 == 0, v, m, u, band)
        if span % 2 == 1:
            low = 4
            while (span + 1) % low == 0:
                u -= b.u_size
                add(b.u_size, u + b.u_size, u)
                low *= 2
            u += b.u_size
    if b.along > 1:
        return 0
    return finish_alone(&s, b, v, m, m + b.m_size, dweight + k * s.weight_ks + c * s.weight_cs)


cdef void transform(const Tiling *s, const Blocks *b, const real *dy, const real *dy_end, const real *x,
                    const real *x_end, Py_ssize_t first, Py_ssize_t last, real *v, real *m,
                    real *band) noexcept nogil:
    """The images and gradients of a span of units, to V and dM."""
    cdef Py_ssize_t unit, block, tile
    for unit in range(first, last):
        tile = unit_at(s, unit).first - unit_at(s, first).first
        for block in range((s.c + b.panel - 1) // b.panel):
            transform_input(s, x, x_end, unit, block * b.panel, min(s.c - block * b.panel, b.panel), band,
                            v + block * s.points * b.v_plane + tile * b.panel, b.panel, b.v_plane, b.v_view)
        for block in range((s.k + CHAIN - 1) // CHAIN):
            transform_dy(s, b, dy, dy_end, unit, block * CHAIN, band,
                         m + block * s.points * b.m_plane + tile * b.row)


cdef void transform_dy(const Tiling *s, const Blocks *b, const real *dy, const real *end, Py_ssize_t index,
                       Py_ssize_t k, real *band, real *m) noexcept nogil:
    cdef Unit u = unit_at(s, index)
    cdef Py_ssize_t pixels = s.dilation_w * (s.side * u.along - 1) + s.phases_w, width = lanes(sizeof(real))
    cdef Py_ssize_t pitch = band_row(pixels, sizeof(real)), vector, phase, j
    cdef Py_ssize_t ks = min(s.k - k, <Py_ssize_t>CHAIN)
    dy += u.n * s.y_image + k * s.p * s.q
    for vector in range((ks + width - 1) // width):
        j = vector * width
        load_band(dy + j * s.p * s.q, end, s.p, s.q, ks - j, u.row, u.col, s.side, s.dilation_h, pixels, band)
        if s.parts > 1:
            wino2_dy(u.along, band, pitch, m + j, b.row, b.m_plane)
            continue
        for phase in range(s.phases_w):
            wino_dy(s.side, u.along, band + phase * width, pitch, s.dilation_w * width, m + phase * u.along * b.row + j,
                    b.row, b.m_plane)


cdef void multiply(const Tiling *s, const Blocks *b, Py_ssize_t first, Py_ssize_t last, bint fresh, const real *v,
                   const real *m, real *u, real *sums) noexcept nogil:
    """dU += dM' V over a span, summed on its own first; or dU = dM' V."""
    cdef Py_ssize_t tiles = unit_at(s, last - 1).first + unit_at(s, last - 1).tiles - unit_at(s, first).first
    cdef Py_ssize_t points = s.parts * s.points, kb, cb, i
    cdef real *to
    for kb in range((s.k + CHAIN - 1) // CHAIN):
        for cb in range((s.c + b.panel - 1) // b.panel):
            for i in range(points):
                to = u + ((kb * b.cs + cb) * points + i) * b.u_plane
                if multiply_point(s, b, kb, cb, i, tiles, v, m, to if fresh else sums) and not fresh:
                    add(b.row * b.panel, sums, to)


cdef void add(Py_ssize_t n, const real *what, real *to) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] += what[i]


cdef bint multiply_point(const Tiling *s, const Blocks *b, Py_ssize_t kb, Py_ssize_t cb, Py_ssize_t point,
                         Py_ssize_t tiles, const real *v, const real *m, real *u) noexcept nogil:
    """A point (of those of all parts of the kernel, by number) of a block; False where it has no such point."""
    cdef Py_ssize_t cols = round_up(min(s.c - cb * b.panel, b.panel), lanes(sizeof(real))), chain, t
    cdef Py_ssize_t part = point // s.points, xi = point % s.points
    cdef const real *sums = NULL
    if xi // s.axis >= s.points_h[part // 2] or xi % s.axis >= s.points_w[part % 2]:
        return False
    v += part * b.v_view + (cb * s.points + xi) * b.v_plane
    m += (kb * s.points + xi) * b.m_plane
    for chain in range((tiles + CHAIN - 1) // CHAIN):
        t = chain * CHAIN
        gemm(min(s.k - kb * CHAIN, <Py_ssize_t>CHAIN), cols, min(tiles - t, <Py_ssize_t>CHAIN), m + t * b.row,
             <Py_ssize_t>1, b.row, v + t * b.panel, b.panel, sums, b.panel, <Py_ssize_t>2, u, b.panel)
        sums = u
    return True


cdef int finish_alone(const Tiling *s, const Blocks *b, const real *v, const real *m, real *u,
                      real *dweight) noexcept nogil:
    """dU to the gradients; returns 1 where one is not finite."""
    cdef Py_ssize_t points = s.parts * s.points, kb, cb, k, i
    cdef int poisoned = 0
    for kb in range((s.k + CHAIN - 1) // CHAIN):
        for cb in range((s.c + b.panel - 1) // b.panel):
            if b.alone:
                for i in range(points):
                    multiply_point(s, b, kb, cb, i, s.tiles, v, m, u + i * b.u_plane)
            for k in range(min(s.k - kb * CHAIN, <Py_ssize_t>CHAIN)):
                poisoned |= write_filters(s, b, kb * CHAIN + k, cb * b.panel, u + k * b.panel, b.u_plane, dweight)
            if not b.alone:
                u += points * b.u_plane
    return poisoned


cdef int finish_together(const Tiling *whole, const Blocks *b, Py_ssize_t part, real *dweight,
                         real *scratch) noexcept nogil:
    """Some filters of those of a part, of which several threads have the sums of some spans each."""
    cdef Py_ssize_t points = whole.parts * whole.points, along = part // (b.down * b.across), k0, c0, cb, k
    cdef Tiling s = part_of(whole, b, part, &k0, &c0)
    cdef real *sums = scratch + part * b.own     # over V, which nobody needs any more
    cdef int poisoned = 0
    dweight += k0 * s.weight_ks + c0 * s.kernel_h * s.kernel_w
    for k in range(s.k * along // b.along, s.k * (along + 1) // b.along):
        for cb in range((s.c + b.panel - 1) // b.panel):
            add_parts(b, points, scratch + part % (b.down * b.across) * b.own + b.v_size + b.m_size
                      + (k // CHAIN * b.cs + cb) * points * b.u_plane + k % CHAIN * b.panel, sums)
            poisoned |= write_filters(&s, b, k, cb * b.panel, sums, b.panel, dweight)
    return poisoned


cdef void add_parts(const Blocks *b, Py_ssize_t points, const real *u, real *sums) noexcept nogil:
    """All points of a filter on a panel of channels; u: of the first part of the spans."""
    cdef Py_ssize_t step = 1, along, i, size = points * b.panel
    for along in range(b.along):
        for i in range(points):
            memcpy(sums + along * size + i * b.panel, u + along * b.down * b.across * b.own + i * b.u_plane,
                   b.panel * sizeof(real))
    while step < b.along:
        along = 0
        while along < b.along:
            add(size, sums + (along + step) * size, sums + along * size)
            along += 2 * step
        step *= 2


cdef int write_filters(const Tiling *s, const Blocks *b, Py_ssize_t k, Py_ssize_t c, const real *u, Py_ssize_t plane,
                       real *dweight) noexcept nogil:
    """A filter on a panel of channels."""
    cdef Py_ssize_t channels = min(s.c - c, b.panel)
    dweight += k * s.weight_ks + c * s.kernel_h * s.kernel_w
    if s.parts == 1:
        return wino_dfilter(s.side, channels, u, plane, dweight)
    return wino2_dfilter(channels, u, plane, s.points * plane, s.kernel_h, s.kernel_w, dweight)
