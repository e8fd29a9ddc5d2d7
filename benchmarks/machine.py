"""What the figures were measured on: the processor, and its limits as a small C program finds them."""

import json
import os
import platform
import shlex
import subprocess
import tempfile
from pathlib import Path

WIDEST = [({"avx512f", "avx512vl"}, ["-mavx512f", "-mavx512vl", "-mfma", "-DVECTOR_BYTES=64"]),
          ({"avx2", "fma"}, ["-mavx2", "-mfma", "-DVECTOR_BYTES=32"])]


def describe():
    """The processor's name and the number of CPUs that this process may use."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": _cpuinfo("model name") or platform.processor() or platform.machine(), "cpus": cpus,
            "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"}


def limits(threads):
    """{"float32_gflops", "float64_gflops", "copy_gbytes"}, or {} where there is no C compiler with OpenMP."""
    flags = next((flags for needs, flags in WIDEST if needs <= set(_cpuinfo("flags").split())), [])
    compiler = shlex.split(os.environ.get("CC", "cc"))
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder, "peak"))
        source = str(Path(__file__).with_name("peak.c"))
        try:
            subprocess.run([*compiler, "-O3", "-ffp-contract=fast", "-fopenmp", *flags, source, "-o", program],
                           check=True, capture_output=True, text=True)
            env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            return json.loads(subprocess.run([program], check=True, capture_output=True, text=True, env=env).stdout)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"the machine's limits could not be measured: {error}")
            return {}


def _cpuinfo(field):
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")
