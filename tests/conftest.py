"""Fixtures that walk over what the machine can run: instruction sets, numbers of threads, element types."""

from contextlib import contextmanager

import numpy as np
import pytest
from guards import Guards

import fastnn
from fastnn.native import _runtime

_runtime.watch_crowd(False)  # the number of threads must not depend on what else the machine does


@pytest.fixture(params=_runtime.isa_usable())
def isa(request):
    """Each instruction set that this machine can run, in turn; the test runs on its kernels."""
    before = _runtime.isa_active()
    _runtime.select_isa(request.param)
    yield request.param
    assert _runtime.isa_active() == request.param
    _runtime.select_isa(before)


@contextmanager
def on_threads(n):
    """Exactly `n` threads, however small the work."""
    before, threshold = fastnn.get_num_threads(), _runtime.get_parallel_threshold()
    fastnn.set_num_threads(n)
    _runtime.set_parallel_threshold(0)
    try:
        yield
    finally:
        fastnn.set_num_threads(before)
        _runtime.set_parallel_threshold(threshold)


@pytest.fixture(params=[1, 2, 3], ids=lambda n: f"t{n}")
def threads(request):
    """1, 2 and 3 threads; however small the work, it is shared out among them."""
    with on_threads(request.param):
        yield request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["f32", "f64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=["native", "reference"])
def backend(request):
    """Each backend in turn; the test runs on it."""
    with fastnn.use_backend(request.param):
        yield request.param


@pytest.fixture
def guards():
    """Makes arrays between guard bytes; at the end of the test all guards must be intact. See guards.py."""
    made = Guards()
    yield made
    made.check()


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def bits_by_threads():
    """A check: `run()` must return the same arrays, bit for bit, on 1, 2 and 3 threads."""

    def check(run):
        results = []
        for n in (1, 2, 3):
            with on_threads(n):
                results.append([a.tobytes() for a in run()])
        assert results[1] == results[0], "2 threads differ from 1"
        assert results[2] == results[0], "3 threads differ from 1"

    return check
