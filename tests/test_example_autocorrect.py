"""examples/autocorrect.py on a few made-up misspellings: it corrects, remembers, and explains what it cannot read."""

import re

import pytest
from example_runs import run_example

pytestmark = pytest.mark.examples

WORDS = ("apple", "bridge", "candle", "dragon", "engine", "forest", "garden", "hammer", "island", "jacket", "kettle",
         "ladder", "marble", "needle", "orange", "pencil", "quartz", "ribbon", "saddle", "temple")


@pytest.fixture
def dictionary(tmp_path):
    """Each word with a letter doubled, and with a letter missing."""
    path = tmp_path / "dictionary.txt"
    pairs = [(word[:i] + word[i - 1] * kind + word[i + (kind == 0):], word)
             for word in WORDS for i in range(1, 5) for kind in (0, 1)]
    path.write_text("".join(f"{typed}->{word}\n" for typed, word in pairs) + "fo->of, for,\nc'est->test\n")
    return path


def test_words_are_learned_saved_and_corrected(dictionary, tmp_path):
    weights = tmp_path / "weights.npz"
    options = ["--dictionary", dictionary, "--weights", weights]
    result = run_example("autocorrect.py", *options, "--epochs", 20, "gardenn", "penzil")
    assert result.returncode == 0, result.stderr
    first, *_ = re.findall(r"^character LSTM +([\d.]+)%", result.stdout, re.MULTILINE)
    assert float(first) > 50
    assert re.search(r"^gardenn: garden \d", result.stdout, re.MULTILINE)
    assert re.search(r"^penzil: pencil .*\n  c in place of z, letter 4 \(\d+%\)$", result.stdout, re.MULTILINE)
    typed = run_example("autocorrect.py", *options, text="penzil\n\n  GARDENN \nfoo bar\nq\n")
    assert typed.returncode == 0 and "epoch" not in typed.stdout
    assert re.search(r"^penzil: pencil \d", typed.stdout, re.MULTILINE)
    assert re.search(r"^gardenn: garden \d", typed.stdout, re.MULTILINE)
    empty, two = typed.stderr.splitlines()
    assert empty.startswith("autocorrect.py: ") and empty.endswith("got ''") and two.endswith("got 'foo bar'")


def test_bad_data_is_a_sentence_not_a_traceback(dictionary, tmp_path):
    (tmp_path / "short.txt").write_text("helo->hello\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "other.npz").write_text("weights")
    for arguments, message in (
            (["--dictionary", tmp_path / "missing.txt"], "missing.txt: cannot be read"),
            (["--dictionary", tmp_path / "binary.txt"], "binary.txt: cannot be read"),
            (["--dictionary", tmp_path / "short.txt"], "expected at least 100 lines"),
            (["--dictionary", dictionary, "--weights", tmp_path / "other.npz"], "other.npz")):
        result = run_example("autocorrect.py", *arguments)
        assert result.returncode == 1 and result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith("autocorrect.py: ") and message in line


@pytest.mark.parametrize("arguments, message", [
    (["foo bar"], "'foo bar'"), ([""], "got ''"), (["--epochs", "0"], "--epochs"), (["--seed", "-1"], "--seed"),
    (["--weights", "missing/w.npz"], "--weights"), (["--weights", "weights.pickle"], "--weights"),
], ids=["two_words", "no_word", "epochs", "seed", "folder", "ending"])  # fmt: skip
def test_bad_argument_is_named(arguments, message):
    result = run_example("autocorrect.py", *arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert message in result.stderr.splitlines()[-1]
