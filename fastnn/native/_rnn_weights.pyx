"""What a block of dgates, the gradients of a recurrent layer's sums, gives to dx and to the weights' gradients.

The gradients of weights and biases are sums over rows in the order of time and, within a step, of the batch; where
that is large over each half of it, so that two threads need nothing of each other's.
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
    part_of,
    part_start,
    row_at,
)
from ._rnn_plan cimport Plan
from ._rnn_tiles cimport Panels, lay_out_panels, panel_cols, times_panel
from ._runtime cimport real

cdef enum:
    COLUMNS = 64      # columns of dgates that are packed together, whole vectors: rows of the weights' gradients
    TILE_ROWS = 48


# Rows row..last of the batch at some times, and the sums that they are added to.
cdef struct Piece:
    Py_ssize_t start, count, row, last
    const Gradients *grads
    bint first   # nothing is there yet


cdef void lay_out_weights(Weights *job, const Net *net, const Gradients *grads, const Plan *plan, size_t *at,
                          real *dtype) noexcept nogil:
    cdef Py_ssize_t width = tile_width(sizeof(real)), item = sizeof(real), gates = net.gates * net.hidden * item
    job.net = net
    job.row = (1 if net.kind == RNN else 4) * net.hidden
    job.x_first = net.hidden if net.kind == GRU else 0
    job.panel_width, job.chunk, job.taps = width, plan.chunk, plan.chunk * plan.block
    job.x_panels = (net.inputs + width - 1) // width
    job.h_panels = (net.hidden + width - 1) // width
    job.parts, job.own = plan.parts, plan.parts % plan.threads == 0
    job.sums[0] = job.sums[1] = grads[0]
    if plan.parts > 1:
        job.sums[1].dweight_ih = carve_if(grads.dweight_ih, at, gates * net.inputs)
        job.sums[1].dweight_hh = carve_if(grads.dweight_hh, at, gates * net.hidden)
        job.sums[1].dbias_ih = carve_if(grads.dbias_ih, at, gates)
        job.sums[1].dbias_hh = carve_if(grads.dbias_hh, at, gates)
    job.inputs = NULL if job.own else carve(at, inputs_size(job) * item)


cdef inline void *carve_if(const void *wanted, size_t *at, Py_ssize_t bytes) noexcept nogil:
    return NULL if wanted == NULL else carve(at, bytes)


cdef inline Py_ssize_t inputs_size(const Weights *job) noexcept nogil:
    return (job.x_panels + job.h_panels) * job.panel_width * job.taps


cdef void lay_out_weights_share(const Weights *job, WeightsShare *share, int id, int team, size_t *at,
                                real *dtype) noexcept nogil:
    cdef const Net *net = job.net
    cdef Py_ssize_t item = sizeof(real), vector = lanes(item), vectors = (net.inputs + vector - 1) // vector
    cdef Py_ssize_t first = 0, last = net.inputs
    share.dx_part, share.dx_parts = 0, 1
    if net.groups == 1 and vectors >= team:   # each thread has some columns of dx
        first, last = part_start(vectors, id, team) * vector, part_start(vectors, id + 1, team) * vector
    elif net.groups == 1:
        share.dx_part, share.dx_parts = id, team
    if job.sums[0].dx == NULL:
        last = first
    lay_out_panels(&share.ih, net.weight_ih, net.gates * net.hidden, 0, net.inputs, first, last,
                   weight_uses(net) if net.lengths != NULL else (net.steps * net.rows + 7) // 8, at, dtype)
    share.tile = carve(at, TILE_ROWS * job.panel_width * item)
    share.inputs = carve(at, inputs_size(job) * item) if job.own else job.inputs
    share.columns = carve(at, COLUMNS * job.taps * item)


# ---- dx


cdef void x_gradient(const Weights *job, const WeightsShare *share, Py_ssize_t group, Py_ssize_t start,
                     Py_ssize_t count, const real *block) noexcept nogil:
    cdef const Net *net = job.net
    cdef Py_ssize_t place = part_start(net.rows, group, net.groups), steps = count, j, k, live
    cdef Py_ssize_t rows = part_start(net.rows, group + 1, net.groups) - place
    cdef const real *dgates = block + group * job.piece + job.x_first
    if job.sums[0].dx == NULL:
        return
    if net.order == NULL:   # the rows of all steps lie one behind the other
        steps = 1
    for j in range(share.ih.count):
        for k in range(steps):
            live = count * rows if net.order == NULL else live_places(net, group, start + k)
            dx_rows(job, share, j, start, place, rows, k * rows + part_start(live, share.dx_part, share.dx_parts),
                    k * rows + part_start(live, share.dx_part + 1, share.dx_parts), dgates)


cdef void dx_rows(const Weights *job, const WeightsShare *share, Py_ssize_t j, Py_ssize_t start, Py_ssize_t place,
                  Py_ssize_t rows, Py_ssize_t first, Py_ssize_t last, const real *dgates) noexcept nogil:
    """Panel j's columns of dx, for rows first..last of dgates. A group has `rows`, from `place` on, at each time."""
    cdef const Net *net = job.net
    cdef const Panels *ih = &share.ih
    cdef Py_ssize_t size = panel_cols(ih.cols, j, ih.width) * sizeof(real), inputs = net.inputs, p, some
    cdef real *dx = <real *>job.sums[0].dx + start * net.rows * inputs + ih.first + j * ih.width
    cdef real *tile = <real *>share.tile
    if rows == net.rows and net.order == NULL:
        times_panel(ih, j, last - first, dgates + first * job.row, job.row, <const real *>NULL, dx + first * inputs,
                    inputs)
        return
    while first < last:
        some = min(last - first, <Py_ssize_t>TILE_ROWS)
        times_panel(ih, j, some, dgates + first * job.row, job.row, <const real *>NULL, tile, ih.width)
        for p in range(first, first + some):
            memcpy(dx + (p // rows * net.rows + row_at(net, place + p % rows)) * inputs, tile, size)
            tile += ih.width
        first, tile = first + some, <real *>share.tile


# ---- Weights and biases


cdef void add_to_weights(const Weights *job, const WeightsShare *share, Py_ssize_t start, Py_ssize_t count,
                         const real *block, bint first, fnn_flag *flags, int id, int team) noexcept nogil:
    cdef Py_ssize_t row, end
    cdef int part, me = 0 if job.own else id, of = 1 if job.own else team
    cdef int part0 = part_start(job.parts, id, team) if job.own else 0
    cdef int part1 = part_start(job.parts, id + 1, team) if job.own else job.parts
    cdef const Gradients *grads = &job.sums[0]
    cdef Piece piece
    cdef bint again = False
    if grads.dweight_ih == NULL and grads.dweight_hh == NULL and grads.dbias_ih == NULL and grads.dbias_hh == NULL:
        return
    piece.start, piece.count = start, count
    for part in range(part0, part1):
        row, end = part_start(job.net.rows, part, job.parts), part_start(job.net.rows, part + 1, job.parts)
        while row < end:
            piece.row, piece.last = row, min(row + job.chunk, end)
            piece.first = first and row == part_start(job.net.rows, part, job.parts)
            piece.grads = &job.sums[part]
            if again and not job.own:   # all have used the inputs that are there
                fnn_barrier(flags, id, team)
            pack_inputs(job, share, &piece, me, of, block)
            if not job.own:
                fnn_barrier(flags, id, team)
            add_columns(job, share, &piece, block, me, of)
            row, again = piece.last, True


cdef void pack_inputs(const Weights *job, const WeightsShare *share, const Piece *piece, int me, int of,
                      const real *dtype) noexcept nogil:
    """Panels of [x | h], h the state before each step."""
    cdef const Net *net = job.net
    cdef Py_ssize_t panels = job.x_panels + job.h_panels, p, t, r, rows = piece.last - piece.row
    cdef real *to
    for p in range(part_start(panels, me, of), part_start(panels, me + 1, of)):
        if (piece.grads.dweight_ih if p < job.x_panels else piece.grads.dweight_hh) == NULL:
            continue
        to = <real *>share.inputs + p * job.panel_width * job.taps
        for t in range(piece.start, piece.start + piece.count):
            if net.lengths == NULL:
                to = pack_rows(job, p, t, piece.row, rows, to)
            else:
                for r in range(piece.row, piece.last):
                    if is_live(net, r, t):
                        to = pack_rows(job, p, t, r, 1, to)


cdef real *pack_rows(const Weights *job, Py_ssize_t p, Py_ssize_t t, Py_ssize_t row, Py_ssize_t rows,
                     real *to) noexcept nogil:
    """Panel p of some neighbouring rows at time t. Returns where the next go."""
    cdef const Net *net = job.net
    cdef bint is_x = p < job.x_panels
    cdef Py_ssize_t total = net.inputs if is_x else net.hidden, q = p if is_x else p - job.x_panels
    cdef Py_ssize_t cols = panel_cols(total, q, job.panel_width), width = round_up(cols, lanes(sizeof(real)))
    cdef const real *source
    if is_x:
        source = <const real *>net.x + (t * net.rows + row) * total
    else:
        source = h_before(net, row, t, to)
    pack(rows, cols, width, source + q * job.panel_width, total, to)
    return to + rows * width


cdef void add_columns(const Weights *job, const WeightsShare *share, const Piece *piece, const real *block, int me,
                      int of) noexcept nogil:
    """The share `me` of `of` of the gradients' rows: those of some units, whose dgates this thread wrote itself."""
    cdef Py_ssize_t hidden = job.net.hidden, first = part_start(hidden, me, of), gate
    cdef Py_ssize_t units = part_start(hidden, me + 1, of) - first, lead = job.x_first
    cdef Py_ssize_t gates = 2 if job.net.kind == GRU else job.net.gates   # whose sums are over x and h
    if of == 1:
        add_part(job, share, piece, block, lead, gates * hidden, 0, 0)
    else:
        for gate in range(gates):
            add_part(job, share, piece, block, lead + gate * hidden + first, units, gate * hidden + first,
                     gate * hidden + first)
    if job.net.kind == GRU:   # dgates: n (h part) r z n (x part)
        add_part(job, share, piece, block, first, units, -1, 2 * hidden + first)
        add_part(job, share, piece, block, 3 * hidden + first, units, 2 * hidden + first, -1)


cdef void add_part(const Weights *job, const WeightsShare *share, const Piece *piece, const real *block,
                   Py_ssize_t column, Py_ssize_t columns, Py_ssize_t row_ih, Py_ssize_t row_hh) noexcept nogil:
    """The rows of the gradients that belong to `columns` columns of dgates from `column` on.

    They are the rows from row_ih on of dweight_ih, from row_hh on of dweight_hh (-1: of neither).
    """
    cdef const Net *net = job.net
    cdef Py_ssize_t parts = (columns + COLUMNS - 1) // COLUMNS, part, c, cols, width, taps
    cdef const Gradients *grads = piece.grads
    cdef const real *inputs = <const real *>share.inputs
    cdef real *packed = <real *>share.columns
    for part in range(parts):
        c = part_start(columns, part, parts)
        cols = part_start(columns, part + 1, parts) - c
        width = round_up(cols, lanes(sizeof(real)))
        taps = pack_columns(job, piece, block + column + c, cols, width, packed)
        if row_ih >= 0:
            add_rows(job, taps, cols, packed, width, piece.first, inputs, net.inputs, row_ih + c,
                     <real *>grads.dweight_ih, <real *>grads.dbias_ih)
        if row_hh >= 0:
            add_rows(job, taps, cols, packed, width, piece.first, inputs + job.x_panels * job.panel_width * job.taps,
                     net.hidden, row_hh + c, <real *>grads.dweight_hh, <real *>grads.dbias_hh)


cdef Py_ssize_t pack_columns(const Weights *job, const Piece *piece, const real *block, Py_ssize_t cols,
                             Py_ssize_t width, real *to) noexcept nogil:
    """Some columns of dgates. Returns how many rows those are."""
    cdef const Net *net = job.net
    cdef Py_ssize_t t, row, place, some, start, end, group, taps = 0
    for t in range(piece.count):
        row = piece.row
        while row < piece.last:
            place = row if net.order == NULL else net.order[net.rows + row]
            group = part_of(net.rows, place, net.groups)
            start, end = part_start(net.rows, group, net.groups), part_start(net.rows, group + 1, net.groups)
            some = min(piece.last, end) - row if net.order == NULL else 1
            if is_live(net, row, piece.start + t):
                pack(some, cols, width, block + group * job.piece + (t * (end - start) + place - start) * job.row,
                     job.row, to + taps * width)
                taps += some
            row += some
    return taps


cdef void add_rows(const Weights *job, Py_ssize_t taps, Py_ssize_t rows, const real *packed, Py_ssize_t packed_width,
                   bint first, const real *inputs, Py_ssize_t cols, Py_ssize_t row, real *dweight,
                   real *dbias) noexcept nogil:
    """Some rows of a weight's gradient, and of its bias's: sums of the packed columns, as a product with 1."""
    cdef Py_ssize_t p, some
    cdef real *to
    cdef real one = 1
    if dweight != NULL:
        for p in range((cols + job.panel_width - 1) // job.panel_width):
            some = panel_cols(cols, p, job.panel_width)
            to = dweight + row * cols + p * job.panel_width
            gemm(rows, some, taps, packed, 1, packed_width, inputs + p * job.panel_width * job.taps,
                 round_up(some, lanes(sizeof(real))), NULL if first else to, cols, 1, to, cols)
    if dbias != NULL:
        p = 0
        while p < rows:
            some = min(rows - p, job.panel_width)
            to = dbias + row + p
            gemm(1, some, taps, &one, 0, 0, packed + p, packed_width, NULL if first else to, 0, 1, to, some)
            p += some


cdef void add_parts(const Weights *job, int id, int team, real *dtype) noexcept nogil:
    cdef const Gradients *to = &job.sums[0]
    cdef const Gradients *other = &job.sums[1]
    cdef Py_ssize_t rows = job.net.gates * job.net.hidden
    if job.parts > 1:
        add_array(rows * job.net.inputs, <real *>to.dweight_ih, <const real *>other.dweight_ih, id, team)
        add_array(rows * job.net.hidden, <real *>to.dweight_hh, <const real *>other.dweight_hh, id, team)
        add_array(rows, <real *>to.dbias_ih, <const real *>other.dbias_ih, id, team)
        add_array(rows, <real *>to.dbias_hh, <const real *>other.dbias_hh, id, team)


cdef void add_array(Py_ssize_t n, real *to, const real *other, int id, int team) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(part_start(n, id, team), part_start(n, id + 1, team) if to != NULL else 0):
        to[i] += other[i]
