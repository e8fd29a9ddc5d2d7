"""The backend functions of the NumPy reference, under the names that `native.backend` has too."""

from .linear import linear_backward_input, linear_backward_weight, linear_forward

__all__ = [
    "linear_backward_input",
    "linear_backward_weight",
    "linear_forward",
]
