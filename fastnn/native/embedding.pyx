"""The gradient of an embedding's table: each thread adds up its share of the table's rows. See reference/embedding.py.

Taking rows by number is NumPy's own, which does it at the speed of memory.
"""

from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memset

from ._arrays cimport fnn_data
from ._runtime cimport real, threads_for


def embedding_backward_weight(dy, index, dweight, padding_idx):
    if dy.itemsize == 4:
        backward_weight[float](dy, index, dweight, padding_idx, NULL)
    else:
        backward_weight[double](dy, index, dweight, padding_idx, NULL)


cdef int backward_weight(dy,         # IN   (M, D)
                         index,      # IN   int64 (M), each in 0..V-1
                         dweight,    # OUT  (V, D)
                         int64_t padding_idx,
                         const real *dtype) except -1:
    cdef Py_ssize_t shape[2]
    cdef Py_ssize_t table[2]
    cdef const real *pdy = <const real *>fnn_data(dy, False, 2, sizeof(real), shape)
    cdef const int64_t *rows = <const int64_t *>fnn_data(index, False, 1, sizeof(int64_t), shape)
    cdef real *pdw = <real *>fnn_data(dweight, True, 2, sizeof(real), table)
    cdef Py_ssize_t count = shape[0], size = table[0], width = table[1], share, task
    # Each thread reads all the numbers, which costs little beside the rows.
    cdef int threads = threads_for(0.1 * width * (2 * count + size), size)
    with nogil:
        share = (size + threads - 1) // threads
        if threads == 1:
            add_rows(0, size, count, width, pdy, rows, pdw, padding_idx)
        else:
            for task in prange(threads, num_threads=threads, schedule="static"):
                add_rows(task * share, min(size, (task + 1) * share), count, width, pdy, rows, pdw, padding_idx)
    return 0


cdef void add_rows(Py_ssize_t first, Py_ssize_t end, Py_ssize_t count, Py_ssize_t width, const real *dy,
                   const int64_t *rows, real *dweight, int64_t padding_idx) noexcept nogil:
    """Rows first..end-1 of the table: the places that name one are added in their order, however many threads."""
    cdef Py_ssize_t i, j
    cdef real *to
    cdef const real *source
    if first >= end:
        return
    memset(dweight + first * width, 0, (end - first) * width * sizeof(real))
    for i in range(count):
        if first <= rows[i] < end and rows[i] != padding_idx:
            to = dweight + rows[i] * width
            source = dy + i * width
            for j in range(width):
                to[j] += source[j]
