from ._rnn_net cimport Gradients, Net
from ._runtime cimport real

# The gradients of the layer. net.y, net.saved and net.cells are what forward left. Called with the GIL, works without
# it.
cdef int backward(Net *net, const Gradients *grads, real *dtype) except -1
