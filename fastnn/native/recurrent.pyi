from collections.abc import Sequence
from typing import Any

from .._typing import Array

def rnn_forward(
    x: Array, h0: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array | None, bias_hh: Array | None,
    lengths: Array | None, y: Array, h_n: Array, reverse: bool, nonlinearity: str,
) -> None: ...
def lstm_forward(
    x: Array, h0: Array, c0: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array | None,
    bias_hh: Array | None, lengths: Array | None, y: Array, h_n: Array, c_n: Array, gates: Array | None,
    cells: Array | None, reverse: bool,
) -> None: ...
def gru_forward(
    x: Array, h0: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array | None, bias_hh: Array | None,
    lengths: Array | None, y: Array, h_n: Array, gates: Array | None, reverse: bool,
) -> None: ...
def recurrent_step(
    op: str, x: Array, h: Array, c: Array | None, parameters: Sequence[Array | None], y: Array, h_n: Array,
    c_n: Array | None, nonlinearity: str,
) -> None: ...
def recurrent_ready(
    kind: int, is_cell: bool, x: Any, state: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any,
    reverse: bool, relu: bool,
) -> Any: ...
def rnn_backward(
    dy: Array, dh_n: Array | None, x: Array, h0: Array, y: Array, weight_ih: Array, weight_hh: Array,
    lengths: Array | None, dx: Array | None, dh0: Array | None, dweight_ih: Array | None,
    dweight_hh: Array | None, dbias_ih: Array | None, dbias_hh: Array | None, reverse: bool, nonlinearity: str,
) -> None: ...
def lstm_backward(
    dy: Array, dh_n: Array | None, dc_n: Array | None, x: Array, h0: Array, c0: Array, y: Array, gates: Array,
    cells: Array, weight_ih: Array, weight_hh: Array, lengths: Array | None, dx: Array | None, dh0: Array | None,
    dc0: Array | None, dweight_ih: Array | None, dweight_hh: Array | None, dbias_ih: Array | None,
    dbias_hh: Array | None, reverse: bool,
) -> None: ...
def gru_backward(
    dy: Array, dh_n: Array | None, x: Array, h0: Array, y: Array, gates: Array, weight_ih: Array, weight_hh: Array,
    lengths: Array | None, dx: Array | None, dh0: Array | None, dweight_ih: Array | None,
    dweight_hh: Array | None, dbias_ih: Array | None, dbias_hh: Array | None, reverse: bool,
) -> None: ...
