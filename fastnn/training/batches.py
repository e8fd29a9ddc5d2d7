"""Batches out of data, means over them, and the bar that shows them go by."""

from collections.abc import Iterable, Iterator
from typing import Any, Self, TypeAlias

import numpy as np

from .. import _check

Data: TypeAlias = tuple[Any, Any] | Iterable[tuple[Any, Any]]


class Batches:
    """The batches (input, target) of one epoch, each time it is iterated over; rng: shuffle a pair of arrays by it."""

    def __init__(self, name: str, data: Data, batch_size: int, rng: np.random.Generator | None = None,
                 epochs: int = 1) -> None:
        self._name, self._rng = name, rng
        self._data: Any = data
        self._size = _check.integer("batch_size", batch_size, 1)
        self._arrays = isinstance(data, tuple) and len(data) == 2 and all(hasattr(a, "shape") for a in data)
        if self._arrays:
            self._data = tuple(_check.any_array(f"{name}[{i}]", a) for i, a in enumerate(data))
            x, y = self._data
            if not (x.ndim and y.ndim and len(x) == len(y)):
                raise ValueError(f"{name}: expected as many targets as inputs, got shapes {x.shape} and {y.shape}")
        elif not isinstance(data, Iterable):
            raise TypeError(f"{name}: expected a pair of arrays or an iterable of batches, got {type(data).__name__}")
        elif iter(data) is data and epochs > 1:
            raise ValueError(f"{name}: expected an iterable that can be gone through {epochs} times; an iterator can "
                             f"only once")

    def __len__(self) -> int:
        if self._arrays:
            return -(-len(self._data[0]) // self._size)
        return len(self._data)  # raises TypeError where the data has no length

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        batch = None
        for batch in self._cut() if self._arrays else self._data:
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise ValueError(f"{self._name}: expected batches (input, target), got {type(batch).__name__}")
            yield batch[0], batch[1]
        if batch is None:
            raise ValueError(f"{self._name}: expected at least one batch")

    def _cut(self):
        x, y = self._data
        order = None if self._rng is None else self._rng.permutation(len(x))
        for start in range(0, len(x), self._size):
            batch = slice(start, start + self._size)
            yield (x[batch], y[batch]) if order is None else (x[order[batch]], y[order[batch]])


class Mean:
    """The weighted mean of the numbers added so far."""

    def __init__(self) -> None:
        self._sum, self._weight = 0.0, 0

    def add(self, value: float, weight: int) -> None:
        self._sum += value * weight
        self._weight += weight

    @property
    def value(self) -> float:
        return self._sum / self._weight


def count(target: Any) -> int:
    """How much a batch counts for: the length of its target."""
    return len(target) if np.ndim(target) else 1


def number(name: str, value: Any) -> float:
    """`value`, a number or an array of one, as a float."""
    if np.ndim(value):
        raise ValueError(f"{name}: expected one number, got an array of shape {np.shape(value)}")
    return float(value)


class _Quiet:
    """What `progress_bar` gives where there is none to be shown."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._batches)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        pass


def progress_bar(batches: Batches, title: str, progress: bool | None) -> Any:
    """The batches, with a bar by tqdm where it is installed and wanted: None means on a terminal."""
    if progress is False:
        return _Quiet(batches)
    try:
        from tqdm import tqdm
    except ImportError:
        return _Quiet(batches)
    return tqdm(batches, desc=title, leave=False, disable=None if progress is None else False)
