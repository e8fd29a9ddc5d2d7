"""Recurrent layers with options, backwards. The numbers are those of reference/variant.py."""

from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from ._blocks cimport Block
from ._norm_kernels cimport normalize_row, normalize_row_grad
from ._rnn_net cimport GRU, RNN, Net, arrange, live_places, part_start, time_of
from ._runtime cimport real
from ._unit_kernels cimport gru_unit_grad, lstm_emit_grad, lstm_unit_grad, rnn_unit_grad, zone_grad


cdef Block prepare(Job *job, bint forwards, real *dtype):
    cdef Block scratch
    job.net.groups = shares(job, sizeof(real))
    scratch = Block(lay_out(job, 0, sizeof(real)))
    lay_out(job, <size_t>scratch.data, sizeof(real))
    with nogil:
        if job.net.lengths != NULL:
            arrange(&job.net)
        if forwards or job.dx != NULL:
            pack_matrix(job.sums, job.net.inputs, <const real *>job.net.weight_ih, forwards, <real *>job.panels_ih)
        pack_matrix(job.sums, job.out, <const real *>job.net.weight_hh, forwards, <real *>job.panels_hh)
        if job.weight_hr != NULL:
            pack_matrix(job.out, job.net.hidden, <const real *>job.weight_hr, forwards, <real *>job.panels_hr)
    return scratch


cdef int backward(Job *job, real *dtype) except -1:
    cdef Block _scratch   # which must live as long as the job
    cdef Py_ssize_t group
    if job.net.rows == 0 or job.net.hidden == 0:
        return 0
    _scratch = prepare(job, False, dtype)
    with nogil:
        if job.net.groups == 1:
            backward_group(job, 0, dtype)
        else:
            for group in prange(job.net.groups, num_threads=<int>job.net.groups, schedule="static"):
                backward_group(job, group, dtype)
    return 0


cdef void backward_group(const Job *job, Py_ssize_t group, real *dtype) noexcept nogil:
    cdef const Net *net = &job.net
    cdef Py_ssize_t start = part_start(net.rows, group, net.groups), end = part_start(net.rows, group + 1, net.groups)
    cdef Py_ssize_t place, row, step, t, first, live
    cdef Work work
    lay_out_work(job, &work, <size_t>job.work + group * job.work_size, sizeof(real))
    for place in range(start, end):
        row = row_at(job, place)
        copy_or_zero(<const real *>job.dh_n, row, job.out, <real *>job.h + place * job.out)
        copy_or_zero(<const real *>job.dc_n, row, net.hidden, <real *>job.c + place * net.hidden)
        for t in range(net.steps if net.lengths == NULL or job.dx == NULL else net.lengths[row], net.steps):
            memset(<real *>job.dx + (t * net.rows + row) * net.inputs, 0, net.inputs * sizeof(real))
    for step in range(net.steps - 1, -1, -1):
        t = time_of(net, step)
        live, first = live_places(net, group, t), 0
        while first < live:
            backward_chunk(job, t, start + first, min(<Py_ssize_t>CHUNK, live - first), &work, dtype)
            first += CHUNK
    for place in range(start, end):
        row = row_at(job, place)
        if job.dh0 != NULL:
            memcpy(<real *>job.dh0 + row * job.out, <real *>job.h + place * job.out, job.out * sizeof(real))
        if job.dc0 != NULL:
            memcpy(<real *>job.dc0 + row * net.hidden, <real *>job.c + place * net.hidden, net.hidden * sizeof(real))


cdef void copy_or_zero(const real *source, Py_ssize_t row, Py_ssize_t width, real *to) noexcept nogil:
    if source == NULL:
        memset(to, 0, width * sizeof(real))
    else:
        memcpy(to, source + row * width, width * sizeof(real))


