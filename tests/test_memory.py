"""The pool that large results lie in."""

import threading

import numpy as np
import pytest

import fastnn
from fastnn import _memory

SHAPE = (1024, 512)  # 2 MiB of float32
BYTES = 2**21
F32 = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def empty_pool():
    """An empty pool of 64 MiB."""
    before = fastnn.memory_stats()["limit"]
    fastnn.set_memory_limit(0)
    fastnn.set_memory_limit(2**26)
    yield
    fastnn.set_memory_limit(before)


def stats():
    return fastnn.memory_stats()


def test_memory_is_reused_once_the_last_view_is_gone():
    first = _memory.empty(SHAPE, F32)
    address, view = first.ctypes.data, first[10:]
    del first
    assert stats()["kept"] == 0
    del view
    assert stats()["kept"] == BYTES
    hits = stats()["hits"]
    assert _memory.empty(SHAPE, F32).ctypes.data == address
    assert stats()["hits"] == hits + 1


def test_memory_of_two_live_results_does_not_overlap():
    first, second = (_memory.empty(SHAPE, F32) for _ in range(2))
    first.fill(1)
    second.fill(2)
    assert (first == 1).all()
    assert not np.shares_memory(first, second)


def test_memory_is_aligned_and_writeable():
    array = _memory.empty((3, 77777), np.dtype(np.float64))
    assert array.ctypes.data % 64 == 0
    assert array.flags.writeable
    assert array.flags.c_contiguous
    assert array.shape == (3, 77777)


def test_memory_kept_never_passes_the_limit():
    fastnn.set_memory_limit(5 * BYTES)
    arrays = [_memory.empty(SHAPE, F32) for _ in range(9)]
    assert stats()["in_use"] >= 9 * BYTES
    while arrays:
        arrays.pop()
        assert stats()["kept"] <= 5 * BYTES
    assert stats()["kept"] == 5 * BYTES


def test_memory_is_given_back_when_the_limit_sinks():
    del (arrays := [_memory.empty(SHAPE, F32) for _ in range(4)])[:]
    assert stats()["kept"] == 4 * BYTES
    fastnn.set_memory_limit(BYTES)
    assert stats()["kept"] == BYTES
    fastnn.set_memory_limit(0)
    assert stats()["kept"] == 0
    del arrays


def test_memory_switched_off_keeps_nothing():
    fastnn.set_memory_limit(0)
    del (array := [_memory.empty(SHAPE, F32)])[:]
    assert stats()["kept"] == 0
    del array


def test_memory_beyond_the_machine_is_a_memory_error():
    in_use = stats()["in_use"]
    for shape in ((2**31, 2**31, 2**31), (2**40, 2**10)):
        with pytest.raises(MemoryError):
            _memory.empty(shape, F32)
    assert stats()["in_use"] == in_use


def test_memory_by_many_threads_is_never_shared():
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            array = _memory.empty((int(rng.integers(1, 5)) * 2**16, 2), F32)
            array.fill(seed)
            if not (array == seed).all():
                failures.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


@pytest.mark.parametrize("limit, error", [(-1, ValueError), (1.5, TypeError), ("1", TypeError), (True, TypeError)])
def test_memory_limit_refuses(limit, error):
    with pytest.raises(error, match="limit: expected an integer"):
        fastnn.set_memory_limit(limit)
