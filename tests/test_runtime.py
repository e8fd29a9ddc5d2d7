"""Which kernels run, on how many threads, and what the environment has to say about it."""

import os
import subprocess
import sys

import numpy as np
import pytest
import threadpoolctl

import fastnn
from fastnn import functional as F
from fastnn.native import _runtime


def python(code, **environment):
    """Run `code` in a fresh interpreter; return the finished process."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FASTNN_", "OMP_"))}
    return subprocess.run([sys.executable, "-c", code], env={**clean, **environment}, capture_output=True, text=True,
                          timeout=60)


@pytest.mark.parametrize("name", _runtime.isa_built())
def test_isa_forced_by_environment_runs_or_raises(name):
    done = python("from fastnn.native import _runtime; print(_runtime.isa_active())", FASTNN_ISA=name)
    if name in _runtime.isa_usable():
        assert done.stdout.strip() == name
    else:
        assert done.returncode != 0
        assert "cannot run" in done.stderr


def test_isa_unknown_raises():
    done = python("import fastnn", FASTNN_ISA="avx1024")
    assert done.returncode != 0
    assert "FASTNN_ISA: expected one of" in done.stderr
    assert "'avx1024'" in done.stderr


def test_isa_by_default_is_the_widest_usable():
    done = python("from fastnn.native import _runtime as r; print(r.isa_active() == r.isa_usable()[-1])")
    assert done.stdout.strip() == "True"


def test_isa_selected_computes_with_its_own_kernels(isa):
    # 1/3 + 1e-9 style products round differently with and without fused multiply-add: the baseline has none on x86
    x = np.random.default_rng(0).standard_normal((64, 257)).astype(np.float32)
    y = F.linear(x, x)
    exact = x.astype(np.float64) @ x.astype(np.float64).T
    assert np.allclose(y, exact, rtol=1e-3, atol=1e-3)
    assert _runtime.isa_active() == isa


def test_threads_set_and_get():
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(3)
    assert fastnn.get_num_threads() == (3 if _runtime.HAVE_OPENMP else 1)
    fastnn.set_num_threads(before)


@pytest.mark.parametrize("n, error", [(0, ValueError), (-1, ValueError), (10**9, ValueError), (1.5, TypeError),
                                      ("2", TypeError), (True, TypeError), (None, TypeError)], ids=repr)
def test_threads_refuses(n, error):
    before = fastnn.get_num_threads()
    with pytest.raises(error, match="n: expected an integer"):
        fastnn.set_num_threads(n)
    assert fastnn.get_num_threads() == before


@pytest.mark.skipif(not _runtime.HAVE_OPENMP, reason="a serial build has one thread")
@pytest.mark.parametrize("environment, wanted", [
    ({"FASTNN_NUM_THREADS": "3"}, 3),
    ({"OMP_NUM_THREADS": "3"}, 3),
    ({"OMP_NUM_THREADS": "1,2"}, 1),
    ({"FASTNN_NUM_THREADS": "1", "OMP_NUM_THREADS": "3"}, 1),
], ids=str)
def test_threads_by_environment(environment, wanted):
    done = python("import fastnn; print(fastnn.get_num_threads())", **environment)
    assert done.stdout.strip() == str(wanted), done.stderr


def test_threads_by_environment_refuses():
    done = python("import fastnn", FASTNN_NUM_THREADS="many")
    assert done.returncode != 0
    assert "FASTNN_NUM_THREADS: expected an integer >= 1, got 'many'" in done.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system knows no affinity")
def test_threads_respect_the_affinity():
    done = python("import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
                  "import fastnn; print(fastnn.get_num_threads())")
    assert done.stdout.strip() == "1", done.stderr


@pytest.mark.skipif(not _runtime.HAVE_OPENMP, reason="a serial build has no thread pool")
def test_threads_respect_threadpoolctl():
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(2)
    with threadpoolctl.threadpool_limits(1, user_api="openmp"):
        assert fastnn.get_num_threads() == 1
    assert fastnn.get_num_threads() == 2
    fastnn.set_num_threads(before)


FORK = """
import os, numpy as np, fastnn
from fastnn import functional as F
from fastnn.native import _runtime
fastnn.set_num_threads(2)
_runtime.set_parallel_threshold(0)
x = np.ones((64, 64), np.float32)
y = F.linear(x, x)
child = os.fork()
if child == 0:
    same = np.array_equal(F.linear(x, x), y) and fastnn.get_num_threads() == 1
    os._exit(0 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_forked_child_computes_serially():
    assert python(FORK).stdout.strip() == "0"


@pytest.mark.parametrize("name", ["native", "reference"])
def test_backend_by_environment(name):
    done = python("import fastnn; print(fastnn.show_config()['backend'])", FASTNN_BACKEND=name)
    assert done.stdout.split()[-1] == name


def test_backend_unknown_raises():
    done = python("import fastnn.functional", FASTNN_BACKEND="cuda")
    assert done.returncode != 0
    assert "backend: expected one of 'native', 'reference', got 'cuda'" in done.stderr
    with pytest.raises(ValueError, match="backend: expected one of"), fastnn.use_backend("cuda"):
        pass


def test_backend_context_ends_with_its_block():
    from fastnn import _backend

    outer = _backend.name()
    with fastnn.use_backend("reference"):
        assert _backend.name() == "reference"
        with fastnn.use_backend("native"):
            assert _backend.name() == "native"
        assert _backend.name() == "reference"
    assert _backend.name() == outer


def test_backends_export_the_same_functions():
    from fastnn.native import backend as native
    from fastnn.reference import backend as reference

    assert sorted(native.__all__) == sorted(reference.__all__)


def test_show_config_prints_what_it_returns(capsys):
    config = fastnn.show_config()
    printed = capsys.readouterr().out
    assert set(config) == {"version", "backend", "isa_built", "isa_usable", "isa_active", "openmp", "threads",
                           "conv_algorithm"}
    for key, value in config.items():
        line = next(line for line in printed.splitlines() if line.split()[0] == key)
        assert str(value) in line or all(v in line for v in value)


def test_reference_module_runs_the_reference():
    x = np.random.default_rng(1).standard_normal((5, 7)).astype(np.float32)
    with fastnn.use_backend("reference"):
        wanted = F.linear(x, x)
    assert np.array_equal(fastnn.reference.linear(x, x), wanted)
    assert "conv2d" in dir(fastnn.reference)
    with pytest.raises(AttributeError, match="no attribute 'conv3d'"):
        fastnn.reference.conv3d  # noqa: B018


def test_conv_algorithm_is_read_from_the_environment():
    show = "import fastnn; print(fastnn.get_conv_algorithm())"
    assert python(show).stdout.strip() == "auto"
    assert python(show, FASTNN_CONV_ALGORITHM="direct").stdout.strip() == "direct"
    refused = python("import fastnn.functional as F; F.conv2d; import fastnn; fastnn.show_config()",
                     FASTNN_CONV_ALGORITHM="fft")
    assert refused.returncode != 0
    assert "FASTNN_CONV_ALGORITHM: expected one of 'auto', 'direct', 'winograd', got 'fft'" in refused.stderr


WINDOW, QUIET, BUSY, UNKNOWN = 20, 0.02, 0.5, -1.0  # milliseconds from look to look; shares of a thread's time


def test_a_quiet_machine_leaves_the_threads_alone():
    assert not any(_runtime.alone_in_a_crowd([(t, QUIET) for t in range(0, 5000, WINDOW)]))
    assert not any(_runtime.alone_in_a_crowd([(t, UNKNOWN) for t in range(0, 5000, WINDOW)]))


def test_a_crowded_machine_gets_one_thread_until_it_is_quiet_again():
    looks = [(t, BUSY if 1000 <= t < 3000 else QUIET) for t in range(0, 8000, WINDOW)]
    alone = _runtime.alone_in_a_crowd(looks)
    times = [t for (t, _), one in zip(looks, alone) if one]
    # Four looks are needed; then even one thread has to wait, and no team is tried.
    assert times == list(range(1000 + 3 * WINDOW, times[-1] + WINDOW, WINDOW))
    assert 2900 <= times[-1] < 3200


def test_trials_of_a_crowded_team_become_rare_and_success_makes_up_for_them():
    def looks(until, start=0):
        """A team has to wait, one thread does not: one busy program on two cores."""
        answers, history = [], []
        for t in range(start, until, WINDOW):
            history.append((t, QUIET if answers and answers[-1] else BUSY))
            answers = _runtime.alone_in_a_crowd(history)
        return history, answers

    history, alone = looks(16000)
    trials = [t for (t, _), one, before in zip(history[1:], alone[1:], alone) if before and not one]
    assert 5 <= len(trials) <= 14
    assert trials[-1] - trials[-2] >= 1600
    history += [(t, QUIET) for t in range(16000, 20000, WINDOW)] + [(t, BUSY) for t in range(20000, 20080, WINDOW)]
    history += [(t, QUIET) for t in range(20080, 20360, WINDOW)]
    alone = _runtime.alone_in_a_crowd(history)
    assert 1 <= sum(alone[-14:]) <= 6  # 100 ms again after the first looks that find a crowd


def test_a_team_that_meets_itself_as_it_wakes_up_is_left_alone():
    looks = [(t, BUSY if t % 200 < 3 * WINDOW else QUIET) for t in range(0, 5000, WINDOW)]
    assert not any(_runtime.alone_in_a_crowd(looks))
