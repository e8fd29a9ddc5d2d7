"""Backpropagation through time.

Backwards from step to step: the gradient of a step's state (`dh`) is that of the sums of the step after it (`dgates`)
times weight_hh; the gates' own gradients follow for the same units at once, so that threads which share out the units
meet once a step. After a block of steps its dgates go into the gradients of the weights and of x; nothing grows with
the number of steps. Two threads that share out the rows of a batch need nothing of each other's until, in the end,
they add up what both have of the weights' gradients.
"""

from cython.parallel cimport parallel, threadid
from libc.string cimport memcpy, memset

from ._blocks cimport Block
from ._kernels cimport gru_gates_backward, lanes, lstm_gates_backward, rnn_gates_backward, round_up
from ._rnn_net cimport (
    GRU,
    LSTM,
    ORDER_SIZE,
    Gradients,
    Net,
    arrange,
    carve,
    clear_gradients,
    fnn_barrier,
    fnn_flag,
    fnn_omp_team,
    live_places,
    part_start,
    row_at,
    time_before,
    time_of,
)
from ._rnn_plan cimport BY_ROWS, Plan, plan_backward
from ._rnn_tiles cimport Panels, lay_out_panels, pack_panels, panel_cols, times_panel
from ._rnn_weights cimport Weights, WeightsShare, add_parts, add_to_weights
from ._rnn_weights cimport lay_out_weights, lay_out_weights_share, weight_uses, x_gradient
from ._runtime cimport FNN_PAGE, fnn_apart, real

cdef struct Backward:
    const Net *net
    Gradients grads
    Weights weights
    Py_ssize_t block         # steps
    int blocks               # that take turns; one will do where no other thread reads what it holds
    char *dgates             # piece_size bytes for each group of rows
    char *states             # state_size bytes for each group, or for each thread where units are shared out
    char *shares             # share_size(team) bytes for each thread
    Py_ssize_t piece_size, state_size
    fnn_flag *flags
    bint by_rows
    bint apart               # no thread needs anything of another's before the end


# What one thread works on and in.
cdef struct Share:
    Panels hh                      # weight_hh for all units or for some; a GRU's rows in the order n r z
    Py_ssize_t group, start, rows  # of rows, whose places begin at `start`
    void *dh                       # by place: the gradient of h
    void *dc                       # and of c
    WeightsShare weights


cdef int backward(Net *net, const Gradients *grads, real *dtype) except -1:
    cdef Backward job
    cdef Plan plan
    cdef Block scratch
    if net.rows == 0 or net.hidden == 0:
        clear_gradients(net, grads, dtype)
        return 0
    plan_backward(net, sizeof(real), &plan)
    net.groups = plan.threads if plan.split == BY_ROWS else 1
    job.net, job.grads, job.by_rows, job.block = net, grads[0], plan.split == BY_ROWS, plan.block
    job.apart = plan.threads == 1 or (job.by_rows and plan.parts == plan.threads and net.lengths == NULL)
    # A step reads the dgates of the step after it, which may be in another block, but not in its own place.
    job.blocks = 1 if job.apart and job.block > 1 and net.steps % job.block != 1 else 2
    scratch = Block(lay_out(&job, net, &plan, 0, dtype))
    lay_out(&job, net, &plan, <size_t>scratch.data, dtype)
    with nogil:
        go(&job, net, &plan, dtype)
    return 0


# ---- Memory


cdef size_t lay_out(Backward *job, Net *net, const Plan *plan, size_t at, real *dtype) noexcept nogil:
    """Hand out the memory from address `at` on; returns how many bytes that takes."""
    cdef size_t start = at
    cdef int team
    cdef Py_ssize_t most = 0, item = sizeof(real), rows = part_start(net.rows, 1, net.groups)   # of the largest group
    job.flags = <fnn_flag *>carve(&at, plan.threads * sizeof(fnn_flag))
    if net.lengths != NULL:
        net.order = <Py_ssize_t *>carve(&at, ORDER_SIZE * net.rows * sizeof(Py_ssize_t))
    lay_out_weights(&job.weights, net, &job.grads, plan, &at, dtype)
    at = round_up(at, FNN_PAGE)
    job.piece_size = fnn_apart((job.blocks * job.block * rows * job.weights.row + lanes(item)) * item)
    job.weights.piece = job.piece_size // item
    job.dgates = <char *>carve(&at, net.groups * job.piece_size)
    job.state_size = fnn_apart(2 * rows * net.hidden * item)
    job.states = <char *>carve(&at, plan.threads * job.state_size)
    job.shares = <char *>at
    for team in range(1, plan.threads + 1):   # OpenMP may give fewer threads than were wanted
        most = max(most, team * share_size(job, net, team, dtype))
    return at + most - start + FNN_PAGE   # which page the memory begins in is yet to be seen


cdef Py_ssize_t share_size(const Backward *job, const Net *net, int team, real *dtype) noexcept nogil:
    """Of the largest share."""
    cdef Share share
    cdef size_t end, most = 0
    cdef int id
    for id in range(team):
        end = 0
        lay_out_share(job, net, &share, id, team, &end, dtype)
        most = max(most, end)
    return fnn_apart(most)


