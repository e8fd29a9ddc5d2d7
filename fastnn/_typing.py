"""Types of the public functions' arguments and results. Only type checkers read this module."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray


class SupportsArray(Protocol):
    def __array__(self) -> NDArray[Any]: ...


class SupportsDLPack(Protocol):
    def __dlpack__(self, *, stream: None = ...) -> Any: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...


Array: TypeAlias = NDArray[Any]
In: TypeAlias = SupportsArray | SupportsDLPack  # what is taken where an array is read
Context: TypeAlias = tuple[Any, ...]
Pair: TypeAlias = int | Sequence[int]
Padding: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]] | Literal["same", "valid"]
Single: TypeAlias = int | tuple[int]
Padding1: TypeAlias = int | Sequence[int] | Literal["same", "valid"]
Lengths: TypeAlias = Sequence[int] | NDArray[np.integer[Any]] | None
Index: TypeAlias = In | Sequence[Any]  # integers of any shape
State: TypeAlias = tuple[In | None, In | None]  # an LSTM's (h, c)
Need: TypeAlias = Sequence[bool] | None
Reduction: TypeAlias = Literal["mean", "sum", "none"]
Loss: TypeAlias = np.floating[Any] | Array
Grads3: TypeAlias = tuple[Array | None, Array | None, Array | None]
Grads6: TypeAlias = tuple[Array | None, Array | None, Array | None, Array | None, Array | None, Array | None]
Grads6Pair: TypeAlias = tuple[
    Array | None, tuple[Array, Array] | None, Array | None, Array | None, Array | None, Array | None]
