"""What Winograd's way costs beside the direct one.

The unit is a multiply-add of one vector; both ways spend most of theirs in the same gemm kernels, at the same rate, so
only the rest had to be measured (docs/performance.md has the fit).
"""

from ._convolve_plan cimport exact_cost, wide_share
from ._kernels cimport lanes, round_up
from ._winograd cimport Tiling

cdef enum:
    START_COST = 4         # of a vector of sums: to begin a chain and to store it
    TILE_COST = 400        # one of the two transforms of a tile, a vector of channels
    FILTER_COST = 180      # the transform of a vector of filters
    GRADIENT_COST = 300    # of their gradients
    GATHER_ROWS = 3        # a direct convolution costs as if it had so many more output channels,
    TRANSPOSE_ROWS = 16    # and its weight gradient so many
    SCATTER_COST = 50      # a vector of dx, of whose pixels phases write every other one
    ROW_COST = 8           # cycles to copy a row of dy, however short, for one of these phases
    LONE_PERCENT = 150     # of the products of a single short vector of outputs: each has a broadcast of its own


cdef inline double products(const Tiling *s) noexcept nogil:
    """Of a tile, a channel and a filter."""
    if s.parts == 1:
        return s.points
    return (s.points_h[0] + s.points_h[1]) * (s.points_w[0] + s.points_w[1])


cdef inline double winograd_cost(const Tiling *s, Py_ssize_t rows, Py_ssize_t along, Py_ssize_t outs,
                                 double filters) noexcept nogil:
    """The products, `along` in the lanes; the transforms of each tile, once for each vector of channels and view, and
    of outputs and phase; those of the filters."""
    cdef double vectors = (along + lanes(s.itemsize) - 1) // lanes(s.itemsize)
    cdef double c = (s.c + lanes(s.itemsize) - 1) // lanes(s.itemsize)
    cdef double k = (s.k + lanes(s.itemsize) - 1) // lanes(s.itemsize)
    return (products(s) * rows * vectors * s.tiles + TILE_COST * s.points / 36.0 * s.tiles * (s.views * c + outs * k)
            + filters * products(s) / 36.0 * rows * vectors)


cdef inline bint is_short(const Tiling *s) noexcept nogil:
    """Whether two multiply-adds of a vector take a cycle, as many as broadcasts."""
    return lanes(s.itemsize) * s.itemsize < 64


cdef inline double image_cost(const Tiling *s) noexcept nogil:
    cdef double vectors = (s.k + lanes(s.itemsize) - 1) // lanes(s.itemsize)
    cdef double lone = LONE_PERCENT / 100.0 - 1 if vectors == 1 and is_short(s) else 0
    return (winograd_cost(s, s.c, s.k, s.outs_h * s.outs_w, FILTER_COST)
            + products(s) * vectors * s.tiles * (START_COST * s.chains + lone * s.c))


cdef inline double weight_cost(const Tiling *s) noexcept nogil:
    return winograd_cost(s, s.k, s.c, 1, GRADIENT_COST)


cdef inline double direct_cost(const Tiling *s, Py_ssize_t pixels, Py_ssize_t rows) noexcept nogil:
    """The products of a pixel; what a panel of pixels costs to gather is shared by the rows that it is used for."""
    return <double>s.kernel_h * s.kernel_w * pixels / lanes(s.itemsize) * s.c * rows


cdef inline bint winograd_image_pays(const Tiling *s) noexcept nogil:
    """Whether Winograd's way is likely to be the faster one: the same answer for any number of threads."""
    cdef double direct
    if s.den == 1:
        return image_cost(s) < min(exact_cost(s), direct_cost(s, round_up(s.n * s.p * s.q, lanes(s.itemsize)),
                                                              s.k + GATHER_ROWS))
    direct = direct_cost(s, s.n * round_up(s.h * s.w, lanes(s.itemsize)), s.k + GATHER_ROWS)   # by phases,
    direct += ROW_COST * (2 if is_short(s) else 1) * 4 * s.n * s.c * (s.h + 1)      # each with a copy of dy of its own
    direct = min(direct, exact_cost(s)) + SCATTER_COST * s.n * s.k * s.p * s.q / lanes(s.itemsize)
    return image_cost(s) < direct


cdef inline bint winograd_weight_pays(const Tiling *s) noexcept nogil:
    return weight_cost(s) < direct_cost(s, s.n * s.p * s.q, s.k + TRANSPOSE_ROWS) * wide_share(s)
