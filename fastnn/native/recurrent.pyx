"""rnn, lstm and gru and their gradients: from arrays to a Net. Same names as the reference's rnn, lstm and gru."""

import numpy

from libc.string cimport memcpy

from ._arrays cimport data, fnn_array, fnn_data, fnn_empty, fnn_find_empty, fnn_look
from ._rnn_backward cimport backward
from ._rnn_forward cimport forward
from ._rnn_net cimport GRU, LSTM, RNN, Gradients, Net


def rnn_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, reverse, nonlinearity):
    cdef Net net
    fill(&net, RNN, x, h0, weight_ih, weight_hh, lengths, y, True, reverse)
    net.relu = nonlinearity == "relu"
    fill_biases(&net, x.itemsize, bias_ih, bias_hh)
    run_forward(&net, x.itemsize, h_n, None)


def lstm_forward(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, c_n, gates, cells, reverse):
    cdef Net net
    fill(&net, LSTM, x, h0, weight_ih, weight_hh, lengths, y, True, reverse)
    fill_biases(&net, x.itemsize, bias_ih, bias_hh)
    net.c0 = data(c0, False, 2, x.itemsize)
    net.saved, net.cells = data(gates, True, 4, x.itemsize), data(cells, True, 3, x.itemsize)
    run_forward(&net, x.itemsize, h_n, c_n)


def gru_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, gates, reverse):
    cdef Net net
    fill(&net, GRU, x, h0, weight_ih, weight_hh, lengths, y, True, reverse)
    fill_biases(&net, x.itemsize, bias_ih, bias_hh)
    net.saved = data(gates, True, 4, x.itemsize)
    run_forward(&net, x.itemsize, h_n, None)


def rnn_backward(dy, dh_n, x, h0, y, weight_ih, weight_hh, lengths, dx, dh0, dweight_ih, dweight_hh, dbias_ih,
                 dbias_hh, reverse, nonlinearity):
    cdef Net net
    cdef Gradients grads
    fill(&net, RNN, x, h0, weight_ih, weight_hh, lengths, y, False, reverse)
    net.relu = nonlinearity == "relu"
    fill_gradients(&grads, x.itemsize, dy, dh_n, None, dx, dh0, None, dweight_ih, dweight_hh, dbias_ih, dbias_hh)
    run_backward(&net, x.itemsize, &grads)


def lstm_backward(dy, dh_n, dc_n, x, h0, c0, y, gates, cells, weight_ih, weight_hh, lengths, dx, dh0, dc0,
                  dweight_ih, dweight_hh, dbias_ih, dbias_hh, reverse):
    cdef Net net
    cdef Gradients grads
    fill(&net, LSTM, x, h0, weight_ih, weight_hh, lengths, y, False, reverse)
    net.c0 = data(c0, False, 2, x.itemsize)
    net.saved, net.cells = data(gates, False, 4, x.itemsize), data(cells, False, 3, x.itemsize)
    fill_gradients(&grads, x.itemsize, dy, dh_n, dc_n, dx, dh0, dc0, dweight_ih, dweight_hh, dbias_ih, dbias_hh)
    run_backward(&net, x.itemsize, &grads)


def gru_backward(dy, dh_n, x, h0, y, gates, weight_ih, weight_hh, lengths, dx, dh0, dweight_ih, dweight_hh,
                 dbias_ih, dbias_hh, reverse):
    cdef Net net
    cdef Gradients grads
    fill(&net, GRU, x, h0, weight_ih, weight_hh, lengths, y, False, reverse)
    net.saved = data(gates, False, 4, x.itemsize)
    fill_gradients(&grads, x.itemsize, dy, dh_n, None, dx, dh0, None, dweight_ih, dweight_hh, dbias_ih, dbias_hh)
    run_backward(&net, x.itemsize, &grads)


def recurrent_step(op, x, h, c, parameters, y, h_n, c_n, nonlinearity):
    """A layer's y is its h, written where the states go: the layer above reads it there."""
    cdef Net net
    cdef Py_ssize_t shape[3]
    cdef int itemsize = x.itemsize, axes = x.ndim, k
    cdef char *states = <char *>fnn_data(h_n, True, axes + 1, itemsize, shape)
    cdef int layers = shape[0]
    cdef void *out = fnn_data(y, True, axes, itemsize, shape)
    cdef void *cells = fnn_data(c_n, True, axes + 1, itemsize, shape)
    net.kind = LSTM if op == "lstm" else GRU if op == "gru" else RNN
    net.gates = 1 if net.kind == RNN else 4 if net.kind == LSTM else 3
    net.relu, net.reverse = nonlinearity == "relu", False
    net.saved = net.cells = NULL
    net.lengths = NULL
    net.order = NULL
    net.steps = net.groups = 1
    net.h0 = fnn_data(h, False, axes + 1, itemsize, shape)
    net.hidden = shape[axes]
    net.c0 = fnn_data(c, False, axes + 1, itemsize, shape)
    net.x = fnn_data(x, False, axes, itemsize, shape)
    net.rows, net.inputs = shape[0] if axes == 2 else 1, shape[axes - 1]
    cdef Py_ssize_t size = net.rows * net.hidden * itemsize
    for k in range(layers):
        net.weight_ih = data(parameters[4 * k], False, 2, itemsize)
        net.weight_hh = data(parameters[4 * k + 1], False, 2, itemsize)
        fill_biases(&net, itemsize, parameters[4 * k + 2], parameters[4 * k + 3])
        net.y = states
        run(&net, itemsize, states, cells)
        net.x, net.inputs = states, net.hidden
        states += size
        net.h0 = <const char *>net.h0 + size
        if net.kind == LSTM:
            net.c0 = <const char *>net.c0 + size
            cells = <char *>cells + size
    memcpy(out, net.x, size)


