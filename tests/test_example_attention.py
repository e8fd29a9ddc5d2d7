"""examples/attention.py on a few made-up misspellings: both nets learn, and wrong arguments are explained."""

import re

import pytest
from example_runs import run_example

pytestmark = pytest.mark.examples


def test_both_nets_learn_and_are_timed(tmp_path):
    words = ("apple", "bridge", "candle", "dragon", "engine", "forest", "garden", "hammer", "island", "jacket")
    dictionary, picture = tmp_path / "dictionary.txt", tmp_path / "attention.png"
    dictionary.write_text("".join(f"{word[:i]}{letter}{word[i:]}->{word}\n" for word in words
                                  for i in range(1, 5) for letter in "xyz"))
    result = run_example("attention.py", "--dictionary", dictionary, "--epochs", 8, "--picture", picture)
    assert result.returncode == 0, result.stderr
    rates = re.findall(r"^(\w+), [\d,]+ parameters, .*: ([\d.]+)%, with", result.stdout, re.MULTILINE)
    assert [name for name, _ in rates] == ["LSTM", "transformer"]
    assert min(float(rate) for _, rate in rates) > 50
    steps = re.findall(r"^\w+, ms a step((?: +[\d.]+)+)$", result.stdout, re.MULTILINE)
    assert [len(line.split()) for line in steps] == [7, 7]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_bad_data_is_a_sentence_not_a_traceback(tmp_path):
    result = run_example("attention.py", "--dictionary", tmp_path / "missing.txt")
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("attention.py: ") and "missing.txt: cannot be read" in line


@pytest.mark.parametrize("arguments, message", [
    (["--epochs", "0"], "--epochs"), (["--seed", "-1"], "--seed"), (["--picture", "missing/a.png"], "--picture"),
], ids=["epochs", "seed", "picture"])  # fmt: skip
def test_bad_argument_is_named(arguments, message):
    result = run_example("attention.py", *arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert message in result.stderr.splitlines()[-1]
