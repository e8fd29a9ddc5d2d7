"""A recurrent step of one row straight from the weights: the sums of all units, then the gates of all units."""

from cython.parallel cimport prange
from libc.string cimport memcpy

from ._kernels cimport gemv_chain, gru_gates, lanes, lstm_gates, rnn_gates
from ._rnn_net cimport GRU, LSTM, RNN, Net, h_before, part_start, time_of
from ._runtime cimport fnn_alloc, fnn_free, real


cdef int forward_unpacked(Net *net, void *h_n, void *c_n, int threads, real *dtype) noexcept nogil:
    cdef Py_ssize_t gates = 1 if net.kind == RNN else 4, hidden = net.hidden, step, row, t, at
    # The gates' kernels read whole vectors.
    cdef real *sums = <real *>fnn_alloc((gates * hidden + lanes(sizeof(real))) * sizeof(real))
    if sums == NULL:
        return -1
    if net.kind == LSTM:
        memcpy(c_n, net.c0, net.rows * hidden * sizeof(real))
    for step in range(net.steps):
        t = time_of(net, step)
        for row in range(net.rows):
            at = (t * net.rows + row) * hidden
            all_sums(net, threads, <const real *>net.x + (t * net.rows + row) * net.inputs,
                     h_before(net, row, t, dtype), sums)
            all_gates(net, at, h_before(net, row, t, dtype), <real *>c_n + row * hidden, sums)
    t = -1 if net.reverse else net.steps
    for row in range(net.rows):
        memcpy(<real *>h_n + row * hidden, h_before(net, row, t, dtype), hidden * sizeof(real))
    fnn_free(sums)
    return 0


cdef void all_sums(const Net *net, int threads, const real *x, const real *h, real *sums) noexcept nogil:
    """The sums of each gate in the order of a tile's: i f g o; n (x part) r z n (h part); or the one of an RNN."""
    cdef Py_ssize_t hidden = net.hidden, rows = net.gates * hidden, i, part
    cdef const real *bias_ih = <const real *>net.bias_ih
    cdef const real *bias_hh = <const real *>net.bias_hh
    for i in range((1 if net.kind == RNN else 4) * hidden):
        sums[i] = 0
    if net.kind == GRU:
        add(hidden, bias_ih + 2 * hidden if bias_ih != NULL else NULL, sums)
        add(2 * hidden, bias_ih, sums + hidden)
        add(3 * hidden, bias_hh, sums + hidden)
    else:
        add(rows, bias_ih, sums)
        add(rows, bias_hh, sums)
    if threads == 1:
        products(net, 0, rows, x, h, sums)
        return
    for part in prange(threads, num_threads=threads, schedule="static"):
        products(net, part_start(rows, part, threads), part_start(rows, part + 1, threads), x, h, sums)


cdef inline void add(Py_ssize_t n, const real *bias, real *sums) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n if bias != NULL else 0):
        sums[i] += bias[i]


cdef void products(const Net *net, Py_ssize_t first, Py_ssize_t last, const real *x, const real *h,
                   real *sums) noexcept nogil:
    """Of rows first..last of the weights."""
    cdef Py_ssize_t inputs = net.inputs, hidden = net.hidden, bend = last
    cdef const real *weight_ih = <const real *>net.weight_ih
    if net.kind == GRU:   # x goes into n, r, z, and h into r, z, n
        bend = min(last, max(first, 2 * hidden))
        gemv_chain(last - bend, inputs, weight_ih + bend * inputs, inputs, x, sums + bend - 2 * hidden,
                   sums + bend - 2 * hidden)
        sums += hidden
    gemv_chain(bend - first, inputs, weight_ih + first * inputs, inputs, x, sums + first, sums + first)
    gemv_chain(last - first, hidden, <const real *>net.weight_hh + first * hidden, hidden, h, sums + first,
               sums + first)


cdef void all_gates(const Net *net, Py_ssize_t at, const real *h, real *c, const real *sums) noexcept nogil:
    """at: where the row's state stands in y."""
    cdef Py_ssize_t hidden = net.hidden
    cdef real *y = <real *>net.y + at
    cdef real *saved = <real *>net.saved + 4 * at if net.saved != NULL else NULL
    if net.kind == LSTM:
        lstm_gates(1, hidden, hidden, sums, hidden, NULL, c, y, NULL, saved,
                   <real *>net.cells + at if net.cells != NULL else NULL)
    elif net.kind == GRU:
        gru_gates(1, hidden, hidden, sums, hidden, h, NULL, y, NULL, saved)
    else:
        rnn_gates(1, hidden, hidden, net.relu, sums, hidden, NULL, y, NULL)