cdef void lay_out_share(const Backward *job, const Net *net, Share *share, int id, int team, size_t *at,
                        real *dtype) noexcept nogil:
    cdef Py_ssize_t hidden = net.hidden, vector = lanes(sizeof(real)), vectors = (hidden + vector - 1) // vector
    cdef Py_ssize_t first = 0, last = hidden
    if not job.by_rows:
        first, last = part_start(vectors, id, team) * vector, part_start(vectors, id + 1, team) * vector
    lay_out_panels(&share.hh, net.weight_hh, net.gates * hidden, 2 * hidden if net.kind == GRU else 0, hidden, first,
                   last, weight_uses(net), at, dtype)
    lay_out_weights_share(&job.weights, &share.weights, id, team, at, dtype)


cdef void take_rows(const Backward *job, Share *share, Py_ssize_t group, int id, real *dtype) noexcept nogil:
    cdef const Net *net = job.net
    share.group, share.start = group, part_start(net.rows, group, net.groups)
    share.rows = part_start(net.rows, group + 1, net.groups) - share.start
    share.dh = job.states + (group if job.by_rows else id) * job.state_size
    share.dc = <real *>share.dh + share.rows * net.hidden


cdef inline real *dgates_of(const Backward *job, Py_ssize_t group, Py_ssize_t step, real *dtype) noexcept nogil:
    """Those of a step: blocks are counted from the last step on, a block's rows stand in the order of time."""
    cdef const Net *net = job.net
    cdef Py_ssize_t number = (net.steps - 1 - step) // job.block, last = net.steps - number * job.block
    cdef Py_ssize_t within = last - 1 - step if net.reverse else step - max(<Py_ssize_t>0, last - job.block)
    cdef Py_ssize_t rows = part_start(net.rows, group + 1, net.groups) - part_start(net.rows, group, net.groups)
    within = within * rows + number % job.blocks * job.block * part_start(net.rows, 1, net.groups)
    return <real *>(job.dgates + group * job.piece_size) + within * job.weights.row


# ---- The way back through time


cdef void go(const Backward *job, Net *net, const Plan *plan, real *dtype) noexcept nogil:
    if net.lengths != NULL:
        arrange(net)
    clear_gradients(net, &job.grads, dtype)
    memset(job.flags, 0, plan.threads * sizeof(fnn_flag))
    if plan.threads == 1:
        run(job, 0, 1, dtype)
        return
    with parallel(num_threads=plan.threads):
        run(job, threadid(), fnn_omp_team(), dtype)


cdef void run(const Backward *shared, int id, int team, real *dtype) noexcept nogil:
    """What thread `id` of `team` does."""
    # Copies on its own stack, which another thread's may lie close to.
    cdef Backward job = shared[0]
    cdef Net net = shared.net[0]
    cdef Share share
    cdef Py_ssize_t last = net.steps, count, start, group
    cdef Py_ssize_t group0 = part_start(net.groups, id, team) if job.by_rows else 0
    cdef Py_ssize_t group1 = part_start(net.groups, id + 1, team) if job.by_rows else 1
    cdef size_t at = <size_t>job.shares + id * share_size(shared, &net, team, dtype)
    cdef const real *dgates
    job.net = job.weights.net = &net
    lay_out_share(&job, &net, &share, id, team, &at, dtype)
    pack_panels(&share.hh, dtype)
    pack_panels(&share.weights.ih, dtype)
    for group in range(group0, group1):
        take_rows(&job, &share, group, id, dtype)
        begin(&job, &share, dtype)
    while last > 0:
        count = min(job.block, last)
        start = min(time_of(&net, last - count), time_of(&net, last - 1))
        dgates = dgates_of(&job, 0, time_of(&net, start), dtype)
        for group in range(group0, group1):
            take_rows(&job, &share, group, id, dtype)
            one_block(&job, &share, last, count, id, team, dtype)
            x_gradient(&job.weights, &share.weights, group, start, count, dgates)
        if job.by_rows and not job.apart:
            fnn_barrier(job.flags, id, team)
        add_to_weights(&job.weights, &share.weights, start, count, dgates, last == net.steps, job.flags, id, team)
        last -= count
    for group in range(group0, group1):
        take_rows(&job, &share, group, id, dtype)
        end(&job, &share, dtype)
    if net.steps > 0 and job.weights.parts > 1:
        fnn_barrier(job.flags, id, team)
        add_parts(&job.weights, id, team, dtype)


cdef void begin(const Backward *job, const Share *share, real *dtype) noexcept nogil:
    """Put the gradients of the last states where the steps find them."""
    cdef Py_ssize_t p, to, at, hidden = job.net.hidden
    for p in range(share.rows):
        to, at = p * hidden + share.hh.first, row_at(job.net, share.start + p) * hidden + share.hh.first
        take(share.hh.cols, <const real *>job.grads.dh_n, at, <real *>share.dh + to)
        take(share.hh.cols, <const real *>job.grads.dc_n, at, <real *>share.dc + to)


