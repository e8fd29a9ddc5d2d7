"""The other programs on digits, in their small modes on scikit-learn's: they run, draw, and explain what is wrong."""

import re

import pytest
from example_runs import run_example

pytestmark = pytest.mark.examples

PROGRAMS = {  # what the output must have, the last group a percentage that even a small run must pass, and that
    "transfer.py": (r"^no network: nearest example +[\d.]+% +[\d.]+% +([\d.]+)%$", 70),
    "autoencoder.py": (r"^components, 16 numbers +[\d.]+ +([\d.]+)%$", 70),
    "gan.py": (r"^real digits +([\d.]+)% +[\d.]+ +[\d.]+$", 60),
    "search.py": (r"^  no network, the nearest image +([\d.]+)%$", 70),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_example_runs_and_draws(name, tmp_path):
    result = run_example(name, "--small", "--output", tmp_path / "pictures")
    assert result.returncode == 0 and "Warning" not in result.stderr, result.stderr
    pattern, least = PROGRAMS[name]
    assert float(re.search(pattern, result.stdout, re.MULTILINE)[1]) >= least
    picture = tmp_path / "pictures" / name.replace(".py", ".png")
    assert picture.stat().st_size > 10_000 and result.stdout.splitlines()[-1] == f"picture: {picture}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_missing_folder_is_a_sentence_not_a_traceback(name, tmp_path):
    result = run_example(name, "--data", tmp_path / "nowhere", "--output", tmp_path)
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{name}: ") and "no such file; expected the four .gz files of MNIST" in line


@pytest.mark.parametrize("name, arguments, message", [
    ("transfer.py", ["--draws", "0"], "--draws"), ("autoencoder.py", ["--epochs", "0"], "--epochs"),
    ("gan.py", ["--seed", "-1"], "--seed"), ("search.py", ["--voters", "none"], "--voters"),
])  # fmt: skip
def test_wrong_argument_is_named(name, arguments, message):
    result = run_example(name, *arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert message in result.stderr.splitlines()[-1]
