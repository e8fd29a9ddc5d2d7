"""A recurrent step of one row straight from the weights: the sums of all units, then the gates of all units."""

from cython.parallel cimport prange
from libc.string cimport memcpy

from ._kernels cimport gemv_chain, gru_gates, lanes, lstm_gates, rnn_gates
from ._rnn_net cimport GRU, LSTM, RNN, Net, h_before, keep, part_start, time_of
from ._runtime cimport fnn_alloc, fnn_free, real

cdef enum:
    FEW_SUMS = 1100   # on the stack: of small layers, whose step takes little longer than to ask for memory


cdef int forward_unpacked(Net *net, void *h_n, void *c_n, int threads, real *dtype) noexcept nogil:
    cdef Py_ssize_t gates = 1 if net.kind == RNN else 4, hidden = net.hidden, step, row, t, at
    cdef Py_ssize_t size = gates * hidden + lanes(sizeof(real))   # the gates' kernels read whole vectors
    cdef real few[FEW_SUMS]
    cdef real *sums = few
    if size > FEW_SUMS:
        sums = <real *>fnn_alloc(size * sizeof(real))
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
        keep(<real *>h_n + row * hidden, h_before(net, row, t, dtype), hidden)
    if sums != few:
        fnn_free(sums)
    return 0


cdef void all_sums(const Net *net, int threads, const real *x, const real *h, real *sums) noexcept nogil:
    """The sums of each gate in the order of a tile's: i f g o; n (x part) r z n (h part); or the one of an RNN."""
    cdef Py_ssize_t hidden = net.hidden, rows = net.gates * hidden, part
    cdef const real *bias_ih = <const real *>net.bias_ih
    cdef const real *bias_hh = <const real *>net.bias_hh
    if net.kind == GRU:
        begin(hidden, bias_ih + 2 * hidden if bias_ih != NULL else NULL, <const real *>NULL, sums)
        begin(2 * hidden, bias_ih, bias_hh, sums + hidden)
        begin(hidden, <const real *>NULL, bias_hh + 2 * hidden if bias_hh != NULL else NULL, sums + rows)
    else:
        begin(rows, bias_ih, bias_hh, sums)
    if threads == 1:
        products(net, 0, rows, x, h, sums)
        return
    for part in prange(threads, num_threads=threads, schedule="static"):
        products(net, part_start(rows, part, threads), part_start(rows, part + 1, threads), x, h, sums)


cdef inline void begin(Py_ssize_t n, const real *bias_ih, const real *bias_hh, real *sums) noexcept nogil:
    """sums = 0 + bias_ih + bias_hh, as far as there are any."""
    cdef Py_ssize_t i
    if bias_ih != NULL and bias_hh != NULL:
        for i in range(n):
            sums[i] = <real>0 + bias_ih[i] + bias_hh[i]
        return
    if bias_ih == NULL:
        bias_ih = bias_hh
    for i in range(n):
        sums[i] = <real>0 + bias_ih[i] if bias_ih != NULL else 0


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
        lstm_gates(1, hidden, hidden, sums, hidden, NULL, c, y, saved,
                   <real *>net.cells + at if net.cells != NULL else NULL)
    elif net.kind == GRU:
        gru_gates(1, hidden, hidden, sums, hidden, h, NULL, y, saved)
    else:
        rnn_gates(1, hidden, hidden, net.relu, sums, hidden, y)
