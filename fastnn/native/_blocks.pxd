# Writeable bytes from the pool, given back when the last reference is gone. Raises MemoryError where there are not
# enough.
cdef class Block:
    cdef void *data
    cdef size_t size
    cdef Py_ssize_t wanted
