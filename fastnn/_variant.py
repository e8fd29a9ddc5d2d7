"""What the backends take and keep for a recurrent layer that does more than a plain one.

Shapes: T steps, N rows, I inputs, H units, P elements of h (H but for a projected one), G gates.
A mask is (T, N, F), or has 1 in place of T, N or both: then it is the same for all of them.
"""

from __future__ import annotations

from typing import NamedTuple

from ._typing import Array


class Norm(NamedTuple):
    """Layer normalisation: gains of the sums over x and over h, gain and bias of the cell state."""

    weight_ih: Array  # (G H)
    weight_hh: Array  # (G H)
    weight_c: Array  # (H)
    bias_c: Array | None  # (H)
    eps: float


class Variant(NamedTuple):
    """One layer in one direction."""

    kind: str  # "rnn", "lstm" or "gru"
    nonlinearity: str
    reverse: bool
    weight_ih: Array  # (G H, I)
    weight_hh: Array  # (G H, P)
    bias_ih: Array | None  # (G H)
    bias_hh: Array | None
    weight_hr: Array | None = None  # (P, H): h is projected
    norm: Norm | None = None
    drop: Array | None = None  # a mask that multiplies the candidate: an RNN's new state, g, n; F = H
    zone_h: Array | None = None  # a mask: how much of h stays as it was; F = P
    zone_c: Array | None = None  # and of c; F = H


class Kept(NamedTuple):
    """What forward keeps for backward. What stands past a row's end is neither written nor read."""

    gates: Array  # (T, N, 4, H): i f g o, or r z n q; (T, N, 1, H): an RNN's candidate
    inner: Array | None = None  # (T, N, H), LSTM: c before zoneout
    cells: Array | None = None  # (T, N, H), LSTM: c; `inner` itself without zone_c
    hidden: Array | None = None  # (T, N, H), with weight_hr: what is projected
    sums_ih: Array | None = None  # (T, N, G H), with norm: W_ih x and W_hh h
    sums_hh: Array | None = None
    stats: Array | None = None  # (6, T, N), with norm: mean and 1 / deviation of sums_ih, of sums_hh, of inner


class StepGradients(NamedTuple):
    """What backward writes, each zero past a row's end but for those in brackets, which are left as they are there."""

    dx: Array | None  # (T, N, I)
    dh0: Array | None  # (N, P)
    dc0: Array | None  # (N, H)
    dsums_ih: Array  # [(T, N, G H)]: of W_ih x
    dsums_hh: Array  # [(T, N, G H)]: of W_hh h; dsums_ih itself where they are equal: RNN, and LSTM without norm
    dgates: Array | None  # [(T, N, G H)], with norm: of the sums before their nonlinearity
    dcells: Array | None  # [(T, N, H)], with norm: of the normalised cell state
    dhidden: Array | None  # [(T, N, P)], with weight_hr: of W_hr times what is projected
