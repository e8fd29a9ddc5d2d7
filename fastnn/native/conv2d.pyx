"""conv2d and its gradients. Same names as reference/conv2d.py.

Each direction chooses its algorithm at its top: Winograd's where it is asked for, or pays; else the direct one.
"""

import os

from ._conv_retake import retake

from cython.parallel cimport prange
from libc.string cimport memset

from ._arrays cimport fnn_data, fnn_integers
from ._blocks cimport Block
from ._conv2d_ways cimport (
    AUTO,
    DEPTHWISE_IMAGE,
    DEPTHWISE_WEIGHT,
    DIRECT,
    WINOGRAD,
    Algorithm,
    describe_plane,
    is_affine,
    is_depthwise,
    winograd_can,
)
from ._conv_exact cimport Walk, exact_forward, exact_input, exact_weight, walk_of
from ._conv_weight cimport convolve_weight
from ._convolve cimport Convolution, Geometry, convolve
from ._convolve_plan cimport describe_forward, describe_phase, leaves_gaps
from ._depthwise cimport depthwise_filters, depthwise_image, depthwise_input
from ._kernels cimport FNN_RELU, activate
from ._runtime cimport gemm_ns, real, threads_for
from ._table cimport fnn_pool2d
from ._winograd cimport Tiling, tile_forward, tile_input
from ._winograd_cost cimport winograd_image_pays, winograd_weight_pays
from ._winograd_image cimport winograd_image, winograd_image_scratch
from ._winograd_weight cimport winograd_weight, winograd_weight_scratch
from .linear cimport affine_forward, affine_input, affine_weight


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


def conv2d_forward(x, weight, bias, y, geo, activation=None):
    cdef bint mended
    if x.itemsize == 4:
        mended = forward[float](x, weight, bias, y, geo, activation is not None, NULL)
    else:
        mended = forward[double](x, weight, bias, y, geo, activation is not None, NULL)
    if mended:
        retake(conv2d_forward, x, weight, y, geo, bias, activation)


def conv2d_backward_input(dy, weight, dx, geo):
    cdef bint mended
    if dy.itemsize == 4:
        mended = backward_input[float](dy, weight, dx, geo, NULL)
    else:
        mended = backward_input[double](dy, weight, dx, geo, NULL)
    if mended:
        retake(conv2d_backward_input, dy, weight, dx, geo)


def conv2d_backward_weight(dy, x, dweight, dbias, geo):
    if dy.itemsize == 4:
        backward_weight[float](dy, x, dweight, dbias, geo, NULL)
    else:
        backward_weight[double](dy, x, dweight, dbias, geo, NULL)


cdef Geometry read_geometry(geo) except *:
    cdef Geometry g
    cdef Py_ssize_t[9] n
    fnn_integers(geo, 9, n)
    g.stride_h, g.stride_w, g.pad_top, g.pad_left, g.dilation_h, g.dilation_w, g.groups = (
        n[0], n[1], n[2], n[4], n[6], n[7], n[8])
    algorithm = geo[9]
    g.algorithm = preferred if algorithm == "auto" else read_algorithm(algorithm)
    return g


cdef Algorithm read_algorithm(name) except *:
    return AUTO if name == "auto" else DIRECT if name == "direct" else WINOGRAD


