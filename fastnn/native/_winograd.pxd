"""What the Winograd drivers share: what they compute, how it is cut into tiles, and the transform of the images."""

from ._runtime cimport real

cdef enum:
    CHAIN = 64          # channels (or tiles) whose products are summed in one chain; the chains are added after
    PLANE_PAD = 32      # elements between planes, so that the stores of a tile do not meet in one set of the cache

# A convolution cut into tiles of 4x4 or 2x2 outputs: y (n, groups*k, p, q) from x (n, groups*c, h, w). Filter (k, c)
# of a group is the taps at weight + k*weight_ks + c*weight_cs, in reverse order if `flip`. Tap (r, s) of output (i, j)
# reads x at row (i*num + r*dilation_h - pad_top) / den, where that is whole, and at the column likewise.
#
# One of three: 3x3 or 5x5 taps with stride 1 and any dilation, F(4x4,3x3) or F(2x2,5x5), their input gradients too;
# 3 or 4 taps with stride 2 (num = 2), F(4x4,2x2); and the latter's input gradient (den = 2).
#
# With dilation, outputs fall into phases: those of a phase are `dilation` apart, and read pixels as far apart, as a
# plain convolution would. A tile lies in one phase. With stride 2, the even and the odd taps of each axis are kernels
# of their own, on pixels two apart: four parts, of 4 or 5 points along an axis. Forward, they are added up in one tile
# of outputs; in the input gradient each is that of one phase of outputs, whose tiles share the pixels they read.
#
# A unit is a run of tiles in one row of tiles of one image, in each phase of columns: all of the row, or a segment.
cdef struct Tiling:
    Py_ssize_t n, groups, c, h, w, k, p, q
    Py_ssize_t x_image, y_image     # elements of all groups
    Py_ssize_t kernel_h, kernel_w
    Py_ssize_t num, den
    Py_ssize_t pad_top, pad_left    # may be negative: then the border of x is not looked at
    Py_ssize_t dilation_h, dilation_w
    Py_ssize_t weight_ks, weight_cs
    bint flip
    bint relu                       # y is max(0, sum)
    int side                        # outputs of a tile along an axis
    int axis, points                # along an axis, in all
    Py_ssize_t parts
    Py_ssize_t views                # of the pixels of a tile, shifted by 0 or 1 along each axis
    int view_w                      # along the columns
    Py_ssize_t outs_h, outs_w       # phases of outputs that share a tile's pixels
    int[2] part_h, part_w           # of such a phase
    int[2] shift_h, shift_w         # its view
    int[2] points_h, points_w       # of a part
    int[2] seen_h, seen_w           # of a view
    Py_ssize_t spacing_h, spacing_w     # of a tile's outputs
    Py_ssize_t first_row, first_col     # of the pixels of output (0, 0)
    Py_ssize_t rows, row_step       # rows of pixels to load, and their distance
    Py_ssize_t apart_h, apart_w     # of a tile's pixels, in what was loaded
    Py_ssize_t phases_h, phases_w   # those that are not empty
    Py_ssize_t tile_rows, tile_cols     # of all phases of rows; of one phase of columns
    Py_ssize_t segment, segments    # tiles of a phase of columns in a unit, units of a row of tiles
    Py_ssize_t unit                 # tiles of a unit, at most
    Py_ssize_t units, tiles
    Py_ssize_t chains, chain        # blocks of CHAIN channels; whole vectors of the widest
    Py_ssize_t panels, panel        # of output channels; the widest
    int down, across                # the threads' parts of an image: of its units, of its panels
    Py_ssize_t band                 # elements of scratch for the rows of a unit
    int itemsize, threads           # of a group
    int group_threads               # for whole groups, where these are too small to be shared out

# The tiles of the forward pass (and of the weight gradient), and of the input gradient; the arguments are shapes.
cdef Tiling tile_forward(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y, Py_ssize_t groups,
                         Py_ssize_t pad_top, Py_ssize_t pad_left, Py_ssize_t stride, Py_ssize_t dilation_h,
                         Py_ssize_t dilation_w, int itemsize) noexcept nogil
cdef Tiling tile_input(const Py_ssize_t *dy, const Py_ssize_t *weight, const Py_ssize_t *dx, Py_ssize_t groups,
                       Py_ssize_t pad_top, Py_ssize_t pad_left, Py_ssize_t stride, Py_ssize_t dilation_h,
                       Py_ssize_t dilation_w, int itemsize) noexcept nogil

# What a unit is: which image, its first row and column of outputs, its tiles, how many of them lie along a phase of
# columns, the number of its first tile.
cdef struct Unit:
    Py_ssize_t n, row, col, tiles, along, first

cdef Unit unit_at(const Tiling *s, Py_ssize_t index) noexcept nogil
cdef Py_ssize_t panel_start(const Tiling *s, Py_ssize_t panel) noexcept nogil

# Rows or columns of outputs in a phase, of at most `n`, from `first` on.
cdef inline Py_ssize_t in_phase(Py_ssize_t first, Py_ssize_t out, Py_ssize_t spacing, Py_ssize_t n) noexcept nogil:
    return max(<Py_ssize_t>0, min((out - first + spacing - 1) // spacing, n))

# Where a tap of an output reads x along an axis: -1 where it does not.
cdef inline Py_ssize_t source(const Tiling *s, Py_ssize_t at, Py_ssize_t size) noexcept nogil:
    return at // s.den if 0 <= at < s.den * size and at % s.den == 0 else -1

# Lanes of `channels` channels: `rows` rows, `step` apart, of `pixels` pixels from (row, col) on, zero outside.
cdef void load_band(const real *plane, const real *end, Py_ssize_t h, Py_ssize_t w, Py_ssize_t channels,
                    Py_ssize_t row, Py_ssize_t col, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t pixels,
                    real *band) noexcept nogil
cdef Py_ssize_t band_row(Py_ssize_t pixels, int itemsize) noexcept nogil

# Some channels of a unit, transformed: v[view*view_size + xi*plane + tile*width + channel].
cdef void transform_input(const Tiling *s, const real *x, const real *end, Py_ssize_t index, Py_ssize_t channel,
                          Py_ssize_t channels, real *band, real *v, Py_ssize_t width, Py_ssize_t plane,
                          Py_ssize_t view_size) noexcept nogil

# Where the filters and biases of a group are (of float or double).
cdef struct Filters:
    const void *weight
    const void *end         # of all groups' filters
    const void *bias        # or NULL

# The tiles of a unit of y that hold a value that is not finite, by the definition, for filters k0 to k1. A finite value
# is right already: nothing that is not finite went into it. Returns 1 where memory is not to be had.
cdef int recompute(const Tiling *s, const Filters *f, const real *x, real *y, Unit u, Py_ssize_t row, Py_ssize_t k0,
                   Py_ssize_t k1) noexcept nogil
