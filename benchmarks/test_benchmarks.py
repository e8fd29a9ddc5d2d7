"""Every case verified against the reference, then timed beside it in the same run."""

import cases
import own
import pytest
from inputs import make
from verify import Oracle

import fastnn


def test_results_agree_with_the_reference(case):
    oracle = Oracle(case, make(case))
    calls = own.build(case, make(case))
    for direction in cases.DIRECTIONS:
        assert oracle.mismatch(direction, own.flat(calls[direction]())) is None, direction


@pytest.mark.benchmark(max_time=0.2, min_rounds=2, warmup=False)
@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("direction", cases.DIRECTIONS)
def test_speed(case, direction, backend, benchmark):
    benchmark.group = f"{case.name} {direction}"
    with fastnn.use_backend(backend):
        call = own.build(case, make(case))[direction]
        call()
        benchmark(call)
