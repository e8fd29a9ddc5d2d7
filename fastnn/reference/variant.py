"""Recurrent layers with recurrent dropout, zoneout, a projection or layer normalisation.

With masks m (dropout), d_h and d_c (zoneout), and LN(a) = gain (a - mean a) / sqrt(var a + eps) over a row:

    (1) u = x W_ih^T + b_ih,  v = h W_hh^T + b_hh;  with norm  u = LN(x W_ih^T) + b_ih,  v = LN(h W_hh^T) + b_hh
    RNN   (2) k = tanh or relu of u + v;  h~ = k m
    GRU   (3) r, z = sigmoid(u + v);  n = tanh(u_n + r v_n);  h~ = (1 - z) n m + z h
    LSTM  (4) i, f, o = sigmoid(u + v);  g = tanh(u_g + v_g);  c~ = f c + i g m
          (5) h~ = o tanh(c~), with norm o tanh(LN(c~) + b_c);  with a projection times W_hr^T
          (6) c' = d_c c + (1 - d_c) c~
    (7) h' = d_h h + (1 - d_h) h~
"""

import numpy as np

from ._sequence import clear, live_rows, running_gradient, state_before, steps
from .activation import sigmoid


def mask_at(mask, t, rows, n_rows):
    """The part of a mask that belongs to `rows` at step t; `otherwise` where there is none."""
    here = mask[t if mask.shape[0] > 1 else 0]
    return np.broadcast_to(here, (n_rows, here.shape[1]))[rows]


def normalised(a, eps):
    """((a - mean) / deviation, mean, 1 / deviation) of each row."""
    mean = a.mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt(np.mean((a - mean) ** 2, axis=1, keepdims=True) + eps)
    return (a - mean) * rstd, mean, rstd


def normalised_gradient(dy, a, weight, mean, rstd):
    """The gradient of a from that of weight * normalised(a)."""
    unit, d = (a - mean) * rstd, dy * weight
    return (d - d.mean(axis=1, keepdims=True) - unit * (d * unit).mean(axis=1, keepdims=True)) * rstd


def plus(a, bias):
    return a if bias is None else a + bias


@np.errstate(over="ignore", invalid="ignore")
def variant_forward(net, x, h0, c0, lengths, y, h_n, c_n, kept):
    clear(y)
    h_n[...] = h0
    if c_n is not None:
        c_n[...] = c0
    for t in steps(len(x), net.reverse):
        rows = live_rows(lengths, t)
        h = h_n[rows]
        drop, zone_h, zone_c = (None if mask is None else mask_at(mask, t, rows, len(h_n))
                                for mask in (net.drop, net.zone_h, net.zone_c))
        u, v = sums(net, x[t, rows] @ net.weight_ih.T, h @ net.weight_hh.T, kept, t, rows)  # (1)
        if net.kind == "rnn":
            gates, new = elman(net.nonlinearity, u, v, drop)
        elif net.kind == "gru":
            gates, new = gated(u, v, drop, h)
        else:
            c = c_n[rows]
            gates, inner = memory(u, v, drop, c)
            new = emitted(net, gates[3], inner, kept, t, rows)
            c_n[rows] = inner if zone_c is None else zone_c * c + (1 - zone_c) * inner  # (6)
        y[t, rows] = h_n[rows] = new if zone_h is None else zone_h * h + (1 - zone_h) * new  # (7)
        if kept is not None:
            kept.gates[t, rows] = np.stack(gates, axis=1)
            if net.kind == "lstm":
                kept.inner[t, rows], kept.cells[t, rows] = inner, c_n[rows]


def sums(net, over_x, over_h, kept, t, rows):
    if net.norm is not None:
        if kept is not None:
            kept.sums_ih[t, rows], kept.sums_hh[t, rows] = over_x, over_h
        parts = [normalised(a, net.norm.eps) for a in (over_x, over_h)]
        if kept is not None:
            for k, (_, mean, rstd) in enumerate(parts):
                kept.stats[2 * k, t, rows], kept.stats[2 * k + 1, t, rows] = mean[:, 0], rstd[:, 0]
        over_x, over_h = (unit * weight for (unit, _, _), weight in zip(parts, net.norm[:2], strict=True))
    return plus(over_x, net.bias_ih), plus(over_h, net.bias_hh)


def elman(nonlinearity, u, v, drop):
    k = np.tanh(u + v) if nonlinearity == "tanh" else np.maximum(u + v, 0)  # (2)
    return (k,), k if drop is None else k * drop


def gated(u, v, drop, h):
    (u_r, u_z, u_n), (v_r, v_z, q) = np.split(u, 3, axis=1), np.split(v, 3, axis=1)
    r, z = sigmoid(u_r + v_r), sigmoid(u_z + v_z)  # (3)
    n = np.tanh(u_n + r * q)
    return (r, z, n, q), (1 - z) * (n if drop is None else n * drop) + z * h


def memory(u, v, drop, c):
    a_i, a_f, a_g, a_o = np.split(u + v, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)  # (4)
    return (i, f, g, o), f * c + i * (g if drop is None else g * drop)


