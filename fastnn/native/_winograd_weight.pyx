"""Winograd weight gradient: dU[xi][k][c] = sum over tiles of dM[xi][tile][k] * V[xi][tile][c], then G' dU G.

Tiles are taken in spans whose transforms stay in the cache, in chains of CHAIN, in an order that the shape alone
decides. The threads share out the points and the blocks of dU, so no sum is split between them.
"""

from cython.parallel cimport prange, threadid

from ._kernels cimport gemm, lanes, round_up, tile_width
from ._runtime cimport real
from ._winograd cimport (
    CHAIN, PLANE_PAD, Tiling, Unit, band_row, load_band, transform_input, unit_at,
)
from ._winograd_kernels cimport wino2_dfilter, wino2_dy, wino_dfilter, wino_dy

cdef enum:
    SPAN_BYTES = 8 << 20     # of the transformed images and gradients of one span of tiles, unless that makes it
    SPAN_TILES = 128         # shorter than this

# The blocks of the two transforms: up to CHAIN filters wide, and a panel of channels wide.
cdef struct Blocks:
    Py_ssize_t ks, cs                       # how many
    Py_ssize_t row, panel                   # filters, channels of a block: whole vectors
    Py_ssize_t spans
    Py_ssize_t v_plane, m_plane, u_plane, v_view
    Py_ssize_t v_size, m_size, u_size, own  # elements of scratch; own: each thread's
    bint alone                              # each block of dU is made, used and forgotten by one thread


