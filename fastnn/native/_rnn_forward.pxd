from ._rnn_net cimport Net
from ._runtime cimport real

# Run the layer: y, h_n and c_n (both (N, H); c_n NULL but for an LSTM), net.saved and net.cells unless they are NULL.
# Called with the GIL, works without it.
cdef int forward(Net *net, void *h_n, void *c_n, real *dtype) except -1
