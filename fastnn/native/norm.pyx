"""The passes over memory that normalisation consists of. Same names as reference/norm.py.

Channels of single elements, (N, C, 1), have nothing in a row: those go the reference's way, which adds whole rows.
"""

from cython.parallel cimport prange

from ._arrays cimport fnn_data
from ._norm_kernels cimport (
    combine_rows, normalize_row, normalize_row_grad, normalize_weight_grad, scale_row, sum, sum_products, sum_squares)
from ._runtime cimport real, threads_for

cdef double NS_PER_ELEMENT = 0.1   # of one pass over a float32 that lies in the cache

cdef enum:
    COLUMNS = 64   # of one task of the gradients of weight and bias


def channel_moments(x, mean, var):
    if x.shape[2] == 1 or x.size == 0:
        reference().channel_moments(x, mean, var)
    elif x.itemsize == 4:
        moments[float](x, mean, var, NULL)
    else:
        moments[double](x, mean, var, NULL)


def channel_scale(x, mean, scale, shift, y):
    if x.shape[2] == 1:
        reference().channel_scale(x, mean, scale, shift, y)
    elif x.itemsize == 4:
        scale_channels[float](x, mean, scale, shift, y, NULL)
    else:
        scale_channels[double](x, mean, scale, shift, y, NULL)


def channel_sums(dy, x, mean, dshift, dscale):
    if x.shape[2] == 1:
        reference().channel_sums(dy, x, mean, dshift, dscale)
    elif x.itemsize == 4:
        sums[float](dy, x, mean, dshift, dscale, NULL)
    else:
        sums[double](dy, x, mean, dshift, dscale, NULL)


def channel_combine(dy, x, mean, by_dy, by_x, shift, dx):
    if x.shape[2] == 1:
        reference().channel_combine(dy, x, mean, by_dy, by_x, shift, dx)
    elif x.itemsize == 4:
        combine[float](dy, x, mean, by_dy, by_x, shift, dx, NULL)
    else:
        combine[double](dy, x, mean, by_dy, by_x, shift, dx, NULL)


def row_normalize(x, weight, bias, mean, rstd, y, eps):
    if x.itemsize == 4:
        normalize[float](x, weight, bias, mean, rstd, y, eps)
    else:
        normalize[double](x, weight, bias, mean, rstd, y, eps)


def row_normalize_backward_input(dy, x, weight, mean, rstd, dx):
    if x.itemsize == 4:
        normalize_input_gradient[float](dy, x, weight, mean, rstd, dx, NULL)
    else:
        normalize_input_gradient[double](dy, x, weight, mean, rstd, dx, NULL)


def row_normalize_backward_weight(dy, x, mean, rstd, dweight, dbias):
    if x.itemsize == 4:
        normalize_weight_gradient[float](dy, x, mean, rstd, dweight, dbias, NULL)
    else:
        normalize_weight_gradient[double](dy, x, mean, rstd, dweight, dbias, NULL)


cdef reference():
    """reference/norm.py, imported when needed: it imports the backends."""
    from ..reference import norm
    return norm


cdef int moments(x,       # IN   (N, C, M)
                 mean,    # OUT  (C)
                 var,     # OUT  (C)
                 const real *dtype) except -1:
    cdef Py_ssize_t n[3]
    cdef Py_ssize_t ignored[1]
    cdef const real *px = <const real *>fnn_data(x, False, 3, sizeof(real), n)
    cdef real *pm = <real *>fnn_data(mean, True, 1, sizeof(real), ignored)
    cdef real *pv = <real *>fnn_data(var, True, 1, sizeof(real), ignored)
    cdef Py_ssize_t c
    cdef int threads = threads_for(2 * NS_PER_ELEMENT * n[0] * n[1] * n[2], n[1])
    with nogil:
        if threads == 1:
            for c in range(n[1]):
                moments_of(n[0], n[2], n[1] * n[2], px + c * n[2], pm + c, pv + c)
        else:
            for c in prange(n[1], num_threads=threads, schedule="static"):
                moments_of(n[0], n[2], n[1] * n[2], px + c * n[2], pm + c, pv + c)
    return 0


cdef void moments_of(Py_ssize_t rows, Py_ssize_t size, Py_ssize_t step, const real *x, real *mean,
                     real *var) noexcept nogil:
    """Of one channel: rows of `size` elements, `step` apart."""
    cdef Py_ssize_t row
    cdef real total = 0, squares = 0
    for row in range(rows):
        total += sum(size, x + row * step)
    mean[0] = total / (rows * size)
    for row in range(rows):
        squares += sum_squares(size, x + row * step, mean[0])
    var[0] = squares / (rows * size)


