"""The forward pass of a recurrent layer: through time tile by tile, or by blocks of steps over x first.

Every sum is one sequential chain, see _rnn_tiles.pyx. Steps, batches, splits and numbers of threads therefore all give
the same bits.
"""

from cython.parallel cimport parallel, threadid
from libc.string cimport memcpy, memset

from ._blocks cimport Block
from ._kernels cimport lanes, round_up, tile_width
from ._rnn_net cimport (
    LSTM,
    ORDER_SIZE,
    Net,
    arrange,
    carve,
    fnn_barrier,
    fnn_clock_ns,
    fnn_flag,
    fnn_omp_team,
    fnn_times_late,
    h_before,
    keep,
    live_places,
    part_start,
    time_of,
)
from ._rnn_plan cimport BY_ROWS, Plan, learn, plan_forward
from ._rnn_tiles cimport Tiles, add_h, add_x, biases_size, cut_into_tiles, gates, pack_tile, panels_size, row_size
from ._rnn_unpacked cimport forward_unpacked
from ._runtime cimport real

cdef enum:
    TILE_ROWS = 48       # rows of a tile of sums: at most 48 x 64 floats, 12 KB of L1
    PROJECTED_ROWS = 64  # rows of x whose products are formed at once where a step alone has too few


cdef struct Forward:
    const Net *net
    Tiles tiles
    void *h_n
    Py_ssize_t block      # steps whose x is multiplied at once; 0: x with h, step by step
    Py_ssize_t work_size  # elements of `work` a thread
    void *projected       # for each tile: rows of sums over x, for the steps of a block
    void *work            # for each thread: a tile, and rows of x that were picked out
    void *states          # two times (N, H) by place, where the rows have lengths: h after even and after odd steps
    fnn_flag *flags
    bint by_rows


cdef int forward(Net *net, void *h_n, void *c_n, real *dtype) except -1:
    cdef Forward job
    cdef Plan plan
    cdef Block scratch
    cdef int failed
    if net.rows == 0 or net.hidden == 0:
        return 0
    plan_forward(net, sizeof(real), &plan)
    if plan.unpacked:
        with nogil:
            failed = forward_unpacked(net, h_n, c_n, plan.threads, dtype)
        if failed:
            raise MemoryError("recurrent forward: no scratch memory")
        return 0
    net.groups = plan.threads if plan.split == BY_ROWS else 1
    job.net, job.h_n, job.tiles.c = net, h_n, c_n
    cut_into_tiles(&job.tiles, net, lanes(sizeof(real)), tile_width(sizeof(real)))
    job.by_rows = plan.split == BY_ROWS
    job.block = plan.block
    scratch = Block(lay_out(&job, net, plan.threads, 0, dtype))
    lay_out(&job, net, plan.threads, <size_t>scratch.data, dtype)
    with nogil:
        go(&job, net, &plan, dtype)
    return 0


cdef size_t lay_out(Forward *job, Net *net, int threads, size_t at, real *dtype) noexcept nogil:
    """Hand out the memory from address `at` on; returns how many bytes that takes."""
    cdef size_t start = at
    cdef Tiles *tiles = &job.tiles
    cdef Py_ssize_t item = sizeof(real), row = tiles.unit_width * tiles.gates
    cdef Py_ssize_t places = max(net.rows, job.block * net.rows) if net.lengths != NULL else 0
    job.work_size = round_up(TILE_ROWS * row + lanes(item) + places * net.inputs, 16)
    tiles.panels = carve(&at, panels_size(tiles) * item)
    tiles.biases = carve(&at, biases_size(tiles) * item)
    job.projected = carve(&at, (tiles.count * job.block * net.rows * row + lanes(item)) * item)
    job.work = carve(&at, threads * job.work_size * item)
    job.flags = <fnn_flag *>carve(&at, threads * sizeof(fnn_flag))
    if net.lengths != NULL:
        job.states = carve(&at, 2 * net.rows * net.hidden * item)
        net.order = <Py_ssize_t *>carve(&at, ORDER_SIZE * net.rows * sizeof(Py_ssize_t))
    return at - start


