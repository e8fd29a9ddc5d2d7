"""fastnn: CNN and RNN layers for NumPy, trained and run on a CPU.

Layers are in `fastnn.nn`, the functions under them in `fastnn.functional`, optimisers in `fastnn.optim`; `fit`
trains, `save` and `load` are for files.
"""

__version__ = "0.1.0"

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._config import get_conv_algorithm, memory_stats, set_conv_algorithm, set_memory_limit, show_config
from ._threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from . import functional, nn, optim, reference
    from ._backend import use_backend
    from .serialization import load, save
    from .training import fit

__all__ = [
    "__version__",
    "fit",
    "functional",
    "get_conv_algorithm",
    "get_num_threads",
    "load",
    "memory_stats",
    "nn",
    "optim",
    "reference",
    "save",
    "set_conv_algorithm",
    "set_memory_limit",
    "set_num_threads",
    "show_config",
    "use_backend",
]

# Imported when they are first used, so that a program pays for what it uses only.
_SUBMODULES = ("functional", "nn", "optim", "reference", "serialization", "training")
_HOMES = {"fit": "training", "load": "serialization", "save": "serialization", "use_backend": "_backend"}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_HOMES})