cdef void take(Py_ssize_t n, const real *given, Py_ssize_t at, real *to) noexcept nogil:
    if given == NULL:
        memset(to, 0, n * sizeof(real))
    else:
        memcpy(to, given + at, n * sizeof(real))


cdef void end(const Backward *job, const Share *share, real *dtype) noexcept nogil:
    """The gradients of the first states."""
    cdef Py_ssize_t p, at, j, hidden = job.net.hidden, first = share.hh.first, size = share.hh.cols * sizeof(real)
    if job.grads.dh0 == NULL and job.grads.dc0 == NULL:
        return
    if job.net.steps > 0 and job.grads.dh0 != NULL:
        for j in range(share.hh.count):
            add_dh(job, share, 0, j, dtype)
    for p in range(share.rows):
        at = row_at(job.net, share.start + p) * hidden + first
        if job.grads.dh0 != NULL:
            memcpy(<real *>job.grads.dh0 + at, <real *>share.dh + p * hidden + first, size)
        if job.grads.dc0 != NULL:
            memcpy(<real *>job.grads.dc0 + at, <real *>share.dc + p * hidden + first, size)


cdef void one_block(const Backward *job, const Share *share, Py_ssize_t last, Py_ssize_t count, int id, int team,
                    real *dtype) noexcept nogil:
    """The `count` steps before step `last`."""
    cdef Py_ssize_t step, j, n = share.hh.count
    for step in range(last - 1, last - count - 1, -1):
        for j in range(n):
            # What was used last is still in the cache.
            one_step(job, share, step, j if step % 2 == 0 else n - 1 - j, dtype)
        if not job.by_rows:
            fnn_barrier(job.flags, id, team)


cdef void one_step(const Backward *job, const Share *share, Py_ssize_t step, Py_ssize_t j,
                   real *dtype) noexcept nogil:
    """One step of a group of rows, for the units of panel j."""
    cdef const Net *net = job.net
    cdef Py_ssize_t t = time_of(net, step), live = live_places(net, share.group, t), before = time_before(net, t)
    cdef Py_ssize_t going_on = 0
    if step + 1 < net.steps:
        add_dh(job, share, step + 1, j, dtype)
    if 0 <= before < net.steps:
        going_on = min(live, live_places(net, share.group, before))
    gates(job, share, j, 0, going_on, step, True, dtype)
    gates(job, share, j, going_on, live - going_on, step, False, dtype)


cdef void add_dh(const Backward *job, const Share *share, Py_ssize_t step, Py_ssize_t j, real *dtype) noexcept nogil:
    """dh before `step`: its dgates times panel j of weight_hh, on top of what a GRU's gates have left there."""
    cdef Py_ssize_t live = live_places(job.net, share.group, time_of(job.net, step))
    cdef real *dh = <real *>share.dh + share.hh.first + j * share.hh.width
    times_panel(&share.hh, j, live, dgates_of(job, share.group, step, dtype), job.weights.row,
                dh if job.net.kind == GRU else NULL, dh, job.net.hidden)


cdef void gates(const Backward *job, const Share *share, Py_ssize_t j, Py_ssize_t p, Py_ssize_t rows, Py_ssize_t step,
                bint going_on, real *dtype) noexcept nogil:
    """dgates of some of the group's rows from p on, for the units of panel j. going_on: a step was before this one."""
    cdef const Net *net = job.net
    cdef const Panels *hh = &share.hh
    cdef Py_ssize_t hidden = net.hidden, first = hh.first + j * hh.width, units = panel_cols(hh.cols, j, hh.width)
    cdef Py_ssize_t t = time_of(net, step), row = share.start + p if net.order == NULL else 0
    cdef Py_ssize_t at = (t * net.rows + row) * hidden + first
    cdef Py_ssize_t before = (time_before(net, t) * net.rows + row) * hidden + first, initial = row * hidden + first
    cdef const Py_ssize_t *order = net.order + share.start + p if net.order != NULL else NULL
    cdef const real *dy = <const real *>job.grads.dy + at
    cdef const real *saved = <const real *>net.saved + at + 3 * (at - first)
    cdef real *dh = <real *>share.dh + p * hidden + first
    cdef real *dgates = dgates_of(job, share.group, step, dtype) + p * job.weights.row + first
    if rows == 0:
        return
    if net.kind == LSTM:
        lstm_gates_backward(rows, units, hidden, dh, order, dy, <real *>share.dc + p * hidden + first, saved,
                            <const real *>net.cells + at,
                            <const real *>net.cells + before if going_on else <const real *>net.c0 + initial, dgates)
    elif net.kind == GRU:
        gru_gates_backward(rows, units, hidden, dh, order, dy, saved,
                           <const real *>net.y + before if going_on else <const real *>net.h0 + initial, dgates)
    else:
        rnn_gates_backward(rows, units, hidden, net.relu, dh, order, dy, <const real *>net.y + at, dgates)
