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
    MOST_PATIENCE = 1024

cdef double STEP_NS = 2000   # work of a step below which meeting after it does not pay
cdef double TICK_NS = 4e6    # of the scheduler: what a thread that lost its core waits for


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
    elif tiles >= plan.threads and not is_crowded():
        plan.split = BY_UNITS
    else:
        plan.split, plan.threads = ALONE, 1
    if forced >= 0 and plan.threads > 1:
        plan.split = forced
        if forced == ALONE:
            plan.threads = 1


# ---- Other programs on the machine
#
# Threads that meet after each step are as slow as the one that has just lost its core, for a tick of the scheduler
# (4 ms) each time. Where that happens the next calls use one thread, ever more of them while it goes on. Results do
# not depend on it.

cdef int calls_alone = 0   # still to come
cdef int patience = 8      # calls to use one thread for the next time


cdef bint is_crowded() noexcept nogil:
    global calls_alone
    if calls_alone == 0:
        return False
    calls_alone -= 1
    return True


cdef void learn(const Plan *plan, int times_late, double ns) noexcept nogil:
    global calls_alone, patience
    if plan.split != BY_UNITS:
        return
    if times_late * TICK_NS > ns / 2:   # a long call may well be held up once: only where it lost most of its time
        calls_alone, patience = patience, min(2 * patience, MOST_PATIENCE)
    else:
        patience = 8


SPLITS = ("alone", "rows", "units")
cdef int forced = -1


def force(split):
    """Share out every layer as `split` says: "alone", "rows" or "units" (tests and benchmarks do); None: as planned."""
    global forced
    forced = -1 if split is None else SPLITS.index(split)


def planned(kind, steps, rows, inputs, hidden, itemsize, late=0):
    """How the forward pass of a layer without lengths would be shared out: (split, threads, block, unpacked).

    late: how often threads waited long for each other in a call just before; 0 for a machine of our own.
    """
    global calls_alone, patience
    cdef Net net
    cdef Plan plan
    cdef int before_calls = calls_alone, before_patience = patience
    net.kind = ("rnn", "lstm", "gru").index(kind)
    net.gates = (1, 4, 3)[net.kind]
    net.steps, net.rows, net.inputs, net.hidden = steps, rows, inputs, hidden
    net.lengths = NULL
    calls_alone, plan.split = 0, BY_UNITS
    learn(&plan, late, 0)
    plan_forward(&net, itemsize, &plan)
    calls_alone, patience = before_calls, before_patience
    return SPLITS[plan.split], plan.threads, plan.block, plan.unpacked
