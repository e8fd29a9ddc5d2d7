"""2-D cross-correlation and its three gradients, one product of matrices a tap.

    y[n, k, p, q] = bias[k] + sum over c, r, s of x[n, c, h, w] * weight[k, c, r, s]
    h = p*stride_h - pad_top + r*dilation_h,  w = q*stride_w - pad_left + s*dilation_w

where c runs over the channels of k's group, and pixels (h, w) outside the image add nothing. With activation "relu"
y is what relu makes of these sums.
x: (N, C, H, W), weight: (K, C/groups, R, S), y: (N, K, P, Q).
"""

import math

import numpy as np

from ._window import taps
from .activation import quiet, relu_forward


@quiet
def conv2d_forward(x, weight, bias, y, geo, activation=None):
    x_g, y_g, taps_g = _by_group(x, geo.groups), _by_group(y, geo.groups), _taps_first(weight, geo.groups)
    y[...] = 0 if bias is None else bias[:, None, None]
    for r, s, windows, pixels in _taps2d(x, weight, y, geo):
        y_g[windows] += (taps_g[r, s] @ _matrix(x_g[pixels])).reshape(y_g[windows].shape)
    if activation is not None:
        relu_forward(y, y)


@quiet
def conv2d_backward_input(dy, weight, dx, geo):
    dy_g, dx_g, taps_g = _by_group(dy, geo.groups), _by_group(dx, geo.groups), _taps_first(weight, geo.groups)
    dx[...] = 0
    for r, s, windows, pixels in _taps2d(dx, weight, dy, geo):
        dx_g[pixels] += (taps_g[r, s].swapaxes(1, 2) @ _matrix(dy_g[windows])).reshape(dx_g[pixels].shape)


@quiet
def conv2d_backward_weight(dy, x, dweight, dbias, geo):
    if dbias is not None:
        np.sum(dy, axis=(0, 2, 3), out=dbias)
    if dweight is not None:
        dy_g, x_g = _by_group(dy, geo.groups), _by_group(x, geo.groups)
        dweight[...] = 0
        for r, s, windows, pixels in _taps2d(x, dweight, dy, geo):
            dtap = _matrix(dy_g[windows]) @ _matrix(x_g[pixels]).swapaxes(1, 2)
            dweight[:, :, r, s] = dtap.reshape(dweight.shape[:2])


def _taps2d(x, weight, y, geo):
    """Yield (r, s, windows, pixels): where tap (r, s) lies on the image; the last two index the last two axes."""
    rows = taps(weight.shape[2], geo.stride_h, geo.pad_top, geo.dilation_h, x.shape[2], y.shape[2])
    columns = taps(weight.shape[3], geo.stride_w, geo.pad_left, geo.dilation_w, x.shape[3], y.shape[3])
    for r, windows_h, pixels_h in rows:
        for s, windows_w, pixels_w in columns:
            yield r, s, (..., windows_h, windows_w), (..., pixels_h, pixels_w)


def _by_group(images, groups):
    """(N, C, H, W) as (groups, C/groups, N, H, W): a view."""
    n, c, h, w = images.shape
    return images.reshape(n, groups, c // groups, h, w).transpose(1, 2, 0, 3, 4)


def _taps_first(weight, groups):
    """(K, C/groups, R, S) as (R, S, groups, K/groups, C/groups), contiguous: a batch of matrices for each tap."""
    k, c, r, s = weight.shape
    return np.ascontiguousarray(weight.reshape(groups, k // groups, c, r, s).transpose(3, 4, 0, 1, 2))


def _matrix(images_g):
    """(groups, C/groups, N, H, W) as (groups, C/groups, N*H*W)."""
    return images_g.reshape(*images_g.shape[:2], math.prod(images_g.shape[2:]))
