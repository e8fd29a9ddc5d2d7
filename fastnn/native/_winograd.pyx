"""How a convolution is cut into Winograd tiles, and the transform of its images (see csrc/kernels/winograd*.inl)."""

from libc.math cimport isfinite
from libc.string cimport memset

from ._kernels cimport gemm, lanes, round_up, tile_width
from ._runtime cimport fnn_alloc, fnn_free, gemm_ns, threads_for
from ._winograd_cost cimport image_cost
from ._winograd_kernels cimport to_lanes, wino2_input, wino_input

cdef enum:
    LONGEST = 32           # tiles of a unit at most, but one a phase: the band of a unit stays near L1


cdef Tiling tile_forward(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y, Py_ssize_t groups,
                         Py_ssize_t pad_top, Py_ssize_t pad_left, Py_ssize_t stride, Py_ssize_t dilation_h,
                         Py_ssize_t dilation_w, int itemsize) noexcept nogil:
    cdef Tiling s
    cdef int i
    s.n, s.groups, s.c, s.h, s.w, s.k, s.p, s.q = x[0], groups, weight[1], x[2], x[3], weight[0] // groups, y[2], y[3]
    s.kernel_h, s.kernel_w, s.num, s.den = weight[2], weight[3], stride, 1
    s.pad_top, s.pad_left, s.dilation_h, s.dilation_w = pad_top, pad_left, dilation_h, dilation_w
    s.weight_ks, s.weight_cs, s.flip = s.kernel_h * s.kernel_w * weight[1], s.kernel_h * s.kernel_w, False
    read_plainly(&s)
    if stride == 2:
        s.axis, s.side, s.parts, s.views, s.view_w = 5, 4, 4, 4, 2
        s.rows, s.row_step, s.apart_h, s.apart_w = 6 + s.kernel_h, 1, 2, 2
        for i in range(2):
            s.points_h[i] = s.seen_h[i] = points_of(s.kernel_h, i)
            s.points_w[i] = s.seen_w[i] = points_of(s.kernel_w, i)
    cut(&s, itemsize)
    return s


cdef Tiling tile_input(const Py_ssize_t *dy, const Py_ssize_t *weight, const Py_ssize_t *dx, Py_ssize_t groups,
                       Py_ssize_t pad_top, Py_ssize_t pad_left, Py_ssize_t stride, Py_ssize_t dilation_h,
                       Py_ssize_t dilation_w, int itemsize) noexcept nogil:
    cdef Tiling s
    s.n, s.groups, s.c, s.h, s.w = dy[0], groups, weight[0] // groups, dy[2], dy[3]
    s.k, s.p, s.q, s.dilation_h, s.dilation_w = weight[1], dx[2], dx[3], dilation_h, dilation_w
    s.kernel_h, s.kernel_w, s.num, s.den = weight[2], weight[3], 1, stride
    s.pad_top, s.pad_left = (s.kernel_h - 1) * dilation_h - pad_top, (s.kernel_w - 1) * dilation_w - pad_left
    s.weight_ks, s.weight_cs, s.flip = s.kernel_h * s.kernel_w, s.kernel_h * s.kernel_w * weight[1], True
    read_plainly(&s)
    if stride == 2:
        s.axis, s.side, s.parts, s.row_step, s.apart_w = 5, 4, 4, 1, 1
        s.outs_h, s.outs_w = min(<Py_ssize_t>2, s.p), min(<Py_ssize_t>2, s.q)
        s.spacing_h = s.spacing_w = 2
        s.views = phases_of_outputs(s.kernel_h, s.pad_top, &s.first_row, s.part_h, s.shift_h, s.points_h, s.seen_h)
        s.rows = 4 + s.views
        s.view_w = phases_of_outputs(s.kernel_w, s.pad_left, &s.first_col, s.part_w, s.shift_w, s.points_w, s.seen_w)
        s.views *= s.view_w
    cut(&s, itemsize)
    return s


