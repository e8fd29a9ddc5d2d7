"""Recurrent layers with options, forwards. The numbers are those of reference/variant.py, and so are the names.

A row needs all of its sums before its gates where they are normalised, and all of its units before its projection. So
the sums of a few rows are formed in whole, which costs little: they stay in the cache. Rows do not depend on each
other, so threads never meet, and each sum is one sequential chain: bias, then its products in order.
"""

from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from ._arrays cimport data, fnn_data
from ._blocks cimport Block
from ._norm_kernels cimport normalize_row
from ._rnn_net cimport GRU, LSTM, RNN, Net, live_places, part_start, time_of
from ._runtime cimport real
from ._unit_kernels cimport gru_unit, lstm_emit, lstm_unit, rnn_unit, zone
from ._variant cimport (
    CHUNK,
    Job,
    Mask,
    Work,
    backward,
    lay_out_work,
    mask_row,
    multiply,
    prepare,
    row_at,
    stat,
)


def variant_forward(net, x, h0, c0, lengths, y, h_n, c_n, kept):
    cdef Job job
    cdef int item = x.itemsize
    fill(&job, item, net, x, h0, c0, lengths, kept)
    job.net.y = data(y, True, 3, item)
    job.h_n, job.c_n = data(h_n, True, 2, item), data(c_n, True, 2, item)
    if item == 4:
        forward[float](&job, NULL)
    else:
        forward[double](&job, NULL)


def variant_backward(net, dy, dh_n, dc_n, x, h0, c0, lengths, y, kept, grads):
    cdef Job job
    cdef int item = x.itemsize
    fill(&job, item, net, x, h0, c0, lengths, kept)
    job.net.y = data(y, False, 3, item)
    job.dy, job.dh_n, job.dc_n = data(dy, False, 3, item), data(dh_n, False, 2, item), data(dc_n, False, 2, item)
    dx, dh0, dc0, dsums_ih, dsums_hh, dgates, dcells, dhidden = grads
    job.dx, job.dh0, job.dc0 = data(dx, True, 3, item), data(dh0, True, 2, item), data(dc0, True, 2, item)
    job.dsums_ih, job.dsums_hh = data(dsums_ih, True, 3, item), data(dsums_hh, True, 3, item)
    job.dgates, job.dcells = data(dgates, True, 3, item), data(dcells, True, 3, item)
    job.dhidden = data(dhidden, True, 3, item)
    if item == 4:
        backward[float](&job, NULL)
    else:
        backward[double](&job, NULL)


cdef int fill(Job *job, int item, variant, x, h0, c0, lengths, kept) except -1:
    cdef Py_ssize_t shape[4]
    cdef Net *net = &job.net
    kind, nonlinearity, reverse, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, norm, drop, zone_h, zone_c = variant
    memset(job, 0, sizeof(Job))
    net.kind = RNN if kind == "rnn" else LSTM if kind == "lstm" else GRU
    net.gates = 1 if net.kind == RNN else 4 if net.kind == LSTM else 3
    net.relu, net.reverse = nonlinearity == "relu", reverse
    net.x = fnn_data(x, False, 3, item, shape)
    net.steps, net.rows, net.inputs = shape[0], shape[1], shape[2]
    net.h0 = fnn_data(h0, False, 2, item, shape)
    job.out = shape[1]
    net.c0 = data(c0, False, 2, item)
    net.weight_ih = fnn_data(weight_ih, False, 2, item, shape)
    job.sums, job.slots = shape[0], 1 if net.kind == RNN else 4
    net.hidden = job.sums // net.gates
    net.weight_hh, job.weight_hr = data(weight_hh, False, 2, item), data(weight_hr, False, 2, item)
    net.bias_ih, net.bias_hh = data(bias_ih, False, 1, item), data(bias_hh, False, 1, item)
    net.lengths = <const Py_ssize_t *>fnn_data(lengths, False, 1, sizeof(Py_ssize_t), shape)
    if norm is not None:
        norm_ih, norm_hh, norm_c, bias_c, job.eps = norm
        job.norm_ih, job.norm_hh = data(norm_ih, False, 1, item), data(norm_hh, False, 1, item)
        job.norm_c, job.bias_c = data(norm_c, False, 1, item), data(bias_c, False, 1, item)
    fill_mask(&job.drop, drop, item)
    fill_mask(&job.zone_h, zone_h, item)
    fill_mask(&job.zone_c, zone_c, item)
    if kept is not None:
        gates, inner, cells, hidden, sums_ih, sums_hh, stats = kept
        job.gates, job.inner = data(gates, True, 4, item), data(inner, True, 3, item)
        job.cells = data(cells, True, 3, item)
        job.hidden, job.stats = data(hidden, True, 3, item), data(stats, True, 3, item)
        job.sums_ih, job.sums_hh = data(sums_ih, True, 3, item), data(sums_hh, True, 3, item)
    return 0


