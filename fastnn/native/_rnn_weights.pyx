"""What a block of dgates, the gradients of a recurrent layer's sums, gives to dx and to the weights' gradients.

The gradients of weights and biases are sums over rows in the order of time and, within a step, of the batch.
"""

from libc.string cimport memcpy

from ._kernels cimport gemm, lanes, pack, round_up, tile_width
from ._rnn_net cimport (
    GRU,
    RNN,
    Gradients,
    Net,
    carve,
    fnn_barrier,
    fnn_flag,
    h_before,
    is_live,
    live_places,
    part_start,
)
from ._runtime cimport real

cdef enum:
    COLUMNS = 48      # columns of dgates that are packed together: rows of the weights' gradients
    TILE_ROWS = 48
    K_BLOCK = 768     # taps of a panel that is used for all rows while it is in L2


cdef void lay_out_weights(Weights *job, const Net *net, const Gradients *grads, Py_ssize_t chunk, Py_ssize_t block,
                          int threads, size_t *at, real *dtype) noexcept nogil:
    cdef Py_ssize_t width = tile_width(sizeof(real)), item = sizeof(real)
    job.net, job.grads = net, grads
    job.row = (1 if net.kind == RNN else 4) * net.hidden
    job.x_first = net.hidden if net.kind == GRU else 0
    job.panel_width, job.chunk, job.taps = width, chunk, chunk * block
    job.x_panels = (net.inputs + width - 1) // width
    job.h_panels = (net.hidden + width - 1) // width
    job.inputs = carve(at, (job.x_panels + job.h_panels) * width * job.taps * item)
    job.columns = carve(at, threads * COLUMNS * job.taps * item)
    job.panels_ih = carve(at, job.x_panels * width * net.gates * net.hidden * item if grads.dx != NULL else 0)
    job.tiles = carve(at, threads * TILE_ROWS * width * item if grads.dx != NULL else 0)


cdef inline Py_ssize_t panel_cols(const Weights *job, Py_ssize_t total, Py_ssize_t p) noexcept nogil:
    return min(job.panel_width, total - p * job.panel_width)


# ---- dx


cdef void pack_weight_ih(const Weights *job, int id, int team, real *dtype) noexcept nogil:
    cdef const Net *net = job.net
    cdef Py_ssize_t p, cols, taps = net.gates * net.hidden
    if job.grads.dx == NULL:
        return
    for p in range(part_start(job.x_panels, id, team), part_start(job.x_panels, id + 1, team)):
        cols = panel_cols(job, net.inputs, p)
        pack(taps, cols, round_up(cols, lanes(sizeof(real))), <const real *>net.weight_ih + p * job.panel_width,
             net.inputs, <real *>job.panels_ih + p * job.panel_width * taps)


cdef void x_gradient(const Weights *job, Py_ssize_t start, Py_ssize_t count, const real *dgates, int id,
                     int team) noexcept nogil:
    cdef const Net *net = job.net
    cdef Py_ssize_t first, k, p, place, rows, t, group, i
    cdef real *dx = <real *>job.grads.dx
    if dx == NULL:
        return
    if net.order == NULL:
        first = part_start(count * net.rows, id, team)
        for p in range(job.x_panels):
            times_weight_ih(job, p, part_start(count * net.rows, id + 1, team) - first, dgates + first * job.row,
                            dx + (start * net.rows + first) * net.inputs + p * job.panel_width, net.inputs)
        return
    for k in range(part_start(count * net.groups, id, team), part_start(count * net.groups, id + 1, team)):
        t, group = start + k // net.groups, k % net.groups
        place, rows = part_start(net.rows, group, net.groups), live_places(net, group, t)
        i = 0
        while i < rows:
            scatter(job, t, place + i, min(rows - i, <Py_ssize_t>TILE_ROWS), dgates + (t - start) * net.rows * job.row,
                    <real *>job.tiles + id * TILE_ROWS * job.panel_width)
            i += TILE_ROWS


