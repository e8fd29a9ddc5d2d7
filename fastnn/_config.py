"""What was built, what this machine can run, and what is in use."""

from . import _backend, _threads
from .native import _runtime


def show_config():
    """Print the version, backend, instruction sets, OpenMP and threads; return the same as a dict."""
    from . import __version__

    config = {
        "version": __version__,
        "backend": _backend.name(),
        "isa_built": _runtime.isa_built(),
        "isa_usable": _runtime.isa_usable(),
        "isa_active": _runtime.isa_active(),
        "openmp": _runtime.HAVE_OPENMP,
        "threads": _threads.get_num_threads(),
    }
    for key, value in config.items():
        print(f"{key:10}  {', '.join(value) if isinstance(value, tuple) else value}")
    return config
