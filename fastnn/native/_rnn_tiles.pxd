from ._rnn_net cimport Net
from ._runtime cimport real

# How vectors of columns are cut into nearly equal panels.
cdef struct Cut:
    Py_ssize_t count, each, wider   # vectors of each, of which the first `wider` have one more

# How the columns of a tile lie: gate by gate.
cdef struct Columns:
    Py_ssize_t units
    Py_ssize_t unit      # columns of a gate
    Py_ssize_t vectors
    Cut x, h          # of weight_ih^T and weight_hh^T

# `all_units` units of a layer, from `first` on, cut into tiles of `unit_width` (the last may have fewer). A row of a
# tile holds the sums of its units gate by gate: i f g o; n (x part) r z n (h part); or the one of an RNN. x is summed
# into the gates from x_first on, h into those from h_first on.
cdef struct Tiles:
    const Net *net
    Py_ssize_t first, all_units, count, unit_width, gates, x_first, h_first
    Columns others, last
    int tandem      # of a single row: how many steps' x to multiply beside the steps before them; 0: none
    void *panels    # for each tile: its columns of weight_ih^T, then those of weight_hh^T
    void *biases    # for each tile: the first row of its sums
    void *c         # an LSTM's cells from step to step, rows of H


# Cut units first .. first + units - 1 into tiles, for products with `rows` rows at most.
cdef void cut_into_tiles(Tiles *tiles, const Net *net, Py_ssize_t first, Py_ssize_t units, Py_ssize_t rows,
                         Py_ssize_t itemsize) noexcept nogil

# Where the share of the units begins that is thread id's: as equal as whole vectors of sums allow, but in whole vectors
# of units where rows are few.
cdef Py_ssize_t first_unit(const Net *net, int id, int team, Py_ssize_t itemsize) noexcept nogil

cdef inline const Columns *columns_of(const Tiles *tiles, Py_ssize_t j) noexcept nogil:
    return &tiles.last if j == tiles.count - 1 else &tiles.others

# Elements of a tile's panels and of its row of sums, which is read up to a vector past its end.
cdef Py_ssize_t panel_size(const Tiles *tiles, real *dtype) noexcept nogil
cdef inline Py_ssize_t row_size(const Tiles *tiles, Py_ssize_t j) noexcept nogil:
    return tiles.gates * columns_of(tiles, j).unit

cdef void pack_tile(const Tiles *tiles, Py_ssize_t j, real *dtype) noexcept nogil

# tile = bias + x W_ih^T, as far as x goes into it; the bias alone elsewhere. x: rows x_rs apart. Then tile += h W_hh^T,
# from the last panel to the first where `back`.
cdef void add_x(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, const real *x, Py_ssize_t x_rs,
                real *tile) noexcept nogil
cdef void add_h(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, const real *h, bint back, real *tile) noexcept nogil

# For one row and the only tile: add_h to `tile`, and beside it part `place`, of `tandem` parts, of add_x to as many
# rows `ahead` (NULL: nothing).
cdef void add_in_tandem(const Tiles *tiles, const real *h, bint back, real *tile, Py_ssize_t place, const real *x,
                        Py_ssize_t x_rs, real *ahead) noexcept nogil

# From the sums of rows r .. r + rows - 1 of those whose places begin at `start`, at time t, to c, what is kept of the
# step, and h_new, or y where that is NULL. c, h and h_new have these rows by place.
cdef void gates(const Tiles *tiles, Py_ssize_t j, Py_ssize_t rows, Py_ssize_t start, Py_ssize_t r, Py_ssize_t t,
                const real *tile, const real *h, real *h_new) noexcept nogil

# ---- The way back

# Some columns of a weight matrix as factors of dgates, in panels of `width` columns.
cdef struct Panels:
    const void *weight        # (taps, all_cols)
    Py_ssize_t taps, all_cols
    Py_ssize_t top            # the rows from here on come first
    Py_ssize_t first, cols, width, count
    void *packed              # or NULL: straight from the weights

# Memory from address `at` on, which moves on past it. uses: how often the weights are read.
cdef void lay_out_panels(Panels *panels, const void *weight, Py_ssize_t taps, Py_ssize_t top, Py_ssize_t all_cols,
                         Py_ssize_t first, Py_ssize_t last, Py_ssize_t uses, size_t *at, real *dtype) noexcept nogil
cdef void pack_panels(const Panels *panels, real *dtype) noexcept nogil

# c = init + dgates * panel j, of some rows of dgates.
cdef void times_panel(const Panels *panels, Py_ssize_t j, Py_ssize_t rows, const real *dgates, Py_ssize_t row,
                      const real *init, real *c, Py_ssize_t c_rs) noexcept nogil

cdef inline Py_ssize_t panel_cols(Py_ssize_t cols, Py_ssize_t j, Py_ssize_t width) noexcept nogil:
    """Columns of panel j of `cols` in all."""
    return min(width, cols - j * width)
