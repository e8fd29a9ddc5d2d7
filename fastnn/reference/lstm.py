"""The long short-term memory. The numbers of the forward steps are cited in backward.

    (1) a_i, a_f, a_g, a_o = x W_ih^T + b_ih + h W_hh^T + b_hh
    (2) i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o);  g = tanh(a_g)
    (3) c' = f c + i g
    (4) h' = o tanh(c')

x: (T, N, I), h, c: (N, H), W_ih: (4H, I), W_hh: (4H, H), y, cells: (T, N, H), gates i, f, g, o: (T, N, 4, H).
"""

import numpy as np

from ._sequence import add_parameter_gradients, affine, clear, live_rows, running_gradient, state_before, steps
from .activation import sigmoid


@np.errstate(over="ignore", invalid="ignore")
def lstm_forward(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, c_n, gates, cells, reverse):
    clear(y, gates, cells)
    h_n[...] = h0
    c_n[...] = c0
    for t in steps(len(x), reverse):
        rows = live_rows(lengths, t)
        a = affine(x[t, rows], weight_ih, bias_ih) + affine(h_n[rows], weight_hh, bias_hh)  # (1)
        a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)  # (2)
        c_n[rows] = c = f * c_n[rows] + i * g  # (3)
        y[t, rows] = h_n[rows] = o * np.tanh(c)  # (4)
        if gates is not None:
            gates[t, rows] = np.stack((i, f, g, o), axis=1)
            cells[t, rows] = c


@np.errstate(over="ignore", invalid="ignore")
def lstm_backward(dy, dh_n, dc_n, x, h0, c0, y, gates, cells, weight_ih, weight_hh, lengths, dx, dh0, dc0,
                  dweight_ih, dweight_hh, dbias_ih, dbias_hh, reverse):
    clear(dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh)
    dh, dc = running_gradient(dh_n, h0), running_gradient(dc_n, c0)
    for t in steps(len(x), not reverse):
        rows = live_rows(lengths, t)
        h_prev = state_before(y, h0, lengths, t, rows, reverse)
        c_prev = state_before(cells, c0, lengths, t, rows, reverse)
        i, f, g, o = (gates[t, rows, gate] for gate in range(4))
        tanh_c = np.tanh(cells[t, rows])
        dh_t = dh[rows] + dy[t, rows]
        do = dh_t * tanh_c  # (4)
        dc_t = dc[rows] + dh_t * o * (1 - tanh_c * tanh_c)
        di, df, dg = dc_t * g, dc_t * c_prev, dc_t * i  # (3)
        dc[rows] = dc_t * f
        da = np.concatenate((di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)), axis=1)  # (2)
        dh[rows] = da @ weight_hh  # (1)
        add_parameter_gradients(da, h_prev, dweight_hh, dbias_hh)
        add_parameter_gradients(da, x[t, rows], dweight_ih, dbias_ih)
        if dx is not None:
            dx[t, rows] = da @ weight_ih
    if dh0 is not None:
        dh0[...] = dh
    if dc0 is not None:
        dc0[...] = dc
