"""How a convolution is cut into tasks, chains of taps and tiles."""

from ._convolve cimport Convolution, Geometry
from ._im2col cimport MOST_TAPS, Axis, Band
from ._runtime cimport fnn_share
from ._winograd cimport Tiling as WinogradTiling

cdef enum:
    PIXELS = 768            # of a task, roughly
    TAPS = MOST_TAPS        # of a chain, at most: shorter ones round less, longer ones save a percent of the time
    L1_BYTES = 24 << 10     # of the first cache, for what a tile reads again and again
    TALL_TILE = 6           # rows

cdef enum Tiling:
    GATHER      # panels, gathered from the copy; any pixels
    COLUMNS     # pixels of any rows, read from copies for each column of taps, which have nothing between the rows
    ROWS        # pixels of one row, read from the copy
    FLAT        # pixels of the copy as they come, with those between the rows, which are dropped
    PLAIN       # 1x1: panels, packed from the source itself or read there
    TURNED      # filters in the lanes, pixels broadcast; the results are transposed

cdef struct Plan:
    Axis h, w                               # of the copy
    Band band                               # of the copy; its rows are those of the outputs
    Py_ssize_t bands, image_blocks          # the pixels' tasks: one of the two is split
    Py_ssize_t row_blocks, rows             # blocks of output channels, where the pixels alone are too few tasks
    Py_ssize_t channels                     # of a block
    Py_ssize_t taps                         # of a block of channels
    Py_ssize_t chain                        # taps
    Py_ssize_t width                        # of the widest panel; TURNED: of the panels of filters
    Tiling tiling
    bint unpacked                           # PLAIN: the source is read where a panel has whole vectors
    bint skips                              # taps that rows of outputs do not find on the image
    bint exact                              # TURNED: all of these, of columns too; the copy, if any, is the image
    double seen                             # the share of those that they find, where single rows skip
    double cycles                           # for a tap of a task
    Py_ssize_t copy, panel                  # elements of a thread's scratch memory; no copy: the source is read
    Py_ssize_t filters, turned              # TURNED: elements of a thread's panels of filters, of a task's outputs
    Py_ssize_t tile                         # elements of a task's own outputs; 0: they go straight to `out`
    int threads
    fnn_share *shares
    Py_ssize_t *in_copy
    Py_ssize_t *in_weight
    Py_ssize_t *in_panel

# Whether the planes of a 1x1 convolution are read and written as one row each, and that convolution.
cdef bint join_rows(const Convolution *conv, Convolution *joined) noexcept nogil

# All but the pointers.
cdef void make_plan(Plan *plan, const Convolution *conv, Py_ssize_t itemsize) noexcept nogil

# y as a convolution of x; the arguments are the shapes.
cdef Convolution describe_forward(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y,
                                  Geometry geo) noexcept nogil

# The pixels of dx from (row, column) on, a stride apart, as a convolution of dy with the taps that reach them.
cdef Convolution describe_phase(const Py_ssize_t *dy, const Py_ssize_t *weight, const Py_ssize_t *dx, Geometry geo,
                                Py_ssize_t row, Py_ssize_t column) noexcept nogil

# Whether some pixels of x are not read at all, between those that are.
cdef bint leaves_gaps(const Py_ssize_t *weight, Geometry geo) noexcept nogil

# What a direct convolution that multiplies no padding costs, in units of _winograd_cost.pxd; HUGE_VAL where it does.
cdef double exact_cost(const WinogradTiling *s) noexcept nogil

# Of the products of a weight gradient those with pixels, or 1 where most are.
cdef double wide_share(const WinogradTiling *s) noexcept nogil
