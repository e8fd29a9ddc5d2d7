"""Rules of the code base that a reader relies on: small files, one door down, no flags that break NaN."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES, MAX_WIDTH = 400, 120
WRITTEN = {".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".inl", ".def"}
FOLDERS = ("fastnn", "csrc", "tests", "benchmarks", "examples")


def sources(folder, suffixes=WRITTEN):
    """The written sources under a folder: what Cython generates (a .c beside its .pyx) is left out."""
    return sorted(path for path in (ROOT / folder).rglob("*")
                  if path.suffix in suffixes and not (path.suffix == ".c" and path.with_suffix(".pyx").exists()))


def all_sources():
    return [ROOT / "setup.py", *(path for folder in FOLDERS for path in sources(folder))]


def imports(path):
    """The modules that a Python file imports at any depth, as written."""
    return re.findall(r"^\s*(?:from\s+([.\w]+)\s+import|import\s+([.\w]+))", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", all_sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_file_is_short_enough_to_read(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= MAX_LINES
    assert [number for number, line in enumerate(lines, 1) if len(line) > MAX_WIDTH] == []


@pytest.mark.parametrize("folder", ["fastnn/nn", "fastnn/optim", "examples"])
def test_layers_go_down_through_functional_only(folder):
    below = re.compile(r"\b(?:native|reference|_backend)\b")
    found = {path.name: names for path in sources(folder, {".py"})
             if (names := ["".join(pair) for pair in imports(path) if below.search("".join(pair))])}
    assert found == {}


def test_library_imports_numpy_and_the_standard_library_only():
    allowed = {*sys.stdlib_module_names, "numpy", "fastnn", "cython"}
    extras = {("serialization.py", "safetensors.numpy"), ("batches.py", "tqdm")}  # where a user installed them
    found = {(path.name, name) for path in sources("fastnn", {".py"}) for name in map("".join, imports(path))
             if not name.startswith(".") and name.split(".")[0] not in allowed}
    assert found <= extras


def test_build_uses_no_flag_that_ties_it_to_this_machine_or_breaks_nan():
    flags = re.compile(r"[\"'\s](-march=native|-mtune=native|-mcpu=native|-Ofast|-ffast-math|-funsafe-math\w*"
                       r"|-ffinite-math-only)")
    code = re.sub(r"#.*", "", (ROOT / "setup.py").read_text())
    assert flags.findall(code) == []


def test_kernels_know_neither_python_nor_openmp_nor_the_heap():
    forbidden = re.compile(r"#\s*include\s*<(Python|omp|stdlib)\.h>|#\s*pragma\s+omp"
                           r"|\b(malloc|calloc|realloc|free)\s*\(")
    found = {path.relative_to(ROOT).as_posix() for folder in ("csrc/kernels", "csrc/simd")
             for path in sources(folder)
             if forbidden.search(path.read_text())}
    assert found == set()


def test_changelog_has_the_version_of_the_package():
    import fastnn

    assert f"## [{fastnn.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