cdef void read_plainly(Tiling *s) noexcept nogil:
    """Stride 1."""
    s.axis, s.side, s.parts, s.views, s.view_w, s.outs_h, s.outs_w = 6, <int>(7 - s.kernel_h), 1, 1, 1, 1, 1
    s.part_h[0] = s.part_w[0] = s.shift_h[0] = s.shift_w[0] = 0
    s.points_h[0] = s.points_w[0] = 6
    s.spacing_h, s.spacing_w = s.dilation_h, s.dilation_w
    s.first_row, s.first_col = -s.pad_top, -s.pad_left
    s.rows, s.row_step, s.apart_h, s.apart_w = 6, s.dilation_h, 1, s.dilation_w


cdef int points_of(Py_ssize_t taps, int odd) noexcept nogil:
    """Of the even or the odd taps of an axis, one or two."""
    return <int>(3 + (taps - odd + 1) // 2)


cdef int phases_of_outputs(Py_ssize_t taps, Py_ssize_t pad, Py_ssize_t *first, int *part, int *shift, int *points,
                           int *seen) noexcept nogil:
    """Along one axis: which taps (of the filter that is not reversed) reach the even and the odd pixels of dx, and from
    where on in dy. Returns the number of views."""
    cdef Py_ssize_t[2] start
    cdef Py_ssize_t tap
    cdef int i
    for i in range(2):
        tap = (pad - i) & 1     # of the reversed ones
        start[i] = (i + tap - pad) // 2
        part[i] = (taps - 1 - tap) & 1
        points[i] = points_of(taps, i)
    first[0] = min(start[0], start[1])
    seen[0] = seen[1] = 0
    for i in range(2):
        shift[i] = <int>(start[i] - first[0])
        seen[shift[i]] = max(seen[shift[i]], points[part[i]])
    return 1 + max(shift[0], shift[1])


cdef void cut(Tiling *s, int itemsize) noexcept nogil:
    cdef Py_ssize_t vectors = (s.k + lanes(itemsize) - 1) // lanes(itemsize), longest
    cdef double cost
    s.points = s.axis * s.axis
    s.x_image, s.y_image = s.groups * s.c * s.h * s.w, s.groups * s.k * s.p * s.q
    s.phases_h, s.phases_w = min(s.dilation_h, s.p), min(s.dilation_w, s.q)
    s.tile_rows = s.phases_h * (((s.p + s.spacing_h - 1) // s.spacing_h + s.side - 1) // s.side)
    s.tile_cols = ((s.q + s.spacing_w - 1) // s.spacing_w + s.side - 1) // s.side
    longest = max(<Py_ssize_t>1, LONGEST // max(s.phases_w, s.num, s.den))
    s.segments = (s.tile_cols + longest - 1) // longest
    s.segment = (s.tile_cols + s.segments - 1) // s.segments
    s.segments = (s.tile_cols + s.segment - 1) // s.segment
    s.unit = s.phases_w * s.segment
    s.units = s.n * s.tile_rows * s.segments
    s.tiles = s.n * s.tile_rows * s.phases_w * s.tile_cols
    s.chains, s.chain = (s.c + CHAIN - 1) // CHAIN, min(round_up(s.c, lanes(itemsize)), <Py_ssize_t>CHAIN)
    s.itemsize, s.relu = itemsize, False
    cost = image_cost(s) * lanes(itemsize)
    s.threads = threads_for(gemm_ns(cost), max(s.units, vectors))
    s.group_threads = threads_for(gemm_ns(cost * s.groups), s.groups) if s.groups > 1 else 1
    share_out(s, vectors)
    s.panels = round_up((s.k + tile_width(itemsize) - 1) // tile_width(itemsize), s.across)
    s.panels = max(<Py_ssize_t>s.across, min(s.panels, vectors // s.across * s.across))
    s.panel = lanes(itemsize) * ((vectors + s.panels - 1) // s.panels)
    s.band = max(s.rows * band_row(band_pixels(s, s.segment), itemsize),
                 s.side * s.side * s.spacing_w * s.segment * lanes(itemsize))


cdef void share_out(Tiling *s, Py_ssize_t vectors) noexcept nogil:
    """The grid of parts whose largest costs least. All parts of a column make the same filters, all of a row the same
    tiles; to do that twice is cheaper than to hand the lines from core to core."""
    cdef Tiling part = s[0]
    cdef double best = 1e300, cost
    cdef int across, down
    for across in range(1, <int>min(<Py_ssize_t>s.threads, vectors) + 1):
        down = <int>min(<Py_ssize_t>(s.threads // across), s.units)
        part.tiles = min(s.tiles, (s.units + down - 1) // down * s.unit)
        part.k = min(s.k, (vectors + across - 1) // across * lanes(s.itemsize))
        cost = image_cost(&part)
        if cost < best:
            best, s.across, s.down = cost, across, down


cdef Unit unit_at(const Tiling *s, Py_ssize_t index) noexcept nogil:
    cdef Unit u
    cdef Py_ssize_t tile_row = index // s.segments, tile_col = index % s.segments * s.segment
    u.n = tile_row // s.tile_rows
    u.along = min(s.segment, s.tile_cols - tile_col)
    u.tiles = s.phases_w * u.along
    u.first = s.phases_w * (tile_row * s.tile_cols + tile_col)
    tile_row %= s.tile_rows
    u.row = tile_row // s.phases_h * s.side * s.spacing_h + tile_row % s.phases_h
    u.col = s.side * s.spacing_w * tile_col
    return u


cdef Py_ssize_t panel_start(const Tiling *s, Py_ssize_t panel) noexcept nogil:
    """The first output channel of a panel: panels are of nearly equal width in vectors."""
    cdef Py_ssize_t width = lanes(s.itemsize), vectors = (s.k + width - 1) // width
    return min(s.k, vectors * panel // s.panels * width)


cdef Py_ssize_t band_pixels(const Tiling *s, Py_ssize_t along) noexcept nogil:
    """Columns of pixels that `along` tiles of each phase read."""
    return s.apart_w * (s.side * along + s.axis - s.side - 1) + s.phases_w * s.view_w


cdef Py_ssize_t band_row(Py_ssize_t pixels, int itemsize) noexcept nogil:
    """Elements of a row of a band: `to_lanes` writes whole blocks of pixels, up to one past the last."""
    return round_up(pixels + lanes(itemsize), lanes(itemsize)) * lanes(itemsize)


cdef void load_band(const real *plane, const real *end, Py_ssize_t h, Py_ssize_t w, Py_ssize_t channels,
                    Py_ssize_t row, Py_ssize_t col, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t pixels,
                    real *band) noexcept nogil:
    cdef Py_ssize_t low = max(col, <Py_ssize_t>0), high = min(col + pixels, w), width = lanes(sizeof(real)), i, r
    cdef Py_ssize_t pitch = band_row(pixels, sizeof(real))
    for i in range(rows):
        r = row + i * step
        if r < 0 or r >= h or low >= high:
            memset(band, 0, pixels * width * sizeof(real))
        else:
            to_lanes(high - low, channels, plane + r * w + low, h * w, end, band + (low - col) * width)
            memset(band, 0, (low - col) * width * sizeof(real))
            memset(band + (high - col) * width, 0, (col + pixels - high) * width * sizeof(real))
        band += pitch


cdef void transform_input(const Tiling *s, const real *x, const real *end, Py_ssize_t index, Py_ssize_t channel,
                          Py_ssize_t channels, real *band, real *v, Py_ssize_t width, Py_ssize_t plane,
                          Py_ssize_t view_size) noexcept nogil:
    cdef Unit u = unit_at(s, index)
    cdef Py_ssize_t pixels = band_pixels(s, u.along), pitch = band_row(pixels, sizeof(real))
    cdef Py_ssize_t lane = lanes(sizeof(real)), vector, phase, view, j
    x += u.n * s.x_image + channel * s.h * s.w
    for vector in range((channels + lane - 1) // lane):
        j = vector * lane
        load_band(x + j * s.h * s.w, end, s.h, s.w, channels - j, u.row * s.num // s.den + s.first_row,
                  u.col * s.num // s.den + s.first_col, s.rows, s.row_step, pixels, band)
        if s.parts == 1:
            for phase in range(s.phases_w):
                wino_input(s.side, u.along, band + phase * lane, pitch, s.apart_w * lane,
                           v + phase * u.along * width + j, width, plane)
        else:
            for view in range(s.views):
                wino2_input(u.along, band + view // s.view_w * pitch + view % s.view_w * lane, s.apart_h * pitch,
                            s.apart_w * lane, s.seen_h[view // s.view_w], s.seen_w[view % s.view_w],
                            v + view * view_size + j, width, plane)


# ---- Tiles that met a NaN or an infinity


cdef int recompute(const Tiling *s, const Filters *f, const real *x, real *y, Unit u, Py_ssize_t row, Py_ssize_t k0,
                   Py_ssize_t k1) noexcept nogil:
    """Of the filters concerned alone: which others share their panel depends on the number of threads."""
    cdef Py_ssize_t tile, col, k, end
    cdef real *scratch = <real *>fnn_alloc(16 * (s.c + 2 * (k1 - k0)) * sizeof(real))
    if scratch == NULL:
        return 1
    y += u.n * s.y_image
    x += u.n * s.x_image
    for tile in range(u.tiles * s.outs_w):
        col = u.col + tile // u.along + s.side * s.spacing_w * (tile % u.along)
        k = k0
        while k < k1:
            end = k
            while end < k1 and not is_finite(s, y, u.row + row, col, end):
                end += 1
            if end > k:
                direct_tile(s, f, x, y, u.row + row, col, k, end, scratch, scratch + 16 * s.c,
                            scratch + 16 * (s.c + k1 - k0))
            k = end + 1
    fnn_free(scratch)
    return 0


cdef bint is_finite(const Tiling *s, const real *y, Py_ssize_t row, Py_ssize_t col, Py_ssize_t k) noexcept nogil:
    cdef Py_ssize_t p, q
    for p in range(in_phase(row, s.p, s.spacing_h, s.side)):
        for q in range(in_phase(col, s.q, s.spacing_w, s.side)):
            if not isfinite(y[(k * s.p + row + p * s.spacing_h) * s.q + col + q * s.spacing_w]):
                return False
    return True


cdef void direct_tile(const Tiling *s, const Filters *f, const real *x, real *y, Py_ssize_t row, Py_ssize_t col,
                      Py_ssize_t k0, Py_ssize_t k1, real *pixels, real *sums, real *out) noexcept nogil:
    """One tap after the other, on those of the tile's outputs where it lies on the image: outside, not even infinity
    times zero is added."""
    cdef const real *bias = <const real *>f.bias
    cdef Py_ssize_t[16] seen
    cdef Py_ssize_t tap, i, k, c, h, w, n, tile_cols = tile_width(sizeof(real)), taps = s.kernel_h * s.kernel_w
    cdef Py_ssize_t side = s.side, count = s.side * s.side
    cdef Py_ssize_t rows = in_phase(row, s.p, s.spacing_h, s.side)
    cdef Py_ssize_t cols = in_phase(col, s.q, s.spacing_w, s.side)
    for k in range(k1 - k0):
        for i in range(count):
            out[k * 16 + i] = bias[k0 + k] if bias != NULL else 0
    for tap in range(taps):
        n = 0
        for i in range(count):
            h = source(s, (row + i // side * s.spacing_h) * s.num + tap // s.kernel_w * s.dilation_h - s.pad_top, s.h)
            w = source(s, (col + i % side * s.spacing_w) * s.num + tap % s.kernel_w * s.dilation_w - s.pad_left, s.w)
            if h >= 0 and w >= 0:
                seen[n] = i
                for c in range(s.c):
                    pixels[c * 16 + n] = x[(c * s.h + h) * s.w + w]
                n += 1
        for i in range((n + tile_cols - 1) // tile_cols):
            gemm(k1 - k0, min(n - i * tile_cols, tile_cols), s.c,
                 <const real *>f.weight + k0 * s.weight_ks + (taps - 1 - tap if s.flip else tap), s.weight_ks,
                 s.weight_cs, pixels + i * tile_cols, <Py_ssize_t>16, <const real *>NULL, <Py_ssize_t>0, <Py_ssize_t>0,
                 sums + i * tile_cols, <Py_ssize_t>16)
        for k in range(k1 - k0):
            for i in range(n):
                out[k * 16 + seen[i]] += sums[k * 16 + i]
    for k in range(k1 - k0):
        for i in range(count):
            h, w = i // side, i % side
            if h < rows and w < cols:
                y[((k0 + k) * s.p + row + h * s.spacing_h) * s.q + col + w * s.spacing_w] = out[k * 16 + i]
