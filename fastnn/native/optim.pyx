"""Steps of the optimisers, in blocks shared out among threads. Same names as reference/optim.py."""

from cython.parallel cimport prange
from libc.math cimport sqrt

from ._arrays cimport fnn_flat
from ._kernels cimport adam, fnn_adam, fnn_sgd, sgd
from ._runtime cimport real, threads_for

cdef enum:
    BLOCK = 8192    # elements of one task

# Nanoseconds for 4 bytes of the parameter, which come from memory and go there with what belongs to them.
cdef double SGD_NS = 0.2
cdef double ADAM_NS = 0.5


def sgd_step(data, grad, buffer, double lr, double momentum, double dampening, double weight_decay, bint nesterov,
             bint is_first):
    cdef fnn_sgd step
    step.lr, step.momentum, step.fresh, step.weight_decay = lr, momentum, 1 - dampening, weight_decay
    step.nesterov, step.first = nesterov, is_first
    if data.itemsize == 4:
        run_sgd[float](&step, data, grad, buffer, NULL)
    else:
        run_sgd[double](&step, data, grad, buffer, NULL)


def adam_step(data, grad, mean, mean_sq, step, double lr, betas, double eps, double weight_decay, bint is_decoupled):
    cdef fnn_adam numbers
    beta1, beta2 = betas
    numbers.keep, numbers.weight_decay = 1, weight_decay
    if is_decoupled:
        numbers.keep, numbers.weight_decay = 1 - lr * weight_decay, 0
    numbers.mean_part, numbers.square_keep, numbers.square_part = 1 - beta1, beta2, 1 - beta2
    numbers.scale, numbers.eps = 1 / sqrt(1 - beta2**step), eps
    numbers.rate = lr / (1 - beta1**step)
    if data.itemsize == 4:
        run_adam[float](&numbers, data, grad, mean, mean_sq, NULL)
    else:
        run_adam[double](&numbers, data, grad, mean, mean_sq, NULL)


cdef int run_sgd(const fnn_sgd *step,
                 data,      # IN OUT any shape
                 grad,      # IN     data's
                 buffer,    # IN OUT data's, or None
                 const real *dtype) except -1:
    cdef Py_ssize_t n, start
    cdef const real *g = <const real *>fnn_flat(grad, False, sizeof(real), &n)
    cdef real *b = NULL if buffer is None else <real *>fnn_flat(buffer, True, sizeof(real), &n)
    cdef real *p = <real *>fnn_flat(data, True, sizeof(real), &n)
    cdef int threads = threads_for(SGD_NS / 4 * sizeof(real) * n, (n + BLOCK - 1) // BLOCK)
    if threads == 1:
        with nogil:
            sgd(step, n, p, g, b)
        return 0
    for start in prange(0, n, BLOCK, num_threads=threads, schedule="static", nogil=True):
        sgd(step, min(<Py_ssize_t>BLOCK, n - start), p + start, g + start, b + start if b != NULL else NULL)
    return 0


cdef int run_adam(const fnn_adam *step,
                  data,     # IN OUT any shape
                  grad,     # IN     data's
                  mean,     # IN OUT data's
                  mean_sq,  # IN OUT data's
                  const real *dtype) except -1:
    cdef Py_ssize_t n, start
    cdef const real *g = <const real *>fnn_flat(grad, False, sizeof(real), &n)
    cdef real *m = <real *>fnn_flat(mean, True, sizeof(real), &n)
    cdef real *s = <real *>fnn_flat(mean_sq, True, sizeof(real), &n)
    cdef real *p = <real *>fnn_flat(data, True, sizeof(real), &n)
    cdef int threads = threads_for(ADAM_NS / 4 * sizeof(real) * n, (n + BLOCK - 1) // BLOCK)
    if threads == 1:
        with nogil:
            adam(step, n, p, g, m, s)
        return 0
    for start in prange(0, n, BLOCK, num_threads=threads, schedule="static", nogil=True):
        adam(step, min(<Py_ssize_t>BLOCK, n - start), p + start, g + start, m + start, s + start)
    return 0
