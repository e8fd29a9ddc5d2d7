"""The forward pass of a recurrent layer: tiles of packed weights, the gates of a tile right after its products.

Every sum is one sequential chain: bias, then x by its columns, then h by its columns. Steps, batches, splits and
numbers of threads therefore all give the same bits.
"""

from cython.parallel cimport parallel, threadid
from libc.string cimport memcpy, memset

from ._kernels cimport gemm, gru_gates, lanes, lstm_gates, pack_t_apart, rnn_gates, round_up, tile_width
from ._rnn_net cimport (
    GRU,
    LSTM,
    RNN,
    Net,
    arrange,
    fnn_barrier,
    fnn_clock_ns,
    fnn_flag,
    fnn_omp_team,
    fnn_times_late,
    h_before,
    live_places,
    part_start,
    time_of,
)
from ._rnn_plan cimport BY_ROWS, Plan, learn, plan_forward
from ._rnn_unpacked cimport forward_unpacked
from ._runtime cimport fnn_alloc, fnn_free, real

cdef enum:
    TILE_ROWS = 48       # rows of a tile of sums: at most 48 x 64 floats, 12 KB of L1
    PROJECTED_ROWS = 64  # rows of x whose products are formed at once where a step alone has too few


cdef struct Forward:
    const Net *net
    void *h_n
    void *c_n
    # A tile has `unit_width` units (fewer in the last, in whole vectors), its rows hold their sums gate by gate:
    # i f g o; n (x part) r z n (h part); or the one of an RNN. x is summed into the gates from x_first on, h into
    # those from h_first on, `at_once` gates a product.
    Py_ssize_t unit_width, tile_gates, x_first, h_first, at_once, tiles
    Py_ssize_t block      # steps whose x is multiplied at once; 0: x with h, step by step
    Py_ssize_t work_size  # elements of `work` a thread
    void *panels          # for each tile: its columns of weight_ih^T, then those of weight_hh^T
    void *biases          # for each tile: the first row of its sums
    void *projected       # for each tile: rows of sums over x, for the steps of a block
    void *work            # for each thread: a tile, and rows of x that were picked out
    void *states          # two times (N, H) by place, where the rows have lengths: h after even and after odd steps
    fnn_flag *flags
    bint by_rows


cdef int forward(Net *net, void *h_n, void *c_n, real *dtype) noexcept nogil:
    cdef Forward job
    cdef Plan plan
    cdef long long start
    cdef Py_ssize_t item = sizeof(real), tile, places
    cdef int failed
    if net.rows == 0 or net.hidden == 0:
        return 0
    plan_forward(net, sizeof(real), &plan)
    if plan.unpacked:
        return forward_unpacked(net, h_n, c_n, plan.threads, dtype)
    net.groups = plan.threads if plan.split == BY_ROWS else 1
    job.net, job.h_n, job.c_n = net, h_n, c_n
    cut_into_tiles(&job, lanes(sizeof(real)), tile_width(sizeof(real)))
    job.by_rows = plan.split == BY_ROWS
    job.block = plan.block
    tile = job.unit_width * job.tile_gates
    places = max(net.rows, job.block * net.rows) if net.lengths != NULL else 0
    job.work_size = round_up(TILE_ROWS * tile + places * net.inputs, 16)
    net.order = <Py_ssize_t *>fnn_alloc(2 * net.rows * sizeof(Py_ssize_t)) if net.lengths != NULL else NULL
    job.panels = fnn_alloc(job.tiles * panel_size(&job) * item)
    job.biases = fnn_alloc(job.tiles * tile * item)
    job.projected = fnn_alloc(job.tiles * job.block * net.rows * tile * item)
    job.work = fnn_alloc(plan.threads * job.work_size * item)
    job.states = fnn_alloc(2 * net.rows * net.hidden * item if net.lengths != NULL else 0)
    job.flags = <fnn_flag *>fnn_alloc(plan.threads * sizeof(fnn_flag))
    failed = (job.panels == NULL or job.biases == NULL or job.projected == NULL or job.work == NULL
              or job.states == NULL or job.flags == NULL or (net.lengths != NULL and net.order == NULL))
    if not failed and net.lengths != NULL:
        failed = arrange(net)
    if not failed:
        memset(job.flags, 0, plan.threads * sizeof(fnn_flag))
        if plan.threads == 1:
            run(&job, 0, 1, dtype)
        else:
            start = fnn_clock_ns()
            with parallel(num_threads=plan.threads):
                run(&job, threadid(), fnn_omp_team(), dtype)
            learn(&plan, fnn_times_late(job.flags, plan.threads), <double>(fnn_clock_ns() - start))
    fnn_free(net.order)
    fnn_free(job.panels)
    fnn_free(job.biases)
    fnn_free(job.projected)
    fnn_free(job.work)
    fnn_free(job.states)
    fnn_free(job.flags)
    return -1 if failed else 0