cdef object ndarray = numpy.ndarray
cdef object F32 = numpy.dtype(numpy.float32)
cdef object F64 = numpy.dtype(numpy.float64)

try:
    from numpy._core import _multiarray_umath as core
except ImportError:   # NumPy 1
    from numpy.core import _multiarray_umath as core
cdef bint has_empty = fnn_find_empty(getattr(core, "_ARRAY_API", None))

cdef enum:
    SMALL_RESULT = 1 << 12   # elements; the memory of larger ones is the functional layer's affair


def recurrent_ready(int kind, bint is_cell, x, state, weight_ih, weight_hh, bias_ih, bias_hh, bint reverse, bint relu):
    """What rnn, lstm or gru (kind 0, 1, 2) or its cell returns, where the arguments are as plain and small as can be.

    None where they are not, or do not fit each other. It does in a microsecond what the functional layer takes longer
    for, because that has to say what is wrong.
    """
    cdef Net net
    cdef fnn_array a, h, c, ih, hh, b_ih, b_hh
    cdef bint from_zeros = state is None
    cell = None
    if not has_empty:
        return None
    if kind == LSTM and not from_zeros:
        if type(state) is not tuple or len(<tuple>state) != 2:
            return None
        state, cell = (<tuple>state)[0], (<tuple>state)[1]
    if not (look(x, &a) and look(state, &h) and look(cell, &c) and look(weight_ih, &ih) and look(weight_hh, &hh)
            and look(bias_ih, &b_ih) and look(bias_hh, &b_hh)):
        return None
    net.kind, net.gates = kind, 1 if kind == RNN else 4 if kind == LSTM else 3
    net.relu, net.reverse = relu, reverse
    if from_zeros:
        fill_zeros(&h, &a, is_cell, hh.shape[1] if hh.ndim == 2 else 0)
        c = h
    if not fit(&net, is_cell, &a, &h, &c, &ih, &hh) or not fit_biases(&net, a.code, &b_ih, &b_hh):
        return None
    return results(&net, is_cell, h.ndim == 2, a.code == b"d")


cdef double ZEROS[SMALL_RESULT]


cdef void fill_zeros(fnn_array *state, const fnn_array *x, bint is_cell, Py_ssize_t hidden) noexcept:
    """The state that stands for None beside x."""
    cdef int axis = 0 if is_cell else 1
    state.data, state.code, state.ndim = ZEROS, x.code, x.ndim - axis
    state.shape[0] = x.shape[axis] if state.ndim == 2 else hidden
    state.shape[1] = hidden


cdef inline bint look(array, fnn_array *to):
    to.data = NULL
    to.code = to.ndim = 0
    return array is None or fnn_look(array, ndarray, to)


cdef bint fit(Net *net, bint is_cell, const fnn_array *x, const fnn_array *h, const fnn_array *c, const fnn_array *ih,
              const fnn_array *hh) noexcept:
    """Fill net but for the biases, where the extents fit each other, none is 0, and the results are small."""
    cdef int axis = 0 if is_cell else 1, last = h.ndim - 1, k   # axis: of the rows
    if ih.ndim != 2 or hh.ndim != 2 or not 1 <= h.ndim <= 2 or x.ndim != h.ndim + axis:
        return False
    if x.code != h.code or x.code != ih.code or x.code != hh.code or (net.kind == LSTM and x.code != c.code):
        return False
    net.inputs, net.hidden = ih.shape[1], hh.shape[1]
    net.steps, net.rows = 1 if is_cell else x.shape[0], h.shape[0] if last == 1 else 1
    if net.steps == 0 or net.rows == 0 or net.hidden == 0 or net.inputs == 0:
        return False
    for k in range(last):
        if x.shape[axis + k] != net.rows:
            return False
    if net.kind == LSTM and (c.ndim != h.ndim or c.shape[0] != h.shape[0] or c.shape[last] != net.hidden):
        return False
    if x.shape[x.ndim - 1] != net.inputs or h.shape[last] != net.hidden:
        return False
    if hh.shape[0] != net.gates * net.hidden or ih.shape[0] != hh.shape[0]:
        return False
    net.x, net.h0, net.c0, net.weight_ih, net.weight_hh = x.data, h.data, c.data, ih.data, hh.data
    net.saved = net.cells = NULL
    net.lengths = NULL
    net.order = NULL
    net.groups = 1
    return net.rows * net.hidden <= SMALL_RESULT // net.steps