cdef int scale_channels(x,        # IN   (N, C, M)
                        mean,     # IN   (C)
                        scale,    # IN   (C)
                        shift,    # IN   (C)
                        y,        # OUT  (N, C, M)
                        const real *dtype) except -1:
    cdef Py_ssize_t n[3]
    cdef Py_ssize_t ignored[3]
    cdef const real *px = <const real *>fnn_data(x, False, 3, sizeof(real), n)
    cdef const real *pm = <const real *>fnn_data(mean, False, 1, sizeof(real), ignored)
    cdef const real *pa = <const real *>fnn_data(scale, False, 1, sizeof(real), ignored)
    cdef const real *pb = <const real *>fnn_data(shift, False, 1, sizeof(real), ignored)
    cdef real *py = <real *>fnn_data(y, True, 3, sizeof(real), ignored)
    cdef Py_ssize_t i, size = n[2], channels = n[1]
    cdef int threads = threads_for(NS_PER_ELEMENT * n[0] * channels * size, n[0] * channels)
    with nogil:
        if threads == 1:
            for i in range(n[0] * channels):
                scale_row(size, px + i * size, pm[i % channels], pa[i % channels], pb[i % channels], py + i * size)
        else:
            for i in prange(n[0] * channels, num_threads=threads, schedule="static"):
                scale_row(size, px + i * size, pm[i % channels], pa[i % channels], pb[i % channels], py + i * size)
    return 0


cdef int sums(dy,        # IN   (N, C, M)
              x,         # IN   (N, C, M)
              mean,      # IN   (C)
              dshift,    # OUT  (C)
              dscale,    # OUT  (C)
              const real *dtype) except -1:
    cdef Py_ssize_t n[3]
    cdef Py_ssize_t ignored[1]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 3, sizeof(real), n)
    cdef const real *px = <const real *>fnn_data(x, False, 3, sizeof(real), n)
    cdef const real *pm = <const real *>fnn_data(mean, False, 1, sizeof(real), ignored)
    cdef real *pb = <real *>fnn_data(dshift, True, 1, sizeof(real), ignored)
    cdef real *pa = <real *>fnn_data(dscale, True, 1, sizeof(real), ignored)
    cdef Py_ssize_t c
    cdef int threads = threads_for(2 * NS_PER_ELEMENT * n[0] * n[1] * n[2], n[1])
    with nogil:
        if threads == 1:
            for c in range(n[1]):
                sums_of(n[0], n[2], n[1] * n[2], pdy + c * n[2], px + c * n[2], pm[c], pb + c, pa + c)
        else:
            for c in prange(n[1], num_threads=threads, schedule="static"):
                sums_of(n[0], n[2], n[1] * n[2], pdy + c * n[2], px + c * n[2], pm[c], pb + c, pa + c)
    return 0


cdef void sums_of(Py_ssize_t rows, Py_ssize_t size, Py_ssize_t step, const real *dy, const real *x, real mean,
                  real *dshift, real *dscale) noexcept nogil:
    """Of one channel: rows of `size` elements, `step` apart."""
    cdef Py_ssize_t row
    cdef real of_dy = 0, of_products = 0
    for row in range(rows):
        of_dy += sum(size, dy + row * step)
        of_products += sum_products(size, dy + row * step, x + row * step, mean)
    dshift[0] = of_dy
    dscale[0] = of_products


cdef int combine(dy,       # IN   (N, C, M)
                 x,        # IN   (N, C, M)
                 mean,     # IN   (C)
                 by_dy,    # IN   (C)
                 by_x,     # IN   (C)
                 shift,    # IN   (C)
                 dx,       # OUT  (N, C, M)
                 const real *dtype) except -1:
    cdef Py_ssize_t n[3]
    cdef Py_ssize_t ignored[3]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 3, sizeof(real), n)
    cdef const real *px = <const real *>fnn_data(x, False, 3, sizeof(real), n)
    cdef const real *pm = <const real *>fnn_data(mean, False, 1, sizeof(real), ignored)
    cdef const real *pa = <const real *>fnn_data(by_dy, False, 1, sizeof(real), ignored)
    cdef const real *pb = <const real *>fnn_data(by_x, False, 1, sizeof(real), ignored)
    cdef const real *pc = <const real *>fnn_data(shift, False, 1, sizeof(real), ignored)
    cdef real *pdx = <real *>fnn_data(dx, True, 3, sizeof(real), ignored)
    cdef Py_ssize_t i, c, size = n[2], channels = n[1]
    cdef int threads = threads_for(1.5 * NS_PER_ELEMENT * n[0] * channels * size, n[0] * channels)
    with nogil:
        if threads == 1:
            for i in range(n[0] * channels):
                c = i % channels
                combine_rows(size, pdy + i * size, px + i * size, pm[c], pa[c], pb[c], pc[c], pdx + i * size)
        else:
            for i in prange(n[0] * channels, num_threads=threads, schedule="static"):
                c = i % channels
                combine_rows(size, pdy + i * size, px + i * size, pm[c], pa[c], pb[c], pc[c], pdx + i * size)
    return 0