cdef void go(const Forward *job, Net *net, const Plan *plan, real *dtype) noexcept nogil:
    cdef long long start
    if net.lengths != NULL:
        arrange(net)
    memset(job.flags, 0, plan.threads * sizeof(fnn_flag))
    if plan.threads == 1:
        run(job, 0, 1, dtype)
        return
    start = fnn_clock_ns()
    with parallel(num_threads=plan.threads):
        run(job, threadid(), fnn_omp_team(), dtype)
    learn(plan, fnn_times_late(job.flags, plan.threads), <double>(fnn_clock_ns() - start))


# ---- The way through time


cdef void run(const Forward *job, int id, int team, real *dtype) noexcept nogil:
    """What thread `id` of `team` does."""
    cdef const Net *net = job.net
    cdef Py_ssize_t j, group, first_tile = part_start(job.tiles.count, id, team)
    cdef Py_ssize_t last_tile = part_start(job.tiles.count, id + 1, team)
    cdef real *work = <real *>job.work + id * job.work_size
    for j in range(first_tile, last_tile):
        pack_tile(&job.tiles, j, dtype)
    begin(job, part_start(net.rows, id, team), part_start(net.rows, id + 1, team), dtype)
    fnn_barrier(job.flags, id, team)
    if job.by_rows:
        for group in range(part_start(net.groups, id, team), part_start(net.groups, id + 1, team)):
            sweep(job, group, 0, job.tiles.count, 0, 1, work)
        fnn_barrier(job.flags, id, team)
    else:
        sweep(job, 0, first_tile, last_tile, id, team, work)
    end(job, part_start(net.rows, id, team), part_start(net.rows, id + 1, team), dtype)


cdef void begin(const Forward *job, Py_ssize_t first, Py_ssize_t last, real *dtype) noexcept nogil:
    """Of places (or rows) first..last: the states before the first step, and zeros where a row has ended."""
    cdef const Net *net = job.net
    cdef Py_ssize_t hidden = net.hidden, row, t, size = hidden * sizeof(real)
    if net.kind == LSTM:
        memcpy(<real *>job.tiles.c + first * hidden, <const real *>net.c0 + first * hidden, (last - first) * size)
    if net.lengths == NULL:
        return
    for row in range(first, last):
        memcpy(<real *>job.states + row * hidden, <const real *>net.h0 + net.order[row] * hidden, size)
        memcpy(<real *>job.states + (net.rows + row) * hidden, <const real *>net.h0 + net.order[row] * hidden, size)
        for t in range(net.lengths[row], net.steps):
            memset(<real *>net.y + (t * net.rows + row) * hidden, 0, size)
            if net.saved != NULL:
                memset(<real *>net.saved + (t * net.rows + row) * 4 * hidden, 0, 4 * size)
            if net.cells != NULL:
                memset(<real *>net.cells + (t * net.rows + row) * hidden, 0, size)


cdef void end(const Forward *job, Py_ssize_t first, Py_ssize_t last, real *dtype) noexcept nogil:
    """The states of rows first..last after their last step."""
    cdef const Net *net = job.net
    cdef Py_ssize_t hidden = net.hidden, row, t
    for row in range(first, last):
        # The state after a row's last step is the one before the step that would follow.
        t = -1 if net.reverse else net.steps if net.lengths == NULL else net.lengths[row]
        keep(<real *>job.h_n + row * hidden, h_before(net, row, t, dtype), hidden)


cdef void sweep(const Forward *job, Py_ssize_t group, Py_ssize_t first_tile, Py_ssize_t last_tile, int id, int team,
                real *work) noexcept nogil:
    """All steps of one group of rows, for some of the tiles; after each step all threads of `team` meet."""
    cdef const Net *net = job.net
    cdef Py_ssize_t step, k = 0
    cdef Py_ssize_t bases[PROJECTED_ROWS]
    for step in range(net.steps):
        if job.block > 0:
            k = step % job.block
            if k == 0:
                project(job, step, min(job.block, net.steps - step), first_tile, last_tile, bases, work)
        one_step(job, group, step, bases[k] if job.block > 0 else -1, first_tile, last_tile, work)
        if team > 1:
            fnn_barrier(job.flags, id, team)