cdef void backward_chunk(const Job *job, Py_ssize_t t, Py_ssize_t place, Py_ssize_t rows, const Work *work,
                         real *dtype) noexcept nogil:
    cdef const Net *net = &job.net
    cdef Py_ssize_t r, row, out = job.out, inputs = net.inputs
    cdef bint together = job.dsums_ih == job.dsums_hh
    cdef real *dh = <real *>job.h + place * out
    cdef real *du = <real *>(work.v if together else work.u)
    cdef real *dfresh = <real *>work.h
    cdef real *dx
    for r in range(rows):
        row = row_at(job, place + r)
        zone_grad(out, mask_row(&job.zone_h, t, row, dtype), <const real *>job.dy + (t * net.rows + row) * out,
                  <const real *>NULL, dh + r * out, dfresh + r * out)  # (7)
        if job.weight_hr != NULL:
            memcpy(<real *>job.dhidden + (t * net.rows + row) * out, dfresh + r * out, out * sizeof(real))
    if job.weight_hr != NULL:
        multiply(rows, net.hidden, out, <const real *>work.h, <const real *>job.panels_hr, <const real *>NULL, 0,
                 <real *>work.hidden)
        dfresh = <real *>work.hidden
    for r in range(rows):
        backward_row(job, t, place + r, dfresh + r * net.hidden, du + r * job.sums, <real *>work.v + r * job.sums, work)
    multiply(rows, out, job.sums, <const real *>work.v, <const real *>job.panels_hh, dh, out, dh)  # (1)
    if job.dx == NULL:
        return
    dx = <real *>job.dx + (t * net.rows + place) * inputs if net.order == NULL else <real *>work.x
    multiply(rows, inputs, job.sums, du, <const real *>job.panels_ih, <const real *>NULL, 0, dx)
    for r in range(rows if net.order != NULL else 0):
        memcpy(<real *>job.dx + (t * net.rows + row_at(job, place + r)) * inputs, dx + r * inputs,
               inputs * sizeof(real))


cdef void backward_row(const Job *job, Py_ssize_t t, Py_ssize_t place, const real *dfresh, real *du, real *dv,
                       const Work *work) noexcept nogil:
    """The gradients of a row's sums, and what flows past the products to the state before."""
    cdef const Net *net = &job.net
    cdef Py_ssize_t row = row_at(job, place), at = t * net.rows + row, hidden = net.hidden
    cdef const real *gates = <const real *>job.gates + at * job.slots * hidden
    cdef const real *drop = mask_row(&job.drop, t, row, du)
    cdef const real *before
    if net.kind == RNN:
        rnn_unit_grad(hidden, net.relu, dfresh, drop, gates, dv)  # (2)
    elif net.kind == GRU:
        before = state_before(job, row, t, net.y, net.h0, job.out, du)
        gru_unit_grad(hidden, dfresh, drop, gates, before, du, dv, <real *>job.h + place * job.out)  # (3)
    else:
        memory_backward(job, t, place, dfresh, gates, drop, dv, work)
        if job.norm_ih != NULL:
            memcpy(<real *>job.dgates + at * job.sums, dv, job.sums * sizeof(real))
            normalize_row_grad(job.sums, dv, <const real *>job.sums_ih + at * job.sums, <const real *>job.norm_ih,
                               stat(job, 0, at, du)[0], stat(job, 1, at, du)[0], du)
            normalize_row_grad(job.sums, dv, <const real *>job.sums_hh + at * job.sums, <const real *>job.norm_hh,
                               stat(job, 2, at, dv)[0], stat(job, 3, at, dv)[0], dv)
    memcpy(<real *>job.dsums_ih + at * job.sums, du, job.sums * sizeof(real))
    if job.dsums_hh != job.dsums_ih:
        memcpy(<real *>job.dsums_hh + at * job.sums, dv, job.sums * sizeof(real))


cdef void memory_backward(const Job *job, Py_ssize_t t, Py_ssize_t place, const real *dfresh, const real *gates,
                          const real *drop, real *da, const Work *work) noexcept nogil:
    """An LSTM's row: the gradients of the sums before their nonlinearity, and of c before the step."""
    cdef const Net *net = &job.net
    cdef Py_ssize_t row = row_at(job, place), at = t * net.rows + row, hidden = net.hidden
    cdef real *dc = <real *>job.c + place * hidden
    cdef real *dinner = <real *>work.inner
    cdef const real *inner = <const real *>job.inner + at * hidden
    cdef const real *seen = inner
    cdef real mean, rstd
    if job.norm_ih != NULL:
        seen = <real *>work.seen
        normalize_row(hidden, inner, <const real *>job.norm_c, <const real *>job.bias_c, <real>job.eps, &mean, &rstd,
                      <real *>work.seen)
    lstm_emit_grad(hidden, dfresh, gates + 3 * hidden, seen, da + 3 * hidden, dinner)  # (5)
    if job.norm_ih != NULL:
        memcpy(<real *>job.dcells + at * hidden, dinner, hidden * sizeof(real))
        normalize_row_grad(hidden, <real *>job.dcells + at * hidden, inner, <const real *>job.norm_c, mean, rstd,
                           dinner)
    zone_grad(hidden, mask_row(&job.zone_c, t, row, da), <const real *>NULL, dinner, dc, dinner)  # (6)
    lstm_unit_grad(hidden, dinner, drop, state_before(job, row, t, job.cells, net.c0, hidden, da), gates, da, dc)  # (4)