cdef Blocks divide(const Tiling *s) noexcept nogil:
    cdef Blocks b
    cdef Py_ssize_t vectors = (s.c + lanes(s.itemsize) - 1) // lanes(s.itemsize), tiles, units
    b.cs = (s.c + tile_width(s.itemsize) - 1) // tile_width(s.itemsize)
    b.panel = (vectors + b.cs - 1) // b.cs * lanes(s.itemsize)
    b.cs = (s.c + b.panel - 1) // b.panel
    b.ks, b.row = (s.k + CHAIN - 1) // CHAIN, min(round_up(s.k, lanes(s.itemsize)), <Py_ssize_t>CHAIN)
    tiles = max(SPAN_BYTES // (s.points * (s.views * s.c + s.k) * s.itemsize), <Py_ssize_t>SPAN_TILES)
    units = max(<Py_ssize_t>1, tiles // s.unit)
    b.spans = (s.units + units - 1) // units
    units = (s.units + b.spans - 1) // b.spans
    b.v_plane, b.m_plane = units * s.unit * b.panel + PLANE_PAD, units * s.unit * b.row + PLANE_PAD
    b.u_plane = b.row * b.panel + PLANE_PAD
    b.alone = b.spans == 1 and b.ks * b.cs >= 2 * s.threads
    b.v_view = b.cs * s.points * b.v_plane
    b.v_size, b.m_size = s.views * b.v_view, b.ks * s.points * b.m_plane
    b.u_size = (s.threads if b.alone else b.ks * b.cs) * s.parts * s.points * b.u_plane
    b.own = round_up(max(s.band, b.row * b.panel), 64)   # a band of pixels, or sums of a span
    return b


cdef Py_ssize_t winograd_weight_scratch(const Tiling *s) noexcept nogil:
    cdef Blocks b = divide(s)
    return b.v_size + b.m_size + b.u_size + s.threads * b.own


cdef int winograd_weight(const Tiling *s, const real *dy, const real *x, real *dweight, real *scratch) noexcept nogil:
    cdef Blocks b = divide(s)
    cdef const real *x_end = x + s.n * s.groups * s.c * s.h * s.w
    cdef const real *dy_end = dy + s.n * s.groups * s.k * s.p * s.q
    cdef real *m = scratch + b.v_size
    cdef real *u = m + b.m_size
    cdef Py_ssize_t _group, span, first, last
    cdef int poisoned = 0
    for _group in range(s.groups):
        for span in range(b.spans):
            first, last = s.units * span // b.spans, s.units * (span + 1) // b.spans
            transform(s, &b, dy, dy_end, x, x_end, first, last, scratch, m, u + b.u_size)
            if not b.alone:
                multiply(s, &b, first, last, scratch, m, u, u + b.u_size)
        poisoned |= finish(s, &b, scratch, m, u, dweight)
        x += s.c * s.h * s.w
        dy += s.k * s.p * s.q
        dweight += s.c * s.k * s.kernel_h * s.kernel_w
    return poisoned


cdef void transform(const Tiling *s, const Blocks *b, const real *dy, const real *dy_end, const real *x,
                    const real *x_end, Py_ssize_t first, Py_ssize_t last, real *v, real *m,
                    real *band) noexcept nogil:
    """The images and gradients of a span of units, to V and dM."""
    cdef Py_ssize_t tasks = (last - first) * (b.cs + b.ks), task
    if s.threads == 1:
        for task in range(tasks):
            transform_block(s, b, dy, dy_end, x, x_end, first, task, v, m, band)
        return
    for task in prange(tasks, num_threads=s.threads, schedule="static"):
        transform_block(s, b, dy, dy_end, x, x_end, first, task, v, m, band + threadid() * b.own)


cdef void transform_block(const Tiling *s, const Blocks *b, const real *dy, const real *dy_end, const real *x,
                          const real *x_end, Py_ssize_t first, Py_ssize_t task, real *v, real *m,
                          real *band) noexcept nogil:
    cdef Py_ssize_t unit = first + task // (b.cs + b.ks), block = task % (b.cs + b.ks)
    cdef Py_ssize_t tile = unit_at(s, unit).first - unit_at(s, first).first
    if block < b.cs:
        transform_input(s, x, x_end, unit, block * b.panel, min(s.c - block * b.panel, b.panel), band,
                        v + block * s.points * b.v_plane + tile * b.panel, b.panel, b.v_plane, b.v_view)
    else:
        block -= b.cs
        transform_dy(s, b, dy, dy_end, unit, block * CHAIN, band, m + block * s.points * b.m_plane + tile * b.row)


cdef void transform_dy(const Tiling *s, const Blocks *b, const real *dy, const real *end, Py_ssize_t index,
                       Py_ssize_t k, real *band, real *m) noexcept nogil:
    cdef Unit u = unit_at(s, index)
    cdef Py_ssize_t pixels = s.dilation_w * (s.side * u.along - 1) + s.phases_w, width = lanes(sizeof(real))
    cdef Py_ssize_t pitch = band_row(pixels, sizeof(real)), vector, phase, j
    cdef Py_ssize_t ks = min(s.k - k, <Py_ssize_t>CHAIN)
    dy += u.n * s.groups * s.k * s.p * s.q + k * s.p * s.q
    for vector in range((ks + width - 1) // width):
        j = vector * width
        load_band(dy + j * s.p * s.q, end, s.p, s.q, ks - j, u.row, u.col, s.side, s.dilation_h, pixels, band)
        if s.parts > 1:
            wino2_dy(u.along, band, pitch, m + j, b.row, b.m_plane)
            continue
        for phase in range(s.phases_w):
            wino_dy(s.side, u.along, band + phase * width, pitch, s.dilation_w * width, m + phase * u.along * b.row + j,
                    b.row, b.m_plane)


cdef void multiply(const Tiling *s, const Blocks *b, Py_ssize_t first, Py_ssize_t last, const real *v,
                   const real *m, real *u, real *sums) noexcept nogil:
    """dU += dM' V over a span, summed on its own first so that long sums round less; the first span overwrites dU."""
    cdef Py_ssize_t tiles = unit_at(s, last - 1).first + unit_at(s, last - 1).tiles - unit_at(s, first).first, task
    if s.threads == 1:
        for task in range(b.ks * b.cs * s.parts * s.points):
            multiply_task(s, b, first, tiles, task, v, m, u, sums)
        return
    for task in prange(b.ks * b.cs * s.parts * s.points, num_threads=s.threads, schedule="static"):
        multiply_task(s, b, first, tiles, task, v, m, u, sums + threadid() * b.own)


cdef void multiply_task(const Tiling *s, const Blocks *b, Py_ssize_t first, Py_ssize_t tiles, Py_ssize_t task,
                        const real *v, const real *m, real *u, real *sums) noexcept nogil:
    u += task * b.u_plane
    if not multiply_point(s, b, task // s.points, task % s.points, tiles, v, m, u if first == 0 else sums):
        return
    if first > 0:
        add(b.row * b.panel, sums, u)


cdef void add(Py_ssize_t n, const real *what, real *to) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] += what[i]


cdef bint multiply_point(const Tiling *s, const Blocks *b, Py_ssize_t part, Py_ssize_t xi, Py_ssize_t tiles,
                         const real *v, const real *m, real *u) noexcept nogil:
    """A point of a part (of those of all blocks, by number); False where it has no such point."""
    cdef Py_ssize_t block = part // s.parts, kb = block // b.cs, cb = block % b.cs, chain, t
    cdef Py_ssize_t cols = round_up(min(s.c - cb * b.panel, b.panel), lanes(sizeof(real)))
    cdef const real *sums = NULL
    part %= s.parts
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


cdef int finish(const Tiling *s, const Blocks *b, const real *v, const real *m, real *u,
                real *dweight) noexcept nogil:
    """dU to the gradients; returns 1 where one is not finite."""
    cdef Py_ssize_t block, poisoned = 0
    if s.threads == 1:
        for block in range(b.ks * b.cs):
            poisoned += finish_block(s, b, block, v, m, u + (0 if b.alone else block) * s.parts * s.points * b.u_plane,
                                     dweight)
        return poisoned > 0
    for block in prange(b.ks * b.cs, num_threads=s.threads, schedule="static"):
        poisoned += finish_block(s, b, block, v, m,
                                 u + (threadid() if b.alone else block) * s.parts * s.points * b.u_plane, dweight)
    return poisoned > 0


cdef int finish_block(const Tiling *s, const Blocks *b, Py_ssize_t block, const real *v, const real *m, real *u,
                      real *dweight) noexcept nogil:
    cdef Py_ssize_t k0 = block // b.cs * CHAIN, c0 = block % b.cs * b.panel, k, i
    cdef real *to
    cdef int poisoned = 0
    if b.alone:
        for i in range(s.parts * s.points):
            multiply_point(s, b, block * s.parts + i // s.points, i % s.points, s.tiles, v, m, u + i * b.u_plane)
    for k in range(min(s.k - k0, <Py_ssize_t>CHAIN)):
        to = dweight + ((k0 + k) * s.c + c0) * s.kernel_h * s.kernel_w
        if s.parts == 1:
            poisoned |= wino_dfilter(s.side, min(s.c - c0, b.panel), u + k * b.panel, b.u_plane, to)
        else:
            poisoned |= wino2_dfilter(min(s.c - c0, b.panel), u + k * b.panel, b.u_plane, s.points * b.u_plane,
                                      s.kernel_h, s.kernel_w, to)
    return poisoned
