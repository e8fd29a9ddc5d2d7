"""The forward pass of a recurrent layer: through time tile by tile, or by blocks of steps over x first.

Every sum is one sequential chain, see _rnn_tiles.pyx. Steps, batches, splits and numbers of threads therefore all give
the same bits.
"""

from cython.parallel cimport parallel, threadid
from libc.string cimport memcpy, memset

from ._blocks cimport Block
from ._rnn_net cimport (
    LSTM,
    Net,
    arrange,
    clear_ended,
    fnn_barrier,
    fnn_flag,
    fnn_omp_team,
    h_before,
    keep,
    live_places,
    part_start,
    pick_rows,
    row_at,
    time_of,
)
from ._rnn_plan cimport BY_ROWS, Plan, plan_forward
from ._rnn_share cimport PROJECTED_ROWS, TILE_ROWS, Forward, Share, lay_out, projected_rows, take_share
from ._rnn_tiles cimport Tiles, add_h, add_in_tandem, add_x, gates, pack_tile, row_size
from ._rnn_unpacked cimport forward_unpacked
from ._runtime cimport real

cdef enum:
    FEW_PRODUCTS = 1 << 15   # of one step of one row: no more than a few microseconds


cdef int forward(Net *net, void *h_n, void *c_n, real *dtype) except -1:
    cdef Forward job
    cdef Plan plan
    cdef Block scratch
    cdef int failed
    if net.rows == 0 or net.hidden == 0:
        return 0
    if (net.steps * net.rows == 1 and net.lengths == NULL
            and net.gates * net.hidden * (net.inputs + net.hidden) <= FEW_PRODUCTS):
        # To plan, and to let go of the interpreter and take it back, would cost 0.07 us.
        return check(forward_unpacked(net, h_n, c_n, 1, dtype))
    plan_forward(net, sizeof(real), &plan)
    if plan.unpacked:
        with nogil:
            failed = forward_unpacked(net, h_n, c_n, plan.threads, dtype)
        return check(failed)
    net.groups = plan.threads if plan.split == BY_ROWS else 1
    job.net, job.h_n, job.c_n = net, h_n, c_n
    job.by_rows = plan.split == BY_ROWS
    job.block = plan.block
    scratch = Block(lay_out(&job, plan.threads, 0, dtype))
    lay_out(&job, plan.threads, <size_t>scratch.data, dtype)
    with nogil:
        go(&job, net, &plan, dtype)
    return 0


cdef int check(int failed) except -1:
    if failed:
        raise MemoryError("recurrent forward: no scratch memory")
    return 0


cdef void go(const Forward *job, Net *net, const Plan *plan, real *dtype) noexcept nogil:
    if net.lengths != NULL:
        arrange(net)
    memset(job.flags, 0, plan.threads * sizeof(fnn_flag))
    if plan.threads == 1:
        run(job, 0, 1, dtype)
        return
    with parallel(num_threads=plan.threads):
        run(job, threadid(), fnn_omp_team(), dtype)


# ---- The way through time


cdef void run(const Forward *shared, int id, int team, real *dtype) noexcept nogil:
    """What thread `id` of `team` does."""
    # Copies on its own stack, which another thread's may lie close to.
    cdef Forward job = shared[0]
    cdef Net net = shared.net[0]
    cdef Share share
    cdef Py_ssize_t j
    job.net = &net
    take_share(&job, &share, id, team, dtype)
    for j in range(share.tiles.count):
        pack_tile(&share.tiles, j, dtype)
    clear_ended(&net, part_start(net.rows, id, team), part_start(net.rows, id + 1, team), dtype)
    if job.by_rows:
        for j in range(part_start(net.groups, id, team), part_start(net.groups, id + 1, team)):
            take_rows(&net, &share, j)
            begin(&net, &share, 0, share.rows, dtype)
            sweep(&job, &share, 0, 1, dtype)
            keep_cells(&job, &share, dtype)
        fnn_barrier(job.flags, id, team)
    else:
        take_rows(&net, &share, 0)
        begin(&net, &share, part_start(net.rows, id, team), part_start(net.rows, id + 1, team), dtype)
        fnn_barrier(job.flags, id, team)
        sweep(&job, &share, id, team, dtype)
        keep_cells(&job, &share, dtype)
    end(&job, part_start(net.rows, id, team), part_start(net.rows, id + 1, team), dtype)


