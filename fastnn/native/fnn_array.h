/* The data and shape of an array, by the buffer protocol: 40 ns, where a typed memoryview costs 160. */
#ifndef FNN_ARRAY_H
#define FNN_ARRAY_H

#include <Python.h>

/* Where the data of `array` lies, its shape written to shape[0..ndim-1]; NULL for None, its extents 0. NULL and an
 * exception where it is no C-contiguous buffer of `ndim` axes and elements of `itemsize` bytes (and writeable, where
 * asked). The pointer is good for as long as the caller holds the array. */
static inline void *fnn_data(PyObject *array, int writeable, int ndim, int itemsize, Py_ssize_t *shape)
{
    Py_buffer view;
    for (int i = 0; i < ndim; i++) shape[i] = 0;
    if (array == Py_None) return NULL;
    if (PyObject_GetBuffer(array, &view, writeable ? PyBUF_ND | PyBUF_WRITABLE : PyBUF_ND) < 0) return NULL;
    void *data = view.buf;
    if (view.ndim != ndim || view.itemsize != itemsize) {
        PyErr_Format(PyExc_SystemError, "backend: expected %d axes of %d bytes, got %d of %zd", ndim, itemsize,
                     view.ndim, view.itemsize);
        data = NULL;
    } else {
        for (int i = 0; i < ndim; i++) shape[i] = view.shape[i];
    }
    PyBuffer_Release(&view);
    return data;
}

/* 'f' or 'd' for a C-contiguous, aligned, native-endian array of that type; 0 for anything else. No exception. */
static inline char fnn_float_code(PyObject *array)
{
    Py_buffer view;
    if (PyObject_GetBuffer(array, &view, PyBUF_ND | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        return 0;
    }
    char code = view.format[1] == '\0' && (view.format[0] == 'f' || view.format[0] == 'd') ? view.format[0] : 0;
    if ((Py_uintptr_t)view.buf % (size_t)view.itemsize != 0) code = 0;
    PyBuffer_Release(&view);
    return code;
}

#endif
