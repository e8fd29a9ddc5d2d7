"""Tiles of a recurrent layer's sums: packed weights, products, and the gates after them.

Every sum is one sequential chain: bias, then x by its columns, then h by its columns.
"""

from ._kernels cimport gemm, gru_gates, lstm_gates, pack_t_apart, rnn_gates, round_up
from ._rnn_net cimport GRU, LSTM, RNN, Net, part_start

cdef enum:
    FEW_ROWS = 4   # that leave a register tile of one vector waiting for itself


cdef void cut_into_tiles(Tiles *tiles, const Net *net, Py_ssize_t first, Py_ssize_t units, Py_ssize_t vector,
                         Py_ssize_t widest) noexcept nogil:
    tiles.net, tiles.first, tiles.all_units = net, first, units
    tiles.unit_width = widest if net.kind == RNN else vector
    tiles.gates = 1 if net.kind == RNN else 4
    tiles.x_first = 0
    tiles.h_first = 1 if net.kind == GRU else 0
    tiles.count = (units + tiles.unit_width - 1) // tiles.unit_width
    lay_columns(net, tiles.unit_width, vector, widest, &tiles.others)
    lay_columns(net, units - (tiles.count - 1) * tiles.unit_width, vector, widest, &tiles.last)


cdef Py_ssize_t first_unit(const Net *net, Py_ssize_t width, Py_ssize_t vector, int id, int team) noexcept nogil:
    cdef Py_ssize_t step = width
    if net.rows >= FEW_ROWS:
        step = vector if net.kind == RNN else max(<Py_ssize_t>1, vector // 4)
    return min(net.hidden, part_start((net.hidden + step - 1) // step, id, team) * step)


cdef void lay_columns(const Net *net, Py_ssize_t units, Py_ssize_t vector, Py_ssize_t widest,
                      Columns *columns) noexcept nogil:
    cdef Columns dense
    columns.units = dense.units = units
    count_columns(net, round_up(units, vector), vector, widest, columns)
    # A few units: their gates share vectors where that makes them fewer.
    count_columns(net, units, vector, widest, &dense)
    if dense.products * dense.width < columns.products * columns.width:
        columns[0] = dense


cdef void count_columns(const Net *net, Py_ssize_t unit, Py_ssize_t vector, Py_ssize_t widest,
                        Columns *columns) noexcept nogil:
    columns.unit, columns.at_once = unit, net.gates
    while columns.at_once * unit > widest:
        columns.at_once //= 2
    columns.products = net.gates // columns.at_once
    columns.width = round_up(columns.at_once * unit, vector)


cdef void pack_tile(const Tiles *tiles, Py_ssize_t j, real *dtype) noexcept nogil:
    """The columns of W^T that belong to tile j's units, and its row of biases."""
    cdef const Net *net = tiles.net
    cdef const Columns *columns = columns_of(tiles, j)
    cdef Py_ssize_t gate, source, first = tiles.first + j * tiles.unit_width
    cdef real *panel = <real *>tiles.panels + j * panel_size(tiles)
    cdef real *bias = <real *>tiles.biases + j * tiles.unit_width * tiles.gates
    for gate in range(tiles.gates * columns.unit):
        bias[gate] = 0
    for gate in range(net.gates):
        source = (gate + 2) % 3 if net.kind == GRU else gate   # r z n stand as n r z for x
        pack_gate(net, columns, net.inputs, <const real *>net.weight_ih, source, first, gate, panel)
        add_bias(net, columns, <const real *>net.bias_ih, source, first, bias + (tiles.x_first + gate) * columns.unit)
    panel += net.inputs * columns.products * columns.width
    for gate in range(net.gates):
        pack_gate(net, columns, net.hidden, <const real *>net.weight_hh, gate, first, gate, panel)
        add_bias(net, columns, <const real *>net.bias_hh, gate, first, bias + (tiles.h_first + gate) * columns.unit)


cdef void pack_gate(const Net *net, const Columns *columns, Py_ssize_t taps, const real *weight, Py_ssize_t source,
                    Py_ssize_t first, Py_ssize_t gate, real *panel) noexcept nogil:
    """One gate's columns into the product that they are part of; behind the last, zeros to the end of the row."""
    cdef Py_ssize_t product = gate // columns.at_once, within = gate % columns.at_once * columns.unit
    cdef Py_ssize_t width = columns.unit
    if (gate + 1) % columns.at_once == 0:
        width = columns.width - within
    pack_t_apart(taps, columns.units, width, weight + (source * net.hidden + first) * taps, taps,
                 panel + product * columns.width * taps + within, columns.width)


cdef inline void add_bias(const Net *net, const Columns *columns, const real *bias, Py_ssize_t source,
                          Py_ssize_t first, real *to) noexcept nogil:
    cdef Py_ssize_t u
    for u in range(columns.units if bias != NULL else 0):
        to[u] += bias[source * net.hidden + first + u]


cdef void add_x(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, const real *x, real *tile) noexcept nogil:
    cdef const Columns *at = columns_of(tiles, j)
    cdef Py_ssize_t inputs = tiles.net.inputs, row = tiles.gates * at.unit, cols = at.at_once * at.unit, p, column
    cdef const real *panel = <const real *>tiles.panels + j * panel_size(tiles)
    cdef const real *bias = <const real *>tiles.biases + j * tiles.unit_width * tiles.gates
    for p in range(at.products):
        column = tiles.x_first * at.unit + p * cols
        gemm(rows, cols, inputs, x, inputs, 1, panel + p * at.width * inputs, at.width, bias + column, 0, 1,
             tile + column, row)
    if tiles.net.kind == GRU:
        gemm(rows, at.unit, 0, x, inputs, 1, panel, at.width, bias + 3 * at.unit, 0, 1, tile + 3 * at.unit, row)


cdef void add_h(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, const real *h, real *tile) noexcept nogil:
    cdef const Columns *at = columns_of(tiles, j)
    cdef Py_ssize_t inputs = tiles.net.inputs, hidden = tiles.net.hidden, row = tiles.gates * at.unit
    cdef Py_ssize_t cols = at.at_once * at.unit, p
    cdef const real *panel = <const real *>tiles.panels + j * panel_size(tiles) + inputs * at.products * at.width
    cdef real *sums = tile + tiles.h_first * at.unit
    for p in range(at.products):
        gemm(rows, cols, hidden, h, hidden, 1, panel + p * at.width * hidden, at.width, sums, row, 1, sums, row)
        sums += cols


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
