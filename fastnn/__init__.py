"""fastnn: CNN and RNN layers for NumPy, trained and run on a CPU.

Layers are in `fastnn.nn`, the functions under them in `fastnn.functional`, optimisers in `fastnn.optim`.
"""

__version__ = "0.1.0"

from . import functional, nn, optim, reference
from ._backend import use_backend
from ._config import get_conv_algorithm, memory_stats, set_conv_algorithm, set_memory_limit, show_config
from ._threads import get_num_threads, set_num_threads

__all__ = [
    "__version__",
    "functional",
    "get_conv_algorithm",
    "get_num_threads",
    "memory_stats",
    "nn",
    "optim",
    "reference",
    "set_conv_algorithm",
    "set_memory_limit",
    "set_num_threads",
    "show_config",
    "use_backend",
]
