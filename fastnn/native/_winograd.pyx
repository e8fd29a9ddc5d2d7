"""How a 3x3 convolution is cut into Winograd tiles, and the transform of its images (see csrc/kernels/winograd.inl)."""

from libc.string cimport memset

from ._kernels cimport lanes, round_up, tile_width, to_lanes, wino_input
from ._runtime cimport gemm_ns, threads_for

cdef enum:
    LONGEST = 32           # tiles of a unit at most: the band of a unit stays near L1
    TILE_COST = 480        # one of the two transforms of a tile, a vector of channels
    FILTER_COST = 340      # the transform of a vector of filters
    GATHER_ROWS = 4        # a direct convolution costs as if it had so many more output channels,
    TRANSPOSE_ROWS = 16    # and its weight gradient so many


cdef Tiling tile_forward(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y, Py_ssize_t groups,
                         Py_ssize_t pad_top, Py_ssize_t pad_left, int itemsize) noexcept nogil:
    cdef Tiling s
    s.n, s.groups, s.c, s.h, s.w, s.k, s.p, s.q = x[0], groups, weight[1], x[2], x[3], weight[0] // groups, y[2], y[3]
    s.pad_top, s.pad_left, s.weight_ks, s.weight_cs, s.flip = pad_top, pad_left, 9 * weight[1], 9, False
    cut(&s, itemsize)
    return s


cdef Tiling tile_input(const Py_ssize_t *dy, const Py_ssize_t *weight, const Py_ssize_t *dx, Py_ssize_t groups,
                       Py_ssize_t pad_top, Py_ssize_t pad_left, int itemsize) noexcept nogil:
    cdef Tiling s
    s.n, s.groups, s.c, s.h, s.w = dy[0], groups, weight[0] // groups, dy[2], dy[3]
    s.k, s.p, s.q, s.pad_top, s.pad_left = weight[1], dx[2], dx[3], 2 - pad_top, 2 - pad_left
    s.weight_ks, s.weight_cs, s.flip = 9, 9 * weight[1], True
    cut(&s, itemsize)
    return s


