from ._rnn_net cimport Net
from ._runtime cimport real

# How the columns of a tile lie.
cdef struct Columns:
    Py_ssize_t units
    Py_ssize_t unit       # columns of a gate
    Py_ssize_t at_once    # gates of one product
    Py_ssize_t products
    Py_ssize_t width      # elements of a row of a product's panel, in whole vectors

# A layer's units cut into tiles of `unit_width` units (the last may have fewer). A row of a tile holds the sums of its
# units gate by gate: i f g o; n (x part) r z n (h part); or the one of an RNN. x is summed into the gates from x_first
# on, h into those from h_first on.
cdef struct Tiles:
    const Net *net
    Py_ssize_t count, unit_width, gates, x_first, h_first
    Columns others, last
    void *panels    # for each tile: its columns of weight_ih^T, then those of weight_hh^T
    void *biases    # for each tile: the first row of its sums
    void *c         # (N, H): an LSTM's cells, from step to step


cdef void cut_into_tiles(Tiles *tiles, const Net *net, Py_ssize_t vector, Py_ssize_t widest) noexcept nogil

cdef inline const Columns *columns_of(const Tiles *tiles, Py_ssize_t j) noexcept nogil:
    return &tiles.last if j == tiles.count - 1 else &tiles.others

# Elements of all panels and of all biases; of a row of tile j's sums. A tile is read up to a vector past its end.
cdef Py_ssize_t panels_size(const Tiles *tiles) noexcept nogil
cdef Py_ssize_t biases_size(const Tiles *tiles) noexcept nogil
cdef inline Py_ssize_t row_size(const Tiles *tiles, Py_ssize_t j) noexcept nogil:
    return tiles.gates * columns_of(tiles, j).unit

cdef void pack_tile(const Tiles *tiles, Py_ssize_t j, real *dtype) noexcept nogil

# tile = bias + x W_ih^T, as far as x goes into it; the bias alone elsewhere. Then tile += h W_hh^T.
cdef void add_x(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, const real *x, real *tile) noexcept nogil
cdef void add_h(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, const real *h, real *tile) noexcept nogil

# From the sums of `rows` places from `place` on at time t to y, c, what is kept of the step, and h_new (or NULL).
cdef void gates(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, Py_ssize_t place, Py_ssize_t t, const real *tile,
                const real *h, real *h_new) noexcept nogil
