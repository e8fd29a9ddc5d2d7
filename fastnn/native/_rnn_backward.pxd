from ._rnn_net cimport Gradients, Net
from ._runtime cimport real

# The gradients of the layer. net.y, net.saved and net.cells are what forward left. Returns -1 where scratch memory is
# not to be had, else 0.
cdef int backward(Net *net, const Gradients *grads, real *dtype) noexcept nogil
