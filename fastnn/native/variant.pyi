from .._typing import Array
from .._variant import Kept, StepGradients, Variant

def variant_forward(
    net: Variant, x: Array, h0: Array, c0: Array | None, lengths: Array | None, y: Array, h_n: Array,
    c_n: Array | None, kept: Kept | None,
) -> None: ...
def variant_backward(
    net: Variant, dy: Array, dh_n: Array | None, dc_n: Array | None, x: Array, h0: Array, c0: Array | None,
    lengths: Array | None, y: Array, kept: Kept, grads: StepGradients,
) -> None: ...
