"""Images of another size: adaptive averages, nearest pixels, bilinear blends. x, dx: (N, C, H, W); y, dy: (N, C, P, Q).

Each axis is a step of its own. Index arrays ascend: the pixel that output p reads is at or after that of p - 1.
"""

import numpy as np

from .activation import quiet


@quiet
def adaptive_avg_pool2d_forward(x, y):
    """y[p, q] is the mean over rows p*H//P to ceil((p+1)*H/P) - 1, and so for the columns."""
    (rows, heights), (columns, widths) = (_bins(x.shape[i], y.shape[i]) for i in (2, 3))
    sums = np.stack([x[:, :, bin].sum(axis=2) for bin in rows], axis=2)
    for q, bin in enumerate(columns):
        y[..., q] = sums[..., bin].sum(axis=3)
    y /= np.multiply.outer(heights, widths).astype(y.dtype)


@quiet
def adaptive_avg_pool2d_backward_input(dy, dx):
    (rows, heights), (columns, widths) = (_bins(dx.shape[i], dy.shape[i]) for i in (2, 3))
    share = dy / np.multiply.outer(heights, widths).astype(dy.dtype)
    spread = np.zeros((*dy.shape[:3], dx.shape[3]), dy.dtype)
    for q, bin in enumerate(columns):
        spread[..., bin] += share[..., q, None]
    dx[...] = 0
    for p, bin in enumerate(rows):
        dx[:, :, bin] += spread[:, :, p, None]


def _bins(size, n):
    """([slice], [length]): the bins that n averages of an axis of this size are taken over; they may overlap."""
    bins = [slice(i * size // n, -(-(i + 1) * size // n)) for i in range(n)]
    return bins, [bin.stop - bin.start for bin in bins]


def nearest2d_forward(x, y, rows, columns):
    """y[p, q] = x[rows[p], columns[q]]"""
    np.take(np.take(x, columns, axis=3), rows, axis=2, out=y, mode="clip")


@quiet
def nearest2d_backward_input(dy, dx, rows, columns):
    between = np.zeros((*dy.shape[:3], dx.shape[3]), dy.dtype)
    _add_columns(dy, columns, between)
    dx[...] = 0
    _add_rows(between, rows, dx)


@quiet
def bilinear2d_forward(x, y, rows, columns):
    """y[p, q] = blend of x's rows low[p] and high[p], the second one's share being share[p]; and so for the columns.

    rows, columns: (low, high, share).
    """
    low, high, share = columns
    between = x[..., low] * (1 - share) + x[..., high] * share
    low, high, share = rows
    np.multiply(between[:, :, low], (1 - share)[:, None], out=y)
    y += between[:, :, high] * share[:, None]


@quiet
def bilinear2d_backward_input(dy, dx, rows, columns):
    low, high, share = rows
    between = np.zeros((*dx.shape[:3], dy.shape[3]), dy.dtype)
    _add_rows(dy * (1 - share)[:, None], low, between)
    _add_rows(dy * share[:, None], high, between)
    low, high, share = columns
    dx[...] = 0
    _add_columns(between * (1 - share), low, dx)
    _add_columns(between * share, high, dx)


def _add_rows(values, index, sums):
    """sums[index[p]] += values[p] along axis 2."""
    for chosen in _without_repeats(index):
        sums[:, :, index[chosen]] += values[:, :, chosen]


def _add_columns(values, index, sums):
    for chosen in _without_repeats(index):
        sums[..., index[chosen]] += values[..., chosen]


def _without_repeats(index):
    """Split the places of an ascending index array so that no part names an element twice; all first places first."""
    place = np.arange(len(index)) - np.searchsorted(index, index)  # how many before it name the same
    return [np.flatnonzero(place == k) for k in range(place.max(initial=-1) + 1)]
