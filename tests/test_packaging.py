"""The wheel: what is in it, how large it is, and that a dependent package works where there is no compiler."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
MAX_WHEEL_BYTES = 1_500_000
HEAVY = {"asyncio", "concurrent.futures.process", "distutils", "email", "http", "multiprocessing", "numpy.f2py",
         "numpy.testing", "setuptools", "sqlite3", "ssl", "tkinter", "unittest", "urllib.request", "xml"}

pytestmark = [pytest.mark.packaging, pytest.mark.xdist_group("packaging")]


def run(*command, **kwargs):
    """The command's stdout; what it printed is in the error if it fails."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **kwargs)
    assert result.returncode == 0, f"{command}:\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel under test: FASTNN_WHEEL, or one built here from a copy of the checkout."""
    if given := os.environ.get("FASTNN_WHEEL"):
        return Path(given).resolve()
    work = tmp_path_factory.mktemp("wheel")
    generated = shutil.ignore_patterns(".*", "build", "dist", "*.so", "*.egg-info", "__pycache__")
    shutil.copytree(TESTS.parent, work / "checkout", ignore=generated)
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", work, work / "checkout")
    (built,) = work.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """The Python of a fresh environment with the wheel, and an environment whose PATH has no compiler."""
    where = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(where, with_pip=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LD_PRELOAD", "FASTNN_"))}
    env |= {"PATH": str(where / "bin"), "CC": "no-compiler-here"}
    run(where / "bin/python", "-m", "pip", "install", "--only-binary=:all:", wheel, env=env, cwd=where)
    return where / "bin/python", env


def test_wheel_contains_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packaged = re.compile(r"fastnn/.*(\.pyi?|/py\.typed|\.so)|fastnn/py\.typed|fastnn_cpu-[^/]+\.dist-info/.*")
    assert [name for name in names if not packaged.fullmatch(name)] == []
    checkout = {path.relative_to(TESTS.parent).as_posix() for path in (TESTS.parent / "fastnn").rglob("*.py*")
                if path.suffix in (".py", ".pyi")}
    assert {name for name in names if name.startswith("fastnn/") and name.endswith((".py", ".pyi"))} == checkout
    assert "fastnn/py.typed" in names
    assert any(name.startswith("fastnn/native/") and name.endswith(".so") for name in names)
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_wheel_is_small(wheel):
    assert wheel.stat().st_size < MAX_WHEEL_BYTES


def test_wheel_metadata_names_the_licence_and_numpy_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    required = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    assert [name for name in required if "extra ==" not in name] == ["numpy>=1.26"]
    assert re.findall(r"^(?:Name|License-Expression|Requires-Python): (.*)$", metadata, re.MULTILINE) == [
        "fastnn-cpu", "BSD-3-Clause", ">=3.11"]


def test_fastnn_under_test_is_the_installed_one():
    if "FASTNN_WHEEL" in os.environ:
        import fastnn

        assert TESTS.parent / "fastnn" not in Path(fastnn.__file__).resolve().parents


def test_import_loads_nothing_heavy(bare):
    python, env = bare
    code = "import sys, numpy; old = set(sys.modules); import fastnn; print(*sorted(set(sys.modules) - old))"
    loaded = set(run(python, "-c", code, env=env, cwd="/").split())
    assert "fastnn" in loaded
    known = {*sys.stdlib_module_names, "numpy", "fastnn", "cython_runtime"}
    foreign = {name for name in loaded if name.split(".")[0] not in known and not name.startswith("_cython_")}
    assert foreign == set()
    assert loaded & HEAVY == set()


def test_dependent_package_trains_pickles_and_restores_without_a_compiler(bare, tmp_path):
    python, env = bare
    run(python, "-c", "import shutil; assert not any(map(shutil.which, ('cc', 'gcc', 'clang', 'cython')))", env=env)
    source = shutil.copytree(TESTS / "downstream", tmp_path / "downstream")
    run(python, "-m", "pip", "install", source, env=env, cwd=tmp_path)
    result = json.loads(run(python, source / "check.py", env=env, cwd=tmp_path))
    assert Path(result.pop("file")).is_relative_to(python.parent.parent)
    losses = result.pop("losses")
    assert losses[-1] < losses[0]
    assert all(result.values()), result
