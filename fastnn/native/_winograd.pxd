"""What the Winograd drivers share: what they compute, how it is cut into tiles, and the transform of the images."""

from ._runtime cimport real

cdef enum:
    POINTS = 36         # values of a transformed tile or filter
    CHAIN = 64          # channels (or tiles) whose products are summed in one chain; the chains are added after
    PLANE_PAD = 32      # elements between planes, so that the 36 stores of a tile do not meet in one set of the cache

# A 3x3 convolution with stride and dilation 1, cut into tiles of 4x4 outputs: y (n, groups*k, p, q) from x
# (n, groups*c, h, w). Filter (k, c) of a group is the 9 taps at weight + k*weight_ks + c*weight_cs, in reverse order if
# `flip`: so an input gradient is one of these too. A unit is a run of tiles in one row of tiles of one image: all of
# the row, or a segment of it where the row is long.
cdef struct Tiling:
    Py_ssize_t n, groups, c, h, w, k, p, q
    Py_ssize_t pad_top, pad_left    # may be negative: then the border of x is not looked at
    Py_ssize_t weight_ks, weight_cs
    bint flip
    bint relu                       # y is max(0, sum)
    Py_ssize_t tile_rows, tile_cols
    Py_ssize_t segment, segments    # tiles of a unit, units of a row of tiles
    Py_ssize_t units, tiles
    Py_ssize_t chains               # blocks of CHAIN channels
    Py_ssize_t panels, panel        # of output channels; the widest
    Py_ssize_t band                 # elements of scratch for the rows of a unit
    int itemsize, threads

# The tiles of the forward pass (and of the weight gradient), and of the input gradient; the arguments are shapes.
cdef Tiling tile_forward(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y, Py_ssize_t groups,
                         Py_ssize_t pad_top, Py_ssize_t pad_left, int itemsize) noexcept nogil
cdef Tiling tile_input(const Py_ssize_t *dy, const Py_ssize_t *weight, const Py_ssize_t *dx, Py_ssize_t groups,
                       Py_ssize_t pad_top, Py_ssize_t pad_left, int itemsize) noexcept nogil

# What a unit is: which image, its first row and column of outputs, its tiles, the number of its first tile.
cdef struct Unit:
    Py_ssize_t n, row, col, tiles, first

# Whether Winograd's way is likely to be the faster one: the same answer for any number of threads.
cdef bint winograd_image_pays(const Tiling *s) noexcept nogil
cdef bint winograd_weight_pays(const Tiling *s) noexcept nogil

cdef Unit unit_at(const Tiling *s, Py_ssize_t index) noexcept nogil
cdef Py_ssize_t panel_start(const Tiling *s, Py_ssize_t panel) noexcept nogil

# Lanes of channels [c0, c0 + channels) of a unit: `rows` rows of `pixels` pixels from (row, col) on, zero outside.
cdef void load_band(const real *plane, const real *end, Py_ssize_t h, Py_ssize_t w, Py_ssize_t channels,
                    Py_ssize_t row, Py_ssize_t col, Py_ssize_t rows, Py_ssize_t pixels, real *band) noexcept nogil
cdef Py_ssize_t band_row(Py_ssize_t pixels, int itemsize) noexcept nogil

# Some channels of a unit, transformed: v[xi*plane + tile*width + channel].
cdef void transform_input(const Tiling *s, const real *x, const real *end, Py_ssize_t index, Py_ssize_t channel,
                          Py_ssize_t channels, real *band, real *v, Py_ssize_t width,
                          Py_ssize_t plane) noexcept nogil
