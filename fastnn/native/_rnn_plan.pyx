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

cdef double STEP_NS = 2000   # work of a step below which meeting after it does not pay


cdef void plan_forward(const Net *net, Py_ssize_t itemsize, Plan *plan) noexcept nogil:
    cdef Py_ssize_t unit = tile_width(itemsize) if net.kind == RNN else lanes(itemsize)
    share_out(net, itemsize, (net.hidden + unit - 1) // unit, plan)
    plan.block = 0
    plan.unpacked = net.lengths == NULL and net.rows * net.steps <= UNPACKED_ROWS
    if net.rows < FUSED_ROWS and net.steps > 1 and plan.split != BY_ROWS:
        plan.block = min(net.steps, PROJECTED_ROWS // net.rows)


cdef void plan_backward(const Net *net, Py_ssize_t itemsize, Plan *plan) noexcept nogil:
    cdef Py_ssize_t unit = tile_width(itemsize)
    share_out(net, itemsize, (net.hidden + unit - 1) // unit, plan)


cdef Py_ssize_t rows_worth_it(double weight_bytes) noexcept nogil:
    """From how many rows a thread on the rows are shared out.

    Each thread reads all weights in each step then, but only its own states, and the threads need not meet. Where the
    cores are far apart, a meeting and the states of the others take a microsecond.
    """
    return 4 if weight_bytes <= L2_BYTES else 8 if weight_bytes <= 2 * L2_BYTES else 16


cdef void share_out(const Net *net, Py_ssize_t itemsize, Py_ssize_t tiles, Plan *plan) noexcept nogil:
    cdef double weights = <double>net.gates * net.hidden * (net.inputs + net.hidden)
    cdef double ns = gemm_ns(weights * net.rows * max(net.steps, <Py_ssize_t>1)) * itemsize / 4
    plan.unpacked = False
    plan.threads = threads_for(ns, max(net.rows, tiles))
    if plan.threads == 1:
        plan.split = ALONE
    elif weights * itemsize * plan.threads <= COPIES_BYTES and (
            net.rows >= rows_worth_it(weights * itemsize) * plan.threads):
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