cdef void take_rows(const Net *net, Share *share, Py_ssize_t group) noexcept nogil:
    share.group, share.start = group, part_start(net.rows, group, net.groups)
    share.rows = part_start(net.rows, group + 1, net.groups) - share.start


cdef void begin(const Net *net, const Share *share, Py_ssize_t first, Py_ssize_t last, real *dtype) noexcept nogil:
    """The states before the first step: c of all rows; h, as far as it is kept aside, of places first..last."""
    cdef Py_ssize_t hidden = net.hidden, size = hidden * sizeof(real), k, p
    cdef const real *h
    for p in range(share.rows if net.kind == LSTM else 0):
        memcpy(<real *>share.tiles.c + p * hidden, <const real *>net.c0 + row_at(net, share.start + p) * hidden, size)
    for p in range(first, last if share.states != NULL else first):
        h = <const real *>net.h0 + row_at(net, share.start + p) * hidden
        for k in range(2 if net.lengths != NULL else 1):   # a row's first step may be an odd one
            memcpy(<real *>share.states + (k * share.rows + p) * hidden, h, size)


cdef void keep_cells(const Forward *job, const Share *share, real *dtype) noexcept nogil:
    cdef const Net *net = job.net
    cdef Py_ssize_t p, first = share.tiles.first
    for p in range(share.rows if net.kind == LSTM else 0):
        memcpy(<real *>job.c_n + row_at(net, share.start + p) * net.hidden + first,
               <const real *>share.tiles.c + p * net.hidden + first, share.tiles.all_units * sizeof(real))


cdef void end(const Forward *job, Py_ssize_t first, Py_ssize_t last, real *dtype) noexcept nogil:
    """The states of rows first..last after their last step."""
    cdef const Net *net = job.net
    cdef Py_ssize_t hidden = net.hidden, row, t
    for row in range(first, last):
        # The state after a row's last step is the one before the step that would follow.
        t = -1 if net.reverse else net.steps if net.lengths == NULL else net.lengths[row]
        keep(<real *>job.h_n + row * hidden, h_before(net, row, t, dtype), hidden)


cdef void sweep(const Forward *job, const Share *share, int id, int team, real *dtype) noexcept nogil:
    """All steps of some rows, for some tiles; after each step all threads of `team` meet."""
    cdef const Net *net = job.net
    cdef Py_ssize_t step, k = 0
    cdef Py_ssize_t bases[PROJECTED_ROWS]
    if share.tiles.tandem > 0:
        sweep_in_tandem(job, share, id, team, dtype)
        return
    for step in range(net.steps):
        if job.block > 0:
            k = step % job.block
            if k == 0:
                project(job, share, step, min(job.block, net.steps - step), bases, dtype)
        one_step(job, share, step, bases[k] if job.block > 0 else -1, dtype)
        if team > 1:
            fnn_barrier(job.flags, id, team)


