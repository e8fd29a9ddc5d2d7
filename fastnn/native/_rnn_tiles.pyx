"""Tiles of a recurrent layer's sums: packed weights, products, and the gates after them.

Every sum is one sequential chain: bias, then x by its columns, then h by its columns.
"""

from libc.string cimport memcpy

from ._kernels cimport (
    gemm,
    gru_gates,
    lanes,
    lstm_gates,
    one_row_width,
    pack,
    pack_t_apart,
    rnn_gates,
    round_up,
    tandem,
    tandem_size,
    tile_width,
)
from ._rnn_net cimport GRU, LSTM, RNN, Net, carve, part_start

cdef enum:
    FEW_SUMS = 4096   # so many sums of all rows and units stay in the first-level cache, beside the panels that pass
    TANDEM_BYTES = 1 << 16   # of weight_hh, from where on a step waits for them rather than computes
    K_BLOCK = 768     # taps of a panel that is used for all rows while it is in L2
    FEW_USES = 8      # of weights on the way back; to pack them for so few costs more than it brings


cdef void cut_into_tiles(Tiles *tiles, const Net *net, Py_ssize_t first, Py_ssize_t units, Py_ssize_t rows,
                         Py_ssize_t itemsize) noexcept nogil:
    cdef Py_ssize_t vector = lanes(itemsize)
    tiles.net, tiles.first, tiles.all_units = net, first, units
    tiles.gates = 1 if net.kind == RNN else 4
    tiles.unit_width = tile_width(itemsize) if net.kind == RNN else vector
    if rows * net.hidden * tiles.gates <= FEW_SUMS:
        # The gates of a single row would fill half of their vectors otherwise, and wait for the products tile by tile.
        tiles.unit_width = max(<Py_ssize_t>1, units)
    tiles.x_first = 0
    tiles.h_first = 1 if net.kind == GRU else 0
    tiles.count = (units + tiles.unit_width - 1) // tiles.unit_width
    lay_columns(net, tiles.unit_width, rows, itemsize, &tiles.others)
    lay_columns(net, units - (tiles.count - 1) * tiles.unit_width, rows, itemsize, &tiles.last)
    tiles.tandem = tandem_of(tiles, itemsize)
    if tiles.tandem > 0:
        cut_into_panels(tiles.last.vectors, 1, &tiles.last.x)
        cut_into_panels(tiles.last.vectors, tiles.tandem, &tiles.last.h)


cdef int tandem_of(const Tiles *tiles, Py_ssize_t itemsize) noexcept nogil:
    cdef const Net *net = tiles.net
    cdef int size = tandem_size(itemsize)
    cdef Py_ssize_t columns = net.gates * tiles.last.unit
    if net.rows != 1 or net.lengths != NULL or net.groups != 1 or tiles.count != 1 or net.inputs == 0:
        return 0
    if net.steps < 2 * size or columns < size * lanes(itemsize) or columns % lanes(itemsize) != 0:
        return 0
    return size if columns * net.hidden * itemsize >= TANDEM_BYTES else 0