cdef int fill_mask(Mask *mask, array, int item) except -1:
    cdef Py_ssize_t shape[3]
    mask.data = fnn_data(array, False, 3, item, shape)
    mask.by_row = shape[2] if shape[1] > 1 else 0
    mask.by_step = shape[1] * shape[2] if shape[0] > 1 else 0
    return 0


cdef int forward(Job *job, real *dtype) except -1:
    cdef Block _scratch   # which must live as long as the job
    cdef Py_ssize_t group
    if job.net.rows == 0 or job.net.hidden == 0:
        return 0
    _scratch = prepare(job, True, dtype)
    with nogil:
        if job.net.groups == 1:
            forward_group(job, 0, dtype)
        else:
            for group in prange(job.net.groups, num_threads=<int>job.net.groups, schedule="static"):
                forward_group(job, group, dtype)
    return 0


cdef void forward_group(const Job *job, Py_ssize_t group, real *dtype) noexcept nogil:
    cdef const Net *net = &job.net
    cdef Py_ssize_t start = part_start(net.rows, group, net.groups), end = part_start(net.rows, group + 1, net.groups)
    cdef Py_ssize_t place, row, step, t, first, live, out = job.out, hidden = net.hidden
    cdef Work work
    lay_out_work(job, &work, <size_t>job.work + group * job.work_size, sizeof(real))
    for place in range(start, end):
        row = row_at(job, place)
        memcpy(<real *>job.h + place * out, <const real *>net.h0 + row * out, out * sizeof(real))
        if net.kind == LSTM:
            memcpy(<real *>job.c + place * hidden, <const real *>net.c0 + row * hidden, hidden * sizeof(real))
        for t in range(net.steps if net.lengths == NULL else net.lengths[row], net.steps):
            memset(<real *>net.y + (t * net.rows + row) * out, 0, out * sizeof(real))
    for step in range(net.steps):
        t = time_of(net, step)
        live, first = live_places(net, group, t), 0
        while first < live:
            forward_chunk(job, t, start + first, min(<Py_ssize_t>CHUNK, live - first), &work, dtype)
            first += CHUNK
    for place in range(start, end):
        row = row_at(job, place)
        memcpy(<real *>job.h_n + row * out, <real *>job.h + place * out, out * sizeof(real))
        if net.kind == LSTM:
            memcpy(<real *>job.c_n + row * hidden, <real *>job.c + place * hidden, hidden * sizeof(real))


cdef void forward_chunk(const Job *job, Py_ssize_t t, Py_ssize_t place, Py_ssize_t rows, const Work *work,
                        real *dtype) noexcept nogil:
    cdef const Net *net = &job.net
    cdef Py_ssize_t r, row, out = job.out, inputs = net.inputs
    cdef const real *x = <const real *>net.x + (t * net.rows + place) * inputs
    cdef real *h = <real *>job.h + place * out
    cdef real *fresh = <real *>work.h
    if net.order != NULL:
        x = <const real *>work.x
        for r in range(rows):
            memcpy(<real *>x + r * inputs, <const real *>net.x + (t * net.rows + row_at(job, place + r)) * inputs,
                   inputs * sizeof(real))
    multiply(rows, job.sums, inputs, x, <const real *>job.panels_ih,
             <const real *>net.bias_ih if job.norm_ih == NULL else NULL, 0, <real *>work.u)  # (1)
    multiply(rows, job.sums, out, h, <const real *>job.panels_hh,
             <const real *>net.bias_hh if job.norm_ih == NULL else NULL, 0, <real *>work.v)
    for r in range(rows):
        forward_row(job, t, place + r, r, work, dtype)
    if job.weight_hr != NULL:
        multiply(rows, out, net.hidden, <const real *>work.hidden, <const real *>job.panels_hr, <const real *>NULL, 0,
                 fresh)
    else:
        fresh = <real *>work.hidden
    for r in range(rows):
        row = row_at(job, place + r)
        zone(out, mask_row(&job.zone_h, t, row, dtype), h + r * out, fresh + r * out, h + r * out)  # (7)
        memcpy(<real *>net.y + (t * net.rows + row) * out, h + r * out, out * sizeof(real))


