"""Backpropagation through time.

Backwards from step to step: the gradient of a step's state (`dh`) is that of the sums of the step after it (`dgates`)
times weight_hh; the gates' own gradients follow for the same units at once, so that threads which share out the units
meet once a step. After a block of steps its dgates go into the gradients of the weights and of x. Two blocks take
turns; nothing grows with the number of steps.
"""

from cython.parallel cimport parallel, threadid
from libc.string cimport memcpy, memset

from ._blocks cimport Block
from ._kernels cimport (
    gemm,
    gru_gates_backward,
    lanes,
    lstm_gates_backward,
    pack,
    rnn_gates_backward,
    round_up,
    tile_width,
)
from ._rnn_net cimport (
    GRU,
    LSTM,
    ORDER_SIZE,
    RNN,
    Gradients,
    Net,
    arrange,
    carve,
    fnn_barrier,
    fnn_flag,
    fnn_omp_team,
    live_places,
    part_start,
    time_before,
    time_of,
)
from ._rnn_plan cimport BY_ROWS, Plan, plan_backward
from ._runtime cimport real
from ._rnn_weights cimport Weights, add_to_weights, lay_out_weights, pack_weight_ih, x_gradient

cdef enum:
    BLOCK_ROWS = 384   # rows of dgates in a block, where a step has no more
    K_BLOCK = 768      # taps of a panel that is used for all rows while it is in L2


cdef struct Backward:
    const Net *net
    const Gradients *grads
    Weights weights
    Py_ssize_t panel_width, panels
    Py_ssize_t block         # steps
    Py_ssize_t row           # elements of a row of dgates: all gates of all units
    void *panels_hh          # weight_hh, panel_width columns a panel; a GRU's rows in the order n r z
    void *dh                 # (N, H) by place: the gradient of h
    void *dc                 # and of c
    void *dgates[2]          # a block: (steps, N, row), by time and place
    fnn_flag *flags
    bint by_rows