cdef void one_step(const Forward *job, Py_ssize_t group, Py_ssize_t step, Py_ssize_t base, Py_ssize_t first_tile,
                   Py_ssize_t last_tile, real *work) noexcept nogil:
    """One step of one group of rows, for some of the tiles. base: where its projected rows are, -1 for none."""
    cdef const Net *net = job.net
    cdef Py_ssize_t t = time_of(net, step), start = part_start(net.rows, group, net.groups), hidden = net.hidden
    cdef Py_ssize_t rows = live_places(net, group, t), r, k, j, some
    cdef const Tiles *tiles = &job.tiles
    cdef const real *x = <const real *>net.x + (t * net.rows + start) * net.inputs
    cdef const real *h
    cdef real *h_new = NULL
    cdef real *tile
    if rows == 0:
        return
    if net.lengths == NULL:
        h = h_before(net, start, t, work)
    else:
        h = <real *>job.states + (step % 2 * net.rows + start) * hidden
        h_new = <real *>job.states + ((step + 1) % 2 * net.rows + start) * hidden
        if base < 0:
            x = picked_rows(job, work)
            pick_rows(net, start, rows, t, <real *>x)
    for k in range(last_tile - first_tile):
        # What was used last is still in the cache.
        j = first_tile + k if step % 2 == 0 else last_tile - 1 - k
        tile = work
        if base >= 0:
            tile = projected_rows(job, j, work) + base * row_size(tiles, j)
        r = 0
        while r < rows:
            some = min(rows - r, <Py_ssize_t>TILE_ROWS)
            if base < 0:
                add_x(tiles, j, some, x + r * net.inputs, tile)
            add_h(tiles, j, some, h + r * hidden, tile)
            gates(tiles, j, some, start + r, t, tile, h + r * hidden, h_new + r * hidden if h_new != NULL else NULL)
            if base >= 0:
                tile += some * row_size(tiles, j)
            r += some


cdef inline real *picked_rows(const Forward *job, real *work) noexcept nogil:
    return work + TILE_ROWS * job.tiles.unit_width * job.tiles.gates + lanes(sizeof(real))


cdef inline real *projected_rows(const Forward *job, Py_ssize_t j, real *dtype) noexcept nogil:
    return <real *>job.projected + j * job.block * job.net.rows * job.tiles.unit_width * job.tiles.gates


cdef void pick_rows(const Net *net, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t t, real *to) noexcept nogil:
    """The rows of x_t at some places, one behind the other."""
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(to + r * net.inputs,
               <const real *>net.x + (t * net.rows + net.order[start + r]) * net.inputs, net.inputs * sizeof(real))


cdef void project(const Forward *job, Py_ssize_t step, Py_ssize_t count, Py_ssize_t first_tile, Py_ssize_t last_tile,
                  Py_ssize_t *bases, real *work) noexcept nogil:
    """The sums over x of `count` steps from `step` on; those of the k-th begin at row bases[k]."""
    cdef const Net *net = job.net
    cdef Py_ssize_t first = min(time_of(net, step), time_of(net, step + count - 1)), k, t, j, rows = 0
    cdef const real *x = <const real *>net.x + first * net.rows * net.inputs
    cdef real *picked = picked_rows(job, work)
    for k in range(count):
        t = first + k
        bases[count - 1 - k if net.reverse else k] = rows
        if net.lengths != NULL:
            pick_rows(net, 0, live_places(net, 0, t), t, picked + rows * net.inputs)
        rows += live_places(net, 0, t)
    for j in range(first_tile, last_tile):
        add_x(&job.tiles, j, rows, x if net.lengths == NULL else picked, projected_rows(job, j, work))