cdef void forward_row(const Job *job, Py_ssize_t t, Py_ssize_t place, Py_ssize_t r, const Work *work,
                      real *dtype) noexcept nogil:
    """From the sums of the chunk's row r to its new h, but for projection and zoneout."""
    cdef const Net *net = &job.net
    cdef Py_ssize_t row = row_at(job, place), at = t * net.rows + row, hidden = net.hidden
    cdef real *u = <real *>work.u + r * job.sums
    cdef real *v = <real *>work.v + r * job.sums
    cdef real *gates = <real *>job.gates + at * job.slots * hidden if job.gates != NULL else <real *>work.gates
    cdef const real *drop = mask_row(&job.drop, t, row, dtype)
    cdef real *fresh = <real *>work.hidden + r * hidden
    if job.norm_ih != NULL:
        normalise_sums(job, at, u, <real *>job.sums_ih, 0, <const real *>job.norm_ih, <const real *>net.bias_ih)
        normalise_sums(job, at, v, <real *>job.sums_hh, 2, <const real *>job.norm_hh, <const real *>net.bias_hh)
    if net.kind == RNN:
        rnn_unit(hidden, net.relu, u, v, drop, gates, fresh)  # (2)
    elif net.kind == GRU:
        gru_unit(hidden, u, v, drop, <const real *>job.h + place * job.out, gates, fresh)  # (3)
    else:
        memory(job, t, place, u, v, drop, gates, fresh, work)


cdef void normalise_sums(const Job *job, Py_ssize_t at, real *sums, real *kept, int which, const real *weight,
                         const real *bias) noexcept nogil:
    cdef real mean, rstd
    if kept != NULL:
        memcpy(kept + at * job.sums, sums, job.sums * sizeof(real))
    normalize_row(job.sums, sums, weight, bias, <real>job.eps, &mean, &rstd, sums)
    if kept != NULL:
        stat(job, which, at, sums)[0], stat(job, which + 1, at, sums)[0] = mean, rstd


cdef void memory(const Job *job, Py_ssize_t t, Py_ssize_t place, const real *u, const real *v, const real *drop,
                 real *gates, real *fresh, const Work *work) noexcept nogil:
    """An LSTM's row."""
    cdef const Net *net = &job.net
    cdef Py_ssize_t row = row_at(job, place), at = t * net.rows + row, hidden = net.hidden
    cdef real *c = <real *>job.c + place * hidden
    cdef real *inner = <real *>job.inner + at * hidden if job.inner != NULL else <real *>work.inner
    cdef real *seen = inner
    cdef real mean, rstd
    lstm_unit(hidden, u, v, drop, c, gates, inner)  # (4)
    if job.norm_ih != NULL:
        seen = <real *>work.seen
        normalize_row(hidden, inner, <const real *>job.norm_c, <const real *>job.bias_c, <real>job.eps, &mean, &rstd,
                      seen)
        if job.stats != NULL:
            stat(job, 4, at, seen)[0], stat(job, 5, at, seen)[0] = mean, rstd
    lstm_emit(hidden, gates + 3 * hidden, seen, fresh)  # (5)
    zone(hidden, mask_row(&job.zone_c, t, row, fresh), c, inner, c)  # (6)
    if job.cells != job.inner:
        memcpy(<real *>job.cells + at * hidden, c, hidden * sizeof(real))
    if job.hidden != NULL:
        memcpy(<real *>job.hidden + at * hidden, fresh, hidden * sizeof(real))
