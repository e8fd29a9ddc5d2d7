"""The definition of every op, in plain NumPy.

`fastnn.reference.conv2d(x, weight, ...)` is `fastnn.functional.conv2d` run on the NumPy backend, and so for every
other function there. The arithmetic itself stands in this package, one family of ops a file.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import backend

if TYPE_CHECKING:  # what `__getattr__` finds
    from ..functional import *

# Loading `linear.py` binds its name here, where `linear` shall be the function: `__getattr__` sees missing names only.
for _name, _value in list(globals().items()):
    if isinstance(_value, ModuleType) and _value.__package__ == __name__ and _value is not backend:
        del globals()[_name]


def __getattr__(name: str) -> Any:
    from .. import _backend, functional

    if name.startswith("_") or name not in functional.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    function = getattr(functional, name)

    @functools.wraps(function)
    def on_reference(*args, **kwargs):
        with _backend.use_backend("reference"):
            return function(*args, **kwargs)

    globals()[name] = on_reference
    return on_reference


def __dir__() -> list[str]:
    from .. import functional

    return sorted({*globals(), *functional.__all__})
