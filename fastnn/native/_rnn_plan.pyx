"""How a recurrent layer's work is shared out: by rows of the batch, by hidden units, or not at all."""

from ._rnn_net cimport RNN, Net
from ._kernels cimport lanes, tile_width
from ._runtime cimport gemm_ns, threads_for

cdef enum:
    L2_BYTES = 1 << 20
    COPIES_BYTES = 1 << 28   # of the weights: where rows are shared out each thread has its own
    UNPACKED_ROWS = 2     # up to so many rows in all, packing the weights costs more than it brings
    FUSED_ROWS = 8        # from so many rows on a step's x is multiplied with its h
    PROJECTED_ROWS = 64
    BLOCK_ROWS = 384      # rows of dgates in a block, where a step has no more

cdef double L2_BYTES_A_NS = 110, PACKED_BYTES_A_NS = 45
cdef double PARTS_NS = 20_000   # work from which on the weights' gradients are summed in parts


cdef void plan_forward(const Net *net, Py_ssize_t itemsize, Plan *plan) noexcept nogil:
    cdef Py_ssize_t unit = tile_width(itemsize) if net.kind == RNN else lanes(itemsize)
    share_out(net, itemsize, forward_ns(net, itemsize), (net.hidden + unit - 1) // unit,
              rows_worth_it(net, itemsize), plan)
    plan.block = 0
    plan.unpacked = net.lengths == NULL and net.rows * net.steps <= UNPACKED_ROWS
    if net.rows < FUSED_ROWS and net.steps > 1 and plan.split != BY_ROWS:
        plan.block = min(net.steps, PROJECTED_ROWS // net.rows)


cdef void plan_backward(const Net *net, Py_ssize_t itemsize, Plan *plan) noexcept nogil:
    cdef Py_ssize_t unit = tile_width(itemsize), least = rows_worth_it(net, itemsize)
    if weight_bytes(net, itemsize) <= L2_BYTES // 4:
        least //= 2   # to read weights with half of the rows is cheaper than the dgates that go from core to core
    share_out(net, itemsize, products_ns(net, itemsize), (net.hidden + unit - 1) // unit, least, plan)
    # Two threads that share out the rows then have a part each.
    plan.parts = 2 if net.rows >= 2 * least and products_ns(net, itemsize) >= PARTS_NS else 1
    plan.chunk = min(<Py_ssize_t>BLOCK_ROWS, (net.rows + plan.parts - 1) // plan.parts)
    # All of the weights' gradients are read and written for each block and part; dgates that stay in L2 bring more
    # as long as those do too.
    plan.block = BLOCK_ROWS * (plan.parts if weight_bytes(net, itemsize) > L2_BYTES else 1) // net.rows
    plan.block = max(<Py_ssize_t>1, min(net.steps, plan.block))


cdef double weight_bytes(const Net *net, Py_ssize_t itemsize) noexcept nogil:
    return <double>net.gates * net.hidden * (net.inputs + net.hidden) * itemsize


cdef double products_ns(const Net *net, Py_ssize_t itemsize) noexcept nogil:
    return gemm_ns(weight_bytes(net, itemsize) / 4 * net.rows * max(net.steps, <Py_ssize_t>1))


cdef double forward_ns(const Net *net, Py_ssize_t itemsize) noexcept nogil:
    """Weights are packed once, and a step of a single row takes as long as weight_hh takes to come from L2.

    Backward that is left out: threads that meet after every step lose as much there, where the cores are far apart.
    """
    cdef double weights = weight_bytes(net, itemsize), hh = weights / (net.inputs + net.hidden) * net.hidden
    cdef double waiting = hh / L2_BYTES_A_NS - gemm_ns(hh / 4 * net.rows)
    return (products_ns(net, itemsize) + max(waiting, <double>0) * max(net.steps, <Py_ssize_t>1)
            + weights / PACKED_BYTES_A_NS)


cdef Py_ssize_t rows_worth_it(const Net *net, Py_ssize_t itemsize) noexcept nogil:
    """From how many rows a thread on the rows are shared out.

    Each thread reads all weights in each step then, but only its own states, and the threads need not meet. Where the
    cores are far apart, a meeting and the states of the others take a microsecond.
    """
    cdef double bytes = weight_bytes(net, itemsize)
    return 4 if bytes <= L2_BYTES else 8 if bytes <= 2 * L2_BYTES else 16


cdef void share_out(const Net *net, Py_ssize_t itemsize, double work_ns, Py_ssize_t tiles, Py_ssize_t least,
                    Plan *plan) noexcept nogil:
    """least: rows a thread, from which on the rows are shared out."""
    plan.unpacked = False
    plan.threads = threads_for(work_ns, max(net.rows, tiles))
    if plan.threads == 1:
        plan.split = ALONE
    elif net.rows >= least * plan.threads and weight_bytes(net, itemsize) * plan.threads <= COPIES_BYTES:
        plan.split = BY_ROWS
    elif tiles >= plan.threads:
        plan.split = BY_UNITS
    else:
        plan.split, plan.threads = ALONE, 1
    if forced >= 0 and plan.threads > 1:
        plan.split = forced
        if forced == ALONE:
            plan.threads = 1


SPLITS = ("alone", "rows", "units")
cdef int forced = -1


def force(split):
    """Share out every layer as `split` says: "alone", "rows" or "units" (tests and benchmarks do); None: as planned."""
    global forced
    forced = -1 if split is None else SPLITS.index(split)


def planned(kind, steps, rows, inputs, hidden, itemsize):
    """How the forward pass of a layer without lengths would be shared out: (split, threads, block, unpacked)."""
    cdef Net net
    cdef Plan plan
    net.kind = ("rnn", "lstm", "gru").index(kind)
    net.gates = (1, 4, 3)[net.kind]
    net.steps, net.rows, net.inputs, net.hidden = steps, rows, inputs, hidden
    net.lengths = NULL
    plan_forward(&net, itemsize, &plan)
    return SPLITS[plan.split], plan.threads, plan.block, plan.unpacked