cdef void cut_into_tiles(Forward *job, Py_ssize_t vector, Py_ssize_t widest) noexcept nogil:
    cdef const Net *net = job.net
    job.unit_width = widest if net.kind == RNN else vector
    job.tile_gates = 1 if net.kind == RNN else 4
    job.x_first = 0
    job.h_first = 1 if net.kind == GRU else 0
    job.at_once = net.gates
    while job.at_once * job.unit_width > widest:
        job.at_once //= 2
    job.tiles = (net.hidden + job.unit_width - 1) // job.unit_width


cdef inline Py_ssize_t panel_size(const Forward *job) noexcept nogil:
    return (job.net.inputs + job.net.hidden) * job.net.gates * job.unit_width


cdef inline Py_ssize_t units_of(const Forward *job, Py_ssize_t j) noexcept nogil:
    return min(job.unit_width, job.net.hidden - j * job.unit_width)


# ---- Packing


cdef void pack_tile(const Forward *job, Py_ssize_t j, real *dtype) noexcept nogil:
    """The columns of W^T that belong to tile j's units, and its row of biases."""
    cdef const Net *net = job.net
    cdef Py_ssize_t units = units_of(job, j), width = round_up(units, lanes(sizeof(real)))
    cdef Py_ssize_t first = j * job.unit_width, gate, source, u
    cdef real *panel = <real *>job.panels + j * panel_size(job)
    cdef real *bias = <real *>job.biases + j * job.unit_width * job.tile_gates
    cdef const real *bias_ih = <const real *>net.bias_ih
    cdef const real *bias_hh = <const real *>net.bias_hh
    for gate in range(job.tile_gates * width):
        bias[gate] = 0
    for gate in range(net.gates):
        source = (gate + 2) % 3 if net.kind == GRU else gate   # r z n stand as n r z for x
        pack_gate(job, net.inputs, <const real *>net.weight_ih, source, first, units, width, gate, panel)
        for u in range(units if bias_ih != NULL else 0):
            bias[(job.x_first + gate) * width + u] += bias_ih[source * net.hidden + first + u]
    panel += net.inputs * net.gates * width
    for gate in range(net.gates):
        pack_gate(job, net.hidden, <const real *>net.weight_hh, gate, first, units, width, gate, panel)
        for u in range(units if bias_hh != NULL else 0):
            bias[(job.h_first + gate) * width + u] += bias_hh[gate * net.hidden + first + u]


cdef void pack_gate(const Forward *job, Py_ssize_t taps, const real *weight, Py_ssize_t source, Py_ssize_t first,
                    Py_ssize_t units, Py_ssize_t width, Py_ssize_t gate, real *panel) noexcept nogil:
    """One gate's columns into the product that they are part of."""
    cdef Py_ssize_t product = gate // job.at_once, within = gate % job.at_once
    pack_t_apart(taps, units, width, weight + (source * job.net.hidden + first) * taps, taps,
                 panel + product * job.at_once * width * taps + within * width, job.at_once * width)


# ---- The way through time


cdef void run(const Forward *job, int id, int team, real *dtype) noexcept nogil:
    """What thread `id` of `team` does."""
    cdef const Net *net = job.net
    cdef Py_ssize_t j, group
    cdef real *work = <real *>job.work + id * job.work_size
    for j in range(part_start(job.tiles, id, team), part_start(job.tiles, id + 1, team)):
        pack_tile(job, j, dtype)
    begin(job, part_start(net.rows, id, team), part_start(net.rows, id + 1, team), dtype)
    fnn_barrier(job.flags, id, team)
    if job.by_rows:
        for group in range(part_start(net.groups, id, team), part_start(net.groups, id + 1, team)):
            sweep(job, group, 0, job.tiles, 0, 1, work)
        fnn_barrier(job.flags, id, team)
    else:
        sweep(job, 0, part_start(job.tiles, id, team), part_start(job.tiles, id + 1, team), id, team, work)
    end(job, part_start(net.rows, id, team), part_start(net.rows, id + 1, team), dtype)


