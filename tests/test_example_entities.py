"""examples/tag_entities.py on made-up sentences: it learns names by their neighbours, and explains bad data."""

import gzip
import re

import pytest
from example_runs import run_example

pytestmark = pytest.mark.examples

TRAIN, DEV, TEST = "wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"


def sentences(names):
    """Each name once as a person and once, before "Street", as a location."""
    lines = []
    for name in names:
        lines += [f"yesterday\tO\n{name}\tB-person\nwas\tO\nlate\tO\n.\tO\n",
                  f"the\tO\nhouse\tO\nin\tO\n{name}\tB-location\nStreet\tI-location\nwas\tO\nsold\tO\n"]
    return "\n".join(lines)


@pytest.fixture
def folder(tmp_path):
    letters = "abdegiklmnoprstu"
    names = [first.upper() + second + third + "y" for first in letters for second in "aeiou" for third in "lmnr"]
    (tmp_path / TRAIN).write_text(sentences(names[0::4]))
    (tmp_path / DEV).write_text(sentences(names[1:160:8]))
    (tmp_path / f"{TEST}.gz").write_bytes(gzip.compress(sentences(names[2:160:8]).encode()))
    return tmp_path


def test_names_are_tagged_by_what_stands_behind_them_only_in_both_directions(folder):
    text = "yesterday Zumy was late. the house in Zumy Street was sold"
    result = run_example("tag_entities.py", "--data", folder, "--epochs", 6, "--text", text)
    assert result.returncode == 0, result.stderr
    scores = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line.strip()}
    assert scores["person"][:2] == ["20", "0.0"] and scores["all"][0] == "40"
    assert float(scores["all"][-1]) > 80
    shown = re.findall(r"^Zumy +(\S+) +\d+% +(\S+) +\d+%$", result.stdout, re.MULTILINE)
    assert [both for _, both in shown] == ["B-person", "B-location"]


BAD = {
    "missing": (lambda path: path.unlink(), f"expected {TRAIN} or {TRAIN}.gz there"),
    "binary": (lambda path: path.write_bytes(b"\xff\xfe"), "cannot be read"),
    "tag": (lambda path: path.write_text("Ann\tB-animal\n"), "got 'Ann<tab>B-animal'"),
    "columns": (lambda path: path.write_text("Ann B-person\n"), "got 'Ann B-person'"),
    "empty": (lambda path: path.write_text("\n\n"), "expected a word, a tab and a tag"),
    "no_names": (lambda path: path.write_text("late\tO\n"), "holds no name"),
}


@pytest.mark.parametrize("spoil, message", BAD.values(), ids=BAD)
def test_bad_data_is_a_sentence_not_a_traceback(folder, spoil, message):
    spoil(folder / TRAIN)
    result = run_example("tag_entities.py", "--data", folder)
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("tag_entities.py: ") and message in line


@pytest.mark.parametrize("arguments, message", [
    ([], "--data"), (["--data", ".", "--text", " "], "--text"), (["--data", ".", "--epochs", "0"], "--epochs"),
    (["--data", ".", "--seed", "-1"], "--seed"),
], ids=["no_data", "no_words", "epochs", "seed"])  # fmt: skip
def test_bad_argument_is_named(arguments, message):
    result = run_example("tag_entities.py", *arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert message in result.stderr.splitlines()[-1]
