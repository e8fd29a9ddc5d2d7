"""The cheapest way from an ndarray to its data. The shapes that go with the pointer are those `_check` let through."""

cdef extern from "fnn_array.h":
    # IN and OUT: the flag is `writeable`. NULL for None.
    void *fnn_data(object array, bint writeable, int ndim, int itemsize, Py_ssize_t *shape) except? NULL
    void *fnn_flat(object array, bint writeable, int itemsize, Py_ssize_t *n) except? NULL
    char fnn_float_code(object array)
    ctypedef struct fnn_array:
        void *data
        char code
        int ndim
        Py_ssize_t shape[4]
    bint fnn_look(object array, object ndarray, fnn_array *to)
    bint fnn_find_empty(object table)
    object fnn_empty(int ndim, const Py_ssize_t *shape, object descr)
    bint fnn_is(object array, bint writeable, char code, object shape, const char **extent)
    int fnn_integers(object tuple, int n, Py_ssize_t *out) except -1
    enum: FNN_KEY_MOST
    int fnn_append_key(object argument, object ndarray, Py_ssize_t *key, int n)


cdef inline void *data(array, bint writeable, int ndim, int itemsize) except? NULL:
    """fnn_data of an array whose shape is known."""
    cdef Py_ssize_t shape[4]
    return fnn_data(array, writeable, ndim, itemsize, shape)
