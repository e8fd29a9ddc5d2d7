"""The gated recurrent unit. The numbers of the forward steps are cited in backward.

    (1) a_r, a_z, a_n = x W_ih^T + b_ih
    (2) b_r, b_z, q   = h W_hh^T + b_hh
    (3) r = sigmoid(a_r + b_r);  z = sigmoid(a_z + b_z)
    (4) n = tanh(a_n + r q)
    (5) h' = (1 - z) n + z h

x: (T, N, I), h: (N, H), W_ih: (3H, I), W_hh: (3H, H), y: (T, N, H), gates r, z, n, q: (T, N, 4, H).
"""

import numpy as np

from ._sequence import add_parameter_gradients, affine, clear, live_rows, running_gradient, state_before, steps
from .activation import sigmoid


@np.errstate(over="ignore", invalid="ignore")
def gru_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, y, h_n, gates, reverse):
    clear(y, gates)
    h_n[...] = h0
    for t in steps(len(x), reverse):
        rows = live_rows(lengths, t)
        h = h_n[rows]
        a_r, a_z, a_n = np.split(affine(x[t, rows], weight_ih, bias_ih), 3, axis=1)  # (1)
        b_r, b_z, q = np.split(affine(h, weight_hh, bias_hh), 3, axis=1)  # (2)
        r, z = sigmoid(a_r + b_r), sigmoid(a_z + b_z)  # (3)
        n = np.tanh(a_n + r * q)  # (4)
        y[t, rows] = h_n[rows] = (1 - z) * n + z * h  # (5)
        if gates is not None:
            gates[t, rows] = np.stack((r, z, n, q), axis=1)


@np.errstate(over="ignore", invalid="ignore")
def gru_backward(dy, dh_n, x, h0, y, gates, weight_ih, weight_hh, lengths, dx, dh0, dweight_ih, dweight_hh,
                 dbias_ih, dbias_hh, reverse):
    clear(dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh)
    dh = running_gradient(dh_n, h0)
    for t in steps(len(x), not reverse):
        rows = live_rows(lengths, t)
        h_prev = state_before(y, h0, lengths, t, rows, reverse)
        r, z, n, q = (gates[t, rows, gate] for gate in range(4))
        dh_t = dh[rows] + dy[t, rows]
        dn, dz = dh_t * (1 - z), dh_t * (h_prev - n)  # (5)
        da_n = dn * (1 - n * n)  # (4)
        dr, dq = da_n * q, da_n * r
        da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)  # (3)
        db = np.concatenate((da_r, da_z, dq), axis=1)
        dh[rows] = dh_t * z + db @ weight_hh  # (5) and (2)
        add_parameter_gradients(db, h_prev, dweight_hh, dbias_hh)
        da = np.concatenate((da_r, da_z, da_n), axis=1)
        add_parameter_gradients(da, x[t, rows], dweight_ih, dbias_ih)  # (1)
        if dx is not None:
            dx[t, rows] = da @ weight_ih
    if dh0 is not None:
        dh0[...] = dh
