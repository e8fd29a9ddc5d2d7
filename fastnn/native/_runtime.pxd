"""What every compiled module shares: the table of kernels in use, the number of threads, scratch memory."""

from ._table cimport fnn_isa

ctypedef fused real:
    float
    double

cdef const fnn_isa *isa

# How many threads a region with this much work (nanoseconds on one core, roughly) and this many tasks is worth.
cdef int threads_for(double nanoseconds, Py_ssize_t tasks) noexcept nogil

# Nanoseconds of a product on one core, roughly: what `threads_for` wants to know.
cdef double gemm_ns(double multiply_adds) noexcept nogil

cdef extern from "fnn_tasks.h" nogil:
    ctypedef struct fnn_share:
        pass
    enum: FNN_SHARE_BYTES
    void fnn_share_out(fnn_share *shares, Py_ssize_t workers, Py_ssize_t tasks)
    Py_ssize_t fnn_next_task(fnn_share *shares, Py_ssize_t workers, Py_ssize_t worker)

cdef extern from "fnn_memory.h" nogil:
    enum: FNN_PAGE
    Py_ssize_t fnn_apart(Py_ssize_t bytes)
    void *fnn_alloc(size_t bytes)
    void fnn_free(void *p)