cdef void cut(Tiling *s, int itemsize) noexcept nogil:
    cdef Py_ssize_t vectors = (s.k + lanes(itemsize) - 1) // lanes(itemsize)
    s.tile_rows, s.tile_cols = (s.p + 3) // 4, (s.q + 3) // 4
    s.segments = (s.tile_cols + LONGEST - 1) // LONGEST
    s.segment = (s.tile_cols + s.segments - 1) // s.segments
    s.segments = (s.tile_cols + s.segment - 1) // s.segment
    s.units = s.n * s.tile_rows * s.segments
    s.tiles = s.n * s.tile_rows * s.tile_cols
    s.chains = (s.c + CHAIN - 1) // CHAIN
    s.panels = (s.k + tile_width(itemsize) - 1) // tile_width(itemsize)
    s.panel = lanes(itemsize) * ((vectors + s.panels - 1) // s.panels)
    s.itemsize, s.relu = itemsize, False
    s.threads = threads_for(gemm_ns(<double>POINTS * s.tiles * s.c * s.k), max(s.units, s.panels))
    s.band = 6 * band_row(4 * s.segment + 2, itemsize)


# The cost model. Its unit is a multiply-add of one vector; both ways spend most of theirs in the same gemm kernels, at
# the same rate, so only the rest had to be measured (docs/performance.md has the fit).


cdef double winograd_cost(const Tiling *s, Py_ssize_t rows, Py_ssize_t lanes_along) noexcept nogil:
    """36 products a tile, and the transforms: of each tile, once for each vector of channels, and of the filters."""
    cdef double vectors = (lanes_along + lanes(s.itemsize) - 1) // lanes(s.itemsize)
    cdef double others = (rows + lanes(s.itemsize) - 1) // lanes(s.itemsize)
    return s.tiles * (POINTS * rows * vectors + TILE_COST * (vectors + others)) + FILTER_COST * rows * vectors


cdef double direct_cost(const Tiling *s, Py_ssize_t taps, Py_ssize_t rows) noexcept nogil:
    """9 products a pixel; what a panel of pixels costs to gather is shared by the rows that are multiplied with it."""
    return 9.0 * round_up(s.n * s.p * s.q, lanes(s.itemsize)) / lanes(s.itemsize) * taps * rows


cdef bint winograd_image_pays(const Tiling *s) noexcept nogil:
    return winograd_cost(s, s.c, s.k) < direct_cost(s, s.c, s.k + GATHER_ROWS)


cdef bint winograd_weight_pays(const Tiling *s) noexcept nogil:
    return winograd_cost(s, s.k, s.c) < direct_cost(s, s.c, s.k + TRANSPOSE_ROWS)


cdef Unit unit_at(const Tiling *s, Py_ssize_t index) noexcept nogil:
    cdef Unit u
    cdef Py_ssize_t tile_row = index // s.segments, tile_col = index % s.segments * s.segment
    u.n = tile_row // s.tile_rows
    u.row, u.col = 4 * (tile_row % s.tile_rows), 4 * tile_col
    u.tiles = min(s.segment, s.tile_cols - tile_col)
    u.first = tile_row * s.tile_cols + tile_col
    return u


cdef Py_ssize_t panel_start(const Tiling *s, Py_ssize_t panel) noexcept nogil:
    """The first output channel of a panel: panels are of nearly equal width in vectors."""
    cdef Py_ssize_t width = lanes(s.itemsize), vectors = (s.k + width - 1) // width
    return min(s.k, vectors * panel // s.panels * width)


cdef Py_ssize_t band_row(Py_ssize_t pixels, int itemsize) noexcept nogil:
    """Elements of a row of a band: `to_lanes` writes whole blocks of pixels, up to one past the last."""
    return round_up(pixels + lanes(itemsize), lanes(itemsize)) * lanes(itemsize)


cdef void load_band(const real *plane, const real *end, Py_ssize_t h, Py_ssize_t w, Py_ssize_t channels,
                    Py_ssize_t row, Py_ssize_t col, Py_ssize_t rows, Py_ssize_t pixels, real *band) noexcept nogil:
    cdef Py_ssize_t low = max(col, <Py_ssize_t>0), high = min(col + pixels, w), r, width = lanes(sizeof(real))
    cdef Py_ssize_t pitch = band_row(pixels, sizeof(real))
    for r in range(row, row + rows):
        if r < 0 or r >= h or low >= high:
            memset(band, 0, pixels * width * sizeof(real))
        else:
            to_lanes(high - low, channels, plane + r * w + low, h * w, end, band + (low - col) * width)
            memset(band, 0, (low - col) * width * sizeof(real))
            memset(band + (high - col) * width, 0, (col + pixels - high) * width * sizeof(real))
        band += pitch


cdef void transform_input(const Tiling *s, const real *x, const real *end, Py_ssize_t index, Py_ssize_t channel,
                          Py_ssize_t channels, real *band, real *v, Py_ssize_t width,
                          Py_ssize_t plane) noexcept nogil:
    cdef Unit u = unit_at(s, index)
    cdef Py_ssize_t pixels = 4 * u.tiles + 2, pitch = band_row(pixels, sizeof(real)), vector, j
    x += u.n * s.groups * s.c * s.h * s.w + channel * s.h * s.w
    for vector in range((channels + lanes(sizeof(real)) - 1) // lanes(sizeof(real))):
        j = vector * lanes(sizeof(real))
        load_band(x + j * s.h * s.w, end, s.h, s.w, channels - j, u.row - s.pad_top, u.col - s.pad_left,
                  <Py_ssize_t>6, pixels, band)
        wino_input(u.tiles, band, pitch, v + j, width, plane)