cdef bint fit_biases(Net *net, char code, const fnn_array *b_ih, const fnn_array *b_hh) noexcept:
    cdef Py_ssize_t rows = net.gates * net.hidden
    net.bias_ih, net.bias_hh = b_ih.data, b_hh.data
    return ((b_ih.data == NULL or (b_ih.code == code and b_ih.ndim == 1 and b_ih.shape[0] == rows))
            and (b_hh.data == NULL or (b_hh.code == code and b_hh.ndim == 1 and b_hh.shape[0] == rows)))


cdef object results(Net *net, bint is_cell, bint batched, bint is_double):
    cdef fnn_array h, c, y
    cdef int itemsize = 8 if is_double else 4, axes = 2 if batched else 1
    cdef Py_ssize_t shape[3]   # of y; that of a state without the first
    shape[0], shape[1], shape[axes] = net.steps, net.rows, net.hidden
    dtype = F64 if is_double else F32
    h_n = fnn_empty(axes, shape + 1, dtype)
    c_n = fnn_empty(axes, shape + 1, dtype) if net.kind == LSTM else None
    look(h_n, &h)
    look(c_n, &c)
    state = (h_n, c_n) if net.kind == LSTM else h_n
    if is_cell:
        net.y = h.data   # the only step's
        run(net, itemsize, h.data, c.data)
        return state
    steps = fnn_empty(axes + 1, shape, dtype)
    look(steps, &y)
    net.y = y.data
    run(net, itemsize, h.data, c.data)
    return steps, state


cdef int fill(Net *net, int kind, x, h0, weight_ih, weight_hh, lengths, y, bint y_writeable, bint reverse) except -1:
    cdef Py_ssize_t shape[3]
    cdef int itemsize = x.itemsize
    net.kind, net.reverse, net.relu = kind, reverse, False
    net.gates = 1 if kind == RNN else 4 if kind == LSTM else 3
    net.x = fnn_data(x, False, 3, itemsize, shape)
    net.steps, net.rows, net.inputs = shape[0], shape[1], shape[2]
    net.h0 = fnn_data(h0, False, 2, itemsize, shape)
    net.hidden = shape[1]
    net.c0 = net.bias_ih = net.bias_hh = net.saved = net.cells = NULL
    net.weight_ih, net.weight_hh = data(weight_ih, False, 2, itemsize), data(weight_hh, False, 2, itemsize)
    net.y = data(y, y_writeable, 3, itemsize)
    net.lengths = <const Py_ssize_t *>fnn_data(lengths, False, 1, sizeof(Py_ssize_t), shape)
    net.order = NULL
    net.groups = 1
    return 0


cdef int fill_biases(Net *net, int itemsize, bias_ih, bias_hh) except -1:
    net.bias_ih, net.bias_hh = data(bias_ih, False, 1, itemsize), data(bias_hh, False, 1, itemsize)
    return 0


cdef int fill_gradients(Gradients *grads, int itemsize, dy, dh_n, dc_n, dx, dh0, dc0, dweight_ih, dweight_hh, dbias_ih,
                        dbias_hh) except -1:
    grads.dy = data(dy, False, 3, itemsize)
    grads.dh_n, grads.dc_n = data(dh_n, False, 2, itemsize), data(dc_n, False, 2, itemsize)
    grads.dx = data(dx, True, 3, itemsize)
    grads.dh0, grads.dc0 = data(dh0, True, 2, itemsize), data(dc0, True, 2, itemsize)
    grads.dweight_ih, grads.dweight_hh = data(dweight_ih, True, 2, itemsize), data(dweight_hh, True, 2, itemsize)
    grads.dbias_ih, grads.dbias_hh = data(dbias_ih, True, 1, itemsize), data(dbias_hh, True, 1, itemsize)
    return 0


cdef int run_forward(Net *net, int itemsize, h_n, c_n) except -1:
    cdef void *last_h = data(h_n, True, 2, itemsize)
    return run(net, itemsize, last_h, data(c_n, True, 2, itemsize))


cdef int run(Net *net, int itemsize, void *h_n, void *c_n) except -1:
    return forward[float](net, h_n, c_n, NULL) if itemsize == 4 else forward[double](net, h_n, c_n, NULL)


cdef int run_backward(Net *net, int itemsize, Gradients *grads) except -1:
    return backward[float](net, grads, NULL) if itemsize == 4 else backward[double](net, grads, NULL)
