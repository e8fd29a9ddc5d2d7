"""What the recurrent references share: the order of time, the rows still running, and the products of a step."""

import numpy as np


def steps(n_steps, reverse):
    """The time steps in the order in which they are run."""
    return range(n_steps - 1, -1, -1) if reverse else range(n_steps)


def live_rows(lengths, t):
    """An index of the rows whose sequence reaches step t. Nothing is read of the others: they may hold NaN."""
    return slice(None) if lengths is None else np.flatnonzero(t < lengths)


def state_before(states, initial, lengths, t, rows, reverse):
    """The state in which step t found `rows`, from the states that each step left behind, (T, N, H)."""
    first = len(states) - 1 if reverse else 0
    if t == first:
        return initial[rows]
    if not reverse or lengths is None:
        return states[t + 1 if reverse else t - 1, rows]
    starts_here = (lengths[rows] == t + 1)[:, None]
    return np.where(starts_here, initial[rows], states[t + 1, rows])


def affine(x, weight, bias):
    y = x @ weight.T
    return y if bias is None else y + bias


def add_parameter_gradients(da, x, dweight, dbias):
    """Add one step's part of the gradients of a = x W^T + b to dweight and dbias (each or None)."""
    if dweight is not None:
        dweight += da.T @ x
    if dbias is not None:
        dbias += da.sum(axis=0)


def clear(*arrays):
    """Zero the arrays that are given; the steps add to them or leave the rows that have ended as they are."""
    for array in arrays:
        if array is not None:
            array[...] = 0


def running_gradient(dstate_n, like):
    """The gradient that runs back through the steps, from that of the last state (None: zero)."""
    return np.zeros_like(like) if dstate_n is None else dstate_n.copy()