cdef void scatter(const Weights *job, Py_ssize_t t, Py_ssize_t place, Py_ssize_t rows, const real *dgates,
                  real *tile) noexcept nogil:
    """dx of a few neighbouring places at time t."""
    cdef const Net *net = job.net
    cdef Py_ssize_t p, r, cols
    for p in range(job.x_panels):
        cols = panel_cols(job, net.inputs, p)
        times_weight_ih(job, p, rows, dgates + place * job.row, tile, job.panel_width)
        for r in range(rows):
            memcpy(<real *>job.grads.dx + (t * net.rows + net.order[place + r]) * net.inputs + p * job.panel_width,
                   tile + r * job.panel_width, cols * sizeof(real))


cdef void times_weight_ih(const Weights *job, Py_ssize_t p, Py_ssize_t rows, const real *dgates, real *dx,
                          Py_ssize_t dx_rs) noexcept nogil:
    cdef Py_ssize_t cols = panel_cols(job, job.net.inputs, p), width = round_up(cols, lanes(sizeof(real)))
    cdef Py_ssize_t taps = job.net.gates * job.net.hidden, tap = 0, some
    cdef const real *panel = <const real *>job.panels_ih + p * job.panel_width * taps
    cdef const real *init = NULL
    while tap < taps:
        some = min(taps - tap, <Py_ssize_t>K_BLOCK)
        gemm(rows, cols, some, dgates + job.x_first + tap, job.row, 1, panel + tap * width, width, init, dx_rs, 1, dx,
             dx_rs)
        init = dx
        tap += some


# ---- Weights and biases


cdef void add_to_weights(const Weights *job, Py_ssize_t start, Py_ssize_t count, const real *dgates, bint first,
                         fnn_flag *flags, int id, int team) noexcept nogil:
    cdef const Net *net = job.net
    cdef const Gradients *grads = job.grads
    cdef Py_ssize_t row = 0, last, hidden = net.hidden
    if (grads.dweight_ih == NULL and grads.dweight_hh == NULL and grads.dbias_ih == NULL and grads.dbias_hh == NULL):
        return
    while row < net.rows:
        last = min(row + job.chunk, net.rows)
        pack_inputs(job, start, count, row, last, id, team, <real *>NULL)
        fnn_barrier(flags, id, team)
        if net.kind == GRU:   # dgates: n (h part) r z n (x part)
            add_part(job, start, count, row, last, dgates, first, 0, hidden, -1, 2 * hidden, id, team)
            add_part(job, start, count, row, last, dgates, first, hidden, 2 * hidden, 0, 0, id, team)
            add_part(job, start, count, row, last, dgates, first, 3 * hidden, hidden, 2 * hidden, -1, id, team)
        else:
            add_part(job, start, count, row, last, dgates, first, 0, job.row, 0, 0, id, team)
        if last < net.rows:
            fnn_barrier(flags, id, team)
        row = last
        first = False


cdef void pack_inputs(const Weights *job, Py_ssize_t start, Py_ssize_t count, Py_ssize_t row, Py_ssize_t last, int id,
                      int team, real *dtype) noexcept nogil:
    """Thread id's share of the panels of [x | h], h the state before each step, for rows row..last."""
    cdef const Net *net = job.net
    cdef Py_ssize_t panels = job.x_panels + job.h_panels, p, t, r
    cdef real *to
    for p in range(part_start(panels, id, team), part_start(panels, id + 1, team)):
        if (job.grads.dweight_ih if p < job.x_panels else job.grads.dweight_hh) == NULL:
            continue
        to = <real *>job.inputs + p * job.panel_width * job.taps
        for t in range(start, start + count):
            if net.lengths == NULL:
                to = pack_rows(job, p, t, row, last - row, to)
            else:
                for r in range(row, last):
                    if is_live(net, r, t):
                        to = pack_rows(job, p, t, r, 1, to)


cdef real *pack_rows(const Weights *job, Py_ssize_t p, Py_ssize_t t, Py_ssize_t row, Py_ssize_t rows,
                     real *to) noexcept nogil:
    """Panel p of some neighbouring rows at time t. Returns where the next go."""
    cdef const Net *net = job.net
    cdef bint is_x = p < job.x_panels
    cdef Py_ssize_t total = net.inputs if is_x else net.hidden, q = p if is_x else p - job.x_panels
    cdef Py_ssize_t cols = panel_cols(job, total, q), width = round_up(cols, lanes(sizeof(real)))
    cdef const real *source
    if is_x:
        source = <const real *>net.x + (t * net.rows + row) * total
    else:
        source = h_before(net, row, t, to)
    pack(rows, cols, width, source + q * job.panel_width, total, to)
    return to + rows * width