def emitted(net, o, inner, kept, t, rows):
    if net.norm is not None:
        unit, mean, rstd = normalised(inner, net.norm.eps)
        if kept is not None:
            kept.stats[4, t, rows], kept.stats[5, t, rows] = mean[:, 0], rstd[:, 0]
        inner = plus(unit * net.norm.weight_c, net.norm.bias_c)
    hidden = o * np.tanh(inner)  # (5)
    if net.weight_hr is None:
        return hidden
    if kept is not None:
        kept.hidden[t, rows] = hidden
    return hidden @ net.weight_hr.T


@np.errstate(over="ignore", invalid="ignore")
def variant_backward(net, dy, dh_n, dc_n, x, h0, c0, lengths, y, kept, grads):
    clear(grads.dx)
    dh = running_gradient(dh_n, h0)
    dc = None if c0 is None else running_gradient(dc_n, c0)
    for t in steps(len(x), not net.reverse):
        rows = live_rows(lengths, t)
        drop, zone_h, zone_c = (None if mask is None else mask_at(mask, t, rows, len(dh))
                                for mask in (net.drop, net.zone_h, net.zone_c))
        dh_t = dh[rows] + dy[t, rows]
        dnew, dstay = (dh_t, 0) if zone_h is None else ((1 - zone_h) * dh_t, zone_h * dh_t)  # (7)
        gates = kept.gates[t, rows]
        if net.kind == "rnn":
            da = elman_gradient(net.nonlinearity, dnew, gates[:, 0], drop)
            du = dv = da
        elif net.kind == "gru":
            du, dv, dmore = gated_gradient(dnew, gates, drop, state_before(y, h0, lengths, t, rows, net.reverse))
            dstay = dstay + dmore
        else:
            c_prev = state_before(kept.cells, c0, lengths, t, rows, net.reverse)
            da_o, dinner = emitted_gradient(net, dnew, gates[:, 3], kept, t, rows, grads)
            dc_t = dc[rows]
            dinner, dc_stay = (dinner + dc_t, 0) if zone_c is None else (dinner + (1 - zone_c) * dc_t, zone_c * dc_t)
            da, dc[rows] = memory_gradient(dinner, da_o, gates, drop, c_prev, dc_stay)
            du, dv = sums_gradient(net, da, kept, t, rows, grads)
        grads.dsums_ih[t, rows], grads.dsums_hh[t, rows] = du, dv
        dh[rows] = dv @ net.weight_hh + dstay  # (1)
        if grads.dx is not None:
            grads.dx[t, rows] = du @ net.weight_ih
    for to, value in ((grads.dh0, dh), (grads.dc0, dc)):
        if to is not None:
            to[...] = value


def elman_gradient(nonlinearity, dnew, k, drop):
    d = dnew if drop is None else dnew * drop
    return d * (1 - k * k) if nonlinearity == "tanh" else np.where(k <= 0, 0, d)  # (2)


def gated_gradient(dnew, gates, drop, h):
    r, z, n, q = (gates[:, gate] for gate in range(4))
    m = 1 if drop is None else drop
    da_n, dz = dnew * (1 - z) * m * (1 - n * n), dnew * (h - n * m)  # (3)
    da_r, da_z = da_n * q * r * (1 - r), dz * z * (1 - z)
    return np.concatenate((da_r, da_z, da_n), axis=1), np.concatenate((da_r, da_z, da_n * r), axis=1), dnew * z


def emitted_gradient(net, dnew, o, kept, t, rows, grads):
    if net.weight_hr is not None:
        grads.dhidden[t, rows] = dnew
        dnew = dnew @ net.weight_hr  # (5)
    inner = kept.inner[t, rows]
    if net.norm is None:
        tanh_c = np.tanh(inner)
        return dnew * tanh_c * o * (1 - o), dnew * o * (1 - tanh_c * tanh_c)
    mean, rstd = kept.stats[4, t, rows][:, None], kept.stats[5, t, rows][:, None]
    tanh_c = np.tanh(plus((inner - mean) * rstd * net.norm.weight_c, net.norm.bias_c))
    grads.dcells[t, rows] = dcells = dnew * o * (1 - tanh_c * tanh_c)
    return dnew * tanh_c * o * (1 - o), normalised_gradient(dcells, inner, net.norm.weight_c, mean, rstd)


def memory_gradient(dinner, da_o, gates, drop, c_prev, dc_stay):
    i, f, g = (gates[:, gate] for gate in range(3))
    m = 1 if drop is None else drop
    da = (dinner * g * m * i * (1 - i), dinner * c_prev * f * (1 - f), dinner * i * m * (1 - g * g), da_o)  # (4)
    return np.concatenate(da, axis=1), dinner * f + dc_stay


def sums_gradient(net, da, kept, t, rows, grads):
    if net.norm is None:
        return da, da
    grads.dgates[t, rows] = da
    return tuple(normalised_gradient(da, raw[t, rows], weight, kept.stats[k, t, rows][:, None],
                                     kept.stats[k + 1, t, rows][:, None])
                 for k, raw, weight in ((0, kept.sums_ih, net.norm.weight_ih), (2, kept.sums_hh, net.norm.weight_hh)))
