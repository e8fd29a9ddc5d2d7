"""examples/train_mnist.py on a few made-up digits: it learns, repeats itself bit for bit, and explains bad data."""

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from example_runs import run_example

pytestmark = pytest.mark.examples
TRAIN_IMAGES = "train-images-idx3-ubyte.gz"


def write_idx(path, array):
    header = struct.pack(f">I{array.ndim}I", 2048 + array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


@pytest.fixture
def folder(tmp_path):
    """Digits in which each label has a pattern of its own, in coarse squares."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2, (10, 7, 7)).repeat(4, axis=1).repeat(4, axis=2)
    for split, n in (("train", 200), ("t10k", 50)):
        labels, images = np.arange(n) % 10, rng.integers(0, 60, (n, 28, 28))
        images += 195 * patterns[labels]
        write_idx(tmp_path / f"{split}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{split}-labels-idx1-ubyte.gz", labels)
    return tmp_path


def run(folder, *arguments):
    return run_example("train_mnist.py", "--data", folder, "--output", folder / "pictures", *arguments)


def test_example_learns_and_gives_the_same_weights_at_any_number_of_threads(folder):
    outputs = []
    for threads in (1, 2, 2):
        result = run(folder, "--epochs", 2, "--batch-size", 20, "--threads", threads)
        assert result.returncode == 0, result.stderr
        outputs.append(re.sub(r"[\d.]+ s\b", "", result.stdout))
        assert (folder / "pictures" / "train_mnist.png").stat().st_size > 10_000
    assert outputs[0] == outputs[1] == outputs[2]
    assert re.search(r"^SHA-256 of the weights: [0-9a-f]{64}$", outputs[0], re.MULTILINE)
    assert "the nearest training image: 100.00%" in outputs[0]
    assert float(re.findall(r"held-out accuracy ([\d.]+)%", outputs[0])[-1]) > 80
    other = run(folder, "--epochs", 1, "--limit", 40, "--seed", 1)
    sha = re.search(r"SHA-256 of the weights: \w+", other.stdout)
    assert sha and sha[0] not in outputs[0]


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


BAD = {
    "missing": (Path.unlink, "no such file; expected the four .gz files of MNIST"),
    "no_gzip": (lambda path: path.write_text("images"), "cannot be read as a gzip file"),
    "cut": (cut, "cannot be read as a gzip file"),
    "labels": (lambda path: write_idx(path, np.zeros(200)), "expected an IDX file with magic number 2051"),
    "size": (lambda path: write_idx(path, np.zeros((200, 20, 20))), "do not hold 28x28 images with one digit each"),
    "count": (lambda path: write_idx(path, np.zeros((3, 28, 28))), "do not hold 28x28 images with one digit each"),
    "short": (lambda path: path.write_bytes(gzip.compress(struct.pack(">4I", 2051, 9, 28, 28))),
              "expected 9x28x28 bytes after the header, got 0"),
}


@pytest.mark.parametrize("spoil, message", BAD.values(), ids=BAD)
def test_bad_data_is_a_sentence_not_a_traceback(folder, spoil, message):
    spoil(folder / TRAIN_IMAGES)
    result = run(folder)
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("train_mnist.py: ") and (TRAIN_IMAGES in line or "the train files" in line)
    assert message in line


@pytest.mark.parametrize("arguments, message", [
    ([], "--data"), (["--data", ".", "--epochs", "0"], "--epochs"), (["--data", ".", "--lr", "nan"], "--lr"),
    (["--data", ".", "--seed", "-1"], "--seed"), (["--data", ".", "--threads", "two"], "--threads"),
], ids=["no_data", "epochs", "lr", "seed", "threads"])  # fmt: skip
def test_bad_argument_is_named(arguments, message):
    result = run_example("train_mnist.py", *arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert message in result.stderr.splitlines()[-1]
