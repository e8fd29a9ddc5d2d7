"""The types in fastnn's signatures. For checkers and readers: nothing is decided by them at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, overload

import numpy as np

if TYPE_CHECKING:
    Seed: TypeAlias = np.random.Generator | int | None
else:
    Seed = Any  # NumPy loads its generators, 10 ms, when they are first used


class SupportsArray(Protocol):
    def __array__(self) -> Any: ...


class SupportsDLPack(Protocol):
    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...


# What comes out
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]  # float32 or float64, as the arguments are
IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Scalar: TypeAlias = np.floating[Any]
Loss: TypeAlias = Array | Scalar  # one for each sample or element, or their mean or sum
MaybeArray: TypeAlias = Array | Any  # None where it was not wanted or has no input: the caller knows which
StatePair: TypeAlias = tuple[Array, Array]  # an LSTM's (h, c)
AffineGradients: TypeAlias = tuple[MaybeArray, MaybeArray, MaybeArray]
RecurrentGradients: TypeAlias = tuple[MaybeArray, MaybeArray, MaybeArray, MaybeArray, MaybeArray, MaybeArray]
LSTMGradients: TypeAlias = tuple[MaybeArray, StatePair | Any, MaybeArray, MaybeArray, MaybeArray, MaybeArray]

# What goes in
ArrayLike: TypeAlias = Array | SupportsArray | SupportsDLPack  # no lists: their dtype would be a guess
StatePairLike: TypeAlias = tuple[ArrayLike, ArrayLike]
GradientPair: TypeAlias = tuple[ArrayLike | None, ArrayLike | None]
LossGradient: TypeAlias = ArrayLike | float | None
Integers: TypeAlias = ArrayLike | Sequence[Any] | int
Target: TypeAlias = Integers  # class numbers, or probabilities
Lengths: TypeAlias = ArrayLike | Sequence[int] | None
DTypeLike: TypeAlias = np.dtype[Any] | type[np.floating[Any]] | type[float] | str

Shape: TypeAlias = tuple[int, ...]
Extent: TypeAlias = int | tuple[int, int]  # of both axes, or (height, width)
Single: TypeAlias = int | tuple[int]  # of the one axis of a sequence
Padding: TypeAlias = Extent | tuple[tuple[int, int], tuple[int, int]] | Literal["same", "valid"]
Padding1d: TypeAlias = Single | tuple[int, int] | Literal["same", "valid"]
OutputSize: TypeAlias = int | tuple[int | None, int | None] | None  # None: as x's
Activation: TypeAlias = Literal["relu"]
Algorithm: TypeAlias = Literal["auto", "direct", "winograd"]
Approximate: TypeAlias = Literal["none", "tanh"]
Interpolation: TypeAlias = Literal["nearest", "bilinear"]
Nonlinearity: TypeAlias = Literal["tanh", "relu"]
Zoneout: TypeAlias = float | tuple[float, float]  # of h and c alike, or each
Reduction: TypeAlias = Literal["mean", "sum", "none"]
Need: TypeAlias = Sequence[bool] | None

Context = TypeVar("Context", bound=tuple[Any, ...])
StateLike = TypeVar("StateLike")
State = TypeVar("State")
_StateLike = TypeVar("_StateLike", contravariant=True)
_State = TypeVar("_State", covariant=True)

# What `layer.forward(...)` returns beside its result
Backprop: TypeAlias = Callable[[ArrayLike], Array]


class LayerBackprop(Protocol):
    """dx from dy. The gradients of the parameters are added to their `grad`."""

    @overload
    def __call__(self, dy: ArrayLike) -> Array: ...
    @overload
    def __call__(self, dy: ArrayLike, *, need_dx: bool) -> MaybeArray: ...


class CellBackprop(Protocol[_StateLike, _State]):
    """(dx, dstate) from dstate."""

    def __call__(self, dstate: _StateLike, *, need_dx: bool = True) -> tuple[MaybeArray, _State | Any]: ...


class SequenceBackprop(Protocol[_StateLike, _State]):
    """(dx, dstate) from dy and dstate."""

    def __call__(
        self, dy: ArrayLike | None, dstate: _StateLike | None = None, *, need_dx: bool = True,
    ) -> tuple[MaybeArray, _State | Any]: ...


class LossBackprop(Protocol):
    """dinput from dloss: one for None."""

    def __call__(self, dloss: LossGradient = None) -> Array: ...