cdef Py_ssize_t first_unit(const Net *net, int id, int team, Py_ssize_t itemsize) noexcept nogil:
    cdef Py_ssize_t step = lanes(itemsize)
    if net.kind != RNN and net.rows > 1:
        step = max(<Py_ssize_t>1, step // 4)
    return min(net.hidden, part_start((net.hidden + step - 1) // step, id, team) * step)


cdef void lay_columns(const Net *net, Py_ssize_t units, Py_ssize_t rows, Py_ssize_t itemsize,
                      Columns *columns) noexcept nogil:
    # The gates of a few units share vectors where that makes them fewer.
    cdef Py_ssize_t vector = lanes(itemsize)
    cdef Py_ssize_t unit = round_up(units, vector), dense = round_up(units, max(<Py_ssize_t>1, vector // 4))
    cdef Py_ssize_t vectors = net.gates * unit // vector, fewer = (net.gates * dense + vector - 1) // vector
    columns.units = units
    columns.unit = dense if fewer < vectors else unit
    columns.vectors = min(vectors, fewer)
    cut_into_panels(columns.vectors, tile_width(itemsize) // vector, &columns.x)
    cut_into_panels(columns.vectors, (one_row_width(itemsize) if rows == 1 else tile_width(itemsize)) // vector,
                    &columns.h)


cdef void cut_into_panels(Py_ssize_t vectors, Py_ssize_t widest, Cut *cut) noexcept nogil:
    cut.count = (vectors + widest - 1) // widest
    cut.each = vectors // max(<Py_ssize_t>1, cut.count)
    cut.wider = vectors - cut.each * cut.count


cdef Py_ssize_t panel_size(const Tiles *tiles, real *dtype) noexcept nogil:
    return (tiles.net.inputs + tiles.net.hidden) * tiles.others.vectors * lanes(sizeof(real))


cdef inline Py_ssize_t panel_start(const Cut *cut, Py_ssize_t p, real *dtype) noexcept nogil:
    """The first column of panel p."""
    return (p * cut.each + min(p, cut.wider)) * lanes(sizeof(real))


cdef void pack_tile(const Tiles *tiles, Py_ssize_t j, real *dtype) noexcept nogil:
    """The columns of W^T that belong to tile j's units, and its row of biases."""
    cdef const Net *net = tiles.net
    cdef const Columns *columns = columns_of(tiles, j)
    cdef Py_ssize_t gate, source, first = tiles.first + j * tiles.unit_width, p
    cdef real *panels = <real *>tiles.panels + j * panel_size(tiles, dtype)
    cdef real *bias = <real *>tiles.biases + j * tiles.unit_width * tiles.gates
    for p in range(columns.x.count):
        pack_panel(net, columns, &columns.x, p, net.inputs, <const real *>net.weight_ih, 2 if net.kind == GRU else 0,
                   first, panels)
    panels += net.inputs * columns.vectors * lanes(sizeof(real))
    for p in range(columns.h.count):
        pack_panel(net, columns, &columns.h, p, net.hidden, <const real *>net.weight_hh, 0, first, panels)
    for gate in range(tiles.gates * columns.unit):
        bias[gate] = 0
    for gate in range(net.gates):
        source = (gate + 2) % 3 if net.kind == GRU else gate
        add_bias(net, columns, <const real *>net.bias_ih, source, first, bias + (tiles.x_first + gate) * columns.unit)
    for gate in range(net.gates):
        add_bias(net, columns, <const real *>net.bias_hh, gate, first, bias + (tiles.h_first + gate) * columns.unit)


cdef void pack_panel(const Net *net, const Columns *columns, const Cut *cut, Py_ssize_t p, Py_ssize_t taps,
                     const real *weight, Py_ssize_t turn, Py_ssize_t first, real *panels) noexcept nogil:
    """Panel p: of gates in an order that begins with gate `turn`; zeros where there are no units."""
    cdef Py_ssize_t start = panel_start(cut, p, panels), end = panel_start(cut, p + 1, panels)
    cdef Py_ssize_t column = start, gate, u, some
    while column < end:
        gate = column // columns.unit
        u = column - gate * columns.unit
        some = end - column if gate == net.gates - 1 else min(end - column, columns.unit - u)
        pack_t_apart(taps, max(<Py_ssize_t>0, min(columns.units - u, some)), some,
                     weight + ((gate + turn) % net.gates * net.hidden + first + u) * taps, taps,
                     panels + start * taps + column - start, end - start)
        column += some


cdef inline void add_bias(const Net *net, const Columns *columns, const real *bias, Py_ssize_t source,
                          Py_ssize_t first, real *to) noexcept nogil:
    cdef Py_ssize_t u
    for u in range(columns.units if bias != NULL else 0):
        to[u] += bias[source * net.hidden + first + u]


cdef void add_x(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, const real *x, Py_ssize_t x_rs,
                real *tile) noexcept nogil:
    cdef const Columns *at = columns_of(tiles, j)
    cdef Py_ssize_t inputs = tiles.net.inputs, row = tiles.gates * at.unit, all = tiles.net.gates * at.unit
    cdef Py_ssize_t p, start, end
    cdef const real *panels = <const real *>tiles.panels + j * panel_size(tiles, tile)
    cdef const real *bias = <const real *>tiles.biases + j * tiles.unit_width * tiles.gates
    for p in range(at.x.count):
        start, end = panel_start(&at.x, p, tile), panel_start(&at.x, p + 1, tile)
        gemm(rows, min(end, all) - start, inputs, x, x_rs, 1, panels + start * inputs, end - start, bias + start, 0,
             1, tile + start, row)
    begin_h(tiles, at, rows, bias, tile)


cdef inline void begin_h(const Tiles *tiles, const Columns *at, Py_ssize_t rows, const real *bias,
                         real *tile) noexcept nogil:
    """What x does not go into: a GRU's n of h."""
    cdef Py_ssize_t all = tiles.net.gates * at.unit, r
    for r in range(rows if tiles.net.kind == GRU else 0):
        memcpy(tile + r * tiles.gates * at.unit + all, bias + all, at.unit * sizeof(real))


cdef void add_h(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, const real *h, bint back, real *tile) noexcept nogil:
    cdef const Columns *at = columns_of(tiles, j)
    cdef Py_ssize_t hidden = tiles.net.hidden, row = tiles.gates * at.unit, all = tiles.net.gates * at.unit
    cdef Py_ssize_t p, q, start, end
    cdef const real *panels = (<const real *>tiles.panels + j * panel_size(tiles, tile)
                               + tiles.net.inputs * at.vectors * lanes(sizeof(real)))
    cdef real *sums = tile + tiles.h_first * at.unit
    for q in range(at.h.count):
        p = at.h.count - 1 - q if back else q
        start, end = panel_start(&at.h, p, tile), panel_start(&at.h, p + 1, tile)
        gemm(rows, min(end, all) - start, hidden, h, hidden, 1, panels + start * hidden, end - start, sums + start,
             row, 1, sums + start, row)


cdef void add_in_tandem(const Tiles *tiles, const real *h, bint back, real *tile, Py_ssize_t place, const real *x,
                        Py_ssize_t x_rs, real *ahead) noexcept nogil:
    cdef const Columns *at = columns_of(tiles, 0)
    cdef Py_ssize_t inputs = tiles.net.inputs, hidden = tiles.net.hidden, vector = lanes(sizeof(real))
    cdef Py_ssize_t beside = place * at.h.count, column, taps, q, p, start, end
    cdef const real *x_panels = <const real *>tiles.panels
    cdef const real *h_panels = x_panels + inputs * at.vectors * vector
    cdef const real *bias = <const real *>tiles.biases
    cdef real *sums = tile + tiles.h_first * at.unit
    if ahead != NULL and place == 0:
        begin_h(tiles, at, tiles.tandem, bias, ahead)
    for q in range(at.h.count):
        p = at.h.count - 1 - q if back else q
        start, end = panel_start(&at.h, p, tile), panel_start(&at.h, p + 1, tile)
        taps = column = 0
        if ahead != NULL and beside < at.vectors:
            taps, column = inputs, beside * vector
        tandem((end - start) // vector, hidden, h, h_panels + start * hidden, sums + start, taps, x, x_rs,
               x_panels + column * inputs, bias + column, ahead + column, tiles.gates * at.unit)
        beside += 1


cdef void gates(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, Py_ssize_t start, Py_ssize_t r, Py_ssize_t t,
                const real *tile, const real *h, real *h_new) noexcept nogil:
    cdef const Net *net = tiles.net
    cdef const Columns *own = columns_of(tiles, j)
    cdef Py_ssize_t first = tiles.first + j * tiles.unit_width, hidden = net.hidden, here = r * hidden + first
    cdef const Py_ssize_t *order = net.order + start + r if net.order != NULL else NULL
    cdef Py_ssize_t row = 0 if order != NULL else start + r, at = (t * net.rows + row) * hidden
    cdef real *y = h_new + here if h_new != NULL else <real *>net.y + at + first
    cdef real *saved = <real *>net.saved + 4 * at + first if net.saved != NULL else NULL
    if net.kind == LSTM:
        lstm_gates(rows, own.units, hidden, tile, own.unit, order, <real *>tiles.c + here, y, saved,
                   <real *>net.cells + at + first if net.cells != NULL else NULL)
    elif net.kind == GRU:
        gru_gates(rows, own.units, hidden, tile, own.unit, h + here, order, y, saved)
    else:
        rnn_gates(rows, own.units, hidden, net.relu, tile, own.unit, y)


# ---- The way back


cdef void lay_out_panels(Panels *panels, const void *weight, Py_ssize_t taps, Py_ssize_t top, Py_ssize_t all_cols,
                         Py_ssize_t first, Py_ssize_t last, Py_ssize_t uses, size_t *at, real *dtype) noexcept nogil:
    panels.weight, panels.taps, panels.top, panels.all_cols = weight, taps, top, all_cols
    panels.first, panels.cols = first, max(<Py_ssize_t>0, min(last, all_cols) - first)
    panels.width = tile_width(sizeof(real))
    panels.count = (panels.cols + panels.width - 1) // panels.width
    panels.packed = NULL
    if uses > FEW_USES or all_cols % lanes(sizeof(real)) != 0:   # products read whole vectors
        panels.packed = carve(at, panels.count * panels.width * taps * sizeof(real))


cdef void pack_panels(const Panels *panels, real *dtype) noexcept nogil:
    cdef Py_ssize_t j, cols, width, lower = panels.taps - panels.top, ld = panels.all_cols
    cdef const real *weight
    cdef real *panel
    for j in range(panels.count if panels.packed != NULL else 0):
        cols = panel_cols(panels.cols, j, panels.width)
        width = round_up(cols, lanes(sizeof(real)))
        weight = <const real *>panels.weight + panels.first + j * panels.width
        panel = <real *>panels.packed + j * panels.width * panels.taps
        pack(lower, cols, width, weight + panels.top * ld, ld, panel)
        pack(panels.top, cols, width, weight, ld, panel + lower * width)


cdef void times_panel(const Panels *panels, Py_ssize_t j, Py_ssize_t rows, const real *dgates, Py_ssize_t row,
                      const real *init, real *c, Py_ssize_t c_rs) noexcept nogil:
    cdef Py_ssize_t cols = panel_cols(panels.cols, j, panels.width), width = round_up(cols, lanes(sizeof(real)))
    cdef Py_ssize_t taps = panels.taps, lower = taps - panels.top, tap = 0, some
    cdef const real *panel = <const real *>panels.packed + j * panels.width * taps
    cdef const real *weight = <const real *>panels.weight + panels.first + j * panels.width
    while tap < taps:
        some = min(taps - tap, <Py_ssize_t>K_BLOCK)
        if panels.packed != NULL:
            gemm(rows, cols, some, dgates + tap, row, 1, panel + tap * width, width, init, c_rs, 1, c, c_rs)
        else:
            some = min(some, lower - tap if tap < lower else taps)   # not past the last row
            gemm(rows, cols, some, dgates + tap, row, 1, weight + (tap + panels.top) % taps * panels.all_cols,
                 panels.all_cols, init, c_rs, 1, c, c_rs)
        init = c
        tap += some
