"""The table of kernels in use, chosen once at import, and the number of threads."""

import os

from libc.string cimport memset

from ._table cimport fnn_isa_built, fnn_isa_usable

cdef extern from "fnn_crowd.h" nogil:
    ctypedef struct fnn_crowd:
        bint alone
        long long next
    void fnn_crowd_saw(fnn_crowd *crowd, long long now, double share)
    bint fnn_is_crowded(int threads)

cdef extern from "fnn_openmp.h" nogil:
    int fnn_omp_max_threads()
    enum: FNN_HAVE_OPENMP

HAVE_OPENMP = bool(FNN_HAVE_OPENMP)

# ---- Instruction sets


def isa_built():
    """Names of the instruction sets compiled in, from the plainest to the widest."""
    names = []
    cdef int i = 0
    while fnn_isa_built(i) != NULL:
        names.append((<bytes>fnn_isa_built(i).name).decode())
        i += 1
    return tuple(names)


def isa_usable():
    """Those of them that this CPU and operating system can run."""
    return tuple([name for i, name in enumerate(isa_built()) if fnn_isa_usable(i)])


def isa_active():
    return (<bytes>isa.name).decode()


def select_isa(name):
    """Use the kernels of instruction set `name` from now on (tests and benchmarks do; it is not thread-safe)."""
    global isa
    if name not in isa_built():
        raise ImportError(f"FASTNN_ISA: expected one of {', '.join(map(repr, isa_built()))}, got {name!r}")
    if name not in isa_usable():
        raise ImportError(f"FASTNN_ISA: this machine cannot run {name!r}; it can run "
                          f"{', '.join(map(repr, isa_usable()))}")
    isa = fnn_isa_built(isa_built().index(name))


select_isa(os.environ.get("FASTNN_ISA") or max(isa_usable(), key=isa_built().index))

# ---- Threads

cdef int wanted_threads = 1     # what the user or the environment asked for
cdef int omp_when_asked = 1     # OpenMP's own limit at that time: if it sinks (threadpoolctl), so do we
cdef bint serial = False        # in a forked child: libgomp's team does not survive a fork
cdef bint watchful = True         # other programs on the cores count
cdef double parallel_ns = 20_000   # less work than this is not worth waking a team for (9-29 us when it sleeps)


def set_threads(int n):
    global wanted_threads, omp_when_asked
    wanted_threads = n
    omp_when_asked = fnn_omp_max_threads()


def get_threads():
    return max_threads()


def set_parallel_threshold(double nanoseconds):
    """Share out work from so many nanoseconds on (tests set 0, to run small cases on many threads)."""
    global parallel_ns
    parallel_ns = nanoseconds


def get_parallel_threshold():
    return parallel_ns


def watch_crowd(bint watch):
    """Whether other programs on the cores count (tests say no: what they look at must not depend on the machine)."""
    global watchful
    watchful = watch


def alone_in_a_crowd(looks):
    """For (milliseconds, share of the time that a thread waited) each: whether one thread is used then (for tests)."""
    cdef fnn_crowd crowd
    memset(&crowd, 0, sizeof(crowd))
    answers = []
    for milliseconds, share in looks:
        if milliseconds * 1000000 >= crowd.next:
            fnn_crowd_saw(&crowd, milliseconds * 1000000, share)
        answers.append(bool(crowd.alone))
    return answers


def run_serially():
    """Called in the child after a fork."""
    global serial
    serial = True


cdef int max_threads() noexcept nogil:
    if serial or not FNN_HAVE_OPENMP:
        return 1
    cdef int now = fnn_omp_max_threads()
    return min(wanted_threads, now) if now < omp_when_asked else wanted_threads


cdef int threads_for(double nanoseconds, Py_ssize_t tasks) noexcept nogil:
    cdef int n = max_threads()
    if n <= 1 or tasks <= 1 or nanoseconds < parallel_ns:
        return 1
    n = <int>min(<Py_ssize_t>n, tasks)
    return 1 if watchful and fnn_is_crowded(n) else n


cdef double gemm_ns(double multiply_adds) noexcept nogil:
    return multiply_adds / (4.0 * isa.f32.lanes)