cdef int backward(Net *net, const Gradients *grads, real *dtype) except -1:
    cdef Backward job
    cdef Plan plan
    cdef Block scratch
    if net.rows == 0 or net.hidden == 0:
        clear(net, grads, dtype)
        return 0
    plan_backward(net, sizeof(real), &plan)
    net.groups = plan.threads if plan.split == BY_ROWS else 1
    job.net, job.grads, job.by_rows = net, grads, plan.split == BY_ROWS
    job.panel_width = tile_width(sizeof(real))
    job.panels = (net.hidden + job.panel_width - 1) // job.panel_width
    job.row = (1 if net.kind == RNN else 4) * net.hidden
    job.block = max(<Py_ssize_t>1, min(net.steps, BLOCK_ROWS // net.rows))
    scratch = Block(lay_out(&job, net, plan.threads, 0, dtype))
    lay_out(&job, net, plan.threads, <size_t>scratch.data, dtype)
    with nogil:
        go(&job, net, &plan, dtype)
    return 0


cdef size_t lay_out(Backward *job, Net *net, int threads, size_t at, real *dtype) noexcept nogil:
    """Hand out the memory from address `at` on; returns how many bytes that takes."""
    cdef size_t start = at
    cdef Py_ssize_t item = sizeof(real), size = net.rows * net.hidden, k
    job.panels_hh = carve(&at, job.panels * job.panel_width * net.gates * net.hidden * item)
    job.dh, job.dc = carve(&at, size * item), carve(&at, size * item)
    for k in range(2):   # and a vector to read past the end
        job.dgates[k] = carve(&at, (job.block * net.rows * job.row + lanes(item)) * item)
    job.flags = <fnn_flag *>carve(&at, threads * sizeof(fnn_flag))
    if net.lengths != NULL:
        net.order = <Py_ssize_t *>carve(&at, ORDER_SIZE * net.rows * sizeof(Py_ssize_t))
    lay_out_weights(&job.weights, net, job.grads, min(BLOCK_ROWS, net.rows), job.block, threads, &at, dtype)
    return at - start


cdef void go(const Backward *job, Net *net, const Plan *plan, real *dtype) noexcept nogil:
    if net.lengths != NULL:
        arrange(net)
    clear(net, job.grads, dtype)
    memset(job.flags, 0, plan.threads * sizeof(fnn_flag))
    if plan.threads == 1:
        run(job, 0, 1, dtype)
        return
    with parallel(num_threads=plan.threads):
        run(job, threadid(), fnn_omp_team(), dtype)


cdef void clear(const Net *net, const Gradients *grads, real *dtype) noexcept nogil:
    """Zeros where no step writes: everywhere without steps, in dx where rows have ended."""
    cdef Py_ssize_t gates = net.gates * net.hidden * sizeof(real)
    if grads.dx != NULL and (net.lengths != NULL or net.hidden == 0):
        memset(grads.dx, 0, net.steps * net.rows * net.inputs * sizeof(real))
    if net.steps > 0 and net.rows > 0:
        return
    if grads.dweight_ih != NULL:
        memset(grads.dweight_ih, 0, gates * net.inputs)
    if grads.dweight_hh != NULL:
        memset(grads.dweight_hh, 0, gates * net.hidden)
    if grads.dbias_ih != NULL:
        memset(grads.dbias_ih, 0, gates)
    if grads.dbias_hh != NULL:
        memset(grads.dbias_hh, 0, gates)


cdef void run(const Backward *job, int id, int team, real *dtype) noexcept nogil:
    """What thread `id` of `team` does."""
    cdef const Net *net = job.net
    cdef Py_ssize_t last = net.steps, count
    begin(job, id, team, dtype)
    pack_weight_ih(&job.weights, id, team, dtype)
    fnn_barrier(job.flags, id, team)
    while last > 0:
        count = min(job.block, last)
        one_block(job, last - count, count, id, team, dtype)
        last -= count
    end(job, id, team, dtype)


cdef void begin(const Backward *job, int id, int team, real *dtype) noexcept nogil:
    """Pack weight_hh, and put the gradients of the last states where the steps find them."""
    cdef const Net *net = job.net
    cdef Py_ssize_t j, place, hidden = net.hidden, cols, width
    cdef Py_ssize_t top = 2 * hidden if net.kind == GRU else 0, taps = net.gates * hidden - top
    cdef const real *weight = <const real *>net.weight_hh
    cdef real *panel
    for j in range(part_start(job.panels, id, team), part_start(job.panels, id + 1, team)):
        cols = min(job.panel_width, hidden - j * job.panel_width)
        width = round_up(cols, lanes(sizeof(real)))
        panel = <real *>job.panels_hh + j * job.panel_width * net.gates * hidden
        pack(taps, cols, width, weight + top * hidden + j * job.panel_width, hidden, panel)
        pack(top, cols, width, weight + j * job.panel_width, hidden, panel + taps * width)
    for place in range(part_start(net.rows, id, team), part_start(net.rows, id + 1, team)):
        fill_state(net, place, <const real *>job.grads.dh_n, <real *>job.dh)
        fill_state(net, place, <const real *>job.grads.dc_n, <real *>job.dc)


cdef void fill_state(const Net *net, Py_ssize_t place, const real *given, real *by_place) noexcept nogil:
    cdef Py_ssize_t hidden = net.hidden, row = place if net.order == NULL else net.order[place]
    if given == NULL:
        memset(by_place + place * hidden, 0, hidden * sizeof(real))
    else:
        memcpy(by_place + place * hidden, given + row * hidden, hidden * sizeof(real))


cdef void end(const Backward *job, int id, int team, real *dtype) noexcept nogil:
    """The gradients of the first states."""
    cdef const Net *net = job.net
    cdef Py_ssize_t place, row, j, group, hidden = net.hidden
    if job.grads.dh0 == NULL and job.grads.dc0 == NULL:
        return
    if net.steps > 0 and job.by_rows:
        for group in range(part_start(net.groups, id, team), part_start(net.groups, id + 1, team)):
            for j in range(job.panels):
                add_dh(job, group, 0, j, dtype)
    elif net.steps > 0:
        for j in range(part_start(job.panels, id, team), part_start(job.panels, id + 1, team)):
            add_dh(job, 0, 0, j, dtype)
    fnn_barrier(job.flags, id, team)
    for place in range(part_start(net.rows, id, team), part_start(net.rows, id + 1, team)):
        row = place if net.order == NULL else net.order[place]
        if job.grads.dh0 != NULL:
            memcpy(<real *>job.grads.dh0 + row * hidden, <real *>job.dh + place * hidden, hidden * sizeof(real))
        if job.grads.dc0 != NULL:
            memcpy(<real *>job.grads.dc0 + row * hidden, <real *>job.dc + place * hidden, hidden * sizeof(real))


cdef void one_block(const Backward *job, Py_ssize_t first, Py_ssize_t count, int id, int team,
                    real *dtype) noexcept nogil:
    """Steps first + count - 1 down to first, then what their dgates give."""
    cdef const Net *net = job.net
    cdef Py_ssize_t k, group, step, j, start = min(time_of(net, first), time_of(net, first + count - 1))
    cdef Py_ssize_t j0 = part_start(job.panels, id, team), j1 = part_start(job.panels, id + 1, team)
    cdef const real *dgates = dgates_of(job, first + count - 1 if net.reverse else first, dtype)
    if job.by_rows:
        for group in range(part_start(net.groups, id, team), part_start(net.groups, id + 1, team)):
            for k in range(count):
                for j in range(job.panels):
                    one_step(job, group, first + count - 1 - k, j, dtype)
        fnn_barrier(job.flags, id, team)
    else:
        for k in range(count):
            step = first + count - 1 - k
            for j in range(j1 - j0):
                # What was used last is still in the cache.
                one_step(job, 0, step, j0 + j if step % 2 == 0 else j1 - 1 - j, dtype)
            fnn_barrier(job.flags, id, team)
    x_gradient(&job.weights, start, count, dgates, id, team)
    add_to_weights(&job.weights, start, count, dgates, first + count == net.steps, job.flags, id, team)


cdef inline real *dgates_of(const Backward *job, Py_ssize_t step, real *dtype) noexcept nogil:
    """Those of a step: blocks are counted from the last step on, a block's rows stand in the order of time."""
    cdef Py_ssize_t number = (job.net.steps - 1 - step) // job.block, last = job.net.steps - number * job.block
    cdef Py_ssize_t within = last - 1 - step if job.net.reverse else step - max(<Py_ssize_t>0, last - job.block)
    return <real *>job.dgates[number % 2] + within * job.net.rows * job.row


cdef void one_step(const Backward *job, Py_ssize_t group, Py_ssize_t step, Py_ssize_t j, real *dtype) noexcept nogil:
    """One step of one group of rows, for the units of panel j."""
    cdef const Net *net = job.net
    cdef Py_ssize_t t = time_of(net, step), place = part_start(net.rows, group, net.groups)
    cdef Py_ssize_t live = live_places(net, group, t), before = time_before(net, t), going_on = 0
    if step + 1 < net.steps:
        add_dh(job, group, step + 1, j, dtype)
    if 0 <= before < net.steps:
        going_on = min(live, live_places(net, group, before))
    gates(job, j, place, going_on, step, True, dtype)
    gates(job, j, place + going_on, live - going_on, step, False, dtype)


cdef void add_dh(const Backward *job, Py_ssize_t group, Py_ssize_t step, Py_ssize_t j, real *dtype) noexcept nogil:
    """dh before `step`: its dgates times panel j of weight_hh, on top of what a GRU's gates have left there."""
    cdef const Net *net = job.net
    cdef Py_ssize_t place = part_start(net.rows, group, net.groups), rows = live_places(net, group, time_of(net, step))
    cdef Py_ssize_t cols = min(job.panel_width, net.hidden - j * job.panel_width), taps = net.gates * net.hidden
    cdef Py_ssize_t width = round_up(cols, lanes(sizeof(real))), tap = 0, some
    cdef const real *dgates = dgates_of(job, step, dtype) + place * job.row
    cdef const real *panel = <const real *>job.panels_hh + j * job.panel_width * taps
    cdef real *dh = <real *>job.dh + place * net.hidden + j * job.panel_width
    cdef const real *init = dh if net.kind == GRU else NULL
    while tap < taps:
        some = min(taps - tap, <Py_ssize_t>K_BLOCK)
        gemm(rows, cols, some, dgates + tap, job.row, 1, panel + tap * width, width, init, net.hidden, 1, dh,
             net.hidden)
        init = dh
        tap += some


cdef void gates(const Backward *job, Py_ssize_t j, Py_ssize_t place, Py_ssize_t rows, Py_ssize_t step, bint going_on,
                real *dtype) noexcept nogil:
    """dgates of `rows` places from `place` on, for the units of panel j. going_on: a step was before this one."""
    cdef const Net *net = job.net
    cdef Py_ssize_t hidden = net.hidden, first = j * job.panel_width, units = min(job.panel_width, hidden - first)
    cdef Py_ssize_t t = time_of(net, step), row = place if net.order == NULL else 0
    cdef Py_ssize_t at = (t * net.rows + row) * hidden + first
    cdef Py_ssize_t before = (time_before(net, t) * net.rows + row) * hidden + first, initial = row * hidden + first
    cdef const Py_ssize_t *order = net.order + place if net.order != NULL else NULL
    cdef const real *dy = <const real *>job.grads.dy + at
    cdef const real *saved = <const real *>net.saved + (t * net.rows + row) * 4 * hidden + first
    cdef real *dh = <real *>job.dh + place * hidden + first
    cdef real *dgates = dgates_of(job, step, dtype) + place * job.row + first
    if rows == 0:
        return
    if net.kind == LSTM:
        lstm_gates_backward(rows, units, hidden, dh, order, dy, <real *>job.dc + place * hidden + first, saved,
                            <const real *>net.cells + at,
                            <const real *>net.cells + before if going_on else <const real *>net.c0 + initial, dgates)
    elif net.kind == GRU:
        gru_gates_backward(rows, units, hidden, dh, order, dy, saved,
                           <const real *>net.y + before if going_on else <const real *>net.h0 + initial, dgates)
    else:
        rnn_gates_backward(rows, units, hidden, net.relu, dh, order, dy, <const real *>net.y + at, dgates)