cdef void one_step(const Forward *job, const Share *share, Py_ssize_t step, Py_ssize_t base,
                   real *dtype) noexcept nogil:
    """base: where in a tile's projected rows those of this step begin, -1 for none."""
    cdef const Net *net = job.net
    cdef const Tiles *tiles = &share.tiles
    cdef Py_ssize_t t = time_of(net, step), hidden = net.hidden, rows = live_places(net, share.group, t), r, k, j, some
    cdef const real *x = <const real *>net.x + (t * net.rows + share.start) * net.inputs
    cdef const real *h
    cdef real *h_new = NULL
    cdef real *tile
    if rows == 0:
        return
    if share.states == NULL:
        h = h_before(net, share.start, t, dtype)
    else:
        h = <real *>share.states + step % 2 * share.rows * hidden
        h_new = <real *>share.states + (step + 1) % 2 * share.rows * hidden
    if base < 0 and net.lengths != NULL:
        pick_rows(net, share.start, rows, t, <real *>share.picked)
        x = <real *>share.picked
    for k in range(tiles.count):
        # What was used last is still in the cache.
        j = k if step % 2 == 0 else tiles.count - 1 - k
        tile = <real *>share.tile
        if base >= 0:
            tile = projected_rows(job, share, j, dtype) + base * row_size(tiles, j)
        r = 0
        while r < rows:
            some = min(rows - r, <Py_ssize_t>TILE_ROWS)
            if base < 0:
                add_x(tiles, j, some, x + r * net.inputs, net.inputs, tile)
            add_h(tiles, j, some, h + r * hidden, step % 2 == 1, tile)
            gates(tiles, j, some, share.start, r, t, tile, h, h_new)
            if base >= 0:
                tile += some * row_size(tiles, j)
            r += some
    # Line by line between another thread's, y would take as long as all gates.
    for r in range(rows if h_new != NULL else 0):
        memcpy(<real *>net.y + (t * net.rows + row_at(net, share.start + r)) * hidden + tiles.first,
               h_new + r * hidden + tiles.first, tiles.all_units * sizeof(real))


cdef void project(const Forward *job, const Share *share, Py_ssize_t step, Py_ssize_t count, Py_ssize_t *bases,
                  real *dtype) noexcept nogil:
    """The sums over x of `count` steps from `step` on; those of the k-th begin at row bases[k]."""
    cdef const Net *net = job.net
    cdef Py_ssize_t first = min(time_of(net, step), time_of(net, step + count - 1)), k, t, j, rows = 0
    cdef const real *x = <const real *>net.x + first * net.rows * net.inputs
    for k in range(count):
        t = first + k
        bases[count - 1 - k if net.reverse else k] = rows
        if net.lengths != NULL:
            pick_rows(net, 0, live_places(net, 0, t), t, <real *>share.picked + rows * net.inputs)
        rows += live_places(net, 0, t)
    if net.lengths != NULL:
        x = <const real *>share.picked
    for j in range(share.tiles.count):
        add_x(&share.tiles, j, rows, x, net.inputs, projected_rows(job, share, j, dtype))


cdef void sweep_in_tandem(const Forward *job, const Share *share, int id, int team, real *dtype) noexcept nogil:
    """The steps of a single row: the sums over x of the next few are formed while these wait for weight_hh."""
    cdef const Net *net = job.net
    cdef const Tiles *tiles = &share.tiles
    cdef Py_ssize_t rows = tiles.tandem, row = row_size(tiles, 0), inputs = net.inputs, first = 0, ahead = 0, step, t
    cdef Py_ssize_t x_rs = -inputs if net.reverse else inputs
    cdef const real *x = <const real *>net.x + time_of(net, 0) * inputs   # of the first step; of the k-th: x + k * x_rs
    cdef const real *h
    cdef real *now = projected_rows(job, share, 0, dtype)
    cdef real *then = now + rows * row
    cdef real *tile
    add_x(tiles, 0, rows, x, x_rs, now)
    for step in range(net.steps):
        if step % rows == 0:
            if step > 0:
                now, then, first = then, now, ahead
            ahead = min(step + rows, net.steps - rows)   # the last few begin among those before them
        t = time_of(net, step)
        h, tile = h_before(net, 0, t, dtype), now + (step - first) * row
        add_in_tandem(tiles, h, step % 2 == 1, tile, step % rows, x + ahead * x_rs, x_rs,
                      then if step - step % rows + rows < net.steps else NULL)
        gates(tiles, 0, 1, 0, 0, t, tile, h, <real *>NULL)
        if team > 1:
            fnn_barrier(job.flags, id, team)
