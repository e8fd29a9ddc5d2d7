"""conv2d and its gradients. Same names as reference/conv2d.py.

Each direction chooses its algorithm at its top: Winograd's where it is asked for, or pays; else the direct one.
"""

import os

from libc.string cimport memset

from ._blocks cimport Block
from ._conv_weight cimport convolve_weight
from ._convolve cimport Convolution, convolve
from ._im2col cimport Axis, gcd, set_axis
from ._depthwise cimport depthwise_filters, depthwise_image, depthwise_input
from ._runtime cimport real
from ._table cimport fnn_depthwise_fits, fnn_pool2d
from ._winograd cimport Tiling, tile_forward, tile_input, winograd_image_pays, winograd_weight_pays
from ._winograd_image cimport winograd_image, winograd_image_scratch
from ._winograd_weight cimport winograd_weight, winograd_weight_scratch, without_padding


cdef enum:   # filters a channel up to which the depthwise kernels are measured to be faster
    DEPTHWISE_IMAGE = 2
    DEPTHWISE_WEIGHT = 6

cdef enum Algorithm:
    AUTO, DIRECT, WINOGRAD

cdef struct Geometry:
    Py_ssize_t stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w, groups
    Algorithm algorithm     # what the caller asked for

cdef Algorithm preferred = AUTO     # what "auto" stands for in this process
ALGORITHMS = ("auto", "direct", "winograd")


def set_algorithm(name):
    """What a convolution's "auto" stands for from now on; "winograd" means wherever it can be used."""
    global preferred
    preferred = read_algorithm(name)


def get_algorithm():
    return ALGORITHMS[preferred]


def _algorithm_from_environment():
    name = os.environ.get("FASTNN_CONV_ALGORITHM") or "auto"
    if name not in ALGORITHMS:
        raise ValueError(f"FASTNN_CONV_ALGORITHM: expected one of 'auto', 'direct', 'winograd', got {name!r}")
    return name


def conv2d_forward(x, weight, bias, y, geo):
    if x.itemsize == 4:
        forward[float](x, weight, bias, y, read_geometry(geo))
    else:
        forward[double](x, weight, bias, y, read_geometry(geo))


def conv2d_backward_input(dy, weight, dx, geo):
    if dy.itemsize == 4:
        backward_input[float](dy, weight, dx, read_geometry(geo))
    else:
        backward_input[double](dy, weight, dx, read_geometry(geo))


def conv2d_backward_weight(dy, x, dweight, dbias, geo):
    if dy.itemsize == 4:
        backward_weight[float](dy, x, dweight, dbias, read_geometry(geo))
    else:
        backward_weight[double](dy, x, dweight, dbias, read_geometry(geo))


cdef Geometry read_geometry(geo) except *:
    cdef Geometry g
    (g.stride_h, g.stride_w, g.pad_top, _, g.pad_left, _, g.dilation_h, g.dilation_w, g.groups, algorithm) = geo
    g.algorithm = preferred if algorithm == "auto" else read_algorithm(algorithm)
    return g


cdef Algorithm read_algorithm(name) except *:
    return AUTO if name == "auto" else DIRECT if name == "direct" else WINOGRAD


cdef bint winograd_can(const Py_ssize_t *weight, Geometry geo) noexcept nogil:
    return (geo.algorithm != DIRECT and weight[2] == 3 and weight[3] == 3 and geo.stride_h == 1 and geo.stride_w == 1
            and geo.dilation_h == 1 and geo.dilation_w == 1)


cdef fnn_pool2d describe_plane(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y,
                               Geometry geo) noexcept nogil:
    """One channel's walk of one filter; the arguments are the shapes."""
    cdef fnn_pool2d g
    g.in_h, g.in_w, g.out_h, g.out_w, g.kernel_h, g.kernel_w = x[2], x[3], y[2], y[3], weight[2], weight[3]
    g.stride_h, g.stride_w, g.dilation_h, g.dilation_w = geo.stride_h, geo.stride_w, geo.dilation_h, geo.dilation_w
    g.pad_h, g.pad_w = geo.pad_top, geo.pad_left
    return g


cdef bint is_depthwise(const fnn_pool2d *g, Py_ssize_t channels, Py_ssize_t filters, Py_ssize_t most,
                       Geometry geo) noexcept nogil:
    """One channel a group, of so few filters that tiles of a matrix product would stay empty."""
    return (geo.groups == channels and filters <= most * channels and geo.algorithm != WINOGRAD
            and fnn_depthwise_fits(g))


