"""The call of a recurrent layer with options: each thread takes rows of the batch through all steps."""

from ._blocks cimport Block
from ._kernels cimport gemm, lanes, pack, pack_t, round_up, tile_width
from ._rnn_net cimport ORDER_SIZE, Net, carve, is_live, time_before
from ._runtime cimport gemm_ns, real, threads_for

cdef enum:
    CHUNK = 24   # rows that are multiplied at once

cdef struct Mask:
    const void *data
    Py_ssize_t by_step, by_row   # elements from one to the next; 0: the same for all

cdef struct Job:
    Net net                  # h is `out` wide
    Py_ssize_t out
    Py_ssize_t sums          # elements of a row of sums: all gates
    Py_ssize_t slots         # gates of a unit that are kept
    double eps
    const void *weight_hr    # (out, H) or NULL
    const void *norm_ih      # (G H), or NULL: no normalisation
    const void *norm_hh
    const void *norm_c       # (H)
    const void *bias_c       # (H) or NULL
    Mask drop, zone_h, zone_c
    void *gates              # (T, N, slots, H), and the rest of what is kept; NULL: not wanted
    void *inner
    void *cells
    void *hidden
    void *sums_ih
    void *sums_hh
    void *stats
    void *h_n
    void *c_n
    # Scratch: packed weights, the states (or their gradients) by place, and for each thread some rows.
    void *panels_ih
    void *panels_hh
    void *panels_hr
    void *h
    void *c
    void *work
    Py_ssize_t work_size     # bytes of a thread
    # Backward
    const void *dy
    const void *dh_n
    const void *dc_n
    void *dx
    void *dh0
    void *dc0
    void *dsums_ih
    void *dsums_hh
    void *dgates
    void *dcells
    void *dhidden


cdef struct Work:
    # Rows of a chunk: x or dx, the sums over x and over h or their gradients, what is projected, h.
    void *x
    void *u
    void *v
    void *hidden
    void *h
    # One row: gates, and two of units.
    void *gates
    void *inner
    void *seen


# The scratch memory of a call, handed out, with the weights packed.
cdef Block prepare(Job *job, bint forwards, real *dtype)

# The gradients of the layer, down to those of the sums.
cdef int backward(Job *job, real *dtype) except -1


cdef inline Py_ssize_t row_at(const Job *job, Py_ssize_t place) noexcept nogil:
    return place if job.net.order == NULL else job.net.order[place]


cdef inline const real *mask_row(const Mask *mask, Py_ssize_t t, Py_ssize_t row, real *dtype) noexcept nogil:
    if mask.data == NULL:
        return NULL
    return <const real *>mask.data + t * mask.by_step + row * mask.by_row


cdef inline real *stat(const Job *job, int which, Py_ssize_t at, real *dtype) noexcept nogil:
    """Where the number `which` of step and row `at` is kept: mean and 1 / deviation of u, of v, of c."""
    return <real *>job.stats + which * job.net.steps * job.net.rows + at


cdef inline const real *state_before(const Job *job, Py_ssize_t row, Py_ssize_t t, const void *states,
                                     const void *initial, Py_ssize_t width, real *dtype) noexcept nogil:
    """The state that `row` has before the step at t, from those after each step."""
    cdef Py_ssize_t before = time_before(&job.net, t)
    if before < 0 or before == job.net.steps or not is_live(&job.net, row, before):
        return <const real *>initial + row * width
    return <const real *>states + (before * job.net.rows + row) * width


# ---- Products with a packed matrix (k, cols): panels as wide as the widest tile


cdef inline void pack_matrix(Py_ssize_t rows, Py_ssize_t cols, const real *weight, bint turned,
                             real *panels) noexcept nogil:
    """weight (rows, cols), of whose columns the rows of the packed matrix are made; or (`turned`) of its rows."""
    cdef Py_ssize_t j = 0, widest = tile_width(sizeof(real)), some, wide
    cdef Py_ssize_t k = cols if turned else rows, n = rows if turned else cols
    while j < n:
        some = min(widest, n - j)
        wide = round_up(some, lanes(sizeof(real)))
        if turned:
            pack_t(k, some, wide, weight + j * k, k, panels + j * k)
        else:
            pack(k, some, wide, weight + j, n, panels + j * k)
        j += widest


cdef inline void multiply(Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t k, const real *a, const real *panels,
                          const real *init, Py_ssize_t init_rs, real *c) noexcept nogil:
    """c (rows, cols) = init + a (rows, k) times the packed matrix. init: a row (init_rs 0), c itself, or NULL."""
    cdef Py_ssize_t j = 0, widest = tile_width(sizeof(real)), some
    while j < cols:
        some = min(widest, cols - j)
        gemm(rows, some, k, a, k, 1, panels + j * k, round_up(some, lanes(sizeof(real))),
             init + j if init != NULL else NULL, init_rs, 1, c + j, cols)
        j += widest


# ---- Shares and scratch


cdef inline int shares(const Job *job, Py_ssize_t itemsize) noexcept nogil:
    """In how many groups the rows go, a thread each."""
    cdef double products = <double>job.sums * (job.net.inputs + job.out) * job.net.rows * job.net.steps
    return threads_for(gemm_ns(products) * itemsize / 4, job.net.rows)


cdef inline size_t lay_out_work(const Job *job, Work *work, size_t at, Py_ssize_t item) noexcept nogil:
    """The memory of one thread from address `at` on; returns how many bytes that takes."""
    cdef size_t start = at
    cdef Py_ssize_t rows = min(<Py_ssize_t>CHUNK, job.net.rows)
    work.x = carve(&at, rows * job.net.inputs * item)
    work.u, work.v = carve(&at, rows * job.sums * item), carve(&at, rows * job.sums * item)
    work.hidden = carve(&at, rows * job.net.hidden * item)
    work.h = carve(&at, rows * job.out * item)
    work.gates = carve(&at, job.slots * job.net.hidden * item)
    work.inner, work.seen = carve(&at, job.net.hidden * item), carve(&at, job.net.hidden * item)
    return at - start


cdef inline size_t lay_out(Job *job, size_t at, Py_ssize_t item) noexcept nogil:
    """Hand out the memory from address `at` on; returns how many bytes that takes."""
    cdef size_t start = at
    cdef Work work
    cdef Py_ssize_t wide = lanes(item)   # a matrix may lie either way round: forward or backward
    job.panels_ih = carve(&at, (job.net.inputs + wide) * (job.sums + wide) * item)
    job.panels_hh = carve(&at, (job.out + wide) * (job.sums + wide) * item)
    job.panels_hr = carve(&at, (job.out + wide) * (job.net.hidden + wide) * item if job.weight_hr != NULL else 0)
    job.h = carve(&at, job.net.rows * job.out * item)
    job.c = carve(&at, job.net.rows * job.net.hidden * item)
    if job.net.lengths != NULL:
        job.net.order = <Py_ssize_t *>carve(&at, ORDER_SIZE * job.net.rows * sizeof(Py_ssize_t))
    job.work_size = lay_out_work(job, &work, 0, item)
    job.work = carve(&at, job.net.groups * job.work_size)
    return at - start
