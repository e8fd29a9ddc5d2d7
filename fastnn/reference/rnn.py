"""The Elman network. The numbers of the forward steps are cited in backward.

    (1) a  = x W_ih^T + b_ih + h W_hh^T + b_hh
    (2) h' = tanh(a) or max(a, 0)

x: (T, N, I), h: (N, H), W_ih: (H, I), W_hh: (H, H), y: (T, N, H).
"""

import numpy as np

from ._sequence import add_parameter_gradients, affine, clear, live_rows, running_gradient, state_before, steps


@np.errstate(over="ignore", invalid="ignore")
def rnn_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, reverse, nonlinearity):
    clear(y)
    h_n[...] = h0
    for t in steps(len(x), reverse):
        rows = live_rows(lengths, t)
        a = affine(x[t, rows], weight_ih, bias_ih) + affine(h_n[rows], weight_hh, bias_hh)  # (1)
        y[t, rows] = h_n[rows] = np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0)  # (2)


@np.errstate(over="ignore", invalid="ignore")
def rnn_backward(dy, dh_n, x, h0, y, weight_ih, weight_hh, lengths, dx, dh0, dweight_ih, dweight_hh, dbias_ih, dbias_hh,
                 reverse, nonlinearity):
    clear(dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh)
    dh = running_gradient(dh_n, h0)
    for t in steps(len(x), not reverse):
        rows = live_rows(lengths, t)
        h_prev = state_before(y, h0, lengths, t, rows, reverse)
        h = y[t, rows]
        da = dh[rows] + dy[t, rows]
        da = da * (1 - h * h) if nonlinearity == "tanh" else np.where(h <= 0, 0, da)  # (2)
        dh[rows] = da @ weight_hh  # (1)
        add_parameter_gradients(da, h_prev, dweight_hh, dbias_hh)
        add_parameter_gradients(da, x[t, rows], dweight_ih, dbias_ih)
        if dx is not None:
            dx[t, rows] = da @ weight_ih
    if dh0 is not None:
        dh0[...] = dh
