"""The order in which the rows of a recurrent layer are worked on, and how many still run."""

from libc.stdlib cimport qsort

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