cdef void add_part(const Weights *job, Py_ssize_t start, Py_ssize_t count, Py_ssize_t row, Py_ssize_t last,
                   const real *dgates, bint first, Py_ssize_t column, Py_ssize_t columns, Py_ssize_t row_ih,
                   Py_ssize_t row_hh, int id, int team) noexcept nogil:
    """Thread id's share of the rows of the gradients that belong to `columns` columns of dgates from `column` on.

    They are the rows from row_ih on of dweight_ih, from row_hh on of dweight_hh (-1: of neither).
    """
    cdef const Net *net = job.net
    cdef const Gradients *grads = job.grads
    cdef Py_ssize_t parts = round_up((columns + COLUMNS - 1) // COLUMNS, team), part, c, cols, width, taps
    cdef real *packed = <real *>job.columns + id * COLUMNS * job.taps
    for part in range(part_start(parts, id, team), part_start(parts, id + 1, team)):
        c = part_start(columns, part, parts)
        cols = part_start(columns, part + 1, parts) - c
        width = round_up(cols, lanes(sizeof(real)))
        taps = pack_columns(job, start, count, row, last, dgates + column + c, cols, width, packed)
        if row_ih >= 0:
            add_rows(job, taps, cols, packed, width, first, 0, job.x_panels, net.inputs, row_ih + c,
                     <real *>grads.dweight_ih, <real *>grads.dbias_ih)
        if row_hh >= 0:
            add_rows(job, taps, cols, packed, width, first, job.x_panels, job.h_panels, net.hidden, row_hh + c,
                     <real *>grads.dweight_hh, <real *>grads.dbias_hh)


cdef Py_ssize_t pack_columns(const Weights *job, Py_ssize_t start, Py_ssize_t count, Py_ssize_t row, Py_ssize_t last,
                             const real *dgates, Py_ssize_t cols, Py_ssize_t width, real *to) noexcept nogil:
    """Some columns of dgates for rows row..last. Returns how many rows those are."""
    cdef const Net *net = job.net
    cdef Py_ssize_t t, r, taps = 0
    if net.lengths == NULL:
        for t in range(count):
            pack(last - row, cols, width, dgates + (t * net.rows + row) * job.row, job.row, to + taps * width)
            taps += last - row
        return taps
    for t in range(count):
        for r in range(row, last):
            if is_live(net, r, start + t):
                pack(1, cols, width, dgates + (t * net.rows + net.order[net.rows + r]) * job.row, job.row,
                     to + taps * width)
                taps += 1
    return taps


cdef void add_rows(const Weights *job, Py_ssize_t taps, Py_ssize_t rows, const real *packed, Py_ssize_t packed_width,
                   bint first, Py_ssize_t panel, Py_ssize_t panels, Py_ssize_t cols, Py_ssize_t row, real *dweight,
                   real *dbias) noexcept nogil:
    """Some rows of a weight's gradient, and of its bias's: sums of the packed columns, as a product with 1."""
    cdef Py_ssize_t p, some, width
    cdef const real *inputs
    cdef real *to
    cdef real one = 1
    if dweight != NULL:
        for p in range(panels):
            some = panel_cols(job, cols, p)
            width = round_up(some, lanes(sizeof(real)))
            inputs = <const real *>job.inputs + (panel + p) * job.panel_width * job.taps
            to = dweight + row * cols + p * job.panel_width
            gemm(rows, some, taps, packed, 1, packed_width, inputs, width, NULL if first else to, cols, 1, to, cols)
    if dbias != NULL:
        p = 0
        while p < rows:
            some = min(rows - p, job.panel_width)
            to = dbias + row + p
            gemm(1, some, taps, &one, 0, 0, packed + p, packed_width, NULL if first else to, 0, 1, to, some)
            p += some
