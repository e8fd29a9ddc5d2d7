"""The cheapest way from an ndarray to its data. The shapes that go with the pointer are those `_check` let through."""

cdef extern from "fnn_array.h":
    # IN and OUT: the flag is `writeable`. NULL for None.
    void *fnn_data(object array, bint writeable, int ndim, int itemsize, Py_ssize_t *shape) except? NULL
    char fnn_float_code(object array)
