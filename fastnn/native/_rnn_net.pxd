"""One recurrent layer's call: its extents and arrays, how its units are cut into tiles, and who computes what."""

from libc.string cimport memcpy

from ._kernels cimport round_up
from ._runtime cimport real

cdef extern from "fnn_barrier.h" nogil:
    ctypedef struct fnn_flag:
        pass
    void fnn_barrier(fnn_flag *flags, int id, int n)

cdef extern from "fnn_openmp.h" nogil:
    int fnn_omp_team()

cdef enum:
    RNN = 0
    LSTM = 1
    GRU = 2

    ORDER_SIZE = 4

cdef struct Net:
    int kind
    bint relu, reverse
    Py_ssize_t gates        # of the weights: rows of weight_ih / hidden
    Py_ssize_t steps, rows, inputs, hidden
    const void *x           # (T, N, I)
    const void *h0          # (N, H), and so c0, h_n, c_n
    const void *c0
    const void *weight_ih   # (gates, H, I)
    const void *weight_hh   # (gates, H, H)
    const void *bias_ih     # (gates, H) or NULL
    const void *bias_hh
    void *y                 # (T, N, H)
    void *saved             # (T, N, 4, H) or NULL: the gates
    void *cells             # (T, N, H) or NULL
    const Py_ssize_t *lengths   # (N) or NULL
    # Rows with lengths are worked on by place: group g has the places from part_start(rows, g, groups) on, and the
    # row at place p is order[p], the longest first within a group. Without lengths order is NULL, and row p at p.
    Py_ssize_t groups
    Py_ssize_t *order       # ORDER_SIZE for each row: order, its reverse (the place of each row), scratch of `arrange`


cdef struct Gradients:
    const void *dy      # (T, N, H)
    const void *dh_n    # (N, H) or NULL, and so dc_n
    const void *dc_n
    # Results, each NULL where it is not wanted: (T, N, I), (N, H), (N, H), then those of the parameters.
    void *dx
    void *dh0
    void *dc0
    void *dweight_ih
    void *dweight_hh
    void *dbias_ih
    void *dbias_hh


# Fill net.order.
cdef void arrange(Net *net) noexcept nogil

# How many places of a group, from its first on, have rows that reach step t.
cdef Py_ssize_t live_places(const Net *net, Py_ssize_t group, Py_ssize_t t) noexcept nogil

# Zeros in all that is written of rows first..last, where they have ended.
cdef void clear_ended(const Net *net, Py_ssize_t first, Py_ssize_t last, real *dtype) noexcept nogil

# Zeros where no step back writes: everywhere without steps, in dx where rows have ended.
cdef void clear_gradients(const Net *net, const Gradients *grads, real *dtype) noexcept nogil

# The rows of x_t at some places, one behind the other.
cdef void pick_rows(const Net *net, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t t, real *to) noexcept nogil


cdef inline Py_ssize_t row_at(const Net *net, Py_ssize_t place) noexcept nogil:
    return place if net.order == NULL else net.order[place]


cdef inline void *carve(size_t *at, Py_ssize_t bytes) noexcept nogil:
    """The memory at address `at`, which moves on past it to the next cache line."""
    cdef size_t start = at[0]
    at[0] += round_up(bytes, 64)
    return <void *>start


cdef inline Py_ssize_t part_start(Py_ssize_t count, Py_ssize_t part, Py_ssize_t parts) noexcept nogil:
    """Where part `part` begins of `count` things in `parts` nearly equal parts."""
    return part * (count // parts) + min(part, count % parts)


cdef inline Py_ssize_t part_of(Py_ssize_t count, Py_ssize_t thing, Py_ssize_t parts) noexcept nogil:
    """The part that has this thing."""
    cdef Py_ssize_t few = count // parts, larger = count % parts * (few + 1)
    return thing // (few + 1) if thing < larger else (thing - larger) // few + count % parts


cdef inline bint is_live(const Net *net, Py_ssize_t row, Py_ssize_t t) noexcept nogil:
    return net.lengths == NULL or t < net.lengths[row]


cdef inline Py_ssize_t time_of(const Net *net, Py_ssize_t step) noexcept nogil:
    """The place in x and y of the step that is run as the step-th."""
    return net.steps - 1 - step if net.reverse else step


cdef inline Py_ssize_t time_before(const Net *net, Py_ssize_t t) noexcept nogil:
    """The place of the step that is run before that at t; outside 0..steps-1 for the first."""
    return t + 1 if net.reverse else t - 1


cdef inline const real *h_before(const Net *net, Py_ssize_t row, Py_ssize_t t, real *dtype) noexcept nogil:
    """The state that `row` has before the step at t."""
    cdef Py_ssize_t before = time_before(net, t)
    if before < 0 or before == net.steps or not is_live(net, row, before):
        return <const real *>net.h0 + row * net.hidden
    return <const real *>net.y + (before * net.rows + row) * net.hidden


cdef inline void keep(real *to, const real *state, Py_ssize_t n) noexcept nogil:
    """A copy of a state, which may be there already: y's last step may be h_n."""
    if to != state:
        memcpy(to, state, n * sizeof(real))
