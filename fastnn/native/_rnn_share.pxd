"""What the threads of a recurrent layer's forward pass work on and in."""

from ._kernels cimport lanes, round_up, tile_width
from ._rnn_net cimport LSTM, ORDER_SIZE, Net, carve, fnn_flag, part_start
from ._rnn_tiles cimport Tiles, cut_into_tiles, first_unit, panel_size
from ._runtime cimport FNN_PAGE, fnn_apart, real

cdef enum:
    TILE_ROWS = 48       # rows of a tile of sums: at most 48 x 64 floats, 12 KB of L1
    PROJECTED_ROWS = 64  # rows of x whose products are formed at once where a step alone has too few


cdef struct Forward:
    Net *net
    void *h_n
    void *c_n
    Py_ssize_t block      # steps whose x is multiplied at once; 0: x with h, step by step
    void *panels          # of all threads' tiles, as Tiles has them, and so the biases
    void *biases
    void *projected       # for each tile: rows of sums over x, for the steps of a block
    void *states          # two times (N, H) by place, where units are shared out and rows have lengths
    char *shares          # share_size bytes for each thread
    Py_ssize_t share_size
    fnn_flag *flags
    bint by_rows


# What one thread works on and in. It lies apart from another's.
cdef struct Share:
    Tiles tiles                    # of all units or of some
    Py_ssize_t group, start, rows  # of rows, whose places begin at `start`
    void *states                   # two times its rows' h by place, after even and after odd steps; or NULL: only in y
    void *tile
    void *picked                   # rows of x, one behind the other
    void *projected


cdef inline Py_ssize_t spare_units(Py_ssize_t itemsize) noexcept nogil:
    """How many units' room a thread's last tile may take beyond its units, alignment included."""
    return tile_width(itemsize) + lanes(itemsize)


cdef inline size_t lay_out(Forward *job, int threads, size_t at, real *dtype) noexcept nogil:
    """Hand out the memory from address `at` on; returns how many bytes that takes."""
    cdef Net *net = job.net
    cdef size_t start = at, end = 0
    cdef Share share
    cdef Py_ssize_t item = sizeof(real), units = net.hidden * (threads if job.by_rows else 1)
    units += threads * spare_units(item)
    job.panels = carve(&at, units * net.gates * (net.inputs + net.hidden) * item)
    share.rows = part_start(net.rows, 1, net.groups)   # the first group is the largest
    cut_into_tiles(&share.tiles, net, 0, net.hidden, share.rows, item)
    job.biases = carve(&at, units * share.tiles.gates * item)
    job.projected = carve(&at, units * share.tiles.gates * job.block * net.rows * item)
    job.flags = <fnn_flag *>carve(&at, threads * sizeof(fnn_flag))
    if net.lengths != NULL:
        net.order = <Py_ssize_t *>carve(&at, ORDER_SIZE * net.rows * sizeof(Py_ssize_t))
        job.states = carve(&at, 2 * net.rows * net.hidden * item)
    at = round_up(at, FNN_PAGE)
    job.shares = <char *>at
    lay_out_share(job, &share, &end, dtype)
    job.share_size = fnn_apart(end)
    return at + threads * job.share_size - start + FNN_PAGE   # which page the memory begins in is yet to be seen


cdef inline void lay_out_share(const Forward *job, Share *share, size_t *at, real *dtype) noexcept nogil:
    cdef const Net *net = job.net
    cdef Py_ssize_t item = sizeof(real), state = share.rows * net.hidden * item
    cdef Py_ssize_t picked = share.rows * max(<Py_ssize_t>1, job.block) * net.inputs * item
    cdef Py_ssize_t row = share.tiles.gates * max(share.tiles.others.unit, share.tiles.last.unit)
    share.tile = carve(at, (min(<Py_ssize_t>TILE_ROWS, share.rows) * row + lanes(item)) * item)
    share.picked = carve(at, picked if net.lengths != NULL else 0)
    share.tiles.c = carve(at, state if net.kind == LSTM else 0)
    share.states = carve(at, 2 * state) if job.by_rows else job.states if net.lengths != NULL else NULL


cdef inline void take_share(const Forward *job, Share *share, int id, int team, real *dtype) noexcept nogil:
    """The tiles of thread `id`, and its memory. Where rows are shared out each thread packs all tiles for itself."""
    cdef const Net *net = job.net
    cdef Tiles *tiles = &share.tiles
    cdef Py_ssize_t item = sizeof(real), place = id * spare_units(item), first = 0, last = net.hidden
    cdef size_t at = <size_t>job.shares + id * job.share_size
    if job.by_rows:
        place += id * net.hidden
    else:
        first, last = first_unit(net, id, team, item), first_unit(net, id + 1, team, item)
        place += first
    share.rows = part_start(net.rows, 1, net.groups)
    cut_into_tiles(tiles, net, first, last - first, share.rows, item)
    tiles.panels = <real *>job.panels + round_up(place * net.gates * (net.inputs + net.hidden), lanes(item))
    tiles.biases = <real *>job.biases + place * tiles.gates
    share.projected = <real *>job.projected + place * tiles.gates * job.block * net.rows
    lay_out_share(job, share, &at, dtype)


cdef inline real *projected_rows(const Forward *job, const Share *share, Py_ssize_t j, real *dtype) noexcept nogil:
    """The sums over x that belong to tile j."""
    return <real *>share.projected + j * job.block * job.net.rows * share.tiles.unit_width * share.tiles.gates
