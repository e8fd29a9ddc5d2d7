"""Max and average pooling of (N, C, H, W) images and their gradients, one tap of the window at a time.

The backward functions go through the taps in reverse: a pixel's gradients are then added in the order of the windows.
"""

import numpy as np

from ._window import taps
from .activation import quiet


@quiet
def max_pool2d_forward(x, y, argmax, geo):
    """Ties go to the first tap. A NaN beats every number, and the last NaN of a window wins, as in torch."""
    y[...] = -np.inf
    winner = np.full(y.shape, -1, np.int64)
    for tap, windows, pixels in _taps2d(x, y, geo):
        candidate, best = x[pixels], y[windows]
        wins = (candidate > best) | np.isnan(candidate) | (winner[windows] < 0)
        np.copyto(best, candidate, where=wins)
        np.copyto(winner[windows], tap, where=wins)
    if argmax is not None:
        argmax[...] = winner


@quiet
def max_pool2d_backward_input(dy, argmax, dx, geo):
    dx[...] = 0
    for tap, windows, pixels in reversed(_taps2d(dx, dy, geo)):
        dx[pixels] += np.where(argmax[windows] == tap, dy[windows], 0)


@quiet
def avg_pool2d_forward(x, y, geo, count_include_pad):
    y[...] = 0
    for _, windows, pixels in _taps2d(x, y, geo):
        y[windows] += x[pixels]
    y /= _window_sizes(x, y, geo, count_include_pad)


@quiet
def avg_pool2d_backward_input(dy, dx, geo, count_include_pad):
    share = dy / _window_sizes(dx, dy, geo, count_include_pad)
    dx[...] = 0
    for _, windows, pixels in reversed(_taps2d(dx, dy, geo)):
        dx[pixels] += share[windows]


def _taps2d(x, y, geo):
    """Return [(r*S + s, windows, pixels)] for the taps (r, s) on the image; the last two index the last two axes."""
    rows = taps(geo.kernel_h, geo.stride_h, geo.pad_h, geo.dilation_h, x.shape[2], y.shape[2])
    columns = taps(geo.kernel_w, geo.stride_w, geo.pad_w, geo.dilation_w, x.shape[3], y.shape[3])
    return [(r * geo.kernel_w + s, (..., windows_h, windows_w), (..., pixels_h, pixels_w))
            for r, windows_h, pixels_h in rows for s, windows_w, pixels_w in columns]


def _window_sizes(x, y, geo, count_include_pad):
    """(P, Q): how many pixels each window averages over, those of the padding counted or not.

    What hangs over the padding, as the last window may in ceil mode, is never counted.
    """
    lengths = [_window_lengths(*axis, count_include_pad)
               for axis in ((geo.kernel_h, geo.stride_h, geo.pad_h, x.shape[2], y.shape[2]),
                            (geo.kernel_w, geo.stride_w, geo.pad_w, x.shape[3], y.shape[3]))]
    return np.multiply.outer(*lengths).astype(y.dtype)


def _window_lengths(kernel, stride, pad, size, n_windows, count_include_pad):
    start = np.arange(n_windows) * stride - pad
    end = start + kernel
    if count_include_pad:
        return np.minimum(end, size + pad) - start
    return np.minimum(end, size) - np.maximum(start, 0)
