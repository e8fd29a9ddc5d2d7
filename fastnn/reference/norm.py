"""The passes over memory that batch, group and layer normalisation consist of.

channel_*: x, dy, y, dx: (N, C, M); all else (C): of each channel, over its N*M elements.
row_*: x, dy, y, dx: (R, M); mean and rstd (R): of each row; weight and bias (M).
What is computed from one number for each channel or row lies in the functional layer.
"""

import numpy as np

from .activation import quiet


@quiet
def channel_moments(x, mean, var):
    """Each channel's mean, and its mean squared distance from it; zeros where there are no elements."""
    count = x.shape[0] * x.shape[2]
    if not count:
        mean[...] = var[...] = 0
        return
    np.divide(x.sum(axis=2).sum(axis=0), count, out=mean)
    np.divide(np.square(x - mean[:, None]).sum(axis=2).sum(axis=0), count, out=var)


@quiet
def channel_scale(x, mean, scale, shift, y):
    """y = (x - mean) * scale + shift. The mean goes first, so that nothing cancels where it is large."""
    np.subtract(x, mean[:, None], out=y)
    y *= scale[:, None]
    y += shift[:, None]


@quiet
def channel_sums(dy, x, mean, dshift, dscale):
    """The gradients of `channel_scale`: dshift = sum dy, dscale = sum dy * (x - mean)."""
    dshift[...] = dy.sum(axis=2).sum(axis=0)
    dscale[...] = ((x - mean[:, None]) * dy).sum(axis=2).sum(axis=0)


@quiet
def channel_combine(dy, x, mean, by_dy, by_x, shift, dx):
    """dx = dy * by_dy + (x - mean) * by_x + shift."""
    channel_scale(x, mean, by_x, shift, dx)
    dx += dy * by_dy[:, None]


@quiet
def row_normalize(x, weight, bias, mean, rstd, y, eps):
    """y = (x - mean) * rstd * weight + bias with rstd = 1 / sqrt(var + eps); weight and bias may be None."""
    columns = x.shape[1]
    np.divide(x.sum(axis=1), columns, out=mean)
    np.subtract(x, mean[:, None], out=y)
    rstd[...] = 1 / np.sqrt(np.square(y).sum(axis=1) / columns + eps)
    y *= rstd[:, None]
    if weight is not None:
        y *= weight
    if bias is not None:
        y += bias


@quiet
def row_normalize_backward_input(dy, x, weight, mean, rstd, dx):
    """dx = rstd * (d - mean of d - h * mean of d h), d = dy * weight, h = (x - mean) * rstd."""
    columns = x.shape[1]
    d = dy if weight is None else dy * weight
    h = (x - mean[:, None]) * rstd[:, None]
    offset, slope = d.sum(axis=1) / columns, (d * h).sum(axis=1) / columns
    np.subtract(d, offset[:, None], out=dx)
    dx -= h * slope[:, None]
    dx *= rstd[:, None]


@quiet
def row_normalize_backward_weight(dy, x, mean, rstd, dweight, dbias):
    """dweight = sum over the rows of dy * (x - mean) * rstd, dbias = sum of dy; each may be None."""
    if dweight is not None:
        dweight[...] = ((x - mean[:, None]) * rstd[:, None] * dy).sum(axis=0)
    if dbias is not None:
        dbias[...] = dy.sum(axis=0)
