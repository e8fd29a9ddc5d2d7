from ._rnn_net cimport Gradients, Net, fnn_flag
from ._rnn_plan cimport Plan
from ._rnn_tiles cimport Panels
from ._runtime cimport real

# dgates lie in a piece for each group of rows, `piece` elements apart: (steps, rows of the group, row), by time and
# place. A `block` below is that of the first group.
cdef struct Weights:
    const Net *net
    Py_ssize_t row            # elements of a row of dgates: all gates of all units
    Py_ssize_t piece
    Py_ssize_t x_first        # where in a row the gradients of the sums over x begin
    Py_ssize_t panel_width, x_panels, h_panels
    Py_ssize_t chunk          # rows of a step that are taken at once
    Py_ssize_t taps           # rows of dgates in a chunk, at most
    int parts                 # of the batch, over which sums are formed: sums[0] are the results, where the others
    Gradients sums[2]         # are added in the end
    bint own                  # each thread has some of the parts for itself; else all work on each of them
    void *inputs              # panels of [x | h] for the rows of a chunk that all work on

# What one thread works in.
cdef struct WeightsShare:
    Panels ih
    int dx_part, dx_parts     # of the rows of dx
    void *tile                # rows of dx that go to different places
    void *inputs
    void *columns             # some columns of dgates, for the rows of a chunk

# Extents, and memory from address `at` on, which moves on past it: what all threads share, and what one has for itself.
cdef void lay_out_weights(Weights *job, const Net *net, const Gradients *grads, const Plan *plan, size_t *at,
                          real *dtype) noexcept nogil
cdef void lay_out_weights_share(const Weights *job, WeightsShare *share, int id, int team, size_t *at,
                                real *dtype) noexcept nogil

# The thread's columns or rows of dx for one group of rows and the times start .. start+count-1.
cdef void x_gradient(const Weights *job, const WeightsShare *share, Py_ssize_t group, Py_ssize_t start,
                     Py_ssize_t count, const real *block) noexcept nogil

# Thread id's share of what these times give to the gradients of weights and biases. first: nothing is there yet.
cdef void add_to_weights(const Weights *job, const WeightsShare *share, Py_ssize_t start, Py_ssize_t count,
                         const real *block, bint first, fnn_flag *flags, int id, int team) noexcept nogil

# Thread id's share of adding up the parts.
cdef void add_parts(const Weights *job, int id, int team, real *dtype) noexcept nogil

cdef inline Py_ssize_t weight_uses(const Net *net) noexcept nogil:
    """About how often the weights pass by on the way back: once for each tile of rows."""
    return net.steps * ((net.rows + 7) // 8)
