from ._rnn_net cimport Net

cdef enum:
    ALONE = 0      # one thread
    BY_ROWS = 1    # each thread has rows of the batch
    BY_UNITS = 2   # each thread has hidden units; all meet after each step

cdef struct Plan:
    int split
    int threads
    bint unpacked      # straight from the weights, all threads together on each row's sums
    # Forward: steps whose x is multiplied at once; 0: each step's with its h. Backward: steps whose dgates go into the
    # other gradients at once, and of a step `chunk` rows; the weights' gradients are summed over each of so many parts
    # of the batch. All by the shape alone.
    Py_ssize_t block, chunk
    int parts


cdef void plan_forward(const Net *net, Py_ssize_t itemsize, Plan *plan) noexcept nogil

cdef void plan_backward(const Net *net, Py_ssize_t itemsize, Plan *plan) noexcept nogil
