from ._rnn_net cimport Net
from ._runtime cimport real

# `forward` for a step or two of a row: weights that are read once or twice are not worth packing. The same bits.
cdef int forward_unpacked(Net *net, void *h_n, void *c_n, int threads, real *dtype) noexcept nogil
