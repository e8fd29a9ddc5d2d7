"""The order in which the rows of a recurrent layer are worked on, and how many still run."""

from libc.stdlib cimport qsort
from libc.string cimport memcpy, memset

cdef struct Entry:
    Py_ssize_t length, row


cdef int longer_first(const void *a, const void *b) noexcept nogil:
    cdef const Entry *first = <const Entry *>a
    cdef const Entry *second = <const Entry *>b
    if first.length != second.length:
        return -1 if first.length > second.length else 1
    return -1 if first.row < second.row else 1


cdef void arrange(Net *net) noexcept nogil:
    cdef Py_ssize_t k, place, group
    cdef Entry *entries = <Entry *>(net.order + 2 * net.rows)
    for k in range(net.rows):
        entries[k].length, entries[k].row = net.lengths[k], k
    qsort(entries, net.rows, sizeof(Entry), longer_first)
    # Dealt out like cards: every group gets as many rows and, nearly, as many steps.
    for k in range(net.rows):
        group = k % net.groups
        place = part_start(net.rows, group, net.groups) + k // net.groups
        net.order[place] = entries[k].row
        net.order[net.rows + entries[k].row] = place


cdef Py_ssize_t live_places(const Net *net, Py_ssize_t group, Py_ssize_t t) noexcept nogil:
    cdef Py_ssize_t start = part_start(net.rows, group, net.groups)
    cdef Py_ssize_t low = start, high = part_start(net.rows, group + 1, net.groups), middle
    if net.lengths == NULL:
        return high - low
    while low < high:
        middle = (low + high) // 2
        if net.lengths[net.order[middle]] > t:
            low = middle + 1
        else:
            high = middle
    return low - start


cdef void clear_ended(const Net *net, Py_ssize_t first, Py_ssize_t last, real *dtype) noexcept nogil:
    """Zeros where rows first..last have ended."""
    cdef Py_ssize_t row, t, size = net.hidden * sizeof(real)
    for row in range(first, last if net.lengths != NULL else first):
        for t in range(net.lengths[row], net.steps):
            memset(<real *>net.y + (t * net.rows + row) * net.hidden, 0, size)
            if net.saved != NULL:
                memset(<real *>net.saved + (t * net.rows + row) * 4 * net.hidden, 0, 4 * size)
            if net.cells != NULL:
                memset(<real *>net.cells + (t * net.rows + row) * net.hidden, 0, size)


cdef void clear_gradients(const Net *net, const Gradients *grads, real *dtype) noexcept nogil:
    """Zeros where no step writes: everywhere without steps, in dx where rows have ended."""
    cdef Py_ssize_t gates = net.gates * net.hidden * sizeof(real)
    if grads.dx != NULL and (net.lengths != NULL or net.hidden == 0):
        memset(grads.dx, 0, net.steps * net.rows * net.inputs * sizeof(real))
    if net.steps > 0 and net.rows > 0:
        return
    if grads.dweight_ih != NULL:
        memset(grads.dweight_ih, 0, gates * net.inputs)
    if grads.dweight_hh != NULL:
        memset(grads.dweight_hh, 0, gates * net.hidden)
    if grads.dbias_ih != NULL:
        memset(grads.dbias_ih, 0, gates)
    if grads.dbias_hh != NULL:
        memset(grads.dbias_hh, 0, gates)


cdef void pick_rows(const Net *net, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t t, real *to) noexcept nogil:
    """The rows of x_t at some places, one behind the other."""
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(to + r * net.inputs,
               <const real *>net.x + (t * net.rows + net.order[start + r]) * net.inputs, net.inputs * sizeof(real))