cdef int forward(const real[:, :, :, ::1] x,         # IN   (N, C, H, W)
                 const real[:, :, :, ::1] weight,    # IN   (K, C/groups, R, S)
                 const real[::1] bias,               # IN   (K) or None
                 real[:, :, :, ::1] y,               # OUT  (N, K, P, Q)
                 Geometry geo) except -1:
    cdef Convolution conv
    cdef fnn_pool2d plane = describe_plane(x.shape, weight.shape, y.shape, geo)
    cdef Tiling tiling
    cdef Block scratch = None
    cdef const real *b = NULL
    cdef int failed
    if y.shape[0] == 0 or y.shape[1] == 0:
        return 0
    if x.shape[1] == 0:   # nothing to point at: the sums are the bias
        for n in range(y.shape[0]):
            for k in range(y.shape[1]):
                y[n, k] = bias[k] if bias is not None else 0
        return 0
    if bias is not None:
        b = &bias[0]
    if is_depthwise(&plane, x.shape[1], y.shape[1], DEPTHWISE_IMAGE, geo):
        with nogil:
            depthwise_image(&plane, x.shape[0], x.shape[1], y.shape[1], &x[0, 0, 0, 0], &weight[0, 0, 0, 0], b,
                            &y[0, 0, 0, 0])
        return 0
    if winograd_can(weight.shape, geo):
        tiling = tile_forward(x.shape, weight.shape, y.shape, geo.groups, geo.pad_top, geo.pad_left, sizeof(real))
        if geo.algorithm == WINOGRAD or winograd_image_pays(&tiling):
            scratch = Block(winograd_image_scratch(&tiling) * sizeof(real))
    with nogil:
        if scratch is not None:
            failed = winograd_image(&tiling, &x[0, 0, 0, 0], &weight[0, 0, 0, 0], b, &y[0, 0, 0, 0],
                                    <real *>scratch.data)
        else:
            conv = describe_forward(x.shape, weight.shape, y.shape, geo)
            failed = convolve(&conv, &weight[0, 0, 0, 0], &x[0, 0, 0, 0], b, &y[0, 0, 0, 0])
    if failed:
        raise MemoryError("conv2d: no scratch memory")
    return 0


cdef int backward_input(const real[:, :, :, ::1] dy,        # IN   (N, K, P, Q)
                        const real[:, :, :, ::1] weight,    # IN   (K, C/groups, R, S)
                        real[:, :, :, ::1] dx,              # OUT  (N, C, H, W)
                        Geometry geo) except -1:
    cdef fnn_pool2d plane = describe_plane(dx.shape, weight.shape, dy.shape, geo)
    cdef Tiling tiling
    cdef Block scratch = None
    cdef int failed = 0
    if dx.shape[0] == 0 or dx.shape[1] == 0:
        return 0
    if dy.shape[1] == 0:
        dx[:, :, :, :] = 0
        return 0
    if is_depthwise(&plane, dx.shape[1], dy.shape[1], DEPTHWISE_IMAGE, geo):
        with nogil:
            depthwise_input(&plane, dx.shape[0], dx.shape[1], dy.shape[1], &dy[0, 0, 0, 0], &weight[0, 0, 0, 0],
                            &dx[0, 0, 0, 0])
        return 0
    if winograd_can(weight.shape, geo):
        tiling = tile_input(dy.shape, weight.shape, dx.shape, geo.groups, geo.pad_top, geo.pad_left, sizeof(real))
        if geo.algorithm == WINOGRAD or winograd_image_pays(&tiling):
            scratch = Block(winograd_image_scratch(&tiling) * sizeof(real))
    with nogil:
        if scratch is not None:
            failed = winograd_image(&tiling, &dy[0, 0, 0, 0], &weight[0, 0, 0, 0], <const real *>NULL,
                                    &dx[0, 0, 0, 0], <real *>scratch.data)
        else:
            failed = backward_input_direct(dy, weight, dx, geo)
    if failed:
        raise MemoryError("conv2d: no scratch memory")
    return 0


cdef int backward_input_direct(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] weight, real[:, :, :, ::1] dx,
                               Geometry geo) noexcept nogil:
    cdef Convolution conv
    cdef Py_ssize_t i, j
    cdef int failed = 0
    if leaves_gaps(weight.shape, geo):
        memset(&dx[0, 0, 0, 0], 0, dx.shape[0] * dx.shape[1] * dx.shape[2] * dx.shape[3] * sizeof(real))
    for i in range(min(geo.stride_h, dx.shape[2])):
        for j in range(min(geo.stride_w, dx.shape[3])):
            conv = describe_phase(dy.shape, weight.shape, dx.shape, geo, i, j)
            if failed == 0 and conv.h.taps > 0 and conv.w.taps > 0:
                failed = convolve(&conv, &weight[0, 0, 0, 0], &dy[0, 0, 0, 0], <const real *>NULL, &dx[0, 0, i, j])
    return failed


