/* The data and shape of an array, by the buffer protocol: 40 ns, where a typed memoryview costs 160. */
#ifndef FNN_ARRAY_H
#define FNN_ARRAY_H

#include <Python.h>
#include <string.h>

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

/* The same of an array of any rank: *n is how many elements it has. */
static inline void *fnn_flat(PyObject *array, int writeable, int itemsize, Py_ssize_t *n)
{
    Py_buffer view;
    *n = 0;
    if (PyObject_GetBuffer(array, &view, writeable ? PyBUF_ND | PyBUF_WRITABLE : PyBUF_ND) < 0) return NULL;
    void *data = view.buf;
    *n = view.len / itemsize;
    if (view.itemsize != itemsize) {
        PyErr_Format(PyExc_SystemError, "backend: expected elements of %d bytes, got %zd", itemsize, view.itemsize);
        data = NULL;
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

/* An array of 1 to FNN_AXES axes; data is NULL for None. */
enum { FNN_AXES = 4 };
typedef struct {
    void *data;
    char code;
    int ndim;
    Py_ssize_t shape[FNN_AXES];
} fnn_array;

/* The beginning of an ndarray. NumPy's headers let extensions read it in place, so its ABI fixes it. */
typedef struct {
    PyObject_HEAD
    char *data;
    int nd;
    Py_ssize_t *dimensions, *strides;
    PyObject *base, *descr;
    int flags;
} fnn_ndarray;
enum { FNN_PLAIN = 0x101 }; /* of flags: C-contiguous and aligned */

static PyObject *fnn_known_descr[2]; /* native-endian float32's and float64's, once a look by the buffer protocol has
                                      * found an array of it to be laid out as above */

static inline void fnn_learn(PyObject *array, const Py_buffer *view)
{
    const fnn_ndarray *fields = (const fnn_ndarray *)array;
    PyObject *descr = PyObject_GetAttrString(array, "dtype");
    if (descr == NULL) PyErr_Clear();
    else if (fields->data == view->buf && fields->nd == view->ndim && fields->descr == descr
             && memcmp(fields->dimensions, view->shape, (size_t)view->ndim * sizeof(Py_ssize_t)) == 0
             && (fields->flags & FNN_PLAIN) == FNN_PLAIN)
        fnn_known_descr[view->itemsize == 8] = descr; /* and its reference */
    else
        Py_DECREF(descr);
}

/* Whether `array` is one as above of exactly the type `ndarray`, with 1 to FNN_AXES axes: then *to says what it holds.
 * 5 ns, or 40 by the buffer protocol. No exception. */
static inline int fnn_look(PyObject *array, PyObject *ndarray, fnn_array *to)
{
    const fnn_ndarray *fields = (const fnn_ndarray *)array;
    if ((PyObject *)Py_TYPE(array) != ndarray) return 0;
    int is_known = fnn_known_descr[0] != NULL || fnn_known_descr[1] != NULL;
    if (is_known && (fields->descr == fnn_known_descr[0] || fields->descr == fnn_known_descr[1])) {
        to->code = fields->descr == fnn_known_descr[0] ? 'f' : 'd';
        if ((fields->flags & FNN_PLAIN) != FNN_PLAIN || fields->nd < 1 || fields->nd > FNN_AXES) return 0;
        to->data = fields->data;
        to->ndim = fields->nd;
        for (int i = 0; i < fields->nd; i++) to->shape[i] = fields->dimensions[i];
        return 1;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(array, &view, PyBUF_ND | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        return 0;
    }
    to->data = view.buf;
    to->code = view.format[0];
    to->ndim = view.ndim;
    int ready = (to->code == 'f' || to->code == 'd') && view.format[1] == '\0' && view.ndim >= 1
                && view.ndim <= FNN_AXES && (Py_uintptr_t)view.buf % (size_t)view.itemsize == 0;
    for (int i = 0; ready && i < view.ndim; i++) to->shape[i] = view.shape[i];
    if (ready) fnn_learn(array, &view);
    PyBuffer_Release(&view);
    return ready;
}

/* numpy.empty without its look at the arguments, which takes as long as all the rest. Its C function stands in a table
 * whose order NumPy's ABI fixes. fnn_find_empty: whether this capsule is such a table, of an ABI that is known. */
typedef PyObject *fnn_empty_function(int ndim, const Py_ssize_t *shape, PyObject *descr, int is_fortran);
static fnn_empty_function *fnn_numpy_empty;

static inline int fnn_find_empty(PyObject *table)
{
    void **functions = PyCapsule_GetPointer(table, NULL);
    if (functions == NULL) {
        PyErr_Clear();
        return 0;
    }
    unsigned abi = ((unsigned (*)(void))functions[0])() >> 24;
    fnn_numpy_empty = (fnn_empty_function *)functions[184];
    return abi == 1 || abi == 2;
}

static inline PyObject *fnn_empty(int ndim, const Py_ssize_t *shape, PyObject *descr)
{
    Py_INCREF(descr); /* the function takes it */
    return fnn_numpy_empty(ndim, shape, descr, 0);
}

/* Whether `array` is one as above, of that type and shape (a tuple of integers), and writeable where asked; its first
 * byte and the one behind its last go to extent. No exception. */
static inline int fnn_is(PyObject *array, int writeable, char code, PyObject *shape, const char **extent)
{
    Py_buffer view;
    if (PyObject_GetBuffer(array, &view, writeable ? PyBUF_ND | PyBUF_FORMAT | PyBUF_WRITABLE : PyBUF_ND | PyBUF_FORMAT)
        < 0) {
        PyErr_Clear();
        return 0;
    }
    int same = view.format[0] == code && view.format[1] == '\0' && (Py_uintptr_t)view.buf % (size_t)view.itemsize == 0
               && view.ndim == PyTuple_Size(shape);
    for (int i = 0; same && i < view.ndim; i++) same = PyLong_AsSsize_t(PyTuple_GetItem(shape, i)) == view.shape[i];
    extent[0] = view.buf;
    extent[1] = extent[0] + view.len;
    PyBuffer_Release(&view);
    return same;
}

/* The first n items of a tuple, which are integers. -1 and an exception where they are not. */
static inline int fnn_integers(PyObject *tuple, int n, Py_ssize_t *out)
{
    for (int i = 0; i < n; i++) {
        PyObject *item = PyTuple_GetItem(tuple, i);
        if (item == NULL) return -1;
        out[i] = PyLong_AsSsize_t(item);
        if (out[i] == -1 && PyErr_Occurred()) return -1;
    }
    return 0;
}

/* What decides about a call, as numbers: of a plain array (as above) type and shape, the value of a short string, of
 * an integer, a bool, None, or a tuple of such. Equal numbers mean equal arguments: each begins with its kind. */
enum { FNN_KEY_MOST = 64, FNN_KEY_TEXT = 2 * sizeof(Py_ssize_t) };

/* Appends those of `argument` to key; returns how many it then has, or -1 where it is anything else. No exception. */
static inline int fnn_append_key(PyObject *argument, PyObject *ndarray, Py_ssize_t *key, int n)
{
    if (n + 5 > FNN_KEY_MOST) return -1;
    if (argument == Py_None || argument == Py_True || argument == Py_False) {
        key[n] = argument == Py_None ? 'n' : argument == Py_True ? 't' : 'f';
        return n + 1;
    }
    if (PyLong_CheckExact(argument)) {
        key[n] = 'i';
        key[n + 1] = PyLong_AsSsize_t(argument);
        if (key[n + 1] == -1 && PyErr_Occurred()) {
            PyErr_Clear();
            return -1;
        }
        return n + 2;
    }
    if (PyFloat_CheckExact(argument)) {
        double value = PyFloat_AsDouble(argument);
        key[n] = 'd';
        key[n + 1] = key[n + 2] = 0; /* as large as a double where pointers have 32 bits */
        memcpy(&key[n + 1], &value, sizeof value);
        return n + 3;
    }
    if ((PyObject *)Py_TYPE(argument) == ndarray) {
        Py_buffer view;
        if (PyObject_GetBuffer(argument, &view, PyBUF_ND | PyBUF_FORMAT) < 0) {
            PyErr_Clear();
            return -1;
        }
        char code = view.format[1] == '\0' && (view.format[0] == 'f' || view.format[0] == 'd') ? view.format[0] : 0;
        int fits = code && (Py_uintptr_t)view.buf % (size_t)view.itemsize == 0 && n + 1 + view.ndim <= FNN_KEY_MOST;
        key[n++] = 'a' + 256 * code + 65536 * view.ndim;
        for (int i = 0; fits && i < view.ndim; i++) key[n++] = view.shape[i];
        PyBuffer_Release(&view);
        return fits ? n : -1;
    }
    if (PyTuple_CheckExact(argument)) {
        Py_ssize_t items = PyTuple_Size(argument);
        key[n++] = '(' + 256 * items;
        for (Py_ssize_t i = 0; n > 0 && i < items; i++)
            n = fnn_append_key(PyTuple_GetItem(argument, i), ndarray, key, n);
        return n;
    }
    if (PyUnicode_CheckExact(argument)) {
        Py_ssize_t size;
        const char *text = PyUnicode_AsUTF8AndSize(argument, &size);
        if (text == NULL) PyErr_Clear();
        if (text == NULL || size > FNN_KEY_TEXT) return -1;
        key[n] = 's' + 256 * size;
        key[n + 1] = key[n + 2] = 0;
        memcpy(&key[n + 1], text, (size_t)size);
        return n + 3;
    }
    return -1;
}

#endif
