"""The backend functions of the compiled modules, under the names that `reference.backend` has too."""

from .linear import linear_backward_input, linear_backward_weight, linear_forward

__all__ = [
    "linear_backward_input",
    "linear_backward_weight",
    "linear_forward",
]