cdef int backward_weight(const real[:, :, :, ::1] dy,   # IN   (N, K, P, Q)
                         const real[:, :, :, ::1] x,    # IN   (N, C, H, W)
                         real[:, :, :, ::1] dweight,    # OUT  (K, C/groups, R, S) or None
                         real[::1] dbias,               # OUT  (K) or None
                         Geometry geo) except -1:
    cdef Convolution conv
    cdef fnn_pool2d plane
    cdef Py_ssize_t[4] shape = [dy.shape[1], 0, 1, 1]
    cdef real *dw = NULL
    cdef real *db = NULL
    cdef Tiling tiling
    cdef Block scratch = None
    cdef int failed = 0
    if dy.shape[1] == 0:
        return 0
    if dy.shape[0] == 0:   # no terms to add up
        if dweight is not None:
            dweight[:, :, :, :] = 0
        if dbias is not None:
            dbias[:] = 0
        return 0
    if dweight is not None and x.shape[1] > 0:
        dw = &dweight[0, 0, 0, 0]
        for i in range(4):
            shape[i] = dweight.shape[i]
    if dbias is not None:
        db = &dbias[0]
    if dw != NULL:
        plane = describe_plane(x.shape, shape, dy.shape, geo)
        if is_depthwise(&plane, x.shape[1], dy.shape[1], DEPTHWISE_WEIGHT, geo):
            with nogil:
                depthwise_filters(&plane, x.shape[0], x.shape[1], dy.shape[1], &dy[0, 0, 0, 0], &x[0, 0, 0, 0], dw, db)
            return 0
    if dw == NULL and db == NULL:
        return 0
    if dw != NULL and winograd_can(shape, geo):
        tiling = tile_forward(x.shape, shape, dy.shape, geo.groups, geo.pad_top, geo.pad_left, sizeof(real))
        if geo.algorithm == WINOGRAD or winograd_weight_pays(&tiling):
            scratch = Block(winograd_weight_scratch(&tiling) * sizeof(real))
    with nogil:
        if scratch is not None and not winograd_weight(&tiling, &dy[0, 0, 0, 0], &x[0, 0, 0, 0], dw,
                                                       <real *>scratch.data):
            dw = NULL   # done; where it met a NaN or an infinity it is done again, directly
        if dw != NULL or db != NULL:
            conv = describe_forward(x.shape, shape, dy.shape, geo)
            failed = convolve_weight(&conv, &dy[0, 0, 0, 0], &x[0, 0, 0, 0] if dw != NULL else NULL, dw, db)
            if scratch is not None and dw != NULL:
                without_padding(&tiling, &dy[0, 0, 0, 0], &x[0, 0, 0, 0], dw)
    if failed:
        raise MemoryError("conv2d: no scratch memory")
    return 0


cdef Convolution describe_forward(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y,
                                  Geometry geo) noexcept nogil:
    """y as a convolution of x; the arguments are the shapes."""
    cdef Convolution conv
    set_axis(&conv.h, x[2], y[2], geo.stride_h, -geo.pad_top, weight[2], 0, 1, geo.dilation_h)
    set_axis(&conv.w, x[3], y[3], geo.stride_w, -geo.pad_left, weight[3], 0, 1, geo.dilation_w)
    conv.images, conv.groups, conv.rows, conv.channels = x[0], geo.groups, weight[0] // geo.groups, weight[1]
    conv.kernel_w, conv.weight_channels = weight[3], weight[2] * weight[3]
    conv.weight_rows = weight[1] * conv.weight_channels
    conv.weight_group = conv.rows * conv.weight_rows
    conv.out_plane, conv.out_h, conv.out_w = y[2] * y[3], y[3], 1
    return conv


cdef Convolution describe_phase(const Py_ssize_t *dy, const Py_ssize_t *weight, const Py_ssize_t *dx, Geometry geo,
                                Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    """The pixels of dx from (row, column) on, a stride apart, as a convolution of dy with the taps that reach them."""
    cdef Convolution conv
    set_phase(&conv.h, dy[2], dx[2], row, weight[2], geo.stride_h, geo.pad_top, geo.dilation_h)
    set_phase(&conv.w, dy[3], dx[3], column, weight[3], geo.stride_w, geo.pad_left, geo.dilation_w)
    conv.images, conv.groups, conv.rows, conv.channels = dx[0], geo.groups, weight[1], weight[0] // geo.groups
    conv.kernel_w, conv.weight_rows = weight[3], weight[2] * weight[3]
    conv.weight_channels = weight[1] * conv.weight_rows
    conv.weight_group = conv.channels * conv.weight_channels
    conv.out_plane, conv.out_h, conv.out_w = dx[2] * dx[3], geo.stride_h * dx[3], geo.stride_w
    return conv


cdef void set_phase(Axis *axis, Py_ssize_t size, Py_ssize_t image, Py_ssize_t first, Py_ssize_t taps,
                    Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation) noexcept nogil:
    """Pixels first, first + stride, ... of the image: tap r reads dy at (pixel + pad - r*dilation) / stride."""
    cdef Py_ssize_t tap = 0, tap_step = stride // gcd(stride, dilation)
    while tap < taps and (first + pad - tap * dilation) % stride != 0:
        tap += 1
    set_axis(axis, size, (image - first + stride - 1) // stride, 1, (first + pad - tap * dilation) // stride,
             (taps - tap + tap_step - 1) // tap_step, tap, tap_step, -(dilation * tap_step // stride))


cdef bint leaves_gaps(const Py_ssize_t *weight, Geometry geo) noexcept nogil:
    """Whether some pixels of x are not read at all, between those that are."""
    return (min(weight[2], geo.stride_h // gcd(geo.stride_h, geo.dilation_h)) < geo.stride_h
            or min(weight[3], geo.stride_w // gcd(geo.stride_w, geo.dilation_w)) < geo.stride_w)


set_algorithm(_algorithm_from_environment())
