"""A trainable array and its gradient."""

from __future__ import annotations

from _thread import allocate_lock  # what threading.Lock is; importing threading costs a millisecond

import numpy as np

from .. import _check
from .._typing import Array, ArrayLike


class Parameter:
    """A trainable array and its gradient, side by side.

    data: float32 or float64, of any shape. The array object never changes: assigning to `data` copies values into it,
        so the layer, the optimiser and whoever else holds it see one and the same array.
    grad: None, or the sum of the gradients added since the last `zero_grad`: an array of data's shape and dtype.
    name: where the parameter stands in its net, as the last call to `parameters()` saw it ("0.weight").

    Raises TypeError for data that is not a float32 or float64 array.
    """

    __slots__ = ("_data", "_grad", "_lock", "name")
    name: str

    def __init__(self, data: ArrayLike, name: str = "") -> None:
        self._data = np.array(_check.array("data", data))  # an array of its own
        self._grad: Array | None = None
        self._lock = allocate_lock()
        self.name = name

    @property
    def data(self) -> Array:
        return self._data

    @data.setter
    def data(self, value: ArrayLike) -> None:
        np.copyto(self._data, self.check(self.name or "data", value))

    @property
    def grad(self) -> Array | None:
        return self._grad

    @grad.setter
    def grad(self, value: ArrayLike | None) -> None:
        self._grad = None if value is None else self.check(f"{self.name or 'parameter'}.grad", value)

    def add_grad(self, grad: ArrayLike) -> None:
        """Add an array of data's shape and dtype to the gradient; safe from several threads at once.

        The first array after `zero_grad` becomes the gradient itself, it is not copied: hand over a fresh one.
        """
        self.accumulate(self.check(f"{self.name or 'parameter'}.grad", grad))

    def accumulate(self, grad: Array) -> None:
        """`add_grad` of an array that is known to fit."""
        with self._lock:
            if self._grad is None:
                self._grad = grad
            else:
                self._grad += grad

    def check(self, name: str, value: ArrayLike) -> Array:
        """Return `value` as an array that fits this parameter, or raise an error that calls it `name`."""
        return _check.like(name, value, self._data)

    def __getstate__(self) -> tuple[Array, Array | None, str]:
        return self._data, self._grad, self.name

    def __setstate__(self, state: tuple[Array, Array | None, str]) -> None:
        self._data, self._grad, self.name = state
        self._lock = allocate_lock()

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self._data.shape}, dtype={self._data.dtype})"
