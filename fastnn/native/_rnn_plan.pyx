"""How a recurrent layer's work is shared out: by rows of the batch, by hidden units, or not at all."""

from ._rnn_net cimport RNN, Net
from ._kernels cimport lanes, tile_width
from ._runtime cimport gemm_ns, threads_for

cdef enum:
    L2_BYTES = 1 << 20
    FUSED_ROWS = 8        # from so many rows on a step's x is multiplied with its h
    PROJECTED_ROWS = 64

cdef double STEP_NS = 2000   # work of a step below which meeting after it does not pay


cdef void plan_forward(const Net *net, Py_ssize_t itemsize, Plan *plan) noexcept nogil:
    cdef Py_ssize_t unit = tile_width(itemsize) if net.kind == RNN else lanes(itemsize)
    share_out(net, itemsize, (net.hidden + unit - 1) // unit, plan)
    plan.block = 0
    if net.rows < FUSED_ROWS and net.steps > 1 and plan.split != BY_ROWS:
        plan.block = min(net.steps, PROJECTED_ROWS // net.rows)


cdef void plan_backward(const Net *net, Py_ssize_t itemsize, Plan *plan) noexcept nogil:
    cdef Py_ssize_t unit = tile_width(itemsize)
    share_out(net, itemsize, (net.hidden + unit - 1) // unit, plan)


cdef void share_out(const Net *net, Py_ssize_t itemsize, Py_ssize_t tiles, Plan *plan) noexcept nogil:
    cdef double weights = <double>net.gates * net.hidden * (net.inputs + net.hidden)
    cdef double ns = gemm_ns(weights * net.rows * max(net.steps, <Py_ssize_t>1)) * itemsize / 4
    plan.threads = threads_for(ns, max(net.rows, tiles))
    if plan.threads == 1:
        plan.split = ALONE
    elif net.rows >= 8 * plan.threads or (net.rows >= 4 * plan.threads and weights * itemsize <= L2_BYTES):
        plan.split = BY_ROWS
    elif tiles >= plan.threads:
        plan.split = BY_UNITS
    else:
        plan.split, plan.threads = ALONE, 1