cdef void begin(const Forward *job, Py_ssize_t first, Py_ssize_t last, real *dtype) noexcept nogil:
    """Of places (or rows) first..last: the states before the first step, and zeros where a row has ended."""
    cdef const Net *net = job.net
    cdef Py_ssize_t hidden = net.hidden, row, t, size = hidden * sizeof(real)
    if net.kind == LSTM:
        memcpy(<real *>job.c_n + first * hidden, <const real *>net.c0 + first * hidden, (last - first) * size)
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
        memcpy(<real *>job.h_n + row * hidden, h_before(net, row, t, dtype), hidden * sizeof(real))


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
    cdef Py_ssize_t rows = live_places(net, group, t), r, k, j, tile_row, some
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
            x = work + TILE_ROWS * job.unit_width * job.tile_gates
            pick_rows(net, start, rows, t, <real *>x)
    for k in range(last_tile - first_tile):
        # What was used last is still in the cache.
        j = first_tile + k if step % 2 == 0 else last_tile - 1 - k
        tile_row = job.tile_gates * round_up(units_of(job, j), lanes(sizeof(real)))
        tile = work
        if base >= 0:
            tile = <real *>job.projected + j * job.block * net.rows * job.unit_width * job.tile_gates + base * tile_row
        r = 0
        while r < rows:
            some = min(rows - r, <Py_ssize_t>TILE_ROWS)
            if base < 0:
                add_x(job, j, some, x + r * net.inputs, tile)
            add_h(job, j, some, h + r * hidden, tile)
            gates(job, j, some, start + r, t, tile, h + r * hidden, h_new + r * hidden if h_new != NULL else NULL)
            if base >= 0:
                tile += some * tile_row
            r += some


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
    cdef real *picked = work + TILE_ROWS * job.unit_width * job.tile_gates
    for k in range(count):
        t = first + k
        bases[count - 1 - k if net.reverse else k] = rows
        if net.lengths != NULL:
            pick_rows(net, 0, live_places(net, 0, t), t, picked + rows * net.inputs)
        rows += live_places(net, 0, t)
    for j in range(first_tile, last_tile):
        add_x(job, j, rows, x if net.lengths == NULL else picked,
              <real *>job.projected + j * job.block * net.rows * job.unit_width * job.tile_gates)


# ---- One tile


cdef void add_x(const Forward *job, Py_ssize_t j, Py_ssize_t rows, const real *x, real *tile) noexcept nogil:
    """tile = bias + x W_ih^T, as far as x goes into it; the bias alone elsewhere."""
    cdef Py_ssize_t inputs = job.net.inputs, unit = round_up(units_of(job, j), lanes(sizeof(real))), gate = 0
    cdef Py_ssize_t tile_row = job.tile_gates * unit, width = job.at_once * unit
    cdef const real *panel = <const real *>job.panels + j * panel_size(job)
    cdef const real *bias = <const real *>job.biases + j * job.unit_width * job.tile_gates
    while gate < job.net.gates:
        gemm(rows, width, inputs, x, inputs, 1, panel + gate * unit * inputs, width,
             bias + (job.x_first + gate) * unit, 0, 1, tile + (job.x_first + gate) * unit, tile_row)
        gate += job.at_once
    if job.net.kind == GRU:
        gemm(rows, unit, 0, x, inputs, 1, panel, width, bias + 3 * unit, 0, 1, tile + 3 * unit, tile_row)


cdef void add_h(const Forward *job, Py_ssize_t j, Py_ssize_t rows, const real *h, real *tile) noexcept nogil:
    """tile += h W_hh^T."""
    cdef Py_ssize_t hidden = job.net.hidden, unit = round_up(units_of(job, j), lanes(sizeof(real))), gate = 0
    cdef Py_ssize_t tile_row = job.tile_gates * unit, width = job.at_once * unit
    cdef const real *panel = (<const real *>job.panels + j * panel_size(job)
                              + job.net.inputs * job.net.gates * unit)
    cdef real *sums
    while gate < job.net.gates:
        sums = tile + (job.h_first + gate) * unit
        gemm(rows, width, hidden, h, hidden, 1, panel + gate * unit * hidden, width, sums, tile_row, 1, sums, tile_row)
        gate += job.at_once


cdef void gates(const Forward *job, Py_ssize_t j, Py_ssize_t rows, Py_ssize_t place, Py_ssize_t t, const real *tile,
                const real *h, real *h_new) noexcept nogil:
    """From the sums of `rows` places from `place` on to the state and what is kept of the step."""
    cdef const Net *net = job.net
    cdef Py_ssize_t units = units_of(job, j), first = j * job.unit_width, hidden = net.hidden
    cdef const Py_ssize_t *order = net.order + place if net.order != NULL else NULL
    cdef Py_ssize_t row = 0 if order != NULL else place, at = (t * net.rows + row) * hidden
    cdef real *y = <real *>net.y + at + first
    cdef real *saved = <real *>net.saved + 4 * at + first if net.saved != NULL else NULL
    cdef real *to = h_new + first if h_new != NULL else NULL
    cdef Py_ssize_t unit = round_up(units, lanes(sizeof(real)))
    if net.kind == LSTM:
        lstm_gates(rows, units, hidden, tile, unit, order, <real *>job.c_n + row * hidden + first, y, to, saved,
                   <real *>net.cells + at + first if net.cells != NULL else NULL)
    elif net.kind == GRU:
        gru_gates(rows, units, hidden, tile, unit, h + first, order, y, to, saved)
    else:
        rnn_gates(rows, units, hidden, net.relu, tile, unit, order, y, to)