cdef int forward(x,         # IN   (N, C, H, W)
                 weight,    # IN   (K, C/groups, R, S)
                 bias,      # IN   (K) or None
                 y,         # OUT  (N, K, P, Q)
                 geo, bint relu, const real *dtype) except -1:
    cdef Py_ssize_t[4] xs, ws, ys, ignored
    cdef const real *px = <const real *>fnn_data(x, False, 4, sizeof(real), xs)
    cdef const real *pw = <const real *>fnn_data(weight, False, 4, sizeof(real), ws)
    cdef const real *pb = <const real *>fnn_data(bias, False, 1, sizeof(real), ignored)
    cdef real *py = <real *>fnn_data(y, True, 4, sizeof(real), ys)
    cdef Geometry g = read_geometry(geo)
    cdef fnn_pool2d plane = describe_plane(xs, ws, ys, g)
    cdef Walk walk
    cdef Convolution conv
    cdef Tiling tiling
    cdef Block scratch = None
    cdef Py_ssize_t i
    cdef int failed = 0
    cdef bint mended = False
    if ys[0] == 0 or ys[1] == 0:
        return 0
    if xs[1] == 0:   # the sums are the bias
        for i in range(size_of(ys)):
            py[i] = pb[i // (ys[2] * ys[3]) % ys[1]] if pb != NULL else 0
        if relu:
            activate(FNN_RELU, 0, size_of(ys), py, py)
        return 0
    walk = walk_of(&plane, xs[0], g.groups, ws)
    if is_affine(xs, ws, ys, g):
        with nogil:
            failed = affine_forward(xs[0], size_of(ws) // ws[0], ws[0], px, pw, pb, relu, py)
        return checked(failed)
    if is_depthwise(&plane, xs[1], ys[1], DEPTHWISE_IMAGE, g):
        with nogil:
            depthwise_image(&plane, xs[0], xs[1], ys[1], px, pw, pb, relu, py)
            mended = exact_forward(&walk, px, pw, pb, relu, py)
        return mended
    if winograd_can(ws, g):
        tiling = tile_forward(xs, ws, ys, g.groups, g.pad_top, g.pad_left, g.stride_h, g.dilation_h,
                              g.dilation_w, sizeof(real))
        if g.algorithm == WINOGRAD or winograd_image_pays(&tiling):
            scratch = Block(winograd_image_scratch(&tiling) * sizeof(real))
    with nogil:
        if scratch is not None:
            tiling.relu = relu
            failed = winograd_image(&tiling, px, pw, pb, py, <real *>scratch.data)
        else:
            conv = describe_forward(xs, ws, ys, g)
            conv.relu = relu
            failed = convolve(&conv, pw, px, pb, py)
            if not failed:
                mended = exact_forward(&walk, px, pw, pb, relu, py)
    return checked(failed) or mended


cdef int backward_input(dy,        # IN   (N, K, P, Q)
                        weight,    # IN   (K, C/groups, R, S)
                        dx,        # OUT  (N, C, H, W)
                        geo, const real *dtype) except -1:
    cdef Py_ssize_t[4] ys, ws, xs
    cdef const real *pdy = <const real *>fnn_data(dy, False, 4, sizeof(real), ys)
    cdef const real *pw = <const real *>fnn_data(weight, False, 4, sizeof(real), ws)
    cdef real *pdx = <real *>fnn_data(dx, True, 4, sizeof(real), xs)
    cdef Geometry g = read_geometry(geo)
    cdef fnn_pool2d plane = describe_plane(xs, ws, ys, g)
    cdef Walk walk
    cdef Tiling tiling
    cdef Block scratch = None
    cdef int failed = 0
    cdef bint mended = False
    if xs[0] == 0 or xs[1] == 0:
        return 0
    if ys[1] == 0:
        memset(pdx, 0, size_of(xs) * sizeof(real))
        return 0
    walk = walk_of(&plane, xs[0], g.groups, ws)
    if is_affine(xs, ws, ys, g):
        with nogil:
            failed = affine_input(xs[0], size_of(ws) // ws[0], ws[0], pdy, pw, pdx)
        return checked(failed)
    if is_depthwise(&plane, xs[1], ys[1], DEPTHWISE_IMAGE, g):
        with nogil:
            depthwise_input(&plane, xs[0], xs[1], ys[1], pdy, pw, pdx)
            mended = exact_input(&walk, pdy, pw, pdx)
        return mended
    if winograd_can(ws, g):
        tiling = tile_input(ys, ws, xs, g.groups, g.pad_top, g.pad_left, g.stride_h, g.dilation_h,
                            g.dilation_w, sizeof(real))
        if g.algorithm == WINOGRAD or winograd_image_pays(&tiling):
            scratch = Block(winograd_image_scratch(&tiling) * sizeof(real))
    with nogil:
        if scratch is not None:
            failed = winograd_image(&tiling, pdy, pw, <const real *>NULL, pdx, <real *>scratch.data)
        else:
            failed = backward_input_direct(ys, ws, xs, g, pdy, pw, pdx)
            if not failed:
                mended = exact_input(&walk, pdy, pw, pdx)
    return checked(failed) or mended


cdef int backward_input_direct(const Py_ssize_t *ys, const Py_ssize_t *ws, const Py_ssize_t *xs, Geometry geo,
                               const real *dy, const real *weight, real *dx) noexcept nogil:
    """Phases too small for several threads each are given out whole."""
    cdef double ns = gemm_ns(<double>size_of(ys) * ws[1] * ws[2] * ws[3])
    cdef Py_ssize_t across = min(geo.stride_w, xs[3]), phases = min(geo.stride_h, xs[2]) * across, phase
    cdef int threads = threads_for(ns, phases), failed = 0
    if leaves_gaps(ws, geo):
        memset(dx, 0, size_of(xs) * sizeof(real))
    if threads > 1 and threads_for(ns / phases, threads) == 1:
        for phase in prange(phases, num_threads=threads, schedule="dynamic"):
            failed += input_phase(ys, ws, xs, geo, phase // across, phase % across, 1, dy, weight, dx)
    else:
        for phase in range(phases):
            failed += input_phase(ys, ws, xs, geo, phase // across, phase % across, 0, dy, weight, dx)
    return failed


cdef int input_phase(const Py_ssize_t *ys, const Py_ssize_t *ws, const Py_ssize_t *xs, Geometry geo, Py_ssize_t row,
                     Py_ssize_t column, int threads, const real *dy, const real *weight, real *dx) noexcept nogil:
    cdef Convolution conv = describe_phase(ys, ws, xs, geo, row, column)
    conv.threads = threads
    if conv.h.taps == 0 or conv.w.taps == 0:
        return 0
    return convolve(&conv, weight, dy, <const real *>NULL, dx + row * xs[3] + column)


cdef int backward_weight(dy,         # IN   (N, K, P, Q)
                         x,          # IN   (N, C, H, W)
                         dweight,    # OUT  (K, C/groups, R, S) or None
                         dbias,      # OUT  (K) or None
                         geo, const real *dtype) except -1:
    cdef Py_ssize_t[4] ys, xs, ws, ignored
    cdef const real *pdy = <const real *>fnn_data(dy, False, 4, sizeof(real), ys)
    cdef const real *px = <const real *>fnn_data(x, False, 4, sizeof(real), xs)
    cdef real *dw = <real *>fnn_data(dweight, True, 4, sizeof(real), ws)
    cdef real *db = <real *>fnn_data(dbias, True, 1, sizeof(real), ignored)
    cdef Geometry g = read_geometry(geo)
    cdef fnn_pool2d plane
    cdef Walk walk
    cdef Convolution conv
    cdef Tiling tiling
    cdef Block scratch = None
    cdef int failed = 0
    if ys[1] == 0:
        return 0
    if ys[0] == 0:   # no terms to add up
        if dw != NULL:
            memset(dw, 0, size_of(ws) * sizeof(real))
        if db != NULL:
            memset(db, 0, ys[1] * sizeof(real))
        return 0
    if dw == NULL or xs[1] == 0:
        dw = NULL
        ws[0], ws[1], ws[2], ws[3] = ys[1], 0, 1, 1
    if dw == NULL and db == NULL:
        return 0
    if dw != NULL and is_affine(xs, ws, ys, g):
        with nogil:
            failed = affine_weight(xs[0], size_of(ws) // ws[0], ws[0], pdy, px, dw, db)
        return checked(failed)
    if dw != NULL:
        plane = describe_plane(xs, ws, ys, g)
        walk = walk_of(&plane, xs[0], g.groups, ws)
        if is_depthwise(&plane, xs[1], ys[1], DEPTHWISE_WEIGHT, g):
            with nogil:
                depthwise_filters(&plane, xs[0], xs[1], ys[1], pdy, px, dw, db)
                exact_weight(&walk, pdy, px, dw)
            return 0
    if dw != NULL and winograd_can(ws, g):
        tiling = tile_forward(xs, ws, ys, g.groups, g.pad_top, g.pad_left, g.stride_h, g.dilation_h,
                              g.dilation_w, sizeof(real))
        if g.algorithm == WINOGRAD or winograd_weight_pays(&tiling):
            scratch = Block(winograd_weight_scratch(&tiling) * sizeof(real))
    with nogil:
        if scratch is not None and not winograd_weight(&tiling, pdy, px, dw, <real *>scratch.data):
            dw = NULL   # done; where it met a NaN or an infinity it is done again, directly
        if dw != NULL or db != NULL:
            conv = describe_forward(xs, ws, ys, g)
            failed = convolve_weight(&conv, pdy, px if dw != NULL else NULL, dw, db)
            if not failed and dw != NULL:
                exact_weight(&walk, pdy, px, dw)
    return checked(failed)


cdef int checked(int failed) except -1:
    if failed:
        raise MemoryError("conv2d: no scratch memory")
    return 0


cdef Py_ssize_t size_of(const Py_ssize_t *shape) noexcept nogil:
    return shape[0] * shape[1] * shape[2] * shape[3]


set_algorithm(_algorithm_from_environment())