cdef int normalize(x,         # IN   (R, M)
                   weight,    # IN   (M) or None
                   bias,      # IN   (M) or None
                   mean,      # OUT  (R)
                   rstd,      # OUT  (R)
                   y,         # OUT  (R, M)
                   real eps) except -1:
    cdef Py_ssize_t n[2]
    cdef Py_ssize_t ignored[2]
    cdef const real *px = <const real *>fnn_data(x, False, 2, sizeof(real), n)
    cdef const real *pw = <const real *>fnn_data(weight, False, 1, sizeof(real), ignored)
    cdef const real *pb = <const real *>fnn_data(bias, False, 1, sizeof(real), ignored)
    cdef real *pm = <real *>fnn_data(mean, True, 1, sizeof(real), ignored)
    cdef real *pr = <real *>fnn_data(rstd, True, 1, sizeof(real), ignored)
    cdef real *py = <real *>fnn_data(y, True, 2, sizeof(real), ignored)
    cdef Py_ssize_t i, size = n[1]
    cdef int threads = threads_for(3 * NS_PER_ELEMENT * n[0] * size, n[0])
    with nogil:
        if threads == 1:
            for i in range(n[0]):
                normalize_row(size, px + i * size, pw, pb, eps, pm + i, pr + i, py + i * size)
        else:
            for i in prange(n[0], num_threads=threads, schedule="static"):
                normalize_row(size, px + i * size, pw, pb, eps, pm + i, pr + i, py + i * size)
    return 0


cdef int normalize_input_gradient(dy,        # IN   (R, M)
                                  x,         # IN   (R, M)
                                  weight,    # IN   (M) or None
                                  mean,      # IN   (R)
                                  rstd,      # IN   (R)
                                  dx,        # OUT  (R, M)
                                  const real *dtype) except -1:
    cdef Py_ssize_t n[2]
    cdef Py_ssize_t ignored[2]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 2, sizeof(real), n)
    cdef const real *px = <const real *>fnn_data(x, False, 2, sizeof(real), n)
    cdef const real *pw = <const real *>fnn_data(weight, False, 1, sizeof(real), ignored)
    cdef const real *pm = <const real *>fnn_data(mean, False, 1, sizeof(real), ignored)
    cdef const real *pr = <const real *>fnn_data(rstd, False, 1, sizeof(real), ignored)
    cdef real *pdx = <real *>fnn_data(dx, True, 2, sizeof(real), ignored)
    cdef Py_ssize_t i, size = n[1]
    cdef int threads = threads_for(4 * NS_PER_ELEMENT * n[0] * size, n[0])
    with nogil:
        if threads == 1:
            for i in range(n[0]):
                normalize_row_grad(size, pdy + i * size, px + i * size, pw, pm[i], pr[i], pdx + i * size)
        else:
            for i in prange(n[0], num_threads=threads, schedule="static"):
                normalize_row_grad(size, pdy + i * size, px + i * size, pw, pm[i], pr[i], pdx + i * size)
    return 0


cdef int normalize_weight_gradient(dy,         # IN   (R, M)
                                   x,          # IN   (R, M)
                                   mean,       # IN   (R)
                                   rstd,       # IN   (R)
                                   dweight,    # OUT  (M) or None
                                   dbias,      # OUT  (M) or None
                                   const real *dtype) except -1:
    cdef Py_ssize_t n[2]
    cdef Py_ssize_t ignored[1]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 2, sizeof(real), n)
    cdef const real *px = <const real *>fnn_data(x, False, 2, sizeof(real), n)
    cdef const real *pm = <const real *>fnn_data(mean, False, 1, sizeof(real), ignored)
    cdef const real *pr = <const real *>fnn_data(rstd, False, 1, sizeof(real), ignored)
    cdef real *pw = <real *>fnn_data(dweight, True, 1, sizeof(real), ignored)
    cdef real *pb = <real *>fnn_data(dbias, True, 1, sizeof(real), ignored)
    cdef Py_ssize_t j, task, tasks = (n[1] + COLUMNS - 1) // COLUMNS
    cdef int threads = threads_for(2 * NS_PER_ELEMENT * n[0] * n[1], tasks)
    with nogil:
        for task in prange(tasks, num_threads=threads, schedule="static"):
            j = task * COLUMNS
            normalize_weight_grad(n[0], min(<Py_ssize_t>COLUMNS, n[1] - j), pdy + j, px + j, n[1], pm, pr,
                                  pw + j if pw != NULL else NULL, pb + j if pb != NULL else NULL)
    return 0
