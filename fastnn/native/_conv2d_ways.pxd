"""Which ways a convolution may go, by its shapes."""

from ._convolve cimport Geometry
from ._table cimport fnn_depthwise_fits, fnn_pool2d

cdef enum:   # filters a channel up to which the depthwise kernels are measured to be faster
    DEPTHWISE_IMAGE = 2
    DEPTHWISE_WEIGHT = 6
    WIDEST_DILATION = 64        # for Winograd: what lies between the pixels of a tile is loaded too

cdef enum Algorithm:
    AUTO, DIRECT, WINOGRAD


cdef inline bint winograd_can(const Py_ssize_t *weight, Geometry geo) noexcept nogil:
    if geo.algorithm == DIRECT or geo.stride_h != geo.stride_w:
        return False
    if geo.stride_h == 2:
        return 3 <= weight[2] <= 4 and 3 <= weight[3] <= 4 and geo.dilation_h == 1 and geo.dilation_w == 1
    return (geo.stride_h == 1 and weight[2] == weight[3] and (weight[2] == 3 or weight[2] == 5)
            and geo.dilation_w <= WIDEST_DILATION)


cdef inline bint is_affine(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y,
                           Geometry geo) noexcept nogil:
    """One window, over all of the image: a layer of full connections."""
    return (weight[2] == x[2] and weight[3] == x[3] and y[2] == y[3] == geo.groups == 1
            and geo.pad_top == geo.pad_left == 0 and (weight[2] == 1 or geo.dilation_h == 1)
            and (weight[3] == 1 or geo.dilation_w == 1) and geo.algorithm != WINOGRAD)


cdef inline fnn_pool2d describe_plane(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y,
                                      Geometry geo) noexcept nogil:
    """One channel's walk of one filter; the arguments are the shapes."""
    cdef inline fnn_pool2d g
    g.in_h, g.in_w, g.out_h, g.out_w, g.kernel_h, g.kernel_w = x[2], x[3], y[2], y[3], weight[2], weight[3]
    g.stride_h, g.stride_w, g.dilation_h, g.dilation_w = geo.stride_h, geo.stride_w, geo.dilation_h, geo.dilation_w
    g.pad_h, g.pad_w = geo.pad_top, geo.pad_left
    return g


cdef inline bint is_depthwise(const fnn_pool2d *g, Py_ssize_t channels, Py_ssize_t filters, Py_ssize_t most,
                              Geometry geo) noexcept nogil:
    """One channel a group, of so few filters that tiles of a matrix product would stay empty."""
    return (geo.groups == channels and filters <= most * channels and geo.algorithm != WINOGRAD
            and fnn_depthwise_fits(g))
