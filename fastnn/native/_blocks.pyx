"""A bounded pool of warm memory for results and for the scratch of large operations.

Memory that comes fresh from the system is mapped page by page at first touch, which costs more than the arithmetic of
a cheap op on a large array. A result's memory therefore comes from a block that an earlier result has left, where
there is one. A block belongs to the array over it and comes back when the last view of that array is gone. The pool
is a plain C array that the GIL guards: no Python object is made while it changes, so no collection can run in between.
"""

from cpython.buffer cimport PyBuffer_FillInfo

from ._runtime cimport fnn_alloc, fnn_free

cdef enum:
    MOST = 128   # blocks kept at a time

cdef struct Waiting:
    size_t size
    void *data

cdef Waiting waiting[MOST]   # the oldest first
cdef int count = 0
cdef size_t limit = 0
cdef size_t kept = 0
cdef size_t in_use = 0
cdef size_t hits = 0
cdef size_t misses = 0


cdef class Block:
    """Writeable bytes; hand it to numpy.ndarray(buffer=...). Raises MemoryError where there are not enough."""

    def __cinit__(self, Py_ssize_t wanted):
        global in_use, hits, misses
        cdef int i = count - 1
        self.size = rounded(wanted)
        self.wanted = wanted
        while i >= 0 and waiting[i].size != self.size:   # the youngest is the warmest
            i -= 1
        if i >= 0:
            self.data = taken(i)
            hits += 1
        else:
            self.data = fnn_alloc(self.size)
            if self.data == NULL:
                trim(0)
                self.data = fnn_alloc(self.size)
            if self.data == NULL:
                raise MemoryError(f"cannot allocate {wanted} bytes")
            misses += 1
        in_use += self.size

    def __dealloc__(self):
        global count, kept, in_use
        if self.data == NULL:
            return
        in_use -= self.size
        if self.size > limit:
            fnn_free(self.data)
            return
        trim(limit - self.size)
        if count == MOST:
            fnn_free(taken(0))
        waiting[count].size, waiting[count].data = self.size, self.data
        count += 1
        kept += self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.wanted, 0, flags)


cdef size_t rounded(size_t wanted) noexcept:
    """The next of 1, 5/4, 6/4, 7/4 times a power of two: a few sizes that shapes of one kind share."""
    cdef size_t step = 1 << 14
    while step * 8 < wanted:
        step *= 2
    return (wanted + step - 1) // step * step


cdef void *taken(int i) noexcept:
    """Take the i-th waiting block out of the pool."""
    global count, kept
    cdef void *data = waiting[i].data
    kept -= waiting[i].size
    count -= 1
    while i < count:
        waiting[i] = waiting[i + 1]
        i += 1
    return data


cdef void trim(size_t target) noexcept:
    """Give the oldest blocks back to the system until at most `target` bytes are kept."""
    while kept > target:
        fnn_free(taken(0))


def set_limit(size_t bytes):
    """Keep at most so many bytes for reuse; 0 switches the pool off. What is over it is given back at once."""
    global limit
    limit = bytes
    trim(limit)


def stats():
    """(limit, kept, in_use, hits, misses): bytes, bytes, bytes, blocks reused, blocks made."""
    return limit, kept, in_use, hits, misses
