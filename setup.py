"""Builds the micro-kernels (one static library per instruction set) and the Cython modules on top of them.

Environment:
    FASTNN_NO_OPENMP=1   build without OpenMP, single-threaded
    FASTNN_DEBUG=1       -O1 -g, Cython bounds checks, AddressSanitizer and UndefinedBehaviorSanitizer
"""

import os
import platform
import subprocess
import sys
import tempfile
from glob import glob
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("FASTNN_DEBUG", "0") not in ("", "0")
NO_OPENMP = os.environ.get("FASTNN_NO_OPENMP", "0") not in ("", "0")
X86 = platform.machine().lower() in ("x86_64", "amd64")

# No -march=native: one wheel serves every machine. No -ffast-math: NaN and inf must behave.
# C has no exceptions to unwind for, and the tables for it were 3% of the wheel.
C_FLAGS = ["-std=gnu11", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fPIC",
           "-fno-asynchronous-unwind-tables"]
KERNEL_FLAGS = ["-Wall", "-Wextra"]   # for our own C: Cython's has unused functions by the dozen
OPTIMISE = ["-O1", "-g", "-fno-omit-frame-pointer"] if DEBUG else ["-O3", "-g0"]
# Kernels say themselves what is to be unrolled and put into vectors: the rest of -O3 made them a quarter larger, not
# faster. What they gain by: loops that do not ask in each turn for what cannot change, and short tails.
KERNEL_OPTIMISE = OPTIMISE if DEBUG else ["-O2", "-funswitch-loops", "-fpeel-loops", "-g0"]
SANITISE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"] if DEBUG else []
# The loops that take time are the kernels'. -O3 for all modules would add 3% to the wheel, so it is for those alone
# that it makes faster: what small calls go through, and the one with loops over pixels.
HOT_MODULES = {"_arrays", "recurrent", "_rnn_unpacked", "resample"}
# Names of local functions were 6% of the wheel; a build in place keeps them, for profilers.
STRIP = ["-Wl,-s"] if sys.platform.startswith("linux") and not DEBUG else []
ISA_FLAGS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma", "-mprefer-vector-width=512"],
}
HEADERS = [f for pattern in ("*.h", "*.inl", "*.def", "simd/*.h", "kernels/*.inl") for f in glob(f"csrc/{pattern}")]


def openmp_flags():
    """(compile, link) flags for OpenMP, or two empty lists where the compiler has none."""
    if NO_OPENMP:
        return [], []
    candidates = [(["-fopenmp"], ["-fopenmp"])]
    if sys.platform == "darwin":
        candidates.append((["-Xpreprocessor", "-fopenmp"], ["-lomp"]))
    compiler = os.environ.get("CC", "cc").split()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
        for compile_flags, link_flags in candidates:
            command = [*compiler, *compile_flags, str(source), "-o", str(Path(folder, "probe")), *link_flags]
            try:
                subprocess.run(command, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                continue
            return compile_flags, link_flags
    print("setup.py: no OpenMP found; building fastnn single-threaded", file=sys.stderr)
    return [], []


def kernel_library(isa):
    sources = [f"csrc/isa_{isa}.c"] + (["csrc/dispatch.c"] if isa == "baseline" else [])
    flags = [*C_FLAGS, *KERNEL_FLAGS, *KERNEL_OPTIMISE, *SANITISE, *ISA_FLAGS[isa]]
    return f"fnn_{isa}", {"sources": sources, "include_dirs": ["csrc"], "cflags": flags,
                          "obj_deps": {"": HEADERS}}


class BuildExt(build_ext):
    """Also rebuilds the kernel libraries, so that `build_ext --inplace` and editable installs see every C edit."""

    def run(self):
        self.run_command("build_clib")
        if not self.inplace:
            for extension in self.extensions:
                extension.extra_link_args += STRIP
        super().run()


class BuildClib(build_clib):
    """One folder for each configuration, so that a debug build never links optimised objects."""

    def finalize_options(self):
        super().finalize_options()
        if DEBUG:
            self.build_temp = os.path.join(self.build_temp, "debug")
            self.build_clib = os.path.join(self.build_clib, "debug")


isas = ["baseline", "avx2", "avx512"] if X86 else ["baseline"]
omp_compile, omp_link = openmp_flags()
DIRECTIVES = {
    "language_level": 3, "boundscheck": DEBUG, "wraparound": False, "cdivision": True, "initializedcheck": DEBUG,
    "embedsignature": False, "freethreading_compatible": False,
}


def extension(path):
    name = Path(path).stem
    linked = [f"fnn_{isa}" for isa in reversed(isas)] if name == "_runtime" else []
    optimise = OPTIMISE if DEBUG or name in HOT_MODULES else ["-O2", "-g0"]
    used = [*glob("csrc/*.h"), "csrc/kernel_table.inl", *glob("fastnn/native/*.h")]
    return Extension(
        f"fastnn.native.{name}", [path], include_dirs=["csrc"], libraries=linked,
        depends=[*HEADERS, *glob("csrc/*.c")] if linked else used,
        define_macros=[("Py_LIMITED_API", "0x030B0000"), ("CYTHON_LIMITED_API", "1")], py_limited_api=True,
        extra_compile_args=[*C_FLAGS, *optimise, *SANITISE, *omp_compile],
        extra_link_args=[*SANITISE, *omp_link],
    )


setup(
    libraries=[kernel_library(isa) for isa in isas],
    ext_modules=cythonize([extension(p) for p in sorted(glob("fastnn/native/*.pyx"))],
                          compiler_directives=DIRECTIVES, force=DEBUG),
    cmdclass={"build_ext": BuildExt, "build_clib": BuildClib},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
