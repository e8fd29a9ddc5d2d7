from ._rnn_net cimport Gradients, Net, fnn_flag
from ._runtime cimport real

cdef struct Weights:
    const Net *net
    const Gradients *grads
    Py_ssize_t row            # elements of a row of dgates
    Py_ssize_t x_first        # where in it the gradients of the sums over x begin
    Py_ssize_t panel_width, x_panels, h_panels
    Py_ssize_t chunk          # rows of a step that are taken at once
    Py_ssize_t taps           # rows of dgates in a chunk, at most
    void *inputs              # panels of [x | h] for the rows of a chunk
    void *columns             # for each thread: some columns of dgates, for the rows of a chunk
    void *panels_ih           # weight_ih in panels
    void *tiles               # for each thread: rows of dx that go to different places


# Its extents, and its memory from address `at` on, which moves on past it.
cdef void lay_out_weights(Weights *job, const Net *net, const Gradients *grads, Py_ssize_t chunk, Py_ssize_t block,
                          int threads, size_t *at, real *dtype) noexcept nogil

cdef void pack_weight_ih(const Weights *job, int id, int team, real *dtype) noexcept nogil

# Thread id's share of dx for the times start .. start+count-1, from their dgates (count, N, row) by place.
cdef void x_gradient(const Weights *job, Py_ssize_t start, Py_ssize_t count, const real *dgates, int id,
                     int team) noexcept nogil

# Thread id's share of what these times give to the gradients of weights and biases. first: nothing is there yet.
cdef void add_to_weights(const Weights *job, Py_ssize_t start, Py_ssize_t count, const real *dgates, bint first,
                         fnn_flag *flags, int id, int team) noexcept nogil
